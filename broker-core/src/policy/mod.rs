//! Inline session policies: whoever holds one need not ask again whether it is IAM's grammar and fits.

mod compact;
mod condition;
mod error;
mod grammar;
mod partition;
mod statement;
mod warning;

use std::collections::HashSet;
use std::fmt;

use serde::{Deserialize, Serialize};

pub use self::error::{PolicyError, PolicyErrorKind};
pub use self::warning::PolicyWarning;

use self::compact::Compact;
use self::error::{Fault, MAX_FAULTS, place};
use self::grammar::Document;
use self::statement::Effect;

/// An inline session policy as STS takes it: IAM's policy grammar without a principal, 1-2048 characters of
/// U+0009, U+000A, U+000D and U+0020-U+00FF, kept without the whitespace between its parts.
///
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html>,
/// <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SessionPolicy(String);

impl SessionPolicy {
    /// Reads what somebody wrote; of several mistakes the first is told, with its place in `text`.
    pub fn parse(text: &str) -> Result<Self, PolicyError> {
        compacted(text).map(Self).map_err(|faults| first(faults).placed_in(text))
    }

    /// The same, and all mistakes are told, in the order of the text; of very many, the first that were found.
    pub fn parse_telling_all(text: &str) -> Result<Self, Vec<PolicyError>> {
        let told = |faults: Vec<Fault>| faults.into_iter().map(|fault| fault.placed_in(text)).collect();
        compacted(text).map(Self).map_err(told)
    }

    /// What an administrator should hear of before relying on a good policy that is written like this: line and column, counted from 1,
    /// and the warning.
    pub fn warnings_in(text: &str) -> Vec<(u32, u32, PolicyWarning)> {
        let Ok(document) = grammar::read(text) else { return Vec::new() };
        let placed = |warning: PolicyWarning| {
            let (line, column) = place(text, warning.at(&document));
            (line, column, warning)
        };
        warning::of(&document).into_iter().map(placed).collect()
    }

    /// The policy without whitespace between its parts; what stands inside strings is as it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What an administrator should hear of before relying on this policy. Nothing here is an error.
    pub fn warnings(&self) -> Vec<PolicyWarning> {
        self.document().map(|document| warning::of(&document)).unwrap_or_default()
    }

    /// Whether no statement allows anything.
    pub fn is_deny_only(&self) -> bool {
        self.document().is_ok_and(|document| document.is_deny_only())
    }

    /// Refuses a policy that allows anything, naming the place.
    pub fn must_only_deny(&self) -> Result<(), PolicyError> {
        let document = self.document()?;
        let allow = document.statements.iter().find(|each| each.effect == Effect::Allow);
        let fault = allow.map(|allow| Fault { at: allow.at, kind: PolicyErrorKind::AllowInRequest });
        fault.map_or(Ok(()), |fault| Err(fault.placed_in(&self.0)))
    }

    /// Appends a caller's statements, which can only take rights away: each must be a `Deny`, must mean here what it
    /// meant there, and may not reuse a `Sid`. An error's place is in `request`; [`PolicyErrorKind::TooLong`] is the
    /// exception, since neither of the two is too long alone.
    pub fn narrowed_by(&self, request: &Self) -> Result<Self, PolicyError> {
        let (own, asked) = (self.document()?, request.document()?);
        may_be_appended(&own, &asked).map_err(|fault| fault.placed_in(&request.0))?;

        let statements: Vec<&str> = own.statements.iter().chain(&asked.statements).map(|each| each.text).collect();
        let version = own.version.map(|version| format!(r#""Version":"{}","#, version.as_str())).unwrap_or_default();
        let id = own.id.map(|id| format!(r#""Id":{id},"#)).unwrap_or_default();
        Self::parse(&format!(r#"{{{version}{id}"Statement":[{}]}}"#, statements.join(",")))
    }

    /// Reads again what was read once already, so it does not fail.
    fn document(&self) -> Result<Document<'_>, PolicyError> {
        grammar::read(&self.0).map_err(|faults| first(faults).placed_in(&self.0))
    }
}

impl TryFrom<String> for SessionPolicy {
    type Error = PolicyError;

    fn try_from(text: String) -> Result<Self, PolicyError> {
        Self::parse(&text)
    }
}

impl From<SessionPolicy> for String {
    fn from(policy: SessionPolicy) -> Self {
        policy.0
    }
}

impl fmt::Display for SessionPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn compacted(text: &str) -> Result<String, Vec<Fault>> {
    if text.len() > MAX_TEXT {
        return Err(vec![Fault { at: MAX_TEXT, kind: PolicyErrorKind::TextTooLarge(text.len()) }]);
    }
    let compact = match (compact::compact(text), grammar::read(text)) {
        (Ok(compact), Ok(_)) => compact,
        (Err(character), Err(mut faults)) => {
            // Where both stumble over the same place, the character is what is wrong with it.
            faults.retain(|fault| fault.at != character.at);
            let before = faults.iter().take_while(|fault| fault.at < character.at).count();
            faults.insert(before, character);
            faults.truncate(MAX_FAULTS);
            return Err(faults);
        }
        (Err(fault), Ok(_)) => return Err(vec![fault]),
        (Ok(_), Err(faults)) => return Err(faults),
    };
    match compact {
        Compact { text, too_long_at: None } => Ok(text),
        Compact { text, too_long_at: Some(at) } => {
            Err(vec![Fault { at, kind: PolicyErrorKind::TooLong(text.chars().count()) }])
        }
    }
}

/// There is one wherever there are faults.
fn first(faults: Vec<Fault>) -> Fault {
    let none = Fault { at: 0, kind: PolicyErrorKind::Missing("`Statement`") };
    faults.into_iter().next().unwrap_or(none)
}

fn may_be_appended(own: &Document<'_>, asked: &Document<'_>) -> Result<(), Fault> {
    if let Some(allow) = asked.statements.iter().find(|each| each.effect == Effect::Allow) {
        return Err(Fault { at: allow.at, kind: PolicyErrorKind::AllowInRequest });
    }
    // Under the old version `${aws:username}` is literal text: the denial would miss what its author meant.
    let variable = asked.statements.iter().find(|each| each.holds_variables);
    if let Some(statement) = variable.filter(|_| own.knows_variables() != asked.knows_variables()) {
        return Err(Fault { at: statement.at, kind: PolicyErrorKind::VersionsDiffer });
    }
    let taken: HashSet<&str> = own.statements.iter().filter_map(|each| each.sid.as_deref()).collect();
    for statement in &asked.statements {
        if let Some(sid) = statement.sid.as_deref().filter(|sid| taken.contains(sid)) {
            return Err(Fault { at: statement.at, kind: PolicyErrorKind::DuplicateSid(sid.to_owned()) });
        }
    }
    Ok(())
}

/// How much text is looked at: 32 times what AWS takes leaves room for any indentation.
const MAX_TEXT: usize = 65_536;

#[cfg(test)]
mod tests;
