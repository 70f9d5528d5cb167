//! What may keep this machine from working with its broker: each thing looked at, and what to do about it.

mod aws_cli;
mod overrides;
mod trust;
mod way;

use serde::Serialize;

use crate::aws_config;
use crate::site::{Site, variable};

/// One thing that was looked at.
#[derive(Debug, Serialize)]
pub(crate) struct Finding {
    pub(crate) check: &'static str,
    pub(crate) state: State,
    pub(crate) said: String,
    /// What to do; nothing where all is well.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) advice: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum State {
    Good,
    /// It may be what somebody wants.
    Note,
    Bad,
}

impl Finding {
    fn good(check: &'static str, said: impl Into<String>) -> Self {
        Self { check, state: State::Good, said: said.into(), advice: String::new() }
    }

    fn note(check: &'static str, said: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { check, state: State::Note, said: said.into(), advice: advice.into() }
    }

    fn bad(check: &'static str, said: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { check, state: State::Bad, said: said.into(), advice: advice.into() }
    }
}

/// Looks at everything, whatever comes of the first things.
pub(crate) async fn examine(site: &Site) -> Vec<Finding> {
    let mut found = way::examine(site).await;
    let path = aws_config::path();
    let text = path.as_ref().map(std::fs::read_to_string).and_then(Result::ok).unwrap_or_default();
    found.push(aws_cli::examine(&text).await);
    let origin = site.server.origin();
    found.extend(trust::examine(site, variable, &text, overrides::asks_broker(&origin, &text)).await);
    found.extend(overrides::examine(&origin, variable, &text));
    found
}
