//! How a command ends that did not do what it was told: what went wrong, what to do next, and an exit code that says the same to a script.

use std::fmt;
use std::io;
use std::process::ExitCode;

use serde::Serialize;

use crate::text::Text;

/// Cut by what the caller does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Mend something here: the configuration, a file, the machine.
    Mend,
    /// Call it otherwise.
    CallOtherwise,
    SignIn,
    /// Ask somebody for the right, or for something else.
    AskFor,
    /// Try again later.
    TryLater,
    /// Choose, or say what: the choice was left.
    Choose,
    /// The program to be run is there and cannot be started.
    CannotStart,
    /// The program to be run is not there.
    NoProgram,
    /// Nothing: whoever read our output has seen enough.
    Nothing,
}

/// What went wrong.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) next: Next,
    said: String,
    advice: String,
    /// The broker's own word for it, and where its log has it.
    problem: Option<(Text, Text)>,
}

/// A failure as `--json` shows it, on standard error.
#[derive(Debug, Serialize)]
struct Shown<'a> {
    error: &'a str,
    advice: &'a str,
    exit_code: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'a Text>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<&'a Text>,
}

impl Failure {
    pub(crate) fn new(next: Next, said: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { next, said: said.into(), advice: advice.into(), problem: None }
    }

    /// Something of this machine that is to be mended.
    pub(crate) fn mend(said: impl Into<String>, advice: impl Into<String>) -> Self {
        Self::new(Next::Mend, said, advice)
    }

    pub(crate) fn usage(said: impl Into<String>, advice: impl Into<String>) -> Self {
        Self::new(Next::CallOtherwise, said, advice)
    }

    /// The same failure, with what it leaves behind said first, and what to do about that.
    #[must_use]
    pub(crate) fn leaving(self, what: &str, advice: impl Into<String>) -> Self {
        Self { said: format!("{what}: {}", self.said), advice: advice.into(), ..self }
    }

    pub(crate) fn said(&self) -> &str {
        &self.said
    }

    pub(crate) fn advice(&self) -> &str {
        &self.advice
    }

    /// A word for those who take failures apart: the broker's own, or what it amounts to.
    pub(crate) fn code(&self) -> &str {
        let amounts_to = match self.next {
            Next::SignIn => "unauthenticated",
            Next::AskFor => "forbidden",
            Next::TryLater => "unavailable",
            Next::Mend | Next::CallOtherwise | Next::Choose | Next::CannotStart | Next::NoProgram | Next::Nothing => {
                "failed"
            }
        };
        self.problem.as_ref().map_or(amounts_to, |(code, _)| code.as_str())
    }

    #[must_use]
    pub(crate) fn of_problem(self, code: Text, request_id: Text) -> Self {
        Self { problem: Some((code, request_id)), ..self }
    }

    pub(crate) fn json(&self) -> String {
        let shown = Shown {
            error: &self.said,
            advice: &self.advice,
            exit_code: self.next.exit_code(),
            code: self.problem.as_ref().map(|(code, _)| code),
            request_id: self.problem.as_ref().map(|(_, id)| id),
        };
        serde_json::to_string(&shown).unwrap_or_else(|_| self.to_string())
    }
}

impl Next {
    /// Documented in `docs/broker.md`.
    pub(crate) fn exit_code(self) -> u8 {
        match self {
            Self::Nothing => 0,
            Self::Mend => 1,
            Self::CallOtherwise => 2,
            Self::SignIn => 3,
            Self::AskFor => 4,
            Self::TryLater => 5,
            Self::CannotStart => 126,
            Self::NoProgram => 127,
            // As of a program that ctrl-C ends.
            Self::Choose => 130,
        }
    }
}

impl From<Next> for ExitCode {
    fn from(next: Next) -> Self {
        next.exit_code().into()
    }
}

impl std::error::Error for Failure {}

/// On one line: AWS's clients show what a `credential_process` said to the end of its line.
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.said)?;
        if !self.advice.is_empty() {
            write!(f, ": {}", self.advice)?;
        }
        match &self.problem {
            Some((_, request_id)) => write!(f, " (request {request_id})"),
            None => Ok(()),
        }
    }
}

/// Of standard output.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::new(Next::Nothing, "nobody reads", ""),
            _ => Self::mend(format!("cannot write the output: {error}"), "see to where it goes"),
        }
    }
}

pub(crate) const EXIT_CODES: &str = "Exit codes: 0 done; 1 something on this machine is to be mended; 2 wrong arguments; 3 sign in first; 4 refused, ask for the right; 5 try again later; 130 no connector was chosen. `exec` ends as its program does (126 if it cannot be started, 127 if it is not there)";
