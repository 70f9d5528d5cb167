//! What a set of policies says to one request: an explicit deny wins, then an allow, then silence.

use super::context::Context;
use super::document::Policy;
use super::principal::{Grip, Identities};
use super::{Truth, statement::Statement};

/// One action on one resource.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ask<'a> {
    pub(crate) action: &'a str,
    pub(crate) resource: &'a str,
    pub(crate) context: &'a Context,
}

/// The word of identity or session policies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Allowed,
    Denied,
    Silent,
}

/// The word of a trust policy or bucket policy, which also says whom it means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ResourceVerdict {
    Allowed(Grip),
    Denied,
    Silent,
}

/// Several policies together: their union.
pub(crate) fn verdict<'a>(policies: impl IntoIterator<Item = &'a Policy>, ask: Ask<'_>) -> Verdict {
    let mut verdict = Verdict::Silent;
    for statement in policies.into_iter().flat_map(Policy::statements) {
        match (statement.allows, applies(statement, ask)) {
            (false, true) => return Verdict::Denied,
            (true, true) => verdict = Verdict::Allowed,
            (_, false) => {}
        }
    }
    verdict
}

pub(crate) fn resource_verdict(policy: &Policy, ask: Ask<'_>, caller: Identities<'_>) -> ResourceVerdict {
    let mut best: Option<Grip> = None;
    for statement in policy.statements() {
        let Some(grip) = statement.principals.as_ref().and_then(|principals| principals.grip(caller)) else { continue };
        match (statement.allows, applies(statement, ask)) {
            (false, true) => return ResourceVerdict::Denied,
            (true, true) => best = best.max(Some(grip)),
            (_, false) => {}
        }
    }
    best.map_or(ResourceVerdict::Silent, ResourceVerdict::Allowed)
}

/// Fails closed: in doubt a deny applies and an allow does not.
fn applies(statement: &Statement, ask: Ask<'_>) -> bool {
    match statement.applies(ask.action, ask.resource, ask.context) {
        Truth::Yes => true,
        Truth::No => false,
        Truth::Unknown => !statement.allows,
    }
}

#[cfg(test)]
mod tests {
    use super::super::PolicyKind;
    use super::*;

    fn says(text: &str, action: &str, resource: &str) -> Verdict {
        let policy = Policy::parse(text, PolicyKind::Identity, "aws").unwrap();
        let context = Context::default().with("aws:username", "ada");
        verdict([&policy], Ask { action, resource, context: &context })
    }

    const OBJECT: &str = "arn:aws:s3:::b/x";

    #[test]
    fn deny_beats_allow_beats_silence() {
        let text = r#"{"Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::b/*"},
                                    {"Effect":"Deny","Action":"s3:PutObject","Resource":"*"}]}"#;
        assert_eq!(says(text, "s3:GetObject", OBJECT), Verdict::Allowed);
        assert_eq!(says(text, "S3:getobject", OBJECT), Verdict::Allowed);
        assert_eq!(says(text, "s3:PutObject", OBJECT), Verdict::Denied);
        assert_eq!(says(text, "s3:GetObject", "arn:aws:s3:::c/x"), Verdict::Silent);
        assert_eq!(says(text, "iam:ListUsers", OBJECT), Verdict::Silent);
    }

    #[test]
    fn everything_but() {
        let text = r#"{"Statement":{"Effect":"Allow","NotAction":"iam:*","NotResource":"arn:aws:s3:::secret/*"}}"#;
        assert_eq!(says(text, "s3:GetObject", OBJECT), Verdict::Allowed);
        assert_eq!(says(text, "iam:ListUsers", OBJECT), Verdict::Silent);
        assert_eq!(says(text, "s3:GetObject", "arn:aws:s3:::secret/x"), Verdict::Silent);
    }

    #[test]
    fn variables_need_the_newer_version() {
        let statement = r#""Statement":{"Effect":"Allow","Action":"*","Resource":"arn:aws:s3:::b/${aws:username}"}"#;
        let new = format!(r#"{{"Version":"2012-10-17",{statement}}}"#);
        assert_eq!(says(&new, "s3:GetObject", "arn:aws:s3:::b/ada"), Verdict::Allowed);
        assert_eq!(says(&format!("{{{statement}}}"), "s3:GetObject", "arn:aws:s3:::b/ada"), Verdict::Silent);
    }

    #[test]
    fn doubt_neither_allows_nor_lifts_a_deny() {
        let doubtful = r#""Action":"*","Resource":"*","Condition":{"StringNotEquals":{"aws:PrincipalOrgID":"o-1"}}"#;
        let allow = format!(r#"{{"Statement":{{"Effect":"Allow",{doubtful}}}}}"#);
        assert_eq!(says(&allow, "s3:GetObject", OBJECT), Verdict::Silent);
        let deny = format!(r#"{{"Statement":{{"Effect":"Deny",{doubtful}}}}}"#);
        assert_eq!(says(&deny, "s3:GetObject", OBJECT), Verdict::Denied);
    }

    #[test]
    fn several_policies_are_a_union() {
        let parse = |text: &str| Policy::parse(text, PolicyKind::Session, "aws").unwrap();
        let get = parse(r#"{"Statement":{"Effect":"Allow","Action":"s3:GetObject","Resource":"*"}}"#);
        let put = parse(r#"{"Statement":{"Effect":"Allow","Action":"s3:PutObject","Resource":"*"}}"#);
        let context = Context::default();
        for action in ["s3:GetObject", "s3:PutObject"] {
            let ask = Ask { action, resource: OBJECT, context: &context };
            assert_eq!(verdict([&get, &put], ask), Verdict::Allowed);
        }
    }
}
