//! AWS's own clients at their own endpoints: signing in by a browser, tokens and their ends, accounts, roles and credentials.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod command_line;
mod configure;
mod desk;
mod device_page;
mod devices;
mod elsewhere;
mod directory;
mod ends;
mod foreign;
mod forgeries;
mod login;
mod login_command_line;
mod login_page;
mod login_proofs;
mod login_times;
mod login_tokens;
mod new_password;
mod page;
mod portal;
mod program;
mod refusals;
mod remembered;
mod second_factor;
mod strangers;
mod times;
