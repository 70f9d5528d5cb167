//! What a directory's test tells: line by line as it happens, or as one JSON document at the end.

use std::process::ExitCode;
use std::time::Duration;

use broker_core::caller::Person;
use broker_core::character;
use broker_core::directory::{Seen, Step, Told};
use broker_core::name::DirectoryName;
use serde::Serialize;

use super::grants::Grants;
use super::steps;
use crate::cli::output;

/// All that was seen.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    directory: String,
    kind: &'static str,
    /// Whether every step was.
    good: bool,
    steps: Vec<Line>,
    person: Option<Shown>,
    #[serde(skip)]
    json: bool,
    /// The server that the lines before were about.
    #[serde(skip)]
    server: Option<String>,
    /// How many searches there were since the person was looked for, that one included.
    #[serde(skip)]
    searches: usize,
}

/// One step.
#[derive(Debug, Serialize)]
pub(super) struct Line {
    /// The address of the server that it is about.
    server: Option<String>,
    step: &'static str,
    state: State,
    microseconds: Option<u64>,
    said: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "String::is_empty")]
    advice: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum State {
    Good,
    Failed,
    /// Works, and may harm.
    Warning,
    /// Worth knowing.
    Note,
}

/// Who was found, and what they would get.
#[derive(Debug, Serialize)]
struct Shown {
    id: String,
    username: String,
    display_name: Option<String>,
    email: Option<String>,
    email_trusted: bool,
    groups: Vec<String>,
    role: Option<String>,
    /// Those of the connectors file, where it can be read.
    connectors: Option<Vec<String>>,
}

impl Line {
    pub(super) fn good(step: &'static str, said: &str) -> Self {
        Self::new(step, State::Good, said, "")
    }

    pub(super) fn note(step: &'static str, said: &str) -> Self {
        Self::new(step, State::Note, said, "")
    }

    pub(super) fn warning(step: &'static str, said: &str, advice: &str) -> Self {
        Self::new(step, State::Warning, said, advice)
    }

    pub(super) fn bad(step: &'static str, said: &str, advice: &str) -> Self {
        Self::new(step, State::Failed, said, advice)
    }

    pub(super) fn after(self, took: Duration) -> Self {
        Self { microseconds: u64::try_from(took.as_micros()).ok(), ..self }
    }

    /// What others say is cut, and drives no terminal.
    fn new(step: &'static str, state: State, said: &str, advice: &str) -> Self {
        let mut said: String = character::shown(said);
        if let Some((end, _)) = said.char_indices().nth(MOST) {
            said.truncate(end);
            said.push('…');
        }
        Self { server: None, step, state, microseconds: None, said, advice: advice.to_owned() }
    }

    fn text(&self) -> String {
        let state = match self.state {
            State::Good => "ok",
            State::Failed => "FAILED",
            State::Warning => "WARN",
            State::Note => "",
        };
        let took = self.microseconds.map_or_else(String::new, |took| {
            let tenths = took / 100;
            format!("{}.{} ms", tenths / 10, tenths % 10)
        });
        let advice = if self.advice.is_empty() { String::new() } else { format!("\n{:25}-> {}", "", self.advice) };
        format!("  {state:6} {took:>11}  {:4} {}{advice}", "", self.said)
    }
}

impl Report {
    pub(super) fn new(json: bool, directory: &DirectoryName, kind: &'static str) -> Self {
        let (directory, server) = (directory.to_string(), None);
        Self { directory, kind, good: true, steps: Vec::new(), person: None, json, server, searches: 0 }
    }

    /// What the next steps are about.
    pub(super) fn part(&mut self, title: &str) -> anyhow::Result<()> {
        (self.server, self.searches) = (None, 0);
        if self.json { Ok(()) } else { Ok(output::line(title)?) }
    }

    /// A step of the directory's own.
    pub(super) fn step(&mut self, seen: &Seen) -> anyhow::Result<()> {
        match (&seen.step, &seen.outcome) {
            (Step::Search { base, .. }, _) if !base.is_empty() => self.searches += 1,
            _ => {}
        }
        let mut line = match &seen.outcome {
            Ok(Told::Groups(count)) => {
                let (searches, way) = (self.searches.saturating_sub(1), steps::tried(&seen.step));
                Line::good("groups", &format!("{way}: {count}, by {searches} searches beside the person's own"))
            }
            Ok(_) if matches!(seen.step, Step::Rest { .. }) => {
                return self.line(Line::note("rest", &steps::tried(&seen.step)).of(seen.server.as_deref()));
            }
            Ok(told) => Line::good(steps::word(&seen.step), &steps::good(&seen.step, told, seen.server.as_deref())),
            Err(failed) => {
                let said = format!("{}: {}", steps::tried(&seen.step), failed.said);
                Line::bad(steps::word(&seen.step), &said, failed.advice)
            }
        };
        line.server = seen.server.as_deref().map(character::shown);
        self.line(line.after(seen.took))
    }

    pub(super) fn line(&mut self, line: Line) -> anyhow::Result<()> {
        self.good &= line.state != State::Failed;
        if !self.json {
            if line.server.is_some() && line.server != self.server {
                output::line(&format!("  {}", line.server.as_deref().unwrap_or_default()))?;
                self.server.clone_from(&line.server);
            }
            output::line(&line.text())?;
        }
        self.steps.push(line);
        Ok(())
    }

    /// Who was found, and what their groups give them.
    pub(super) fn person(&mut self, person: &Person, grants: &Grants) -> anyhow::Result<()> {
        let shown = Shown::of(person, grants);
        let Shown { id, username, display_name, email, email_trusted, groups, role, connectors } = &shown;
        let named = display_name.as_ref().map_or_else(String::new, |name| format!(", {name}"));
        let trusted = if *email_trusted { "may name sessions and tags" } else { "names no session and no tag" };
        let mail = email.as_ref().map_or_else(String::new, |mail| format!(", {mail} ({trusted})"));
        self.line(Line::good("identity", &format!("`{username}`{named}{mail}; known by the id {id}")))?;
        self.line(Line::good("group_names", &format!("groups: {}", few(groups))))?;
        self.line(Line::note(
            "role",
            &role.as_ref().map_or_else(|| "no administrative role".to_owned(), |it| format!("role: {it}")),
        ))?;
        self.line(Line::note(
            "connectors",
            &match connectors {
                Some(connectors) => format!("connectors of the connectors file: {}", few(connectors)),
                None => "there is no connectors file that can be read, so which connectors that gives is not told"
                    .to_owned(),
            },
        ))?;
        self.person = Some(shown);
        Ok(())
    }

    /// Whether no step has failed so far.
    pub(super) fn is_good(&self) -> bool {
        self.good
    }

    /// Whether something was said about what to do.
    pub(super) fn has_advised(&self) -> bool {
        self.steps.iter().any(|line| !line.advice.is_empty())
    }

    pub(super) fn end(self) -> anyhow::Result<ExitCode> {
        if self.json {
            output::json(&self)?;
        } else {
            let count = |state| self.steps.iter().filter(|line| line.state == state).count();
            let ended = match count(State::Failed) {
                0 => "all steps are good".to_owned(),
                1 => "1 step failed".to_owned(),
                failed => format!("{failed} steps failed"),
            };
            output::line(&match count(State::Warning) {
                0 => ended,
                1 => format!("{ended}; 1 warning"),
                warnings => format!("{ended}; {warnings} warnings"),
            })?;
        }
        Ok(if self.good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

impl Line {
    fn of(self, server: Option<&str>) -> Self {
        Self { server: server.map(character::shown), ..self }
    }
}

impl Shown {
    fn of(person: &Person, grants: &Grants) -> Self {
        Self {
            id: person.subject.id.clone(),
            username: person.username.clone(),
            display_name: person.display_name.clone(),
            email: person.email.clone(),
            email_trusted: person.email_trusted,
            groups: person.groups.iter().map(ToString::to_string).collect(),
            role: grants.role(person).map(|role| role.to_string()),
            connectors: grants.connectors(person),
        }
    }
}

/// How many there are, and the first of them.
fn few(names: &[String]) -> String {
    let first = names.iter().take(FEW).cloned().collect::<Vec<_>>().join(", ");
    match names.len() {
        0 => "none".to_owned(),
        count if count <= FEW => format!("{count}: {first}"),
        count => format!("{count}: {first} …"),
    }
}

const FEW: usize = 10;

/// Characters of a line: a filter for some groups, an entry's whole name.
const MOST: usize = 600;
