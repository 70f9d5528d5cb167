//! Where the browser brings the code back: a port of 127.0.0.1 that answers one question, and only of who knows what it was sent away with.

use std::convert::Infallible;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use zeroize::Zeroizing;

use super::unforeseen;
use crate::failure::{Failure, Next};
use crate::lent::Token;
use crate::refusal::SIGN_IN;
use crate::text::Text;

/// A listening port.
pub(super) struct Callback {
    listener: TcpListener,
    expected: Arc<Expected>,
}

/// Who brings the code back.
struct Expected {
    host: String,
    state: Zeroizing<String>,
}

/// What came back: a code, or the word for why there is none.
type Brought = Result<Token, Text>;

impl Callback {
    pub(super) async fn open() -> Result<Self, Failure> {
        let wrong = |error: &std::io::Error| {
            Failure::mend(
                format!("cannot listen on 127.0.0.1, where the browser brings its answer: {error}"),
                "use `broker login --device`",
            )
        };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(|error| wrong(&error))?;
        let port = listener.local_addr().map_err(|error| wrong(&error))?.port();
        let expected = Arc::new(Expected { host: format!("127.0.0.1:{port}"), state: unforeseen()? });
        Ok(Self { listener, expected })
    }

    /// Where the broker's page leads to.
    pub(super) fn redirect(&self) -> String {
        format!("http://{}{PATH}", self.expected.host)
    }

    pub(super) fn state(&self) -> &str {
        &self.expected.state
    }

    /// The code that somebody's yes gives. The browser has its answer by then.
    pub(super) async fn code(self) -> Result<Token, Failure> {
        let (bring, mut brought) = mpsc::channel(1);
        let answering = async {
            loop {
                let Ok((stream, _)) = self.listener.accept().await else {
                    // No file is left to open, as a rule: it passes.
                    tokio::time::sleep(PAUSE).await;
                    continue;
                };
                let (expected, bring) = (Arc::clone(&self.expected), bring.clone());
                tokio::spawn(async move {
                    let found = Arc::new(Mutex::new(None));
                    let _ = tokio::time::timeout(WHOLE, converse(stream, expected, Arc::clone(&found))).await;
                    let found = found.lock().unwrap_or_else(PoisonError::into_inner).take();
                    if let Some(found) = found {
                        let _ = bring.send(found).await;
                    }
                });
            }
        };
        let brought: Option<Brought> = tokio::select! {
            brought = brought.recv() => brought,
            () = answering => None,
            () = tokio::time::sleep(PATIENCE) => None,
        };
        match brought {
            Some(Ok(code)) => Ok(code),
            Some(Err(word)) if word.as_str() == "access_denied" => Err(Failure::new(
                Next::AskFor,
                "you said no to it in the browser",
                "run `broker login` again, and let this program in",
            )),
            Some(Err(word)) => Err(Failure::new(
                Next::AskFor,
                format!("the broker's page answered `{word}`"),
                "run `broker login` again",
            )),
            None => Err(Failure::new(Next::SignIn, "nobody signed in in the browser in time", SIGN_IN)),
        }
    }
}

async fn converse(stream: TcpStream, expected: Arc<Expected>, found: Arc<Mutex<Option<Brought>>>) {
    let service = service_fn(|request: Request<Incoming>| {
        let (status, said) = match expected.admit(&request.into_parts().0) {
            Ok(brought) => {
                let said = if brought.is_ok() { CAME } else { CAME_NOT };
                *found.lock().unwrap_or_else(PoisonError::into_inner) = Some(brought);
                (StatusCode::OK, said)
            }
            Err(status) => (status, NOTHING_HERE),
        };
        async move { Ok::<_, Infallible>(page(status, said)) }
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(LARGEST_HEAD)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service);
    let _ = served.await;
}

impl Expected {
    /// What a browser brings that was sent here by the page that we sent it to.
    fn admit(&self, head: &Parts) -> Result<Brought, StatusCode> {
        let mut hosts = head.headers.get_all(header::HOST).iter();
        let host = hosts.next().filter(|_| hosts.next().is_none()).map(HeaderValue::as_bytes);
        if host != Some(self.host.as_bytes()) || head.uri.host().is_some() {
            return Err(StatusCode::MISDIRECTED_REQUEST);
        }
        if head.headers.keys().any(|name| is_by_proxy(name.as_str())) || !is_navigation(head) {
            return Err(StatusCode::FORBIDDEN);
        }
        if head.uri.path() != PATH {
            return Err(StatusCode::NOT_FOUND);
        }
        if head.method != Method::GET {
            return Err(StatusCode::METHOD_NOT_ALLOWED);
        }
        let given = |wanted: &str| {
            let query = head.uri.query().unwrap_or_default().as_bytes();
            let mut values = url::form_urlencoded::parse(query).filter(|(name, _)| name == wanted);
            let first = values.next()?.1.into_owned();
            values.next().is_none().then(|| Zeroizing::new(first))
        };
        let state = given("state").ok_or(StatusCode::BAD_REQUEST)?;
        if verify_slices_are_equal(state.as_bytes(), self.state.as_bytes()).is_err() {
            return Err(StatusCode::FORBIDDEN);
        }
        match (given("code"), given("error")) {
            (Some(code), None) => Ok(Ok(Token::parse(code.as_str().into()).ok_or(StatusCode::BAD_REQUEST)?)),
            (None, Some(error)) => Ok(Err(Text::of(&error))),
            _ => Err(StatusCode::BAD_REQUEST),
        }
    }
}

fn is_by_proxy(name: &str) -> bool {
    name == "forwarded" || name == "via" || name.starts_with("x-forwarded-")
}

/// Whether it is a page of its own that asks, and no script or picture, as far as the browser says.
fn is_navigation(head: &Parts) -> bool {
    let said = |name| head.headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    said("sec-fetch-mode").is_none_or(|mode| mode == "navigate")
        && said("sec-fetch-dest").is_none_or(|dest| dest == "document")
}

fn page(status: StatusCode, said: &str) -> Response<Full<Bytes>> {
    let text = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>broker</title><h1>broker</h1><p>{said}</p></html>"
    );
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CACHE_CONTROL, "no-store"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

/// As it is registered: on whichever port it listens then.
pub(super) const REDIRECT: &str = "http://127.0.0.1/oauth/callback";
const PATH: &str = "/oauth/callback";

const CAME: &str = "The answer has come. The terminal says whether you are signed in; you can close this page.";
const CAME_NOT: &str = "Nobody is signed in. The terminal says more; you can close this page.";
const NOTHING_HERE: &str = "This is where a sign-in comes back to, and this is none.";

/// As long as somebody may look for a second factor.
const PATIENCE: Duration = Duration::from_mins(10);
const PAUSE: Duration = Duration::from_millis(200);
const HEAD: Duration = Duration::from_secs(5);
const WHOLE: Duration = Duration::from_secs(10);
/// hyper takes no less than 8 KiB.
const LARGEST_HEAD: usize = 16 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: &str = "/oauth/callback?code=0123456789abcdef&state=unforeseen";

    #[test]
    fn only_a_browser_that_we_sent_away_brings_anything_back() {
        let brought = admit(OURS, &[]).unwrap().unwrap();
        assert_eq!(brought.expose(), "0123456789abcdef");
        let navigating =
            [("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document"), ("sec-fetch-site", "cross-site")];
        assert!(admit(OURS, &navigating).is_ok());
        let no = admit("/oauth/callback?error=access_denied&state=unforeseen", &[]).unwrap();
        assert_eq!(no.unwrap_err().as_str(), "access_denied");
        for (uri, status) in [
            ("/oauth/callback?code=0123456789abcdef", 400),
            ("/oauth/callback?code=0123456789abcdef&state=unforeseeN", 403),
            ("/oauth/callback?code=0123456789abcdef&state=", 403),
            ("/oauth/callback?code=0123456789abcdef&state=unforeseen&state=unforeseen", 400),
            ("/oauth/callback?code=0123456789abcdef&code=0123456789abcdef&state=unforeseen", 400),
            ("/oauth/callback?code=short&state=unforeseen", 400),
            ("/oauth/callback?state=unforeseen", 400),
            ("/other?code=0123456789abcdef&state=unforeseen", 404),
            ("http://evil.example/oauth/callback?code=0123456789abcdef&state=unforeseen", 421),
        ] {
            assert_eq!(admit(uri, &[]).unwrap_err().as_u16(), status, "{uri}");
        }
        for (name, value, status) in [
            ("host", "localhost:4711", 421),
            ("host", "evil.example", 421),
            ("x-forwarded-for", "192.0.2.1", 403),
            ("via", "1.1 proxy", 403),
            ("sec-fetch-mode", "no-cors", 403),
            ("sec-fetch-dest", "iframe", 403),
        ] {
            assert_eq!(admit(OURS, &[(name, value)]).unwrap_err().as_u16(), status, "{name}: {value}");
        }
    }

    fn admit(uri: &str, headers: &[(&'static str, &'static str)]) -> Result<Brought, StatusCode> {
        let expected = Expected { host: "127.0.0.1:4711".to_owned(), state: Zeroizing::new("unforeseen".to_owned()) };
        let mut head = Request::builder().uri(uri).body(()).unwrap().into_parts().0;
        head.headers.insert(header::HOST, HeaderValue::from_static("127.0.0.1:4711"));
        for (name, value) in headers {
            head.headers.insert(*name, HeaderValue::from_static(value));
        }
        expected.admit(&head)
    }
}
