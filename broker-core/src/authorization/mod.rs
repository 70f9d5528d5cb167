//! What a person allowed one of AWS's own clients: first a code, then a family of tokens, and never longer than the session it came of.

mod device;
mod login;
mod tokens;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::id::{AuthorizationId, SessionId};
use crate::session::Session;
use crate::vault::Mac;

pub use device::{DeviceClient, DeviceRequest};
pub use login::{LoginConnector, LoginTerms, Thumbprint};
pub use tokens::{ACCESS_PREFIX, AccessToken, REFRESH_PREFIX, RefreshToken};

/// A person's leave for one client, on one sign-in of theirs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authorization {
    pub id: AuthorizationId,
    /// The parent: whatever ends it ends this.
    pub session: SessionId,
    pub terms: Terms,
    pub created_at: Timestamp,
    pub stage: Stage,
}

/// What was allowed, and by what whoever asks must prove to be the one whom it was allowed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Terms {
    /// The client's id, hashed: nobody else's code or refresh token counts.
    pub client: String,
    /// What the client calls itself. Anybody may call themselves anything.
    pub client_name: String,
    pub proof: Proof,
}

/// By what the code is bound to whoever asked for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Proof {
    /// The address on the person's own machine that the code went to, and the hash of what only the asker knows (RFC 7636).
    Pkce { callback: String, challenge: String },
    /// The person has compared a code; the code itself is known to the device alone (RFC 8628).
    Device,
    /// `aws login`: the same as with PKCE until the code is taken, and from then on a key that the client holds (RFC 9449).
    Login(LoginTerms),
}

/// How far it has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// A code that nobody has shown yet.
    Code,
    /// Tokens were given. Each refresh begins a generation; only the newest refresh token counts, and for a moment the one before.
    Tokens { generation: i64, rotated_at: Timestamp },
}

/// An authorization with the session that it came of, both live as far as the store knows.
#[derive(Clone, Debug, PartialEq)]
pub struct Authorized {
    pub authorization: Authorization,
    pub session: Session,
    /// The keyed hash of the session's own token.
    pub(crate) token: Mac,
    /// And that of the code.
    pub(crate) code: Mac,
}

impl Stage {
    /// As the store has it: 0 is a code, families begin with 1.
    pub(crate) fn written(self, created_at: Timestamp) -> (i64, Timestamp) {
        match self {
            Self::Code => (0, created_at),
            Self::Tokens { generation, rotated_at } => (generation, rotated_at),
        }
    }

    pub(crate) fn read(generation: i64, rotated_at: Timestamp) -> Self {
        match generation {
            ..=0 => Self::Code,
            1.. => Self::Tokens { generation, rotated_at },
        }
    }
}
