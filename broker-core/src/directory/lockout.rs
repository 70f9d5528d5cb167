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
        if !(MIN_FAILURES..=MAX_FAILURES).contains(&failures) {
            return Err(NotALockout::Failures);
        }
        if !(MIN_WINDOW..=MAX_WINDOW).contains(&window_seconds) {
            return Err(NotALockout::Window);
        }
        Ok(Self { failures, window_seconds })
    }

    /// What is to be written down of a directory that says of itself that it locks accounts after so many wrong passwords, and forgets them
    /// after so many seconds, or only by a right one; nothing where there is no room below that.
    pub fn told(failures: u32, window_seconds: Option<u64>) -> Option<Self> {
        let window_seconds = window_seconds.and_then(|seconds| u32::try_from(seconds).ok()).unwrap_or(MAX_WINDOW);
        Self::new(failures.min(MAX_FAILURES), window_seconds.clamp(MIN_WINDOW, MAX_WINDOW)).ok()
    }

    /// Whether guesses that stay below this rule stay below another one as well.
    pub fn is_below(self, other: Self) -> bool {
        self.failures <= other.failures && self.window_seconds >= other.window_seconds
    }

    /// Whether guesses count here for as long as a directory remembers them, so many seconds or until a right one comes: else those that are far
    /// apart add up there.
    pub fn remembers_for(self, window_seconds: Option<u64>) -> bool {
        window_seconds.is_some_and(|seconds| seconds <= self.window_seconds.into())
    }

    /// The rule that is below both.
    #[must_use]
    pub fn strictest(self, other: Self) -> Self {
        Self {
            failures: self.failures.min(other.failures),
            window_seconds: self.window_seconds.max(other.window_seconds),
        }
    }

    /// So many wrong passwords lock an account.
    pub fn failures(self) -> u32 {
        self.failures
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

const MIN_FAILURES: u32 = 3;
const MAX_FAILURES: u32 = 1_000;
/// Seconds.
const MIN_WINDOW: u32 = 60;
const MAX_WINDOW: u32 = 14_400;

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
    fn what_a_directory_says_is_written_down_as_far_as_that_goes() {
        let rule = |failures, window_seconds| Some(Lockout { failures, window_seconds });
        assert_eq!(Lockout::told(5, Some(900)), rule(5, 900));
        assert_eq!(Lockout::told(5, None), rule(5, 14_400), "until a right one comes: as long as can be");
        assert_eq!(Lockout::told(65_535, Some(u64::MAX)), rule(1_000, 14_400));
        assert_eq!(Lockout::told(5, Some(0)), rule(5, 60));
        assert_eq!(Lockout::told(2, Some(900)), None, "there is no room below");
    }

    #[test]
    fn a_rule_is_below_another_by_both_of_its_numbers() {
        let rule = |failures, window_seconds| Lockout { failures, window_seconds };
        let theirs = rule(5, 900);
        assert!(rule(5, 900).is_below(theirs) && rule(3, 1_800).is_below(theirs));
        assert!(!rule(6, 900).is_below(theirs) && !rule(5, 899).is_below(theirs));
        for ours in [rule(10, 1_800), rule(3, 60), theirs] {
            let both = ours.strictest(theirs);
            assert!(both.is_below(ours) && both.is_below(theirs), "{ours:?}");
        }
        assert!(theirs.remembers_for(Some(900)));
        assert!(!theirs.remembers_for(Some(901)) && !theirs.remembers_for(None));
    }

    #[test]
    fn there_is_room_below_every_rule() {
        assert_eq!(Lockout::new(2, 600), Err(NotALockout::Failures));
        assert_eq!(Lockout::new(1_001, 600), Err(NotALockout::Failures));
        assert_eq!(Lockout::new(3, 59), Err(NotALockout::Window));
        assert_eq!(Lockout::new(3, 14_401), Err(NotALockout::Window));
    }
}
