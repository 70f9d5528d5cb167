//! One `[[connector]]` of the file.

use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use super::FileConnector;
use super::policy::WrittenPolicy;
use super::read::{EntryName, NamedKey, Reader};
use crate::access_key::{CannotServe, KeyDetails};
use crate::connector::{ConnectorSpec, Scope};
use crate::file::{group, offset_in};
use crate::name::{ConnectorName, DirectoryName};
use crate::principal::{FULL_POWER, Principal, PrincipalType};
use crate::tag::{Attribute, TagSource};

/// A connector, and where it names its key.
pub(super) struct ReadConnector {
    pub(super) connector: FileConnector,
    pub(super) key_at: usize,
    policy: Option<WrittenPolicy>,
}

/// What AWS would take for one person's, although it is two people's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotToldApart {
    #[error(
        "with several directories it must have {{directory}}, such as \"{{directory}}.{{username}}\": each may have somebody of the same name"
    )]
    SessionName,
    #[error(
        "with several directories it must have {{directory}}, such as \"{{directory}}.{{username}}\": each may have somebody of the same name"
    )]
    SourceIdentity,
    #[error(
        "with several directories a tag from = \"username\" needs another one from = \"directory\" beside it: each may have somebody of the same name"
    )]
    Tags,
}

impl NotToldApart {
    /// The key of the principal that it is about.
    pub fn key(self) -> &'static str {
        match self {
            Self::SessionName => "session_name",
            Self::SourceIdentity => "source_identity",
            Self::Tags => "tags",
        }
    }
}

/// What does not tell people of different directories apart to AWS, where there are several. Jobs are of none.
#[must_use]
pub fn not_told_apart(spec: &ConnectorSpec, directories: &[DirectoryName]) -> Vec<NotToldApart> {
    if directories.len() < 2 || spec.scope() == Scope::System {
        return Vec::new();
    }
    let (name, tags) = match spec.principal() {
        Principal::AssumeRole(role) => {
            let name = match &role.source_identity {
                Some(identity) => (!identity.names_directory()).then_some(NotToldApart::SourceIdentity),
                None => (!role.session_name.names_directory()).then_some(NotToldApart::SessionName),
            };
            (name, tags_not_told_apart(role.tags.values().map(|tag| &tag.source)))
        }
        Principal::FederatedUser(user) => {
            let name = (!user.session_name.names_directory()).then_some(NotToldApart::SessionName);
            (name, tags_not_told_apart(user.tags.values()))
        }
        Principal::SessionToken(_) => (None, None),
    };
    name.into_iter().chain(tags).collect()
}

fn tags_not_told_apart<'a>(tags: impl Iterator<Item = &'a TagSource> + Clone) -> Option<NotToldApart> {
    let has = |attribute| tags.clone().any(|source| *source == TagSource::From(attribute));
    (has(Attribute::Username) && !has(Attribute::Directory)).then_some(NotToldApart::Tags)
}

impl Reader<'_> {
    pub(super) fn connector(&mut self, name: &EntryName, entry: &mut Spanned<DeValue<'_>>) -> Option<ReadConnector> {
        let about = &name.about;
        let at = entry.span().start;
        let before = self.errors.len();
        let key_at = offset_in(entry, &["access_key"]);
        let mut policy = None;
        if let DeValue::Table(fields) = entry.get_mut() {
            self.complete_groups(fields, about);
            policy = self.resolve_policies(fields, about);
            if let Some(DeValue::String(key)) = fields.get("access_key").map(Spanned::get_ref) {
                self.named_keys.push(NamedKey { connector: about.clone(), key: key.clone().into_owned(), at: key_at });
            }
        }
        let spec: Option<ConnectorSpec> = self.value(entry, about);
        let name: Option<ConnectorName> = self.parsed(name);
        let spec = spec?;
        if spec.principal().kind() == PrincipalType::SessionToken {
            let at = offset_in(entry, &["principal", "session_token"]);
            self.warn(at, &format!("{about}: principal.session_token"), FULL_POWER);
        }
        self.check_names(&spec, entry, about);
        let line = self.source.place(at).line;
        let connector = FileConnector { name: name?, spec, line };
        (self.errors.len() == before).then_some(ReadConnector { connector, key_at, policy })
    }

    /// Two directories may each have an `ada`: AWS must not take them for one.
    fn check_names(&mut self, spec: &ConnectorSpec, entry: &Spanned<DeValue<'_>>, about: &str) {
        for refused in not_told_apart(spec, self.context.directories) {
            let kind = spec.principal().kind().as_str();
            let about = format!("{about}: principal.{kind}.{}", refused.key());
            self.error(offset_in(entry, &["principal", kind, refused.key()]), &about, &refused.to_string());
        }
    }

    /// Whether the key may be behind the connector.
    pub(super) fn check_key(&mut self, read: &ReadConnector, details: &KeyDetails) {
        let FileConnector { name, spec, .. } = &read.connector;
        let about = format!("connector {:?}: access_key", name.as_str());
        if let Err(refusal) = details.may_serve(spec.access_key(), name, spec.principal()) {
            return match (refusal, &read.policy) {
                (CannotServe::Policy(error), Some(written)) => self.policy_error(written, error),
                (refusal, _) => self.error(read.key_at, &about, &refusal.to_string()),
            };
        }
        // What has no ARN has a console page, perhaps.
        let own = details.region.partition();
        if let Some(other) = spec.partition().filter(|partition| *partition != own) {
            let key = spec.access_key();
            self.error(
                read.key_at,
                &about,
                &format!("access key `{key}` is of partition {own}, the console page of {other}"),
            );
        }
    }

    /// Writes the directory before bare names, where there is but one, and refuses groups of directories that are not there.
    fn complete_groups(&mut self, fields: &mut DeTable<'_>, about: &str) {
        let Some(groups) = fields.get_mut("groups") else { return };
        let DeValue::Array(array) = groups.get_mut() else { return };
        let directories = self.context.directories;
        for (number, value) in (1..).zip(array.iter_mut()) {
            let at = value.span().start;
            let DeValue::String(text) = value.get_mut() else { continue };
            match group(text, directories) {
                Ok(complete) => *text = DeString::Owned(complete.to_string()),
                Err(problem) => {
                    self.error(at, &format!("{about}: groups[{number}]"), &problem.to_string());
                    // Legal, so that nothing more is said of it.
                    *text = DeString::Owned(format!("refused/{number}"));
                }
            }
        }
    }
}
