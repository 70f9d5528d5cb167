//! The world while the sim runs: read without waiting, changed as a whole.

use std::fmt::Display;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use super::{AccessKey, KeyStatus, Snapshot, World, WorldError};

/// Changes the world while it runs. Each change is checked like a new world, and takes effect at once or not at all.
#[derive(Clone, Debug)]
pub struct WorldHandle(Arc<Live>);

#[derive(Debug)]
struct Live {
    current: RwLock<Arc<Snapshot>>,
    /// One change after the other.
    turn: Mutex<()>,
}

impl WorldHandle {
    pub(crate) fn new(world: World) -> Result<Self, WorldError> {
        let current = RwLock::new(Arc::new(Snapshot::of(world)?));
        Ok(Self(Arc::new(Live { current, turn: Mutex::new(()) })))
    }

    /// The world as it is now; the lock is held for the copy of a pointer.
    pub(crate) fn now(&self) -> Arc<Snapshot> {
        self.0.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Makes any change: what `change` leaves behind is the new world.
    pub fn change(&self, change: impl FnOnce(&mut World)) -> Result<(), WorldError> {
        self.try_change(|world| {
            change(world);
            Ok(())
        })
    }

    /// Makes an access key inactive.
    pub fn deactivate_key(&self, id: &str) -> Result<(), WorldError> {
        self.set_key_status(id, KeyStatus::Inactive)
    }

    /// Makes an access key active again.
    pub fn activate_key(&self, id: &str) -> Result<(), WorldError> {
        self.set_key_status(id, KeyStatus::Active)
    }

    /// Takes an access key away for good. Credentials vended with it live on, as in AWS.
    pub fn delete_key(&self, id: &str) -> Result<(), WorldError> {
        self.try_change(|world| if world.remove_key(id) { Ok(()) } else { Err(WorldError::Missing(id.to_owned())) })
    }

    /// Gives a user another access key.
    pub fn add_key(&self, user_arn: &str, key: AccessKey) -> Result<(), WorldError> {
        self.try_change(|world| {
            world.user_mut(user_arn).ok_or_else(|| WorldError::Missing(user_arn.to_owned()))?.add_key(key);
            Ok(())
        })
    }

    /// Adds or replaces an inline policy of a user or role.
    pub fn put_policy(&self, owner_arn: &str, name: &str, document: impl Display) -> Result<(), WorldError> {
        self.try_change(|world| {
            if let Some(user) = world.user_mut(owner_arn) {
                user.put_inline_policy(name, document);
            } else if let Some(role) = world.role_mut(owner_arn) {
                role.put_inline_policy(name, document);
            } else {
                return Err(WorldError::Missing(owner_arn.to_owned()));
            }
            Ok(())
        })
    }

    /// Takes an inline policy away from a user or role.
    pub fn remove_policy(&self, owner_arn: &str, name: &str) -> Result<(), WorldError> {
        self.try_change(|world| {
            let of_user = world.user_mut(owner_arn).is_some_and(|user| user.remove_inline_policy(name));
            let of_role = world.role_mut(owner_arn).is_some_and(|role| role.remove_inline_policy(name));
            if of_user || of_role { Ok(()) } else { Err(WorldError::Missing(format!("{owner_arn} {name}"))) }
        })
    }

    /// Replaces a role's trust policy.
    pub fn set_trust_policy(&self, role_arn: &str, document: impl Display) -> Result<(), WorldError> {
        self.try_change(|world| {
            let role = world.role_mut(role_arn).ok_or_else(|| WorldError::Missing(role_arn.to_owned()))?;
            role.set_trust_policy(document);
            Ok(())
        })
    }

    fn set_key_status(&self, id: &str, status: KeyStatus) -> Result<(), WorldError> {
        self.try_change(|world| {
            world.key_mut(id).ok_or_else(|| WorldError::Missing(id.to_owned()))?.set_status(status);
            Ok(())
        })
    }

    fn try_change(&self, change: impl FnOnce(&mut World) -> Result<(), WorldError>) -> Result<(), WorldError> {
        let _turn = self.0.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let mut world = self.now().world.clone();
        change(&mut world)?;
        let next = Arc::new(Snapshot::of(world)?);
        *self.0.current.write().unwrap_or_else(PoisonError::into_inner) = next;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Role, User};
    use super::*;

    const ACCOUNT: &str = "111111111111";

    fn key(id: &str) -> AccessKey {
        AccessKey::new(id, "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
    }

    fn refusal(world: World) -> WorldError {
        WorldHandle::new(world).unwrap_err()
    }

    #[test]
    fn an_impossible_world_is_refused() {
        let user = || User::new(ACCOUNT, "ada");
        let world = World::new;
        assert!(matches!(refusal(world().user(User::new("1", "ada"))), WorldError::Account(_)));
        assert!(matches!(refusal(world().user(user()).user(user())), WorldError::Twice(_)));
        let short = AccessKey::new("AKIAIOSFODNN7EXAMPLE", "short");
        assert!(matches!(refusal(world().user(user().key(short))), WorldError::MalformedKey(_)));
        let three = (1..=3).fold(user(), |user, n| user.key(key(&format!("AKIAIOSFODNN7EXAMP{n}"))));
        assert!(matches!(refusal(world().user(three)), WorldError::TooManyKeys(_)));
        let attached = user().attach("arn:aws:iam::aws:policy/None");
        assert!(matches!(refusal(world().user(attached)), WorldError::NoSuchManagedPolicy { .. }));
        assert!(matches!(refusal(world().user(user().inline_policy("p", "{}"))), WorldError::Policy { .. }));
        let role = Role::new(ACCOUNT, "r", r#"{"Statement":{"Effect":"Allow","Principal":"*","Action":"sts:*"}}"#);
        assert!(matches!(refusal(world().role(role.max_session_duration(60))), WorldError::SessionDuration(_)));
        assert!(matches!(refusal(world().managed_policy("arn:x", "{}")), WorldError::ManagedPolicyArn(_)));
    }

    #[test]
    fn a_change_is_whole_or_not_at_all() {
        let id = "AKIAIOSFODNN7EXAMPLE";
        let world = WorldHandle::new(World::new().user(User::new(ACCOUNT, "ada").key(key(id)))).unwrap();
        world.deactivate_key(id).unwrap();
        assert!(!world.now().keys[id].active);
        assert!(world.put_policy("arn:aws:iam::111111111111:user/ada", "p", "nonsense").is_err());
        assert!(!world.now().keys[id].active, "the rest is as it was");
        world.delete_key(id).unwrap();
        assert_eq!(world.delete_key(id), Err(WorldError::Missing(id.to_owned())));
        assert!(world.now().keys.is_empty());
    }
}
