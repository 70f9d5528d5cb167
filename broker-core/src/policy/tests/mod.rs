//! Policies from the outside: what is taken, and what is refused and where.

mod json;
mod narrowing;

use super::*;

fn parse(text: &str) -> Result<SessionPolicy, PolicyError> {
    SessionPolicy::parse(text)
}

fn refusal(text: &str) -> (u32, u32, PolicyErrorKind) {
    let error = parse(text).expect_err(text);
    (error.line, error.column, error.kind)
}

fn kind(text: &str) -> PolicyErrorKind {
    refusal(text).2
}

/// A policy around the inside of one statement.
fn around(statement: &str) -> String {
    format!(r#"{{"Statement":{{{statement}}}}}"#)
}

const ALLOW: &str = r#"{"Effect":"Allow","Action":"s3:*","Resource":"*"}"#;
const DENY: &str = r#"{"Effect":"Deny","Action":"s3:Put*","Resource":"*"}"#;

const FULL: &str = r#"{
    "Version": "2012-10-17",
    "Id": "an id",
    "Statement": [
        {
            "Sid": "ReadOwn1",
            "Effect": "Allow",
            "Action": ["s3:Get*", "s3:List*"],
            "Resource": ["arn:aws:s3:::corp/${aws:username}/*", "arn:aws:s3:::corp"],
            "Condition": {
                "StringLike": { "s3:prefix": ["home/é/*", ""] },
                "ForAllValues:StringEqualsIfExists": { "aws:TagKeys": "team" },
                "NumericLessThan": { "aws:MultiFactorAuthAge": 3600 },
                "Bool": { "aws:SecureTransport": true },
                "DateLessThan": {}
            }
        },
        { "Effect": "Deny", "NotAction": "s3:*", "NotResource": "*", "Condition": {} }
    ]
}"#;

#[test]
fn the_whole_grammar_is_taken_and_kept_compact() {
    let policy = parse(FULL).unwrap();
    assert!(
        policy.as_str().starts_with(r#"{"Version":"2012-10-17","Id":"an id","Statement":[{"Sid":"ReadOwn1","Effect""#)
    );
    let value = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
    assert_eq!(value(policy.as_str()), value(FULL), "nothing but whitespace is gone");
    assert_eq!(parse(policy.as_str()).unwrap(), policy, "what is compact stays as it is");
    assert_eq!(policy.to_string(), policy.as_str());
}

#[test]
fn one_statement_needs_no_list_and_the_version_may_be_left_out() {
    assert!(parse(&format!(r#"{{"Statement":{ALLOW}}}"#)).is_ok());
    assert!(parse(&format!(r#"{{"Version":"2008-10-17","Statement":[{ALLOW},{DENY}]}}"#)).is_ok());
}

#[test]
fn the_limit_is_exact_and_whitespace_does_not_count() {
    let sized = |length: usize| {
        let empty = format!(r#"{{"Id":"","Statement":{ALLOW}}}"#);
        let id = "é".repeat(length - empty.len());
        format!("\n  {}  {}", " ".repeat(5_000), empty.replacen("\"\"", &format!("\"{id}\""), 1))
    };
    assert_eq!(parse(&sized(2_048)).unwrap().as_str().chars().count(), 2_048);
    let column = 2 + 5_000 + 2 + 2_049;
    assert_eq!(refusal(&sized(2_049)), (2, column, PolicyErrorKind::TooLong(2_049)));
}

#[test]
fn text_beyond_any_policy_is_not_even_read() {
    let padded = |length: usize| {
        let policy = format!(r#"{{"Statement":{ALLOW}}}"#);
        format!("{policy}{}", " ".repeat(length - policy.len()))
    };
    assert!(parse(&padded(MAX_TEXT)).is_ok());
    assert_eq!(kind(&padded(MAX_TEXT + 1)), PolicyErrorKind::TextTooLarge(MAX_TEXT + 1));
}

#[test]
fn a_mistake_is_found_where_it_stands() {
    let at_line_3 = |line: &str| {
        let (line, column, kind) = refusal(&format!("{{\r\n  \"Statement\": {{\r\n{line}\r\n}} }}"));
        (line, column, kind.to_string())
    };
    let cases = [
        (r#"  "effect": "Allow""#, 3, "`effect` is not an element that can stand here"),
        (r#"é "Effect": "Allow""#, 1, "U+00E9 may stand inside strings only"),
        (r#"  "Effect": "allow""#, 13, "`allow` is not an effect"),
        (r#"  "Sid": "é", "Sid": "b""#, 10, "`é` is not a statement's id"),
        (r#"  "Sid": "a", "Sid": "b""#, 15, "`Sid` stands twice"),
        (r#"  "Sid": "read-only""#, 10, "`read-only` is not a statement's id"),
        (r#"  "Principal": "*""#, 3, "`Principal` cannot stand in a session policy"),
        (r#"  "NotPrincipal": {}"#, 3, "`NotPrincipal` cannot stand"),
        (r#"  "Action": "ListBucket""#, 13, "`ListBucket` is not an action"),
        (r#"  "Action": ["s3:*", "s3"]"#, 22, "`s3` is not an action"),
        (r#"  "Action": ["s3:*", 7]"#, 22, "`Action` must be a string"),
        (r#"  "NotAction": []"#, 16, "`NotAction` is an empty list"),
        (r#"  "Action": "*", "NotAction": "*""#, 18, "`Action` and `NotAction` stand in one statement"),
        (r#"  "Resource": "bucket""#, 15, "`bucket` is not a resource"),
        (r#"  "Resource": {}"#, 15, "`Resource` must be a string, or a list of strings"),
        (r#"  "Resource": "*", "NotResource": "*""#, 20, "`Resource` and `NotResource` stand in one"),
        (r#"  "Condition": []"#, 16, "`Condition` must be an object"),
        (r#"  "Condition": {"Like": {}}"#, 17, "`Like` is not a condition operator"),
        (r#"  "Condition": {"Bool": "x"}"#, 25, "`Bool` must be an object"),
        (r#"  "Condition": {"Bool": {"x": "x"}}"#, 26, "`x` is not a condition key"),
        (r#"  "Condition": {"Bool": {"a:b": null}}"#, 33, "`a:b` must be a string, a number"),
        (r#"  "Condition": {"Bool": {"a:b": []}}"#, 33, "`a:b` is an empty list"),
        (r#"  "Condition": {"Bool": {"a:b": [[]]}}"#, 34, "`a:b` must be a string, a number"),
        (r#"  "Condition": {"Bool": {"a:b": "", "A:B": ""}}"#, 37, "`A:B` stands twice"),
        (r#"  "Condition": {"Bool": {}, "Bool": {}}"#, 29, "`Bool` stands twice"),
    ];
    for (line, column, start) in cases {
        let (found_line, found_column, text) = at_line_3(line);
        assert!(text.starts_with(start), "{line}: {text}");
        assert_eq!((found_line, found_column), (3, column), "{line}: {text}");
    }
}

#[test]
fn all_mistakes_are_told_up_to_a_number_that_somebody_reads() {
    let told = |text: &str| {
        let errors = SessionPolicy::parse_telling_all(text).unwrap_err();
        errors.into_iter().map(|error| (error.line, error.column, error.kind.to_string())).collect::<Vec<_>>()
    };
    let found = told("{\"Version\": \"2\",\n\"Statement\": [7, {\"Effect\": \"x\", \"Action\": [\"a\", \"b\"]}]}");
    let places: Vec<_> = found.iter().map(|(line, column, _)| (*line, *column)).collect();
    assert_eq!(places, [(1, 13), (2, 15), (2, 29), (2, 45), (2, 50), (2, 18)], "{found:?}");
    assert!(found[5].2.contains("`Resource` or `NotResource` is missing"), "{found:?}");

    let many = vec!["\"x\""; 1_000].join(",");
    let found =
        told(&format!("{{\"Statement\": {{\"Effect\": \"Deny\", \"Action\": [{many}], \"Resource\": \"*\"}}}}"));
    assert_eq!(found.len(), 20);
    let found = told(&format!(
        "{{\"Id\": \"\u{100}\", \"Statement\": {{\"Effect\": \"Deny\", \"Action\": [{many}], \"Resource\": \"*\"}}}}"
    ));
    assert!(found.len() == 20 && found[0].2.contains("U+0100"), "{found:?}");
}

#[test]
fn what_is_missing_is_named_at_its_object() {
    assert_eq!(refusal(" {}"), (1, 2, PolicyErrorKind::Missing("`Statement`")));
    for (statement, what) in [
        ("", "a statement's `Effect`"),
        (r#""Effect":"Allow","Resource":"*""#, "a statement's `Action` or `NotAction`"),
        (r#""Effect":"Allow","Action":"*""#, "a statement's `Resource` or `NotResource`"),
    ] {
        assert_eq!(refusal(&around(statement)), (1, 14, PolicyErrorKind::Missing(what)));
    }
}

#[test]
fn the_top_of_a_policy_is_checked() {
    for (text, start) in [
        ("[]", "`the policy` must be an object"),
        ("\"{}\"", "`the policy` must be an object"),
        (r#"{"Statement":[]}"#, "`Statement` is an empty list"),
        (r#"{"Statement":"x"}"#, "`Statement` must be an object, or a list"),
        (r#"{"Statement":[[]]}"#, "`Statement` must be an object"),
        (r#"{"Version":"2012-10-18"}"#, "`2012-10-18` is not a version"),
        (r#"{"Version":2012}"#, "`Version` must be a string"),
        (r#"{"Id":null}"#, "`Id` must be a string"),
        (r#"{"Conditions":{}}"#, "`Conditions` is not an element"),
        (r#"{"Version":"2012-10-17","Ver\u0073ion":"2012-10-17"}"#, "`Version` stands twice"),
    ] {
        let text = kind(text).to_string();
        assert!(text.starts_with(start), "{text}");
    }
}

#[test]
fn statement_ids_are_unique_and_empty_ones_are_none() {
    let with = |first: &str, second: &str| {
        let deny = |sid| format!(r#"{{"Sid":"{sid}",{}"#, DENY.trim_start_matches('{'));
        parse(&format!(r#"{{"Statement":[{},{}]}}"#, deny(first), deny(second)))
    };
    assert!(with("a", "b").is_ok() && with("a", "A").is_ok() && with("", "").is_ok());
    assert_eq!(with("a", "a").unwrap_err().kind, PolicyErrorKind::DuplicateSid("a".to_owned()));
}

#[test]
fn it_travels_as_a_string_and_is_checked_on_arrival() {
    let policy = parse(FULL).unwrap();
    let json = serde_json::to_string(&policy).unwrap();
    assert_eq!(json, serde_json::to_string(policy.as_str()).unwrap());
    assert_eq!(serde_json::from_str::<SessionPolicy>(&json).unwrap(), policy);
    let refusal = serde_json::from_str::<SessionPolicy>(r#""{}""#).unwrap_err().to_string();
    assert!(refusal.starts_with("`Statement` is missing"), "{refusal}");
}
