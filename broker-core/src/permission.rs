//! Proof that somebody may look into the installation, or change it. No I/O: whoever asks brings what was read.

use jiff::Timestamp;

use crate::caller::{AdminRole, PersonCaller, Subject};
use crate::clock::seconds_between;
use crate::id::RequestId;
use crate::trail::{Action, Actor, Entry, Origin, Outcome};

/// May look at everything that administrators look at, and change nothing.
#[derive(Clone, Debug)]
pub struct Auditor(By);

/// May end sessions, make and revoke service tokens, and manage local users who have no role themselves.
#[derive(Clone, Debug)]
pub struct Operator(By);

/// May change access keys and connectors.
#[derive(Clone, Debug)]
pub struct Administrator(By);

/// Whose doing it is, for the trail.
#[derive(Clone, Debug)]
pub struct By {
    pub actor: Actor,
    pub origin: Origin,
    /// The highest role that they have, whatever this permission is for.
    pub rank: AdminRole,
}

/// Holding one is the permission: of people who signed in, only [`prove`](Self::prove) makes one.
pub trait Permission: sealed::Made {
    /// The least that somebody must be.
    const ROLE: AdminRole;
    /// Whether it is good for changes, which want a sign-in that is not long ago.
    const CHANGES: bool;

    /// The one way for people to get one: by groups that were read within the bound, as those of every caller are.
    fn prove(caller: &PersonCaller, origin: &Origin, now: Timestamp) -> Result<Self, NotPermitted> {
        if caller.role < Some(Self::ROLE) {
            return Err(NotPermitted::Role(Self::ROLE));
        }
        // Also when the clock went back: then nobody knows how long ago it was.
        if Self::CHANGES && !(0..FRESH_SECONDS).contains(&seconds_between(caller.signed_in_at, now)) {
            return Err(NotPermitted::OldSignIn);
        }
        // Whoever has enrolled one was let in with it.
        if caller.assurance.falls_short_of(false) {
            return Err(NotPermitted::SecondFactor);
        }
        let rank = caller.role.unwrap_or(Self::ROLE);
        Ok(Self::of(By { actor: Actor::person(&caller.person), origin: origin.clone(), rank }))
    }

    /// For whoever runs a subcommand on the host, by the operating system's name: they can read the master key, and so write
    /// anything. Never for a request.
    fn on_the_host(name: &str) -> Self {
        Self::of(By::unasked(Actor::Operator(name.to_owned())))
    }
}

/// Why there is no permission.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotPermitted {
    #[error("this needs the role of {0}, and none of your groups gives it")]
    Role(AdminRole),
    #[error("changes need a sign-in less than 15 minutes old: sign in again, then repeat the request")]
    OldSignIn,
    #[error(
        "your groups need a second factor for this, and this sign-in has none: enrol one on the broker's page My account (/account); if you have one, sign in again with it"
    )]
    SecondFactor,
}

mod sealed {
    /// Keeps the making of permissions in this room.
    pub trait Made: Sized + std::ops::Deref<Target = super::By> {
        fn of(by: super::By) -> Self;
    }
}

impl Permission for Auditor {
    const ROLE: AdminRole = AdminRole::Auditor;
    const CHANGES: bool = false;
}

impl Permission for Operator {
    const ROLE: AdminRole = AdminRole::Operator;
    const CHANGES: bool = true;
}

impl Permission for Administrator {
    const ROLE: AdminRole = AdminRole::Administrator;
    const CHANGES: bool = true;
}

impl Administrator {
    /// For what the daemon does of its own accord: it applies the connectors file and notes whose keys are.
    pub fn of_the_daemon() -> Self {
        Self(By::unasked(Actor::Daemon))
    }
}

impl By {
    fn unasked(actor: Actor) -> Self {
        let origin = Origin { request_id: RequestId::random(), client_address: None };
        Self { actor, origin, rank: AdminRole::Administrator }
    }

    /// Whether it is this very person's doing.
    pub(crate) fn is(&self, person: &Subject) -> bool {
        matches!(&self.actor, Actor::Person { subject, .. } if subject == person)
    }

    pub(crate) fn did(&self, action: Action) -> Entry {
        Entry::new(self.actor.clone(), action, Outcome::Success, self.origin.clone())
    }
}

macro_rules! made {
    ($($permission:ident),*) => {$(
        impl sealed::Made for $permission {
            fn of(by: By) -> Self {
                Self(by)
            }
        }

        impl std::ops::Deref for $permission {
            type Target = By;

            fn deref(&self) -> &By {
                &self.0
            }
        }
    )*};
}
made!(Auditor, Operator, Administrator);

/// A sign-in that is so long ago is good for no changes.
pub(crate) const FRESH_SECONDS: i64 = 15 * 60;

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::as_read::AsRead;
    use crate::assurance::{Assurance, FactorUsed, ProvedFactor};
    use crate::caller::Person;
    use crate::epoch::Epoch;
    use crate::id::SessionId;

    fn caller(role: Option<AdminRole>, signed_in_at: i64) -> PersonCaller {
        let subject = Subject { directory: "corp".to_owned().try_into().unwrap(), id: "1".to_owned() };
        let (username, groups) = ("ada".to_owned(), BTreeSet::new());
        let person = Person { subject, username, display_name: None, email: None, email_trusted: false, groups };
        let signed_in_at = Timestamp::from_second(signed_in_at).unwrap();
        let (session, expires_at) = (SessionId::random(), Timestamp::MAX);
        let as_read = AsRead::of_session(session, signed_in_at, Epoch::FIRST, signed_in_at..expires_at);
        PersonCaller {
            session,
            signed_in_at,
            expires_at,
            person: person.into(),
            client: None,
            role,
            assurance: Assurance::default(),
            as_read,
        }
    }

    fn prove<P: Permission>(role: Option<AdminRole>, age: i64) -> Result<(), NotPermitted> {
        let origin = Origin { request_id: RequestId::random(), client_address: None };
        let now = Timestamp::from_second(1_000_000).unwrap();
        P::prove(&caller(role, 1_000_000 - age), &origin, now).map(drop)
    }

    #[test]
    fn each_role_may_what_those_before_it_may() {
        use AdminRole::{Administrator as A, Auditor as R, Operator as O};
        for (role, reads, operates, administrates) in [
            (None, false, false, false),
            (Some(R), true, false, false),
            (Some(O), true, true, false),
            (Some(A), true, true, true),
        ] {
            let allowed = (
                prove::<Auditor>(role, 0).is_ok(),
                prove::<Operator>(role, 0).is_ok(),
                prove::<Administrator>(role, 0).is_ok(),
            );
            assert_eq!(allowed, (reads, operates, administrates), "{role:?}");
        }
    }

    #[test]
    fn changes_want_a_sign_in_of_the_last_fifteen_minutes() {
        let role = Some(AdminRole::Administrator);
        for (age, fresh) in [(0, true), (899, true), (900, false), (1_000_000, false), (-1, false), (-900, false)] {
            let expected = if fresh { Ok(()) } else { Err(NotPermitted::OldSignIn) };
            assert_eq!(prove::<Operator>(role, age), expected, "{age}");
            assert_eq!(prove::<Administrator>(role, age), expected, "{age}");
            assert_eq!(prove::<Auditor>(role, age), Ok(()), "{age}");
        }
    }

    #[test]
    fn a_group_that_wants_a_second_factor_wants_it_of_administrators() {
        let origin = Origin { request_id: RequestId::random(), client_address: None };
        let now = Timestamp::from_second(1_000_000).unwrap();
        let proved = Some(ProvedFactor { by: FactorUsed::Totp, at: now });
        let refused = |proved, required| {
            let assurance = Assurance { proved, required };
            let caller = PersonCaller { assurance, ..caller(Some(AdminRole::Administrator), 1_000_000) };
            (Auditor::prove(&caller, &origin, now).err(), Administrator::prove(&caller, &origin, now).err())
        };
        let wanted = Some(NotPermitted::SecondFactor);
        assert_eq!(refused(None, true), (wanted, wanted));
        assert_eq!(refused(proved, true), (None, None));
        assert_eq!(refused(None, false), (None, None));
    }
}
