//! Who somebody is, as the broker says.

use broker_api::IdentityKind;
use jiff::Timestamp;
use serde::Serialize;

use crate::text::Text;

/// Somebody, in words that are fit to be shown.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Identity {
    pub(crate) kind: IdentityKind,
    pub(crate) name: Text,
    pub(crate) directory: Option<Text>,
    pub(crate) display_name: Option<Text>,
    pub(crate) email: Option<Text>,
    pub(crate) groups: Vec<Text>,
    pub(crate) admin: bool,
}

/// Who is signed in, where, and until when.
#[derive(Debug, Serialize)]
pub(crate) struct Known {
    pub(crate) server: String,
    pub(crate) identity: Identity,
    pub(crate) expires_at: Timestamp,
    /// Whether the session goes on after that, with another token.
    pub(crate) renews: bool,
}

impl Known {
    pub(crate) fn until(&self) -> String {
        if self.renews {
            "for as long as the browser's session lives".to_owned()
        } else {
            format!("until {:.0}", self.expires_at)
        }
    }
}

impl Identity {
    /// How the identity is told from all others of its broker.
    pub(crate) fn key(&self) -> String {
        let kind = match self.kind {
            IdentityKind::Person => "person",
            IdentityKind::Workload => "workload",
        };
        format!("{kind} {}/{}", self.directory.as_ref().map_or("", Text::as_str), self.name)
    }

    /// `ada (Ada Lovelace)`
    pub(crate) fn shown(&self) -> String {
        match &self.display_name {
            Some(display_name) => format!("{} ({display_name})", self.name),
            None => self.name.to_string(),
        }
    }
}

impl From<broker_api::Identity> for Identity {
    fn from(told: broker_api::Identity) -> Self {
        let broker_api::Identity { kind, name, display_name, email, directory, groups, admin, role: _ } = told;
        let text = |text: Option<String>| text.as_deref().map(Text::of);
        Self {
            kind,
            name: Text::of(&name),
            directory: text(directory),
            display_name: text(display_name),
            email: text(email),
            groups: groups.iter().map(|group| Text::of(group)).collect(),
            admin,
        }
    }
}
