//! What is known of every request before anybody looks at it: its id, where it came from, and by when it wants an answer.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::extract::{ConnectInfo, MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use broker_core::caller::{Caller, Person};
use broker_core::id::RequestId;
use broker_core::trail::Origin;
use ipnet::IpNet;
use tokio::time::Instant;
use tracing::Instrument;

use crate::app::App;
use crate::metrics::{self, InFlight};
use crate::problem::{Code, Problem, attach};

/// Stands in every request's extensions.
#[derive(Clone, Debug)]
pub(crate) struct Meta {
    pub(crate) origin: Origin,
    pub(crate) address: IpAddr,
    pub(crate) received: Instant,
}

/// The caller's name for the request's log line, filled in when it is known.
#[derive(Clone, Debug, Default)]
pub(crate) struct Who(Arc<OnceLock<String>>);

/// Gives the request its id and address, counts it, and writes the one line that a log has of it.
pub(crate) async fn frame(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let id = RequestId::random();
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(address)| address.ip());
    let peer = peer.unwrap_or(IpAddr::from([0, 0, 0, 0])).to_canonical();
    let address = client_address(peer, request.headers(), &app.settings.trusted_proxies);
    let origin = Origin { request_id: id, client_address: Some(address.to_string()) };
    let meta = Meta { origin, address, received: Instant::now() };
    request.extensions_mut().insert(meta.clone());
    let who = Who::default();
    request.extensions_mut().insert(who.clone());

    let method = request.method().clone();
    let route =
        request.extensions().get::<MatchedPath>().map_or_else(|| "-".to_owned(), |path| path.as_str().to_owned());
    let client_request_id = request.headers().get("x-request-id").map(|value| plain(value.as_bytes()));
    let span = tracing::info_span!("request", request.id = %id);
    let in_flight = InFlight::begin();
    // What could not be read as a request comes as a problem alone.
    let response = match request.extensions_mut().remove::<Problem>() {
        Some(refused) => refused.into_response(),
        None => next.run(request).instrument(span).await,
    };
    let mut response = attach(response, id, &route);
    drop(in_flight);
    if let Ok(value) = HeaderValue::try_from(id.to_string()) {
        response.headers_mut().insert("x-request-id", value);
    }
    let (status, took) = (response.status().as_u16(), meta.received.elapsed());
    metrics::answered(&method, &route, status, took);
    let duration_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    tracing::info!(
        target: "brokerd::request",
        {
            request.id = %id,
            request.client_id = client_request_id,
            http.method = %method,
            http.route = %route,
            http.status = status,
            duration_ms,
            caller = who.name(),
            client.address = %address,
        },
        "request"
    );
    response
}

/// Refuses requests that are meant for another host, or for ours by another name.
pub(crate) async fn only_our_host(State(app): State<App>, request: Request, next: Next) -> Response {
    if host(&request).is_some_and(|host| app.settings.public_url.is_host(&host)) {
        return next.run(request).await;
    }
    Problem::new(Code::WrongHost, "this is not the host you asked for; use the broker's public URL").into_response()
}

impl Meta {
    /// By when this must be answered: our own limit, or earlier if the request says so (`Prefer: wait=N`, RFC 7240).
    pub(crate) fn deadline(&self, headers: &HeaderMap, limit: Duration) -> Instant {
        let wait = headers
            .get_all("prefer")
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .filter_map(|preference| preference.trim().strip_prefix("wait="))
            .find_map(|seconds| seconds.trim().parse::<u32>().ok());
        self.received + wait.map_or(limit, |seconds| limit.min(Duration::from_secs(u64::from(seconds))))
    }
}

impl Who {
    pub(crate) fn name(&self) -> Option<&str> {
        self.0.get().map(String::as_str)
    }

    pub(crate) fn is(&self, caller: &Caller) {
        match caller {
            Caller::Person(caller) => self.is_person(&caller.person),
            Caller::Service(caller) => self.is_named(format!("service:{}", caller.name)),
            Caller::Workload(caller) => self.is_named(format!("workload:{}", caller.name)),
        }
    }

    pub(crate) fn is_person(&self, person: &Person) {
        self.is_named(format!("person:{}/{}", person.subject.directory, person.username));
    }

    fn is_named(&self, name: String) {
        // The first to say so is right; nobody else asks twice in one request.
        let _ = self.0.set(name);
    }
}

/// The rightmost hop that is not one of our own proxies. From anybody else the header is talk.
fn client_address(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    let is_proxy = |address: &IpAddr| trusted.iter().any(|network| network.contains(address));
    if !is_proxy(&peer) {
        return peer;
    }
    // Bytes, not text: a client's odd byte in the line must not hide the hop that the proxy wrote behind it.
    let lines = headers.get_all("x-forwarded-for").iter().map(HeaderValue::as_bytes);
    let hops: Vec<&[u8]> = lines.flat_map(|line| line.split(|byte| *byte == b',')).map(<[u8]>::trim_ascii).collect();
    let mut nearest = peer;
    for hop in hops.into_iter().rev() {
        // What a trusted proxy did not write as an address ends the chain: the last good one stands.
        let address = std::str::from_utf8(hop).ok().and_then(|hop| hop.parse::<IpAddr>().ok());
        let Some(address) = address else { return nearest };
        nearest = address.to_canonical();
        if !is_proxy(&nearest) {
            return nearest;
        }
    }
    nearest
}

pub(crate) fn host(request: &Request) -> Option<String> {
    // HTTP/2 has the host in the URI, HTTP/1 in its header; two headers are one too many.
    if let Some(authority) = request.uri().authority() {
        return Some(authority.as_str().to_owned());
    }
    let mut hosts = request.headers().get_all(header::HOST).iter();
    let host = hosts.next()?.to_str().ok()?.to_owned();
    hosts.next().is_none().then_some(host)
}

fn plain(bytes: &[u8]) -> String {
    bytes.iter().take(64).map(|byte| if byte.is_ascii_graphic() { char::from(*byte) } else { '?' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(peer: &str, forwarded: &[&'static str], trusted: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append("x-forwarded-for", HeaderValue::from_static(value));
        }
        let trusted: Vec<IpNet> = trusted.iter().map(|network| network.parse().unwrap()).collect();
        client_address(peer.parse().unwrap(), &headers, &trusted).to_string()
    }

    #[test]
    fn a_strangers_forwarding_header_is_ignored() {
        assert_eq!(from("198.51.100.7", &["10.0.0.1"], &[]), "198.51.100.7");
        assert_eq!(from("198.51.100.7", &["10.0.0.1"], &["192.0.2.0/24"]), "198.51.100.7");
    }

    #[test]
    fn the_rightmost_hop_that_is_no_proxy_counts() {
        let trusted = ["192.0.2.0/24"];
        assert_eq!(from("192.0.2.1", &["203.0.113.9"], &trusted), "203.0.113.9");
        assert_eq!(
            from("192.0.2.1", &["1.1.1.1, 203.0.113.9, 192.0.2.5"], &trusted),
            "203.0.113.9",
            "what a client forged is left of it"
        );
        assert_eq!(from("192.0.2.1", &["1.1.1.1", "203.0.113.9"], &trusted), "203.0.113.9", "headers are one list");
        assert_eq!(from("192.0.2.1", &["garbage"], &trusted), "192.0.2.1");
        let mut odd = HeaderMap::new();
        odd.insert("x-forwarded-for", HeaderValue::from_bytes(b"\x80, 203.0.113.9").unwrap());
        let proxies = ["192.0.2.0/24".parse().unwrap()];
        let address = client_address("192.0.2.1".parse().unwrap(), &odd, &proxies);
        assert_eq!(address.to_string(), "203.0.113.9", "an odd byte hides nobody");
        assert_eq!(from("192.0.2.1", &["1.1.1.1, garbage"], &trusted), "192.0.2.1");
        assert_eq!(from("192.0.2.1", &[], &trusted), "192.0.2.1");
    }

    #[test]
    fn a_request_may_shorten_its_time_and_not_lengthen_it() {
        let request_id = RequestId::random();
        let origin = Origin { request_id, client_address: None };
        let meta = Meta { origin, address: IpAddr::from([127, 0, 0, 1]), received: Instant::now() };
        let limit = Duration::from_secs(20);
        let wait = |prefer: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert("prefer", HeaderValue::from_static(prefer));
            meta.deadline(&headers, limit).duration_since(meta.received).as_secs()
        };
        assert_eq!(wait("wait=3"), 3);
        assert_eq!(wait("respond-async, wait=3"), 3);
        assert_eq!(wait("wait=300"), 20);
        assert_eq!(wait("wait=x"), 20);
    }
}
