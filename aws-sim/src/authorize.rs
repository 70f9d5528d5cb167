//! Whether a caller may do something: own policies, session policies and the resource's policy together.

use crate::caller::Caller;
use crate::policy::{Ask, Grip, Policy, ResourceVerdict, Verdict, resource_verdict, verdict};
use crate::session::Limits;
use crate::world::Snapshot;

/// The thing that is to be used.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Target<'a> {
    /// The account that owns it.
    pub(crate) account: &'a str,
    pub(crate) policy: ResourcePolicy<'a>,
}

/// What the thing itself says about who may use it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum ResourcePolicy<'a> {
    /// Nothing: callers of its account need only their own rights, others get nowhere.
    None,
    /// A bucket's policy, which may grant, or deny, or be silent.
    Optional(&'a Policy),
    /// A role's trust policy, without which nobody gets in.
    Required(&'a Policy),
}

/// Why not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Denial {
    ExplicitIn(Kind),
    NoneIn(Kind),
}

/// A kind of policy, as AWS calls it in its messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Identity,
    Session,
    Resource,
}

/// The rules of AWS's policy evaluation, as far as the sim has policies.
pub(crate) fn authorize(caller: &Caller, world: &Snapshot, ask: Ask<'_>, target: Target<'_>) -> Result<(), Denial> {
    let identity = match caller {
        Caller::Root { .. } => Verdict::Allowed,
        Caller::User { .. } | Caller::Session(_) => verdict(caller.policies(world).iter().map(AsRef::as_ref), ask),
    };
    let session = match caller.limits() {
        Limits::Whole => Verdict::Allowed,
        Limits::Within(policies) => verdict(policies.iter().map(AsRef::as_ref), ask),
    };
    let resource = match target.policy {
        ResourcePolicy::None => ResourceVerdict::Silent,
        ResourcePolicy::Optional(policy) | ResourcePolicy::Required(policy) => {
            resource_verdict(policy, ask, caller.identities())
        }
    };
    if identity == Verdict::Denied {
        return Err(Denial::ExplicitIn(Kind::Identity));
    }
    if session == Verdict::Denied {
        return Err(Denial::ExplicitIn(Kind::Session));
    }
    let same_account = caller.account() == target.account;
    let needs_resource = !same_account || matches!(target.policy, ResourcePolicy::Required(_));
    match resource {
        ResourceVerdict::Denied => return Err(Denial::ExplicitIn(Kind::Resource)),
        ResourceVerdict::Silent if needs_resource => return Err(Denial::NoneIn(Kind::Resource)),
        // Named as a session: neither own rights nor session policies are asked.
        ResourceVerdict::Allowed(Grip::Session) if same_account => return Ok(()),
        // Named as a user or role: own rights are not asked, session policies are.
        ResourceVerdict::Allowed(Grip::Identity) if same_account => {}
        ResourceVerdict::Allowed(_) | ResourceVerdict::Silent if identity == Verdict::Silent => {
            return Err(Denial::NoneIn(Kind::Identity));
        }
        ResourceVerdict::Allowed(_) | ResourceVerdict::Silent => {}
    }
    if session == Verdict::Silent { Err(Denial::NoneIn(Kind::Session)) } else { Ok(()) }
}

impl Denial {
    /// The end of AWS's sentence "User: … is not authorized to perform: … on resource: …".
    pub(crate) fn because(self, action: &str) -> String {
        match self {
            Self::ExplicitIn(kind) => format!("with an explicit deny in {} policy", kind.with_article()),
            Self::NoneIn(kind) => format!("because no {} policy allows the {action} action", kind.as_str()),
        }
    }
}

impl Kind {
    fn as_str(self) -> &'static str {
        match self {
            Self::Identity => "identity-based",
            Self::Session => "session",
            Self::Resource => "resource-based",
        }
    }

    fn with_article(self) -> &'static str {
        match self {
            Self::Identity => "an identity-based",
            Self::Session => "a session",
            Self::Resource => "a resource-based",
        }
    }
}

/// AWS's sentence, without the reason: so it speaks of roles.
pub(crate) fn not_authorized(caller: &Caller, action: &str, resource: &str) -> String {
    format!("User: {} is not authorized to perform: {action} on resource: {resource}", caller.arn())
}
