//! Who signed a request.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::policy::{Context, Identities, Policy};
use crate::session::{Actor, Limits, Session};
use crate::world::{Holder, Snapshot};

/// A principal whose signature was good.
#[derive(Clone, Debug)]
pub(crate) enum Caller {
    Root { account: String, arn: String },
    User { account: String, arn: String },
    Session(Arc<Session>),
}

impl Caller {
    pub(crate) fn of_key(holder: &Holder, world: &Snapshot) -> Option<Self> {
        match holder {
            Holder::Root { account } => {
                let arn = format!("arn:{}:iam::{account}:root", world.partition);
                Some(Self::Root { account: account.clone(), arn })
            }
            Holder::User { arn } => {
                world.users.get(arn).map(|user| Self::User { account: user.account.clone(), arn: arn.clone() })
            }
        }
    }

    pub(crate) fn account(&self) -> &str {
        match self {
            Self::Root { account, .. } | Self::User { account, .. } => account,
            Self::Session(session) => &session.account,
        }
    }

    /// The ARN that `GetCallerIdentity` shows and error messages name.
    pub(crate) fn arn(&self) -> &str {
        self.identities().session.unwrap_or(self.identities().identity)
    }

    pub(crate) fn identities(&self) -> Identities<'_> {
        let (identity, session) = match self {
            Self::Root { arn, .. } | Self::User { arn, .. } => (arn, None),
            Self::Session(session) => match &session.actor {
                Actor::Role { role_arn, session_arn, .. } => (role_arn, Some(session_arn.as_str())),
                Actor::Federated { user_arn, session_arn, .. } => (user_arn, Some(session_arn.as_str())),
                Actor::User { user_arn } => (user_arn, None),
            },
        };
        Identities { account: self.account(), identity, session }
    }

    /// What `GetCallerIdentity` calls `UserId`, and policies `aws:userid`.
    pub(crate) fn user_id(&self, world: &Snapshot) -> String {
        let user_id = |arn: &str| world.users.get(arn).map(|user| user.id.clone()).unwrap_or_default();
        match self {
            Self::Root { account, .. } => account.clone(),
            Self::User { arn, .. } => user_id(arn),
            Self::Session(session) => match &session.actor {
                Actor::Role { role_id, session_name, .. } => format!("{role_id}:{session_name}"),
                Actor::Federated { name, .. } => format!("{}:{name}", session.account),
                Actor::User { user_arn } => user_id(user_arn),
            },
        }
    }

    /// The caller's own policies as they are now: a vended credential loses what its user or role loses.
    pub(crate) fn policies<'a>(&self, world: &'a Snapshot) -> &'a [Arc<Policy>] {
        let identity = self.identities().identity;
        let of_user = world.users.get(identity).map(|user| &user.policies);
        of_user.or_else(|| world.roles.get(identity).map(|role| &role.policies)).map_or(&[], Vec::as_slice)
    }

    pub(crate) fn limits(&self) -> &Limits {
        match self {
            Self::Root { .. } | Self::User { .. } => &Limits::Whole,
            Self::Session(session) => &session.limits,
        }
    }

    pub(crate) fn session(&self) -> Option<&Session> {
        match self {
            Self::Root { .. } | Self::User { .. } => None,
            Self::Session(session) => Some(session),
        }
    }

    /// The keys that policies may ask about the caller.
    pub(crate) fn describe(&self, world: &Snapshot, context: &mut Context) {
        context.set("aws:PrincipalArn", self.identities().identity);
        context.set("aws:PrincipalAccount", self.account());
        context.set("aws:PrincipalType", self.kind());
        context.set("aws:userid", self.user_id(world));
        for (key, value) in self.tags(world) {
            context.set(&format!("aws:PrincipalTag/{key}"), value);
        }
        let is_user = matches!(self, Self::User { .. })
            || self.session().is_some_and(|session| matches!(session.actor, Actor::User { .. }));
        if is_user && let Some(user) = world.users.get(self.identities().identity) {
            context.set("aws:username", user.name.clone());
        }
        if let Some(session) = self.session() {
            context.set("aws:MultiFactorAuthPresent", session.mfa.to_string());
            context.set("aws:TokenIssueTime", session.issued.to_string());
            if let Some(source_identity) = &session.source_identity {
                context.set("aws:SourceIdentity", source_identity.clone());
            }
        }
    }

    fn kind(&self) -> &'static str {
        match self {
            Self::Root { .. } => "Account",
            Self::User { .. } => "User",
            Self::Session(session) => match session.actor {
                Actor::Role { .. } => "AssumedRole",
                Actor::Federated { .. } => "FederatedUser",
                Actor::User { .. } => "User",
            },
        }
    }

    /// The user's or role's own tags, covered by the session's.
    fn tags(&self, world: &Snapshot) -> BTreeMap<String, String> {
        let identity = self.identities().identity;
        let own = world.users.get(identity).map(|user| &user.tags);
        let own = own.or_else(|| world.roles.get(identity).map(|role| &role.tags));
        let mut tags = own.cloned().unwrap_or_default();
        for tag in self.session().map_or(&[][..], |session| &session.tags) {
            tags.retain(|key, _| !key.eq_ignore_ascii_case(&tag.key));
            tags.insert(tag.key.clone(), tag.value.clone());
        }
        tags
    }
}
