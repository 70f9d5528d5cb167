//! What a policy says that its author may not have meant.

use std::fmt;

use super::grammar::Document;
use super::statement::{Effect, Patterns, Statement};

/// A policy is legal and yet worth a second look. Statements are counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PolicyWarning {
    /// `Allow`, `*`, `*`.
    EverythingEverywhere { statement: usize },
    /// `Allow` with the action `*`.
    EveryAction { statement: usize },
    /// `Allow` with `NotAction`.
    AllActionsBut { statement: usize },
    /// `Allow` with `NotResource`.
    AllResourcesBut { statement: usize },
    /// No statement allows anything.
    AllowsNothing,
    /// `${…}` under the old version of the language.
    LiteralVariables { statement: usize },
}

impl fmt::Display for PolicyWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EverythingEverywhere { statement } => write!(
                f,
                "statement {statement} allows everything everywhere: such a policy narrows nothing, and the session has \
                 all rights of its role or user"
            ),
            Self::EveryAction { statement } => write!(
                f,
                "statement {statement} allows every action on its resources, among them changing who else has access"
            ),
            Self::AllActionsBut { statement } => write!(
                f,
                "statement {statement} allows all actions but those it names, and every action that AWS adds later"
            ),
            Self::AllResourcesBut { statement } => write!(
                f,
                "statement {statement} allows its actions on all resources but those it names, also on those made later"
            ),
            Self::AllowsNothing => f.write_str(
                "no statement allows anything: unless a managed session policy does, the session can do nothing",
            ),
            Self::LiteralVariables { statement } => write!(
                f,
                "statement {statement} has a policy variable, which is literal text without `Version` `2012-10-17`"
            ),
        }
    }
}

impl PolicyWarning {
    /// The byte where the statement begins that it is about, or the first.
    pub(super) fn at(self, document: &Document<'_>) -> usize {
        let statement = match self {
            Self::EverythingEverywhere { statement }
            | Self::EveryAction { statement }
            | Self::AllActionsBut { statement }
            | Self::AllResourcesBut { statement }
            | Self::LiteralVariables { statement } => statement,
            Self::AllowsNothing => 1,
        };
        document.statements.get(statement.saturating_sub(1)).map_or(0, |statement| statement.at)
    }
}

pub(super) fn of(document: &Document<'_>) -> Vec<PolicyWarning> {
    let mut warnings = Vec::new();
    for (number, statement) in (1..).zip(&document.statements) {
        if statement.effect == Effect::Allow {
            warnings.extend(of_allow(statement, number));
        }
        if statement.holds_variables && !document.knows_variables() {
            warnings.push(PolicyWarning::LiteralVariables { statement: number });
        }
    }
    if document.is_deny_only() {
        warnings.push(PolicyWarning::AllowsNothing);
    }
    warnings
}

fn of_allow(allow: &Statement<'_>, statement: usize) -> Vec<PolicyWarning> {
    let every_action = matches!(&allow.actions, Patterns::These(actions) if actions.iter().any(|each| is_every(each)));
    let everywhere = matches!(&allow.resources, Patterns::These(arns) if arns.iter().any(|each| is_everywhere(each)));
    let mut warnings = Vec::new();
    match (every_action, everywhere) {
        (true, true) => warnings.push(PolicyWarning::EverythingEverywhere { statement }),
        (true, false) => warnings.push(PolicyWarning::EveryAction { statement }),
        (false, _) => {}
    }
    if matches!(allow.actions, Patterns::AllBut(_)) {
        warnings.push(PolicyWarning::AllActionsBut { statement });
    }
    if matches!(allow.resources, Patterns::AllBut(_)) {
        warnings.push(PolicyWarning::AllResourcesBut { statement });
    }
    warnings
}

fn is_every(action: &str) -> bool {
    matches!(action, "*" | "*:*")
}

/// `*`, or an ARN of nothing but wildcards.
fn is_everywhere(resource: &str) -> bool {
    let wild = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte == b'*');
    resource.strip_prefix("arn:").unwrap_or(resource).split(':').all(wild)
}

#[cfg(test)]
mod tests {
    use super::super::SessionPolicy;
    use super::*;

    fn warnings(statements: &str) -> Vec<PolicyWarning> {
        let text = format!(r#"{{"Version":"2012-10-17","Statement":{statements}}}"#);
        SessionPolicy::parse(&text).unwrap().warnings()
    }

    #[test]
    fn a_modest_policy_gives_no_warning() {
        assert_eq!(warnings(r#"{"Effect":"Allow","Action":"s3:*","Resource":"*"}"#), []);
        let deny = r#"{"Effect":"Deny","NotAction":"s3:*","Resource":"*"}"#;
        assert_eq!(warnings(&format!(r#"[{{"Effect":"Allow","Action":"s3:Get*","Resource":"*"}},{deny}]"#)), []);
    }

    #[test]
    fn everything_everywhere_is_seen_in_every_spelling() {
        for (action, resource) in [("*", "*"), ("*:*", "*"), ("*", "arn:*:*:*:*:*"), ("\\u002a", "*")] {
            let statement = format!(r#"{{"Effect":"Allow","Action":["s3:*","{action}"],"Resource":["{resource}"]}}"#);
            assert_eq!(warnings(&statement), [PolicyWarning::EverythingEverywhere { statement: 1 }], "{statement}");
        }
    }

    #[test]
    fn each_broad_allowance_is_named_with_its_statement() {
        let broad = r#"[
            {"Effect":"Allow","Action":"*","Resource":"arn:aws:s3:::a"},
            {"Effect":"Allow","NotAction":"iam:*","NotResource":"arn:aws:s3:::a"}
        ]"#;
        assert_eq!(
            warnings(broad),
            [
                PolicyWarning::EveryAction { statement: 1 },
                PolicyWarning::AllActionsBut { statement: 2 },
                PolicyWarning::AllResourcesBut { statement: 2 },
            ]
        );
    }

    #[test]
    fn a_policy_that_only_denies_allows_nothing() {
        assert_eq!(warnings(r#"{"Effect":"Deny","Action":"*","Resource":"*"}"#), [PolicyWarning::AllowsNothing]);
    }

    #[test]
    fn variables_are_literal_under_the_old_version() {
        let text = r#"{"Statement":{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::${aws:username}"}}"#;
        let policy = SessionPolicy::parse(text).unwrap();
        assert_eq!(policy.warnings(), [PolicyWarning::LiteralVariables { statement: 1 }]);
        assert_eq!(SessionPolicy::parse(&text.replace('$', "")).unwrap().warnings(), []);
    }

    #[test]
    fn a_warning_is_a_sentence() {
        let warning = PolicyWarning::EverythingEverywhere { statement: 3 }.to_string();
        assert!(warning.starts_with("statement 3 allows everything everywhere:"), "{warning}");
    }
}
