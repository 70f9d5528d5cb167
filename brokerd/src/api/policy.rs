//! Session policies in bodies: an object, to the letter so that an error can name its line; or a string that holds one.

use broker_core::policy::SessionPolicy;
use serde_json::value::RawValue;

use crate::problem::Problem;

pub(crate) fn parse_policy(raw: &RawValue) -> Result<Option<SessionPolicy>, Problem> {
    let text = raw.get();
    match text.as_bytes().first() {
        Some(b'{') => Ok(Some(SessionPolicy::parse(text)?)),
        Some(b'"') => {
            let inner: String =
                serde_json::from_str(text).map_err(|error| Problem::field("policy", error.to_string()))?;
            Ok(Some(SessionPolicy::parse(&inner)?))
        }
        Some(b'n') => Ok(None),
        Some(_) | None => Err(Problem::field("policy", "a policy is a JSON object, or a string that holds one")),
    }
}

/// The text that [`parse_policy`] reads.
pub(crate) fn written(raw: &RawValue) -> Option<String> {
    let text = raw.get();
    if text.starts_with('"') { serde_json::from_str(text).ok() } else { Some(text.to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_is_an_object_or_a_string_of_one() {
        let policy = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"s3:*","Resource":"*"}]}"#;
        let raw = |text: &str| RawValue::from_string(text.to_owned()).unwrap();
        let of_object = parse_policy(&raw(policy)).unwrap();
        let of_string = parse_policy(&raw(&serde_json::to_string(policy).unwrap())).unwrap();
        assert!(of_object.is_some());
        assert_eq!(of_object, of_string);
        assert_eq!(parse_policy(&raw("null")).unwrap(), None);
        for bad in ["7", "[]", "true", r#""{""#, "{}"] {
            assert!(parse_policy(&raw(bad)).is_err(), "{bad}");
        }
    }
}
