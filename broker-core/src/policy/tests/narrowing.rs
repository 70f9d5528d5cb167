//! What a request may add to a connector's policy: nothing but denials.

use super::*;

fn narrowed(own: &str, asked: &str) -> Result<SessionPolicy, PolicyErrorKind> {
    parse(own).unwrap().narrowed_by(&parse(asked).unwrap()).map_err(|error| error.kind)
}

#[test]
fn a_request_appends_its_denials() {
    let own = format!(r#"{{"Statement":{ALLOW},"Id":"own é","Version":"2012-10-17"}}"#);
    let asked = format!(r#"{{"Version":"2012-10-17","Id":"asked","Statement":[{DENY}]}}"#);
    let both = format!(r#"{{"Version":"2012-10-17","Id":"own é","Statement":[{ALLOW},{DENY}]}}"#);
    assert_eq!(narrowed(&own, &asked).unwrap().as_str(), both);
    assert_eq!(narrowed(&both, &asked).unwrap().as_str(), both.replace("]}", &format!(",{DENY}]}}")));
    let bare = format!(r#"{{"Statement":{ALLOW}}}"#);
    assert_eq!(narrowed(&bare, &asked).unwrap().as_str(), format!(r#"{{"Statement":[{ALLOW},{DENY}]}}"#));
}

#[test]
fn a_request_cannot_allow_anything() {
    let own = format!(r#"{{"Statement":{ALLOW}}}"#);
    let asked = parse(&format!(r#"{{"Statement":[{DENY},{}]}}"#, ALLOW.replace("All", "\\u0041ll"))).unwrap();
    let error = parse(&own).unwrap().narrowed_by(&asked).unwrap_err();
    assert_eq!(error.kind, PolicyErrorKind::AllowInRequest);
    let column = u32::try_from(r#"{"Statement":[,"#.len() + DENY.len() + 1).unwrap();
    assert_eq!((error.line, error.column), (1, column), "the place is in the request's policy");
    assert!(!asked.is_deny_only());
    assert!(parse(&format!(r#"{{"Statement":{DENY}}}"#)).unwrap().is_deny_only());
}

#[test]
fn a_denial_must_mean_here_what_it_meant_there() {
    let policy = |version: &str, statement: &str| format!(r#"{{{version}"Statement":{statement}}}"#);
    let (old, new, none) = (r#""Version":"2008-10-17","#, r#""Version":"2012-10-17","#, "");
    let variable = DENY.replace("\"*\"", r#""arn:aws:s3:::a/\u0024{aws:username}""#);
    let condition = DENY.replace("\"*\"", r#""*","Condition":{"StringLike":{"s3:prefix":["${aws:username}"]}}"#);
    let key = DENY.replace("\"*\"", r#""*","Condition":{"Bool":{"aws:RequestTag/${aws:username}":"x"}}"#);
    for deny in [&variable, &condition, &key] {
        for (own, asked) in [(old, new), (none, new), (new, old), (new, none)] {
            let refused = narrowed(&policy(own, ALLOW), &policy(asked, deny)).unwrap_err();
            assert_eq!(refused, PolicyErrorKind::VersionsDiffer);
        }
        for (own, asked) in [(new, new), (old, none), (none, old)] {
            assert!(narrowed(&policy(own, ALLOW), &policy(asked, deny)).is_ok());
        }
    }
    assert!(narrowed(&policy(old, ALLOW), &policy(new, DENY)).is_ok(), "without variables versions mean the same");
}

#[test]
fn a_request_cannot_reuse_a_statement_id() {
    let own = format!(r#"{{"Statement":{}}}"#, ALLOW.replacen('{', r#"{"Sid":"a","#, 1));
    let asked = |sid: &str| format!(r#"{{"Statement":{}}}"#, DENY.replacen('{', &format!(r#"{{"Sid":"{sid}","#), 1));
    let error = parse(&own).unwrap().narrowed_by(&parse(&asked("a")).unwrap()).unwrap_err();
    assert_eq!(error.kind, PolicyErrorKind::DuplicateSid("a".to_owned()));
    assert_eq!((error.line, error.column), (1, 14), "the place is in the request's policy");
    assert!(narrowed(&own, &asked("b")).is_ok());
}

#[test]
fn both_together_must_fit() {
    let own = |length: usize| {
        let empty = format!(r#"{{"Id":"","Statement":[{ALLOW}]}}"#);
        empty.replacen("\"\"", &format!("\"{}\"", "x".repeat(length - empty.len())), 1)
    };
    let asked = format!(r#"{{"Statement":{DENY}}}"#);
    let room = 2_048 - DENY.len() - 1;
    assert_eq!(narrowed(&own(room), &asked).unwrap().as_str().len(), 2_048);
    assert_eq!(narrowed(&own(room + 1), &asked).unwrap_err(), PolicyErrorKind::TooLong(2_049));
}
