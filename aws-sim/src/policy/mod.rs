//! A small evaluator for IAM policies.
//!
//! Two crates were read before this was written, and neither was taken:
//!
//! * `iam-rs` 0.8: a policy variable without a value becomes the empty string (`bucket/${aws:username}*` then matches
//!   the whole bucket), variables inside conditions are not replaced at all, a key that nobody knows counts as absent
//!   (so that a negated operator on it *allows*), a principal of two kinds (`AWS` and `Service`) does not parse, and
//!   patterns are parsed again at every evaluation.
//! * `scratchstack-aspen` 0.3: `StringNotEquals` with two values is true for either of them, an absent key makes a
//!   negated operator false, and each match compiles a regular expression.
//!
//! Here everything is parsed once, and what is not understood fails closed: it never lets an `Allow` apply, and never
//! keeps a `Deny` from applying.

mod condition;
mod context;
mod document;
mod evaluate;
mod operand;
mod pattern;
mod principal;
mod statement;

pub(crate) use context::Context;
pub(crate) use document::{Policy, PolicyKind};
pub(crate) use evaluate::{Ask, ResourceVerdict, Verdict, resource_verdict, verdict};
pub(crate) use principal::{Grip, Identities};

/// What an evaluation can come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Truth {
    Yes,
    No,
    /// A key or an operator that the sim does not know is in the way.
    Unknown,
}

impl Truth {
    /// Both must hold.
    pub(crate) fn and(self, other: impl FnOnce() -> Self) -> Self {
        match self {
            Self::No => Self::No,
            Self::Yes => other(),
            Self::Unknown => match other() {
                Self::No => Self::No,
                Self::Yes | Self::Unknown => Self::Unknown,
            },
        }
    }

    /// One is enough.
    pub(crate) fn or(self, other: impl FnOnce() -> Self) -> Self {
        self.not().and(|| other().not()).not()
    }

    pub(crate) fn not(self) -> Self {
        match self {
            Self::Yes => Self::No,
            Self::No => Self::Yes,
            Self::Unknown => Self::Unknown,
        }
    }

    /// Whether any of `truths` holds.
    pub(crate) fn any(truths: impl IntoIterator<Item = Self>) -> Self {
        truths.into_iter().fold(Self::No, |all, truth| all.or(|| truth))
    }

    /// Whether all of `truths` hold.
    pub(crate) fn all(truths: impl IntoIterator<Item = Self>) -> Self {
        truths.into_iter().fold(Self::Yes, |all, truth| all.and(|| truth))
    }
}

impl From<bool> for Truth {
    fn from(truth: bool) -> Self {
        if truth { Self::Yes } else { Self::No }
    }
}
