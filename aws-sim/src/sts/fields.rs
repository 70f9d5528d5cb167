//! Checks the shape of parameters, and tells all that is wrong at once, in AWS's words.

use crate::refusal::Refusal;

/// Collects what is wrong with a call's parameters.
#[derive(Debug, Default)]
pub(crate) struct Check(Vec<String>);

/// The shape of a text.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    pub(crate) min: usize,
    pub(crate) max: usize,
    /// As AWS writes it in its message.
    pub(crate) pattern: &'static str,
    pub(crate) allows: fn(char) -> bool,
}

impl Check {
    /// A text that must be there. Gives it back, whatever it is, for a check that is finished later.
    pub(crate) fn required(&mut self, field: &str, value: Option<String>, shape: Shape) -> String {
        if value.is_none() {
            self.complain("null", field, "Member must not be null");
        }
        self.optional(field, value, shape).unwrap_or_default()
    }

    pub(crate) fn optional(&mut self, field: &str, value: Option<String>, shape: Shape) -> Option<String> {
        let value = value?;
        let length = value.chars().count();
        if length < shape.min {
            let rule = format!("Member must have length greater than or equal to {}", shape.min);
            self.complain(&format!("'{value}'"), field, &rule);
        }
        if length > shape.max {
            let rule = format!("Member must have length less than or equal to {}", shape.max);
            self.complain(&format!("'{value}'"), field, &rule);
        }
        if !value.chars().all(shape.allows) {
            let rule = format!("Member must satisfy regular expression pattern: {}", shape.pattern);
            self.complain(&format!("'{value}'"), field, &rule);
        }
        Some(value)
    }

    /// `DurationSeconds`, or its default.
    pub(crate) fn duration(&mut self, value: Option<String>, max: u32, default: u32) -> u32 {
        let Some(value) = value else { return default };
        let rule = match value.parse::<u32>() {
            Ok(0..MIN_SECONDS) => format!("Member must have value greater than or equal to {MIN_SECONDS}"),
            Ok(seconds) if seconds > max => format!("Member must have value less than or equal to {max}"),
            Ok(seconds) => return seconds,
            Err(_) => "Member must be an integer".to_owned(),
        };
        self.complain(&format!("'{value}'"), "durationSeconds", &rule);
        default
    }

    /// `MinimumSessionTokenSize`, in bytes.
    pub(crate) fn token_size(&mut self, value: Option<String>) -> usize {
        let Some(value) = value else { return 0 };
        match value.parse() {
            Ok(size) if size <= MAX_TOKEN_SIZE => return size,
            Ok(_) | Err(_) => {}
        }
        let rule = format!("Member must have value between 0 and {MAX_TOKEN_SIZE}");
        self.complain(&format!("'{value}'"), "minimumSessionTokenSize", &rule);
        0
    }

    /// A list that is not too long.
    pub(crate) fn at_most(&mut self, field: &str, length: usize, max: usize) {
        if length > max {
            let rule = format!("Member must have length less than or equal to {max}");
            self.complain(&format!("'[{length} members]'"), field, &rule);
        }
    }

    pub(crate) fn finish(self) -> Result<(), Refusal> {
        match self.0.len() {
            0 => Ok(()),
            1 => Err(Refusal::validation(format!("1 validation error detected: {}", self.0.concat()))),
            n => Err(Refusal::validation(format!("{n} validation errors detected: {}", self.0.join("; ")))),
        }
    }

    fn complain(&mut self, value: &str, field: &str, rule: &str) {
        self.0.push(format!("Value {value} at '{field}' failed to satisfy constraint: {rule}"));
    }
}

fn is_name(char: char) -> bool {
    char.is_ascii_alphanumeric() || "_+=,.@-".contains(char)
}

fn is_external_id(char: char) -> bool {
    is_name(char) || matches!(char, ':' | '/')
}

fn is_policy(char: char) -> bool {
    matches!(char, '\t' | '\n' | '\r' | '\u{20}'..='\u{FF}')
}

fn is_arn(char: char) -> bool {
    matches!(char, '\t' | '\n' | '\r' | '\u{20}'..='\u{7E}' | '\u{85}' | '\u{A0}'..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..)
}

/// `[\p{L}\p{Z}\p{N}_.:/=+\-@]`
fn is_tag(char: char) -> bool {
    let separator = matches!(
        char,
        ' ' | '\u{A0}' | '\u{1680}' | '\u{2000}'
            ..='\u{200A}' | '\u{2028}' | '\u{2029}' | '\u{202F}' | '\u{205F}' | '\u{3000}'
    );
    char.is_alphabetic() || char.is_numeric() || separator || "_.:/=+-@".contains(char)
}

const NAME: &str = r"[\w+=,.@-]*";
const TAG: &str = r"[\p{L}\p{Z}\p{N}_.:/=+\-@]+";

pub(crate) const SESSION_NAME: Shape = Shape { min: 2, max: 64, pattern: NAME, allows: is_name };
pub(crate) const SOURCE_IDENTITY: Shape = SESSION_NAME;
pub(crate) const FEDERATED_NAME: Shape = Shape { min: 2, max: 32, pattern: NAME, allows: is_name };
pub(crate) const EXTERNAL_ID: Shape = Shape { min: 2, max: 1_224, pattern: r"[\w+=,.@:\/-]*", allows: is_external_id };
pub(crate) const SERIAL_NUMBER: Shape = Shape { min: 9, max: 256, pattern: r"[\w+=/:,.@-]*", allows: is_external_id };
pub(crate) const TOKEN_CODE: Shape = Shape { min: 6, max: 6, pattern: r"[\d]*", allows: |char| char.is_ascii_digit() };
pub(crate) const POLICY: Shape =
    Shape { min: 1, max: 2_048, pattern: r"[\u0009\u000A\u000D\u0020-\u00FF]+", allows: is_policy };
pub(crate) const ARN: Shape = Shape {
    min: 20,
    max: 2_048,
    pattern: r"[\u0009\u000A\u000D\u0020-\u007E\u0085\u00A0-\uD7FF\uE000-\uFFFD\u10000-\u10FFFF]+",
    allows: is_arn,
};
pub(crate) const TAG_KEY: Shape = Shape { min: 1, max: 128, pattern: TAG, allows: is_tag };
pub(crate) const TAG_VALUE: Shape = Shape { min: 0, max: 256, pattern: r"[\p{L}\p{Z}\p{N}_.:/=+\-@]*", allows: is_tag };
const MIN_SECONDS: u32 = 900;
pub(crate) const MAX_TOKEN_SIZE: usize = 4_096;

#[cfg(test)]
mod tests {
    use super::*;

    fn complaint(shape: Shape, value: &str) -> Option<String> {
        let mut check = Check::default();
        check.required("field", Some(value.to_owned()), shape);
        check.finish().err().map(|refusal| refusal.message)
    }

    #[test]
    fn lengths_are_exact_on_both_sides() {
        for shape in [SESSION_NAME, FEDERATED_NAME, EXTERNAL_ID, SERIAL_NUMBER, POLICY, ARN, TAG_KEY, TAG_VALUE] {
            assert_eq!(complaint(shape, &"1".repeat(shape.min)), None);
            assert_eq!(complaint(shape, &"1".repeat(shape.max)), None);
            assert!(complaint(shape, &"1".repeat(shape.max + 1)).unwrap().contains("less than or equal"));
            if shape.min > 0 {
                assert!(complaint(shape, &"1".repeat(shape.min - 1)).unwrap().contains("greater than or equal"));
            }
        }
    }

    #[test]
    fn characters_are_checked() {
        assert_eq!(complaint(SESSION_NAME, "Az09_+=,.@-"), None);
        for name in ["a b", "a/b", "a:b", "aé", "a\\b", "a*b"] {
            assert!(complaint(SESSION_NAME, name).unwrap().contains("regular expression"), "{name}");
        }
        assert_eq!(complaint(EXTERNAL_ID, "a:b/c"), None);
        assert!(complaint(EXTERNAL_ID, "a b").is_some());
        assert_eq!(complaint(POLICY, "\t\n\r ÿ"), None);
        assert!(complaint(POLICY, "漢").is_some() && complaint(POLICY, "\u{1}").is_some());
        assert_eq!(complaint(TAG_VALUE, "Zoë 漢字 1_.:/=+-@"), None);
        for value in ["a*b", "a,b", "a\tb", "a;b", "a'b"] {
            assert!(complaint(TAG_VALUE, value).is_some(), "{value}");
        }
    }

    #[test]
    fn all_faults_are_told_at_once() {
        let mut check = Check::default();
        check.required("roleArn", None, ARN);
        assert_eq!(check.duration(Some("899".into()), 43_200, 3_600), 3_600);
        assert_eq!(check.duration(Some("43201".into()), 43_200, 3_600), 3_600);
        assert_eq!(check.duration(Some("900".into()), 43_200, 3_600), 900);
        assert_eq!(check.duration(Some("soon".into()), 43_200, 3_600), 3_600);
        let message = check.finish().unwrap_err().message;
        assert!(message.starts_with("4 validation errors detected: Value null at 'roleArn'"), "{message}");
    }
}
