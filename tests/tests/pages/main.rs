//! The pages and the document of the API: what any client can be told to send, and what a real browser does with them.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod account;
mod aws_login;
mod aws_sso_login;
mod chromium;
mod console;
mod contract;
mod cut_off;
mod forms;
mod headers;
mod own_password;
mod passkeys;
mod reference;
mod signing_in;
mod tab;
