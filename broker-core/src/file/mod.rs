//! Files that people write: a place for every mistake, all mistakes at once, and references that stay within bounds.

mod document;
mod environment;
mod fault;
mod group;
mod reference;
mod remark;
mod secret;
mod source;
mod web_url;

pub use document::{Document, Reading, offset_in, read};
pub use environment::Environment;
pub use group::{GroupError, group};
pub use reference::{Folders, ReferenceError};
pub use remark::{FileError, FileWarning, Place, Remark, with_causes};
pub use secret::SecretRef;
pub use source::Source;
pub use web_url::{WebUrl, WebUrlError};

/// How many mistakes of one file are told; whoever makes more mends these first.
pub const MAX_ERRORS: usize = 100;
