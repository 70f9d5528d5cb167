//! What can be wrong with a policy, where, and what to do about it.

use super::MAX_TEXT;
use super::compact::{MAX_CHARS, MAX_DEPTH};
use crate::character;
use crate::partition::Partition;

/// A mistake of a policy. The text says what and what to do; the place is in the fields, for whoever knows
/// which file or form the text came from.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind}")]
pub struct PolicyError {
    /// Counted from 1.
    pub line: u32,
    /// In characters, counted from 1.
    pub column: u32,
    pub kind: PolicyErrorKind,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PolicyErrorKind {
    #[error("the policy's text has {0} bytes, more than the {MAX_TEXT} that are read: this is not a session policy")]
    TextTooLarge(usize),
    #[error(
        "the policy has {0} characters without whitespace, more than the {MAX_CHARS} that AWS takes: shorten it with \
         wildcards, or move a part to a managed policy"
    )]
    TooLong(usize),
    #[error("the policy is nested deeper than {MAX_DEPTH} levels, which no policy needs: check its brackets")]
    TooDeep,
    #[error(
        "`{}` (U+{:04X}) is a character that AWS refuses in a policy: only those up to U+00FF are taken",
        shown(.0.encode_utf8(&mut [0; 4])),
        u32::from(*.0)
    )]
    BadCharacter(char),
    #[error("`{0}` stands for a character that AWS refuses in a policy: remove it")]
    BadEscape(String),
    #[error("U+{:04X} may stand inside strings only: write a plain space, or remove it", u32::from(*.0))]
    StrayCharacter(char),
    #[error("a line break, tab or other control character inside a string: close the string, or write `\\n` or `\\t`")]
    ControlInString,
    #[error("the policy is not valid JSON: {0}")]
    NotJson(String),
    #[error("`{element}` must be {expected}")]
    WrongType { element: String, expected: &'static str },
    #[error("`{0}` is an empty list: name at least one")]
    EmptyList(String),
    #[error("`{name}` is not an element that can stand here: use {known}")]
    UnknownElement { name: String, known: &'static str },
    #[error("`{0}` cannot stand in a session policy: remove it, the session itself is the principal")]
    Principal(String),
    #[error("`{0}` stands twice in one object: join the two, or remove one")]
    DuplicateKey(String),
    #[error("`Sid` `{0}` is used twice: give each statement its own, or none")]
    DuplicateSid(String),
    #[error("{0} is missing: add it")]
    Missing(&'static str),
    #[error("`{0}` and `Not{0}` stand in one statement: remove one, or make two statements")]
    Both(&'static str),
    #[error("`{0}` is not a version of the policy language: write `2012-10-17`")]
    BadVersion(String),
    #[error("`{0}` is not an effect: write `Allow` or `Deny`, with that capital")]
    BadEffect(String),
    #[error("`{0}` is not a statement's id: use a-z, A-Z and 0-9 only")]
    BadSid(String),
    #[error("`{0}` is not an action: write `service:Action`, such as `s3:Get*`, or `*`")]
    BadAction(String),
    #[error("`{0}` is not a resource: write an ARN, such as `arn:aws:s3:::bucket/*`, or `*`")]
    BadResource(String),
    #[error("`{0}` is not a condition operator: write one as IAM spells it, such as `StringEquals`")]
    BadOperator(String),
    #[error("`{0}` is not a condition key: write `service:key`, such as `aws:SourceIp`")]
    BadConditionKey(String),
    #[error("the connector has a session policy, so a request's may only narrow it: use `Deny` statements only")]
    AllowInRequest,
    #[error(
        "the request's policy has variables but not the connector's `Version`, so they would not mean the same: \
         write the same `Version`, or no variables"
    )]
    VersionsDiffer,
    #[error(
        "`{resource}` lies in the partition {named}, the connector's access key in {own}, and AWS takes no policy across the two: \
         write `arn:{own}:…`"
    )]
    OtherPartition { resource: String, named: String, own: Partition },
}

impl PolicyError {
    /// The same mistake, found in a policy that was read from `text`, with its place in that: only whitespace has moved it.
    #[must_use]
    pub fn as_written(self, text: &str) -> Self {
        // What is too long is the two of a request and a connector together, which nobody wrote.
        if matches!(self.kind, PolicyErrorKind::TooLong(_)) {
            return self;
        }
        let (mut in_string, mut escaped) = (false, false);
        let kept = text.char_indices().filter(|(_, char)| {
            let is_kept = in_string || !matches!(char, ' ' | '\t' | '\n' | '\r');
            in_string ^= *char == '"' && !escaped;
            escaped = in_string && *char == '\\' && !escaped;
            is_kept
        });
        let before = usize::try_from(self.column).unwrap_or(usize::MAX).saturating_sub(1);
        let at = kept.map(|(at, _)| at).nth(before).unwrap_or(text.len());
        Fault { at, kind: self.kind }.placed_in(text)
    }
}

/// A mistake and the byte where it stands, while it is not yet known in which text.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) at: usize,
    pub(super) kind: PolicyErrorKind,
}

/// The mistakes found so far. A text can hold more of them than anybody wants to read.
#[derive(Debug, Default)]
pub(super) struct Faults(Vec<Fault>);

impl Faults {
    pub(super) fn add(&mut self, fault: Fault) {
        if self.0.len() < MAX_FAULTS {
            self.0.push(fault);
        }
    }

    /// What was read, unless it is a mistake.
    pub(super) fn good<T>(&mut self, read: Result<T, Fault>) -> Option<T> {
        read.map_err(|fault| self.add(fault)).ok()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// In the order of the text; what is missing comes last, for it stands nowhere.
    pub(super) fn into_sorted(mut self) -> Vec<Fault> {
        self.0.sort_by_key(|fault| (matches!(fault.kind, PolicyErrorKind::Missing(_)), fault.at));
        self.0
    }
}

impl Fault {
    pub(super) fn placed_in(self, text: &str) -> PolicyError {
        let (line, column) = place(text, self.at);
        PolicyError { line, column, kind: self.kind }
    }
}

/// Line and column of a byte, counted from 1.
pub(super) fn place(text: &str, at: usize) -> (u32, u32) {
    let (mut line, mut column) = (1_u32, 1_u32);
    let mut chars = text.char_indices().peekable();
    while let Some((_, char)) = chars.next_if(|(here, _)| *here < at) {
        let breaks = char == '\n' || char == '\r' && chars.peek().is_none_or(|(_, next)| *next != '\n');
        (line, column) = if breaks { (line.saturating_add(1), 1) } else { (line, column.saturating_add(1)) };
    }
    (line, column)
}

/// What somebody wrote, short enough and harmless enough for an error message.
pub(super) fn shown(text: &str) -> String {
    let mut chars = text.chars();
    let mut shown: String = character::shown(&chars.by_ref().take(MAX_SHOWN).collect::<String>());
    if chars.next().is_some() {
        shown.push('…');
    }
    shown
}

const MAX_SHOWN: usize = 80;
/// Of one policy.
pub(super) const MAX_FAULTS: usize = 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_count_characters_and_every_kind_of_line_break() {
        let place = |text: &str, at| {
            let error = Fault { at, kind: PolicyErrorKind::TooDeep }.placed_in(text);
            (error.line, error.column)
        };
        assert_eq!(place("", 0), (1, 1));
        assert_eq!(place("ab", 2), (1, 3));
        assert_eq!(place("éé!", 4), (1, 3));
        assert_eq!(place("a\nb", 2), (2, 1));
        assert_eq!(place("a\r\nb", 3), (2, 1));
        assert_eq!(place("a\rb", 2), (2, 1));
        assert_eq!(place("a\n", 99), (2, 1), "beyond the end is the end");
    }

    #[test]
    fn what_is_shown_is_short_and_harmless() {
        assert_eq!(shown("s3:\u{1b}[2J"), "s3:\u{FFFD}[2J");
        assert_eq!(shown(&"x".repeat(80)), "x".repeat(80));
        assert_eq!(shown(&"x".repeat(81)), format!("{}…", "x".repeat(80)));
    }
}
