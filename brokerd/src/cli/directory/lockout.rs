//! Whether guesses through the broker stay below what a directory says of its own lockout, in lines of its test.

use broker_core::directory::ldap::OwnLockout;
use broker_core::directory::{Lockout, Unavailable};
use broker_core::file::with_causes;

use super::report::Line;

/// One line for each rule of the directory's that locks accounts, or one that says why there is none.
pub(super) fn compared(ours: Lockout, theirs: Result<Vec<OwnLockout>, Unavailable>) -> Vec<Line> {
    let theirs = match theirs {
        Ok(theirs) => theirs,
        Err(error) => return vec![unknown(ours, &format!("was not told: {}", with_causes(&error)))],
    };
    if theirs.is_empty() {
        return vec![unknown(ours, "is not told to the broker's own credential")];
    }
    let locking = theirs.iter().filter_map(|rule| Some((rule, rule.failures?)));
    let lines: Vec<Line> = locking.map(|(rule, failures)| line(ours, rule, failures)).collect();
    if lines.is_empty() {
        let entries: Vec<String> = theirs.iter().take(FEW).map(|rule| format!("`{}`", rule.entry)).collect();
        return vec![Line::note(
            STEP,
            &format!("by what can be read of {}, no account is ever locked", entries.join(", ")),
        )];
    }
    lines
}

fn line(ours: Lockout, rule: &OwnLockout, failures: u32) -> Line {
    let window = match rule.window_seconds {
        Some(seconds) => format!("forgets them after {seconds} s"),
        None => "never forgets them by itself".to_owned(),
    };
    let says = format!("`{}` locks an account after {failures} wrong passwords, and {window}", rule.entry);
    let stops = |lockout: Lockout| lockout.of_strangers() + lockout.at_home();
    match Lockout::told(failures, rule.window_seconds) {
        Some(told) if ours.is_below(told) && ours.remembers_for(rule.window_seconds) => {
            Line::good(STEP, &format!("{says}; brokerd stops at {}", stops(ours)))
        }
        Some(told) if ours.is_below(told) => Line::warning(
            STEP,
            &format!(
                "{says}; brokerd stops at {} and forgets them after {} s: guesses that are so far apart add up there",
                stops(ours),
                ours.window_seconds()
            ),
            "let the directory forget wrong passwords within 14400 s, the longest that brokerd remembers them (`pwdFailureCountInterval` of OpenLDAP's policies, `lockOutObservationWindow` of Active Directory)",
        ),
        Some(told) => {
            let better = ours.strictest(told);
            let said = format!(
                "{says}; brokerd stops at {} and forgets them after {} s: whoever guesses here can lock people out of everything there",
                stops(ours),
                ours.window_seconds()
            );
            let advice = format!(
                "set `lockout = {{ failures = {}, window_seconds = {} }}` of this directory: brokerd stops at {} then",
                better.failures(),
                better.window_seconds(),
                stops(better)
            );
            Line::warning(STEP, &said, &advice)
        }
        None => Line::warning(
            STEP,
            &format!(
                "{says}; there is no room below that: whoever guesses here can lock people out of everything there"
            ),
            "let the directory bear 3 wrong passwords at least, and set `lockout.failures` to that",
        ),
    }
}

fn unknown(ours: Lockout, why: &str) -> Line {
    Line::note(
        STEP,
        &format!(
            "when the directory locks accounts {why}; compare by hand that it does so after {} wrong passwords or more, and forgets them within {} s (`lockout`)",
            ours.failures(),
            ours.window_seconds()
        ),
    )
}

const STEP: &str = "lockout";
const FEW: usize = 3;
