//! What the federation endpoint said when it refused: a page or a text, which may repeat the credentials that it was sent.

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use secrecy::ExposeSecret;
use zeroize::Zeroizing;

use crate::sts::{AwsRefusal, Credentials};

/// The refusal as far as the endpoint gives one: its status for a code, the text of its page, and the id that AWS finds the call by.
pub(super) fn heard(answer: &HttpResponse, sent: &Credentials) -> AwsRefusal {
    let code = format!("HTTP {}", answer.status().as_u16());
    let request_id = REQUEST_IDS.iter().find_map(|name| answer.headers().get(name));
    let page = answer.body().bytes().unwrap_or_default();
    let page = Zeroizing::new(String::from_utf8_lossy(&page[..page.len().min(MAX_PAGE)]).into_owned());
    let message = if repeats(&page, sent) { WITHHELD.to_owned() } else { text_of(&page) };
    AwsRefusal::told(&code, &message, request_id)
}

/// Whether some of the secrets stand there. However they were encoded on the way, runs of letters and digits are left as they are.
fn repeats(page: &str, sent: &Credentials) -> bool {
    let secrets = [sent.secret_access_key.expose_secret(), sent.session_token.expose_secret()];
    let runs = secrets.into_iter().flat_map(|secret| secret.split(|char: char| !char.is_ascii_alphanumeric()));
    runs.filter(|run| run.len() >= TELLING).any(|run| page.contains(run))
}

/// A page without its tags, and without what lies between those of a script or a style. Only to be read by people: what is left of the
/// tags of a hostile page is text like any other.
fn text_of(page: &str) -> String {
    let (mut text, mut rest) = (String::new(), page);
    while let Some((before, tagged)) = rest.split_once('<') {
        text.push_str(before);
        text.push(' ');
        let is = |name: &&&str| tagged.get(..name.len()).is_some_and(|tag| tag.eq_ignore_ascii_case(name));
        let tagged = match HIDDEN.iter().find(is) {
            Some(_) => tagged.split_once("</").map_or("", |(_, after)| after),
            None => tagged,
        };
        rest = tagged.split_once('>').map_or("", |(_, after)| after);
    }
    text.push_str(rest);
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

const REQUEST_IDS: [&str; 2] = ["x-amzn-requestid", "x-amz-request-id"];
const HIDDEN: [&str; 2] = ["script", "style"];
const WITHHELD: &str = "its answer repeats the credentials and is not shown";
const MAX_PAGE: usize = 16 * 1_024;
/// Fewer characters than this say little, and stand in other words as well.
const TELLING: usize = 6;

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use secrecy::SecretString;

    use super::*;

    fn sent(secret: &str, token: &str) -> Credentials {
        Credentials {
            access_key_id: "ASIAIOSFODNN7EXAMPLE".to_owned(),
            secret_access_key: SecretString::from(secret),
            session_token: SecretString::from(token),
            issued_at: Timestamp::UNIX_EPOCH,
            expires_at: Timestamp::UNIX_EPOCH,
            life: std::time::Duration::ZERO,
            arn: None,
            packed_policy_size: None,
        }
    }

    #[test]
    fn a_page_is_read_as_its_text() {
        let head = "<!doctype html><html><head><title>Sign-in failed</title><STYLE>p { a: b }</STYLE></head>";
        let body = "<body>\n<p class=\"x\">SessionDuration  is not valid</p><script>alert(1)</script></body>";
        assert_eq!(text_of(&format!("{head}\n{body}")), "Sign-in failed SessionDuration is not valid");
        for plain in ["Bad Request", "{\"message\": \"no\"}", ""] {
            assert_eq!(text_of(plain), plain);
        }
        for broken in ["<", "<<<", "<a", "<script>x", "<style", "<é>", "<sé"] {
            assert_eq!(text_of(broken), "", "{broken}");
        }
    }

    #[test]
    fn what_repeats_a_secret_is_not_shown_however_it_was_encoded() {
        let sent = sent("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "IQoJb3JpZ2luX2Vj+aBc/dEf==");
        for page in [
            "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
            "no: {&quot;sessionKey&quot;:&quot;wJalrXUtnFEMI&#x2F;K7MDENG&#x2F;bPx",
            "Session=%7B%22sessionToken%22%3A%22IQoJb3JpZ2luX2Vj%2BaBc",
        ] {
            assert!(repeats(page, &sent), "{page}");
        }
        assert!(!repeats("<p>Session of ASIAIOSFODNN7EXAMPLE is not valid: aBc dEf</p>", &sent));
    }
}
