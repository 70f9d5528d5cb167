//! Reads IAM's answers: limited in size, and XML or nothing.

use aws_smithy_xml::decode::{Document, ScopedDecoder, try_data};
use jiff::Timestamp;

use super::{IamError, Told};
use crate::signed::Answered;
use crate::sts::{AwsRefusal, Outage, shown};

/// An answer that has arrived whole.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) text: String,
    /// The role has no policy of that name.
    pub(super) no_policy: bool,
    at: Timestamp,
}

impl Answer {
    /// Reads a good answer, or why it is none.
    pub(super) fn read(answered: Answered) -> Result<Self, IamError> {
        let text = std::str::from_utf8(&answered.body).map_err(|_| IamError::Unusable("its answer is not text"))?;
        let text = text.to_owned();
        let no_policy = match refusal(&text) {
            _ if answered.is_success() => false,
            // The role is there, and has no such policy: an answer as good as any.
            Some(refusal) if refusal.code == "NoSuchEntity" && !refusal.message.starts_with(NO_ROLE) => true,
            Some(refusal) => return Err(IamError::of_code(refusal, answered.may_pass())),
            None if answered.may_pass() => return Err(IamError::Unavailable(Outage::Silent)),
            None => return Err(IamError::Unusable("it refuses without a code")),
        };
        let at = answered.header("date").and_then(moment).ok_or(IamError::Unusable("its answer has no date"))?;
        Ok(Self { text, no_policy, at })
    }

    /// The answer to this action, if that is what it is.
    pub(super) fn told<T>(&self, action: &str, value: T) -> Result<Told<T>, IamError> {
        let end = format!("</{action}Response>");
        let answers = |root: &str| root.strip_suffix("Response").is_some_and(|answered| answered == action);
        // An answer that was cut off can pass for a good one up to where it ends.
        let is_it = Document::new(&self.text).root_element().is_ok_and(|root| answers(root.start_el().local()))
            && self.text.trim_end().ends_with(&end);
        if !is_it && !self.no_policy {
            return Err(IamError::Unusable("its answer is to something else"));
        }
        let request_id = find(&self.text, &["ResponseMetadata", "RequestId"]);
        Ok(Told { value, at: self.at, request_id: request_id.as_deref().map(shown) })
    }
}

/// The text of the element that this path leads to, from below the root; nothing where the document is cut off.
pub(super) fn find(document: &str, path: &[&str]) -> Option<String> {
    let text = document.trim_end();
    let mut document = Document::new(text);
    let mut root = document.root_element().ok()?;
    let end = format!("</{}>", root.start_el().local());
    if text.ends_with(&end) { below(&mut root, path) } else { None }
}

fn below(decoder: &mut ScopedDecoder<'_, '_>, path: &[&str]) -> Option<String> {
    let (first, rest) = path.split_first()?;
    while let Some(mut tag) = decoder.next_tag() {
        if tag.start_el().local() != *first {
            continue;
        }
        return if rest.is_empty() {
            try_data(&mut tag).ok().map(std::borrow::Cow::into_owned)
        } else {
            below(&mut tag, rest)
        };
    }
    None
}

/// Some stand-ins for AWS, moto among them, put one element more around the error.
fn refusal(document: &str) -> Option<AwsRefusal> {
    [&["Error"][..], &["Errors", "Error"]].into_iter().find_map(|place| {
        let of_error = |field| find(document, &[place, &[field]].concat());
        let code = of_error("Code").filter(|code| !code.is_empty())?;
        let request_id = find(document, &["RequestId"]);
        Some(AwsRefusal::told(&code, &of_error("Message").unwrap_or_default(), request_id.as_deref()))
    })
}

/// `Sun, 06 Nov 1994 08:49:37 GMT`
fn moment(date: &str) -> Option<Timestamp> {
    jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(date).ok()
}

/// How AWS says that it is the role that is not there: <https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetRolePolicy.html>
const NO_ROLE: &str = "The role with name";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_element_is_found_by_its_path_and_nowhere_else() {
        let document = "<R><Other><Name>no</Name></Other><Result><Name>a&amp;b</Name><Name>c</Name></Result></R>";
        assert_eq!(find(document, &["Result", "Name"]).as_deref(), Some("a&b"));
        assert_eq!(find(document, &["Name"]), None);
        for rubbish in ["", "x", "<R>", "<!doctype html><html>", "<R><Result><Name>", "{}", "<R/><R/>"] {
            assert_eq!(find(rubbish, &["Result", "Name"]), None, "{rubbish}");
        }
        let deep = "<a>".repeat(100_000);
        assert_eq!(find(&deep, &["Result"]), None);
    }

    #[test]
    fn errors_are_read_in_both_envelopes() {
        let error = "<Error><Type>Sender</Type><Code>AccessDenied</Code><Message>no</Message></Error>";
        for body in [
            format!("<ErrorResponse>{error}<RequestId>1</RequestId></ErrorResponse>"),
            format!("<ErrorResponse><Errors>{error}</Errors><RequestId>1</RequestId></ErrorResponse>"),
        ] {
            let refusal = refusal(&body).unwrap();
            assert_eq!((refusal.code.as_str(), refusal.message.as_str()), ("AccessDenied", "no"));
            assert_eq!(refusal.request_id.as_deref(), Some("1"));
        }
        assert_eq!(refusal("<html><body>no</body></html>"), None);
    }

    #[test]
    fn dates_are_http_s() {
        assert_eq!(moment("Sun, 06 Nov 1994 08:49:37 GMT"), "1994-11-06T08:49:37Z".parse().ok());
        assert_eq!(moment("yesterday"), None);
    }
}
