//! The policies of the file: written in it, or in a file of their own that is read but once.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use super::read::Reader;
use crate::file::{Place, Remark, Source, with_causes};
use crate::policy::{PolicyError, SessionPolicy};

/// What was read by the resolved path; nothing, where it was refused, which has been told.
pub(super) type Policies = HashMap<PathBuf, Option<ReadPolicy>>;

/// The policy of a file, and the file's own text.
#[derive(Clone)]
pub(super) struct ReadPolicy {
    policy: SessionPolicy,
    text: String,
}

/// A policy as somebody wrote it, and where: for mistakes that show only once the connector's key is known.
pub(super) struct WrittenPolicy {
    about: String,
    text: String,
    place: WrittenIn,
}

enum WrittenIn {
    /// The connectors file, from this byte on.
    Here(usize),
    File(PathBuf),
}

impl Reader<'_> {
    /// Says what is wrong with a good policy behind this connector.
    pub(super) fn policy_error(&mut self, written: &WrittenPolicy, error: PolicyError) {
        let WrittenPolicy { about, text, place } = written;
        let PolicyError { line, column, kind } = error.as_written(text);
        match place {
            WrittenIn::Here(start) => {
                let at = offset_in_string(self.source, *start, text, line, column).unwrap_or(*start);
                self.error(at, about, &format!("{kind} (line {line}, column {column} of the policy)"));
            }
            WrittenIn::File(path) => {
                self.errors.push(Remark::new(path, Some(Place { line, column }), about, &kind.to_string()));
            }
        }
    }

    /// Puts the text of `policy_file` in the place of `policy`, and tells what is wrong with either.
    pub(super) fn resolve_policies(&mut self, fields: &mut DeTable<'_>, about: &str) -> Option<WrittenPolicy> {
        let Some(DeValue::Table(principal)) = fields.get_mut("principal").map(Spanned::get_mut) else { return None };
        let mut written = None;
        for kind in ["assume_role", "federated_user"] {
            let Some(DeValue::Table(fields)) = principal.get_mut(kind).map(Spanned::get_mut) else { continue };
            let about = format!("{about}: principal.{kind}");
            match (fields.remove_entry("policy_file"), fields.get_mut("policy")) {
                (None, None) => {}
                (None, Some(policy)) => {
                    let about = format!("{about}.policy");
                    if let DeValue::String(text) = policy.get_ref() {
                        let place = WrittenIn::Here(policy.span().start);
                        written = Some(WrittenPolicy { about: about.clone(), text: text.to_string(), place });
                    }
                    self.inline_policy(policy, &about);
                }
                (Some((key, _)), Some(policy)) => {
                    let about = format!("{about}.policy_file");
                    self.error(
                        key.span().start,
                        &about,
                        "`policy` and `policy_file` exclude each other: take one away",
                    );
                    *policy.get_mut() = DeValue::String(DeString::Borrowed(HARMLESS));
                }
                (Some((key, path)), None) => {
                    let about = format!("{about}.policy_file");
                    let read = self.policy_file(&path, &about);
                    let text = read.as_ref().map(|read| read.policy.as_str().to_owned());
                    let text = DeValue::String(text.map_or(DeString::Borrowed(HARMLESS), DeString::Owned));
                    written = read.zip(path.get_ref().as_str()).map(|(read, path)| {
                        let place = WrittenIn::File(self.folders.locate(Path::new(path)));
                        WrittenPolicy { about, text: read.text, place }
                    });
                    fields.insert(Spanned::new(key.span(), "policy".into()), Spanned::new(path.span(), text));
                }
            }
        }
        written
    }

    fn inline_policy(&mut self, policy: &mut Spanned<DeValue<'_>>, about: &str) {
        let span = policy.span();
        let DeValue::String(text) = policy.get_mut() else { return };
        let source = self.source;
        let at = |line, column| offset_in_string(source, span.start, text, line, column).unwrap_or(span.start);
        match SessionPolicy::parse_telling_all(text) {
            Ok(_) => {
                for (line, column, warning) in SessionPolicy::warnings_in(text) {
                    self.warn(at(line, column), about, &warning.to_string());
                }
            }
            Err(errors) => {
                for PolicyError { line, column, kind } in errors {
                    self.error(
                        at(line, column),
                        about,
                        &format!("{kind} (line {line}, column {column} of the policy)"),
                    );
                }
                *text = DeString::Borrowed(HARMLESS);
            }
        }
    }

    fn policy_file(&mut self, path: &Spanned<DeValue<'_>>, about: &str) -> Option<ReadPolicy> {
        let at = path.span().start;
        let DeValue::String(path) = path.get_ref() else {
            self.error(at, about, "write the path of a file, in quotes");
            return None;
        };
        let path = Path::new(path.as_ref());
        let resolved = match self.folders.resolve(path) {
            Ok(resolved) => resolved,
            Err(error) => {
                self.error(at, about, &with_causes(&error));
                return None;
            }
        };
        if let Some(known) = self.policies.get(&resolved) {
            return known.clone();
        }
        let policy = match self.folders.text(path, MAX_POLICY_FILE) {
            Ok(text) => {
                let policy = self.policy_in_file(&self.folders.locate(path), &text, about);
                policy.map(|policy| ReadPolicy { policy, text })
            }
            Err(error) => {
                self.error(at, about, &with_causes(&error));
                None
            }
        };
        self.policies.insert(resolved, policy.clone());
        policy
    }

    fn policy_in_file(&mut self, path: &Path, text: &str, about: &str) -> Option<SessionPolicy> {
        let remark = |line, column, text: &str| Remark::new(path, Some(Place { line, column }), about, text);
        match SessionPolicy::parse_telling_all(text) {
            Ok(policy) => {
                let warnings = SessionPolicy::warnings_in(text).into_iter();
                self.warnings.extend(warnings.map(|(line, column, it)| remark(line, column, &it.to_string())));
                Some(policy)
            }
            Err(errors) => {
                self.errors.extend(errors.into_iter().map(|it| remark(it.line, it.column, &it.kind.to_string())));
                None
            }
        }
    }
}

/// The byte of the file at which a place of a string's text stands, if the text stands there as it is.
fn offset_in_string(source: &Source, start: usize, text: &str, line: u32, column: u32) -> Option<usize> {
    let raw = source.text().get(start..)?;
    let quotes = ["'''", "\"\"\"", "'", "\""].into_iter().find(|quotes| raw.starts_with(quotes))?;
    let content = raw.strip_prefix(quotes)?;
    // The line break right after three quotes does not belong to the text.
    let content = match quotes.len() {
        3 => content.strip_prefix("\r\n").or_else(|| content.strip_prefix('\n')).unwrap_or(content),
        _ => content,
    };
    if !content.starts_with(text) {
        return None;
    }
    let mut place = (1, 1);
    let mut chars = text.char_indices().peekable();
    while let Some((at, char)) = chars.next() {
        if place == (line, column) {
            return Some(start + (raw.len() - content.len()) + at);
        }
        let breaks = char == '\n' || char == '\r' && chars.peek().is_none_or(|(_, next)| *next != '\n');
        place = if breaks { (place.0 + 1, 1) } else { (place.0, place.1 + 1) };
    }
    Some(start + (raw.len() - content.len()) + text.len())
}

/// Stands in for a policy that was refused, so that nothing more is said of it.
const HARMLESS: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"*","Resource":"*"}]}"#;

/// 32 times what AWS takes, for indentation.
const MAX_POLICY_FILE: u64 = 65_536;
