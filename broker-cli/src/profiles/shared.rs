//! The sections that all profiles of a broker share: where AWS's clients find it, and their one sign-in.

use crate::server::Server;

/// What the sections are called that profiles share: that of the broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SharedName(String);

/// A section that is no profile of ours, and its lines.
#[derive(Debug)]
pub(crate) struct Shared {
    name: String,
    lines: String,
}

impl SharedName {
    pub(crate) fn of(server: &Server) -> Self {
        Self(server.plain_name())
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl Shared {
    /// Where `aws login`, and where those of the Identity Center style, find the broker.
    pub(crate) fn services(name: &SharedName, server: &Server, of: &[&str]) -> Self {
        let lines = of.iter().map(|service| format!("{service} =\n  endpoint_url = {}\n", server.origin()));
        Self { name: format!("services {}", name.0), lines: lines.collect::<Vec<_>>().concat() }
    }

    /// One sign-in for all profiles. A region of that name is nowhere, so that whoever is not led to the broker finds no host.
    pub(crate) fn session(name: &SharedName, server: &Server) -> Self {
        // The AWS CLI asks the start URL by https alone. The other one is a label that nothing is ever asked of.
        let origin = server.origin();
        let start = if origin.starts_with("https:") { format!("{origin}/start") } else { START_LABEL.to_owned() };
        let lines =
            format!("sso_start_url = {start}\nsso_region = brokerd\nsso_registration_scopes = sso:account:access\n");
        Self { name: format!("sso-session {}", name.0), lines }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Its head and its lines.
    pub(super) fn section(&self) -> String {
        format!("[{}]\n{}", self.name, self.lines)
    }

    /// `aws sso login` without a profile, and SDKs that are given one in code, look there.
    pub(crate) fn default(name: &SharedName) -> Self {
        Self { name: "default".to_owned(), lines: format!("services = {}\n", name.0) }
    }
}

/// A start URL that AWS's own clients take for a name.
pub(crate) const START_LABEL: &str = "https://identitycenter.amazonaws.com/brokerd";
