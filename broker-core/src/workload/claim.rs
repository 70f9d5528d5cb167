//! Claims of a token as text, by their names; and a job's name made of them.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::NotProved;
use crate::character::is_hidden;

/// What a token claims: an object.
#[derive(Debug)]
pub(super) struct Claims(Map<String, Value>);

/// Which claim: its name, or a JSON pointer (RFC 6901) to one that stands in others, as `/kubernetes.io/namespace`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct ClaimPath(String);

/// A job's name: text with `{CLAIM}` in it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct NameTemplate(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Literal(String),
    Claim(ClaimPath),
}

/// What names no claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClaimError {
    #[error("write a claim's name, or a pointer such as /kubernetes.io/namespace: 1 to 128 characters")]
    Path,
    #[error(
        "write text with {{CLAIM}} in it, such as \"{{repository}}\": a brace has its other half, and there is a claim"
    )]
    Template,
}

impl Claims {
    pub(super) fn new(value: Value) -> Result<Self, NotProved> {
        match value {
            Value::Object(claims) => Ok(Self(claims)),
            _ => Err(NotProved::Unreadable("its claims are no object")),
        }
    }

    /// Whether a claim is this very text.
    pub(super) fn says(&self, claim: &str, text: &str) -> bool {
        self.0.get(claim).and_then(Value::as_str) == Some(text)
    }

    /// Whether it is for this audience and for no other: whoever else it is for could show it to us.
    pub(super) fn is_for(&self, audience: &str) -> bool {
        match self.0.get("aud") {
            Some(Value::String(only)) => only == audience,
            Some(Value::Array(all)) => matches!(&all[..], [Value::String(only)] if only == audience),
            _ => false,
        }
    }

    pub(super) fn subject(&self) -> Result<String, NotProved> {
        self.text(&ClaimPath("sub".to_owned()))
    }

    /// A text, a whole number or a yes-or-no, as text. What is missing, empty, long, of another kind, or has characters that nobody sees is
    /// refused, never cut.
    pub(super) fn text(&self, path: &ClaimPath) -> Result<String, NotProved> {
        let value = match path.0.strip_prefix('/') {
            None => self.0.get(&path.0),
            Some(rest) => {
                let mut names = rest.split('/').map(|name| name.replace("~1", "/").replace("~0", "~"));
                let first = names.next().and_then(|name| self.0.get(&name));
                names.fold(first, |value, name| value?.get(&name))
            }
        };
        let text = match value {
            Some(Value::String(text)) => text.clone(),
            Some(Value::Number(number)) if number.is_i64() || number.is_u64() => number.to_string(),
            Some(Value::Bool(yes)) => yes.to_string(),
            _ => return Err(NotProved::Claim(path.0.clone())),
        };
        let fits = (1..=MAX_TEXT).contains(&text.chars().count()) && !text.chars().any(is_hidden);
        fits.then_some(text).ok_or_else(|| NotProved::Claim(path.0.clone()))
    }

    /// Until when it is good. Clocks may differ by a minute.
    pub(super) fn must_be_current(&self, now: Timestamp) -> Result<Timestamp, NotProved> {
        let now = now.as_second();
        let seconds = |claim: &str| match self.0.get(claim) {
            None => Ok(None),
            // Fractions of a second are legal (RFC 7519, 2), and nothing hangs on them.
            Some(Value::Number(number)) => {
                number.as_f64().filter(|it| it.abs() < MAX_SECONDS).map(whole).map(Some).ok_or(())
            }
            Some(_) => Err(()),
        };
        let times = (seconds("exp"), seconds("nbf"), seconds("iat"));
        let (Ok(expires), Ok(not_before), Ok(issued)) = times else {
            return Err(NotProved::Time("one of its times is no number of seconds"));
        };
        let expires = expires.ok_or(NotProved::Time("it does not say when it expires"))?;
        if expires.saturating_add(SKEW_SECONDS) <= now {
            return Err(NotProved::Time("it has expired"));
        }
        if [not_before, issued].into_iter().flatten().any(|time| time.saturating_sub(SKEW_SECONDS) > now) {
            return Err(NotProved::Time("it is from the future"));
        }
        Timestamp::from_second(expires.saturating_add(SKEW_SECONDS))
            .map_err(|_| NotProved::Time("one of its times is no number of seconds"))
    }
}

#[expect(clippy::cast_possible_truncation, reason = "of a number that has been looked at")]
fn whole(seconds: f64) -> i64 {
    seconds.trunc() as i64
}

impl ClaimPath {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for ClaimPath {
    type Error = ClaimError;

    fn try_from(text: String) -> Result<Self, ClaimError> {
        let fits = (1..=128).contains(&text.len()) && text != "/" && !text.chars().any(is_hidden);
        if fits { Ok(Self(text)) } else { Err(ClaimError::Path) }
    }
}

impl NameTemplate {
    pub(super) fn claims(&self) -> impl Iterator<Item = &ClaimPath> {
        self.0.iter().filter_map(|part| match part {
            Part::Literal(_) => None,
            Part::Claim(path) => Some(path),
        })
    }

    pub(super) fn render(&self, claims: &Claims) -> Result<String, NotProved> {
        let parts = self.0.iter().map(|part| match part {
            Part::Literal(text) => Ok(text.clone()),
            Part::Claim(path) => claims.text(path),
        });
        let name: String = parts.collect::<Result<_, _>>()?;
        if name.chars().count() <= MAX_TEXT { Ok(name) } else { Err(NotProved::Name) }
    }
}

impl Default for NameTemplate {
    fn default() -> Self {
        Self(vec![Part::Claim(ClaimPath("sub".to_owned()))])
    }
}

impl TryFrom<String> for NameTemplate {
    type Error = ClaimError;

    fn try_from(text: String) -> Result<Self, ClaimError> {
        if text.len() > 512 || text.chars().any(is_hidden) {
            return Err(ClaimError::Template);
        }
        let mut parts = Vec::new();
        let mut rest = text.as_str();
        while let Some((literal, from)) = rest.split_once('{') {
            let (claim, after) = from.split_once('}').ok_or(ClaimError::Template)?;
            parts.push(Part::Literal(literal.to_owned()));
            parts.push(Part::Claim(claim.to_owned().try_into()?));
            rest = after;
        }
        parts.push(Part::Literal(rest.to_owned()));
        parts.retain(|part| !matches!(part, Part::Literal(text) if text.is_empty()));
        let braces = |part: &Part| match part {
            Part::Literal(text) => text.contains(['{', '}']),
            Part::Claim(path) => path.0.contains('{'),
        };
        let names = parts.iter().any(|part| matches!(part, Part::Claim(_)));
        if names && !parts.iter().any(braces) { Ok(Self(parts)) } else { Err(ClaimError::Template) }
    }
}

const SKEW_SECONDS: i64 = 60;
const MAX_TEXT: usize = 512;
/// The year 9999, about.
const MAX_SECONDS: f64 = 253_000_000_000.0;

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;
    use serde_json::json;

    use super::*;

    fn claims(value: Value) -> Claims {
        Claims::new(value).unwrap()
    }

    fn path(text: &str) -> ClaimPath {
        text.to_owned().try_into().unwrap()
    }

    #[test]
    fn a_claim_is_text_or_it_is_refused() {
        let claims = claims(json!({
            "repository": "corp/app", "id": 7, "protected": true, "list": ["a"], "none": null, "empty": "", "half": 1.5,
            "hidden": "a\u{202e}b", "zero": "a\u{0}b", "long": "x".repeat(513),
            "kubernetes.io": { "namespace": "prod", "a/b": { "c~d": "deep" } },
        }));
        let text = |name: &str| claims.text(&path(name)).ok();
        assert_eq!(text("repository").as_deref(), Some("corp/app"));
        assert_eq!((text("id").as_deref(), text("protected").as_deref()), (Some("7"), Some("true")));
        assert_eq!(text("/kubernetes.io/namespace").as_deref(), Some("prod"));
        assert_eq!(text("/kubernetes.io/a~1b/c~0d").as_deref(), Some("deep"));
        for bad in [
            "list",
            "none",
            "empty",
            "half",
            "hidden",
            "zero",
            "long",
            "missing",
            "kubernetes.io",
            "/kubernetes.io",
            "/x/y",
        ] {
            assert_eq!(text(bad), None, "{bad}");
        }
    }

    #[test]
    fn it_is_for_us_alone_or_not_for_us() {
        let is_for = |aud: Value| claims(json!({ "aud": aud })).is_for("us");
        assert!(is_for(json!("us")) && is_for(json!(["us"])));
        for bad in
            [json!("them"), json!(["us", "them"]), json!([]), json!(""), json!(null), json!({ "us": 1 }), json!("us/")]
        {
            assert!(!is_for(bad.clone()), "{bad}");
        }
        assert!(!claims(json!({})).is_for("us"));
    }

    #[test]
    fn times_count_with_a_minutes_difference() {
        let now = Timestamp::from_second(1_000_000).unwrap();
        let current = |value: Value| claims(value).must_be_current(now).is_ok();
        assert!(current(json!({ "exp": 1_000_001 })) && current(json!({ "exp": 999_941 })));
        assert!(current(json!({ "exp": 1_000_001.5, "nbf": 1_000_060, "iat": 1_000_060 })));
        for bad in [
            json!({}),
            json!({ "exp": 999_940 }),
            json!({ "exp": "1000001" }),
            json!({ "exp": 1e300 }),
            json!({ "exp": null }),
            json!({ "exp": 1_000_001, "nbf": 1_000_061 }),
            json!({ "exp": 1_000_001, "iat": 1_000_061 }),
            json!({ "exp": 1_000_001, "iat": "soon" }),
        ] {
            assert!(!current(bad.clone()), "{bad}");
        }
        let end = claims(json!({ "exp": 1_000_001 })).must_be_current(now).unwrap();
        assert_eq!(end.duration_since(now), SignedDuration::from_secs(61));
    }

    #[test]
    fn a_name_is_made_of_claims() {
        let template = |text: &str| NameTemplate::try_from(text.to_owned());
        let claims = claims(json!({ "repository": "corp/app", "run": 7, "sub": "s" }));
        assert_eq!(template("{repository}@{run}").unwrap().render(&claims).unwrap(), "corp/app@7");
        assert_eq!(NameTemplate::default().render(&claims).unwrap(), "s");
        assert!(template("{missing}").unwrap().render(&claims).is_err(), "absent is refused");
        let twice = template("{long}{long}").unwrap();
        assert!(twice.render(&Claims::new(json!({ "long": "x".repeat(256) })).unwrap()).is_ok());
        assert!(twice.render(&Claims::new(json!({ "long": "x".repeat(257) })).unwrap()).is_err(), "never cut");
        for bad in ["", "fixed", "{", "}", "{a", "a}", "{}", "{{a}}", "{a}}", "\u{202e}{a}"] {
            assert!(template(bad).is_err(), "{bad}");
        }
    }
}
