//! The administration API through the front door: every route, by whom, and what comes of it.

mod roles;
mod sessions;
