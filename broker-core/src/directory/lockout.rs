//! How many wrong passwords a directory bears before it locks somebody's account by itself.

/// A directory's own rule, as its administrator wrote it down. Guesses through the broker stay below it, or whoever guesses here
/// would lock people out of everything else there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lockout {
    failures: u32,
    window_seconds: u32,
}

/// No rule that there is room below, or one that the broker could not remember.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotALockout {
    #[error("must lie between 3 and 1000: below three there is no room for anybody's slip")]
    Failures,
    #[error("must lie between 60 and 14400")]
    Window,
}

impl Lockout {
    /// An account is locked by so many wrong passwords, if none of them is older than the window (OpenLDAP) or no pause between them
    /// was as long as that (Active Directory).
    pub fn new(failures: u32, window_seconds: u32) -> Result<Self, NotALockout> {
        if !(3..=1_000).contains(&failures) {
            return Err(NotALockout::Failures);
        }
        if !(60..=14_400).contains(&window_seconds) {
            return Err(NotALockout::Window);
        }
        Ok(Self { failures, window_seconds })
    }

    /// How many wrong passwords from places where the person has never signed in.
    pub fn of_strangers(self) -> u32 {
        (self.failures - 1) / 2
    }

    /// How many from where they have. Together with the strangers' it is one less than locks.
    pub fn at_home(self) -> u32 {
        self.failures - 1 - self.of_strangers()
    }

    /// How long after the last one all are forgotten.
    pub fn window_seconds(self) -> u32 {
        self.window_seconds
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_that_may_fail_together_is_less_than_locks() {
        for failures in [3, 4, 5, 10, 11, 1_000] {
            let lockout = Lockout::new(failures, 1_800).unwrap();
            assert_eq!(lockout.of_strangers() + lockout.at_home(), failures - 1);
            assert!(lockout.of_strangers() >= 1 && lockout.at_home() >= lockout.of_strangers(), "{lockout:?}");
        }
    }

    #[test]
    fn there_is_room_below_every_rule() {
        assert_eq!(Lockout::new(2, 600), Err(NotALockout::Failures));
        assert_eq!(Lockout::new(1_001, 600), Err(NotALockout::Failures));
        assert_eq!(Lockout::new(3, 59), Err(NotALockout::Window));
        assert_eq!(Lockout::new(3, 14_401), Err(NotALockout::Window));
    }
}
