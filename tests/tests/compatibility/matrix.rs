//! The table: which client gets credentials in which way. The tests come from it, and so does the page.

use crate::clients::Client;
use crate::scene::{Proof, Scene};
use crate::ways;

/// A way to credentials, or a property of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Way {
    Browser,
    Code,
    Token,
    Renewal,
    AtOnce,
    Login,
    Remote,
    LoginRenewal,
    Container,
    Agent,
    Process,
    Machine,
}

pub(crate) enum Cell {
    /// It works, as this shows.
    Works(fn(&Scene, Client, Way) -> Proof),
    /// The client has no such way: why, and what shows it where there is something to see.
    Absent { why: &'static str, shown: Option<fn(&Scene, Client)> },
}

pub(crate) fn cell(client: Client, way: Way) -> Cell {
    let absent = |why| Cell::Absent { why, shown: None };
    match (way, client) {
        (Way::Browser, Client::NewestCli) => Cell::Works(ways::signs_in_by_the_browser),
        (Way::Browser, Client::OlderCli) => {
            Cell::Absent { why: "asks for a code instead", shown: Some(ways::asks_for_a_code_unasked) }
        }
        (Way::Code, Client::NewestCli | Client::OlderCli) => Cell::Works(ways::signs_in_by_a_code),
        (
            Way::Browser | Way::Code | Way::Login | Way::Remote,
            Client::Boto3 | Client::JavaScript | Client::Rust | Client::Go,
        ) => absent("signs nobody in"),
        (Way::Token, _) => Cell::Works(ways::uses_the_token_that_was_kept),
        (Way::Renewal, _) => Cell::Works(ways::renews_what_is_over),
        (Way::AtOnce, _) => Cell::Works(ways::three_renew_at_once),
        (Way::Login, Client::NewestCli) => Cell::Works(ways::logs_in_by_the_browser),
        (Way::Remote, Client::NewestCli) => Cell::Works(ways::logs_in_by_a_code_that_is_carried_over),
        (Way::Login, Client::OlderCli) => {
            Cell::Absent { why: "has no `aws login`", shown: Some(ways::has_no_such_command) }
        }
        (Way::Remote, Client::OlderCli) => absent("has no `aws login`"),
        (Way::LoginRenewal, Client::OlderCli) => {
            Cell::Absent { why: "has no `aws login`", shown: Some(ways::does_not_know_what_was_kept) }
        }
        (Way::LoginRenewal, _) => Cell::Works(ways::renews_what_the_login_kept),
        (Way::Container, _) => Cell::Works(ways::fetches_as_in_a_container),
        (Way::Agent, _) => Cell::Works(ways::fetches_from_the_agent),
        (Way::Process, _) => Cell::Works(ways::runs_the_command),
        (Way::Machine, _) => Cell::Works(ways::takes_the_agent_for_a_machine_of_ec2),
    }
}

impl Way {
    pub(crate) const ALL: [Self; 12] = [
        Self::Browser,
        Self::Code,
        Self::Token,
        Self::Renewal,
        Self::AtOnce,
        Self::Login,
        Self::Remote,
        Self::LoginRenewal,
        Self::Container,
        Self::Agent,
        Self::Process,
        Self::Machine,
    ];

    pub(crate) fn slug(self) -> &'static str {
        match self {
            Self::Browser => "browser",
            Self::Code => "code",
            Self::Token => "token",
            Self::Renewal => "renewal",
            Self::AtOnce => "at-once",
            Self::Login => "login",
            Self::Remote => "remote",
            Self::LoginRenewal => "login-renewal",
            Self::Container => "container",
            Self::Agent => "agent",
            Self::Process => "process",
            Self::Machine => "machine",
        }
    }

    /// The row of the page.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Browser => "`aws sso login`, by a browser on the same machine (PKCE)",
            Self::Code => "`aws sso login`, by a code that a person compares",
            Self::Token => "uses what `aws sso login` has kept",
            Self::Renewal => "renews it when it is over",
            Self::AtOnce => "three processes renew it at once",
            Self::Login => "`aws login`, by a browser on the same machine",
            Self::Remote => "`aws login --remote`, by a code that is carried over",
            Self::LoginRenewal => "uses what `aws login` has kept, and renews it when it is over",
            Self::Container => "container credentials, from the broker",
            Self::Agent => "container credentials, from `broker serve`",
            Self::Process => "`credential_process`, by `broker process`",
            Self::Machine => "EC2's metadata service, by `broker serve --imds`",
        }
    }

    /// Whether it is a workload that asks, rather than a person's program.
    pub(crate) fn is_for_jobs(self) -> bool {
        self == Self::Container
    }
}
