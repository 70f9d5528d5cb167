//! Session names: what AWS's own records call the holder of vended credentials, such that no two people share one.

mod fingerprint;
mod template;

use std::fmt;

use serde::Serialize;

pub use self::template::{SessionNameTemplate, TemplateError};

use self::template::{Part, Placeholder};

/// A name as STS takes it: 2-64 (federated users: 2-32) of `[A-Za-z0-9_+=,.@-]`. Made only by rendering a template.
///
/// AWS keeps the capitals of a name and compares them, and so do we: `Ada` and `ada` are two names.
/// <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct SessionName(String);

/// Which of AWS's limits a name must keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameLimit {
    /// `RoleSessionName` of AssumeRole: 64.
    Role,
    /// `Name` of GetFederationToken: 32.
    Federated,
    /// `SourceIdentity` of AssumeRole: 64, and no `aws:` in front, which a name without colons cannot have.
    SourceIdentity,
}

/// Who the name is for.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    pub kind: SubjectKind,
    pub directory: &'a str,
    /// Never reassigned by the directory; with kind and directory it tells this subject from all others.
    pub id: &'a str,
    pub username: &'a str,
    pub email: Option<&'a str>,
    pub connector: &'a str,
}

/// People, and all that is not: the names of the latter carry a prefix that people cannot get.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubjectKind {
    Person,
    /// A service token or a workload.
    Service,
}

/// Why this subject gets no name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SessionNameError {
    #[error("the session name holds {{email}}, and the directory gives no email address for this user")]
    NoEmail,
}

impl SessionName {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SessionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<SessionName> for String {
    fn from(name: SessionName) -> Self {
        name.0
    }
}

impl NameLimit {
    fn characters(self) -> usize {
        match self {
            Self::Role | Self::SourceIdentity => 64,
            Self::Federated => 32,
        }
    }
}

impl SessionNameTemplate {
    /// The subject's name, as the template has it where that can be, else with the subject's fingerprint at the end.
    ///
    /// A name carries the fingerprint when anything was done to it: a character that AWS refuses became `-`, it was cut
    /// to fit or too short, a value was empty, two values ran into each other, or a person's would have begun like a
    /// service's (it gets a `_` in front). So does a name that only looks as if it had one, and one that names the person by `{email}` alone,
    /// since two people may have one address. Hence:
    /// of one connector's names, two equal ones without a fingerprint have equal `{username}`, `{email}` and `{directory}` wherever the template
    /// names them, and two with one are the same subject, but for a chance of 1 in 2⁶⁴.
    pub fn render(&self, subject: &Subject<'_>, maximum: NameLimit) -> Result<SessionName, SessionNameError> {
        let Filled { text, mut exact } = fill(self.parts(), subject)?;
        exact &= !self.names_by_email_alone();
        let mut name: String = text.chars().map(|char| if is_allowed(char) { char } else { MAPPED }).collect();
        exact &= name == text;
        match subject.kind {
            SubjectKind::Service => name.insert_str(0, SERVICE),
            SubjectKind::Person if begins_like_a_service(&name) => {
                name.insert(0, '_');
                exact = false;
            }
            SubjectKind::Person => {}
        }
        exact &= (2..=maximum.characters()).contains(&name.len()) && !fingerprint::ends(&name);
        if !exact {
            let fingerprint = fingerprint::of(subject);
            name.truncate(maximum.characters() - 1 - fingerprint.len());
            name = format!("{name}-{fingerprint}");
        }
        Ok(SessionName(name))
    }
}

struct Filled {
    text: String,
    /// Whether the subject's values can be read back from the text.
    exact: bool,
}

fn fill(parts: &[Part], subject: &Subject<'_>) -> Result<Filled, SessionNameError> {
    let mut filled = Filled { text: String::new(), exact: true };
    let mut before = None;
    for part in parts {
        let value = match part {
            Part::Literal(text) => {
                filled.text.push_str(text);
                continue;
            }
            Part::Value(Placeholder::Connector) => {
                filled.text.push_str(subject.connector);
                continue;
            }
            Part::Value(Placeholder::Username) => subject.username,
            Part::Value(Placeholder::Directory) => subject.directory,
            Part::Value(Placeholder::Email) => {
                subject.email.filter(|email| !email.is_empty()).ok_or(SessionNameError::NoEmail)?
            }
        };
        let apart = before.is_none_or(|(start, end)| ends_where_it_seems(&filled.text, start, end));
        filled.exact &= apart && !value.is_empty();
        let start = filled.text.len();
        filled.text.push_str(value);
        before = Some((start, filled.text.len()));
    }
    Ok(filled)
}

/// Whether what stands after the value (the rest of `text`) is not found earlier: `a-b` and `c` make `a-b-c`, and so
/// do `a` and `b-c`.
fn ends_where_it_seems(text: &str, start: usize, end: usize) -> bool {
    let (Some(from_value), Some(separator)) = (text.get(start..), text.get(end..)) else { return false };
    !separator.is_empty() && from_value.find(separator) == Some(end - start)
}

fn begins_like_a_service(name: &str) -> bool {
    name.get(..SERVICE.len()).is_some_and(|start| start.eq_ignore_ascii_case(SERVICE))
}

/// `[A-Za-z0-9_+=,.@-]`, which is ASCII: characters and bytes of a name are the same number.
fn is_allowed(char: char) -> bool {
    char.is_ascii_alphanumeric() || matches!(char, '_' | '+' | '=' | ',' | '.' | '@' | '-')
}

/// What service tokens' and workloads' names begin with.
const SERVICE: &str = "svc.";

/// What stands for a character that AWS refuses.
const MAPPED: char = '-';

#[cfg(test)]
mod tests;
