//! What a record says, and the closed lists of actions and outcomes.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::TrailError;
use crate::caller::{Caller, Person, Subject};
use crate::character::is_hidden;
use crate::id::{ChainId, RecordId, RequestId};
use crate::name::ConnectorName;

/// One thing that happened, before it has its place in the chain.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    pub actor: Actor,
    pub action: Action,
    pub outcome: Outcome,
    pub origin: Origin,
    /// Whose account it was about, where nobody proved to be them.
    pub about: Option<Subject>,
    pub connector: Option<String>,
    /// Why, in a sentence; never what somebody typed.
    pub reason: Option<String>,
    pub vended: Option<VendedFacts>,
    pub changes: Option<Value>,
    /// How many alike this record stands for, when it is a counter.
    pub count: Option<u64>,
}

/// What joins a record with CloudTrail. Stands in clear; none of it is secret.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VendedFacts {
    pub access_key_id: Option<String>,
    pub session_name: Option<String>,
    pub role_arn: Option<String>,
    pub source_identity: Option<String>,
    pub reused: Option<bool>,
}

/// Who did it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Actor {
    Person {
        subject: Subject,
        username: String,
    },
    Service {
        name: String,
        id: String,
    },
    /// A job that an issuer vouches for, and that a mapping is for.
    Workload {
        name: String,
        subject: String,
    },
    /// Whoever ran a subcommand on the host, by the operating system's name.
    Operator(String),
    /// The daemon itself.
    Daemon,
    /// Nobody of ours proved who it was. The mark is a keyed hash of the name that was typed, so that attempts on one name can be
    /// seen to belong together without keeping what was typed; or a job that its issuer vouches for and no mapping lets in.
    Anonymous {
        mark: Option<String>,
    },
}

/// From where it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    pub request_id: RequestId,
    pub client_address: Option<String>,
}

/// What was done or tried. Closed: docs/audit.md explains each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    SignIn,
    /// By an account for emergencies, let in or not.
    BreakGlassSignIn,
    SignOut,
    /// By somebody else than its owner.
    SessionEnded,
    /// A token was shown that is none, or not for this.
    TokenRefused,
    /// A person let one of AWS's own clients sign in as them.
    ClientAuthorized,
    /// That client got its first tokens.
    ClientSignedIn,
    /// It got new tokens for an older one.
    ClientRefreshed,
    /// Its tokens were ended: by itself, or because an old one came back.
    ClientEnded,
    /// One of AWS's own clients was refused: by the person, or because what it showed is no good.
    ClientRefused,
    /// Somebody known asked for what their role or the age of their sign-in does not permit.
    AdministrationRefused,
    Vend,
    /// By "administrators may use every connector" alone, like the others below.
    VendAsAdministrator,
    CallerIdentity,
    CallerIdentityAsAdministrator,
    ConsoleUrl,
    ConsoleUrlAsAdministrator,
    /// A password for docker was asked of AWS with what was vended.
    EcrCredentials,
    EcrCredentialsAsAdministrator,
    /// The same, for packages.
    CodeartifactCredentials,
    CodeartifactCredentialsAsAdministrator,
    AccessKeyAdded,
    AccessKeyChanged,
    AccessKeyRemoved,
    ConnectorAdded,
    ConnectorChanged,
    ConnectorRemoved,
    /// An administrator tried it out; nobody was given what AWS gave.
    ConnectorTried,
    /// An administrator asked a directory about somebody.
    DirectoryTested,
    ServiceTokenCreated,
    ServiceTokenRevoked,
    ServiceTokenConfirmed,
    /// A user or a group of a local directory that the store keeps.
    LocalUserAdded,
    LocalUserChanged,
    LocalUserRemoved,
    /// By themselves, or by somebody who may; the actor says which.
    LocalUserPasswordChanged,
    LocalGroupAdded,
    LocalGroupChanged,
    LocalGroupRemoved,
    /// A backup was restored: sessions ended, service tokens wait.
    EpochBegun,
    /// An operator said that records are missing because a backup was restored.
    TrailLossAccepted,
    /// Records were removed that are older than they need be kept.
    TrailPruned,
    /// A sealed secret went to another master key; it is the same secret.
    SecretResealed,
    /// A role's live sessions were ended at AWS.
    SessionsRevoked,
    /// Somebody signed in showed their second factor once more, or for the first time.
    SecondFactorProved,
    /// Somebody enrolled a second factor.
    SecondFactorAdded,
    /// Gave it another name.
    SecondFactorChanged,
    /// Took it away.
    SecondFactorRemoved,
    /// An administrator, or an operator on the host, took away all that somebody had enrolled.
    SecondFactorsReset,
    /// Somebody got new recovery codes.
    RecoveryCodesMade,
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Success,
    /// We said no.
    Refused,
    /// AWS, a directory or the store did not do it.
    Failed,
}

/// A record as it is hashed, exported and shown; `hash` follows when it is read back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    pub id: RecordId,
    pub at: Timestamp,
    pub node: String,
    pub chain: ChainId,
    pub sequence: i64,
    pub actor: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor_id: Option<String>,
    pub action: Action,
    pub outcome: Outcome,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub about: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connector: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    pub request_id: RequestId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_address: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access_key_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role_arn: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_identity: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reused: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changes: Option<Value>,
    /// The keyed hash of the record before, in hex.
    pub previous_hash: String,
}

impl Entry {
    pub fn new(actor: Actor, action: Action, outcome: Outcome, origin: Origin) -> Self {
        Self {
            actor,
            action,
            outcome,
            origin,
            about: None,
            connector: None,
            reason: None,
            vended: None,
            changes: None,
            count: None,
        }
    }

    #[must_use]
    pub fn ended(self, outcome: Outcome) -> Self {
        Self { outcome, ..self }
    }

    #[must_use]
    pub fn about(self, subject: Option<&Subject>) -> Self {
        Self { about: subject.cloned(), ..self }
    }

    #[must_use]
    pub fn connector(self, name: &ConnectorName) -> Self {
        Self { connector: Some(name.as_str().to_owned()), ..self }
    }

    #[must_use]
    pub fn reason(self, reason: &impl ToString) -> Self {
        Self { reason: Some(clean(&reason.to_string(), MAX_REASON)), ..self }
    }

    #[must_use]
    pub fn vended(self, facts: VendedFacts) -> Self {
        Self { vended: Some(facts), ..self }
    }

    /// Says all in the log that somebody needs who must note it down by hand, should the trail never take it.
    pub(super) fn tell_unwritten(&self, error: &TrailError, will_be_tried: bool) {
        let (actor, actor_id) = self.actor.written();
        let (action, outcome) = (self.action.as_str(), self.outcome.as_str());
        let (changes, reason) = (self.changes.as_ref().map(ToString::to_string), self.reason.as_deref());
        let (request_id, address) = (self.origin.request_id, self.origin.client_address.as_deref());
        if will_be_tried {
            tracing::error!(%error, action, outcome, actor, actor_id, connector = self.connector, reason, changes, request.id = %request_id, client.address = address, "a record waits for the trail");
        } else {
            tracing::error!(%error, action, outcome, actor, actor_id, connector = self.connector, reason, changes, request.id = %request_id, client.address = address, alarm = "trail", "a record is not in the trail: note it down by hand");
        }
    }

    /// Says more of what changed, beside what is said already.
    #[must_use]
    pub(crate) fn also(self, more: Value) -> Self {
        let changes = match (self.changes, more) {
            (Some(Value::Object(mut said)), Value::Object(more)) => {
                said.extend(more);
                Value::Object(said)
            }
            (_, more) => more,
        };
        Self { changes: Some(changes), ..self }
    }

    #[must_use]
    pub fn changes(self, changes: Value) -> Self {
        Self { changes: Some(changes), ..self }
    }
}

impl Actor {
    pub fn of(caller: &Caller) -> Self {
        match caller {
            Caller::Person(caller) => Self::person(&caller.person),
            Caller::Service(caller) => {
                Self::Service { name: caller.name.as_str().to_owned(), id: caller.token.to_string() }
            }
            Caller::Workload(caller) => Self::Workload { name: caller.name.clone(), subject: caller.subject.clone() },
        }
    }

    pub fn person(person: &Person) -> Self {
        Self::Person { subject: person.subject.clone(), username: person.username.clone() }
    }

    /// The word by which the trail is searched.
    pub fn word(&self) -> String {
        self.written().0
    }

    /// The id that stays when names change, where there is one.
    pub fn id(&self) -> Option<String> {
        self.written().1
    }

    /// That word, and the id that stays when names change.
    pub(super) fn written(&self) -> (String, Option<String>) {
        let (word, id) = match self {
            Self::Person { subject, username } => {
                (format!("person:{}/{username}", subject.directory), Some(subject.id.clone()))
            }
            Self::Service { name, id } => (format!("service:{name}"), Some(id.clone())),
            Self::Workload { name, subject } => (format!("workload:{name}"), Some(subject.clone())),
            Self::Operator(user) => (format!("operator:{user}"), None),
            Self::Daemon => ("brokerd".to_owned(), None),
            Self::Anonymous { mark } => ("anonymous".to_owned(), mark.clone()),
        };
        // A directory may give out any name, and PostgreSQL takes no zero character: one record that it refused would take down
        // all that share its commit.
        (clean(&word, MAX_WORD), id)
    }
}

impl Action {
    /// Of a sign-in, whatever came of it.
    pub fn of_sign_in(break_glass: bool) -> Self {
        if break_glass { Self::BreakGlassSignIn } else { Self::SignIn }
    }

    /// The word in the trail and in filters.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SignIn => "sign_in",
            Self::BreakGlassSignIn => "break_glass_sign_in",
            Self::SignOut => "sign_out",
            Self::SessionEnded => "session_ended",
            Self::TokenRefused => "token_refused",
            Self::ClientAuthorized => "client_authorized",
            Self::ClientSignedIn => "client_signed_in",
            Self::ClientRefreshed => "client_refreshed",
            Self::ClientEnded => "client_ended",
            Self::ClientRefused => "client_refused",
            Self::AdministrationRefused => "administration_refused",
            Self::Vend => "vend",
            Self::VendAsAdministrator => "vend_as_administrator",
            Self::CallerIdentity => "caller_identity",
            Self::CallerIdentityAsAdministrator => "caller_identity_as_administrator",
            Self::ConsoleUrl => "console_url",
            Self::ConsoleUrlAsAdministrator => "console_url_as_administrator",
            Self::EcrCredentials => "ecr_credentials",
            Self::EcrCredentialsAsAdministrator => "ecr_credentials_as_administrator",
            Self::CodeartifactCredentials => "codeartifact_credentials",
            Self::CodeartifactCredentialsAsAdministrator => "codeartifact_credentials_as_administrator",
            Self::AccessKeyAdded => "access_key_added",
            Self::AccessKeyChanged => "access_key_changed",
            Self::AccessKeyRemoved => "access_key_removed",
            Self::ConnectorAdded => "connector_added",
            Self::ConnectorChanged => "connector_changed",
            Self::ConnectorRemoved => "connector_removed",
            Self::ConnectorTried => "connector_tried",
            Self::DirectoryTested => "directory_tested",
            Self::ServiceTokenCreated => "service_token_created",
            Self::ServiceTokenRevoked => "service_token_revoked",
            Self::ServiceTokenConfirmed => "service_token_confirmed",
            Self::LocalUserAdded => "local_user_added",
            Self::LocalUserChanged => "local_user_changed",
            Self::LocalUserRemoved => "local_user_removed",
            Self::LocalUserPasswordChanged => "local_user_password_changed",
            Self::LocalGroupAdded => "local_group_added",
            Self::LocalGroupChanged => "local_group_changed",
            Self::LocalGroupRemoved => "local_group_removed",
            Self::EpochBegun => "epoch_begun",
            Self::TrailLossAccepted => "trail_loss_accepted",
            Self::TrailPruned => "trail_pruned",
            Self::SecretResealed => "secret_resealed",
            Self::SessionsRevoked => "sessions_revoked",
            Self::SecondFactorProved => "second_factor_proved",
            Self::SecondFactorAdded => "second_factor_added",
            Self::SecondFactorChanged => "second_factor_changed",
            Self::SecondFactorRemoved => "second_factor_removed",
            Self::SecondFactorsReset => "second_factors_reset",
            Self::RecoveryCodesMade => "recovery_codes_made",
        }
    }
}

impl Outcome {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Refused => "refused",
            Self::Failed => "failed",
        }
    }
}

/// A person as `DIRECTORY/ID`.
pub(super) fn about(subject: &Subject) -> String {
    clean(&subject.to_string(), MAX_WORD)
}

/// Fit to be read on a terminal: cut, and without characters that nobody sees.
fn clean(text: &str, most: usize) -> String {
    text.chars().take(most).map(|char| if is_hidden(char) { ' ' } else { char }).collect()
}

const MAX_REASON: usize = 512;
const MAX_WORD: usize = 512;
