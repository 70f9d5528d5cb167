//! Too much in one request: heads and bodies without end, and what is no text.

use std::time::{Duration, Instant};

use serde_json::Value;
use tests::brokerd::{Brokerd, free_port};

use crate::installation;
use crate::line::{Line, Said, host};

#[test]
fn a_head_without_end_is_refused_in_our_words_and_nobody_else_notices() {
    let broker = installation("").serve();
    let (url, host) = (broker.url(), host(&broker.url()));
    let long = "y".repeat(64 * 1024);
    for (path, headers) in [
        ("/healthz", "x: y\r\n".repeat(10_000)),
        ("/healthz", "x: y\r\n".repeat(101)),
        ("/healthz", format!("x: {long}\r\n")),
        ("/healthz", format!("x: {}\r\n", "y".repeat(1 << 20))),
        (format!("/v1/connectors/{long}").as_str(), String::new()),
        (format!("/healthz?{}", "y".repeat(65_500)).as_str(), String::new()),
        (long.as_str(), String::new()),
    ] {
        let mut line = Line::to(&url);
        line.try_send(format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n{headers}\r\n"));
        let said = line.answer().expect("an answer");
        let detail = refused(&broker, &said, 431, "head_too_large");
        assert!(detail.contains("64 KiB") && detail.contains("100 headers"), "{detail}");
        line.is_hung_up_on();
    }
    assert_eq!(Line::to(&url).get("/healthz", &host).status, 200);
    // A hundred headers are fine, and so are 64 KiB, of which a path may have the most, and not a byte more.
    let mut line = Line::to(&url);
    line.send(format!("GET /healthz HTTP/1.1\r\nHost: {host}\r\n{}\r\n", "x: y\r\n".repeat(99)));
    assert_eq!(line.answer().unwrap().status, 200);
    let rest = format!("GET /healthz HTTP/1.1\r\nHost: {host}\r\nx: \r\n\r\n").len();
    for (more, status) in [(0, 200), (1, 431)] {
        let long = "y".repeat(64 * 1024 - rest + more);
        line.send(format!("GET /healthz HTTP/1.1\r\nHost: {host}\r\nx: {long}\r\n\r\n"));
        assert_eq!(line.answer().unwrap().status, status, "{more}");
    }
    let mut line = Line::to(&url);
    line.get(&format!("/v1/connectors/{}", "y".repeat(32 * 1024)), &host).problem(404, "not_found");
}

#[test]
fn whoever_is_refused_in_the_middle_of_sending_is_heard_out_and_sees_why() {
    let broker = installation("").serve();
    let mut line = Line::to(&broker.url());
    line.send(format!("GET /healthz HTTP/1.1\r\nx: {}", "y".repeat(1 << 20)));
    let said = line.answer().unwrap();
    // Were it hung up on with something unread, the network would tell it so, and it could lose the answer by that.
    for _ in 0..16 {
        line.send("y".repeat(65_536));
    }
    refused(&broker, &said, 431, "head_too_large");
    line.is_hung_up_on();
    // Nobody is heard out without end.
    let mut line = Line::to(&broker.url());
    line.try_send("GET /healthz HTTP/1.1\r\nx: ");
    while line.try_send("y".repeat(65_536)) {}
}

#[test]
fn what_comes_behind_a_good_request_is_refused_in_our_words_too() {
    let broker = installation("").serve();
    let (url, host) = (broker.url(), host(&broker.url()));
    let good = format!("GET /healthz HTTP/1.1\r\nHost: {host}\r\n\r\n");
    let mut line = Line::to(&url);
    assert_eq!(line.get("/healthz", &host).body, "ok\n");
    line.send("no request\r\n\r\n");
    refused(&broker, &line.answer().unwrap(), 400, "invalid_request");
    line.is_hung_up_on();
    // Both at once.
    let mut line = Line::to(&url);
    line.send(format!("{good}no request\r\n\r\n"));
    assert_eq!(line.answer().unwrap().body, "ok\n");
    refused(&broker, &line.answer().unwrap(), 400, "invalid_request");
    line.is_hung_up_on();
}

#[test]
fn the_operators_own_listener_refuses_in_our_words_too() {
    let here = installation("");
    let port = free_port();
    here.edit("brokerd.toml", "limits = {", &format!("operations = {{ address = \"127.0.0.1:{port}\" }}\nlimits = {{"));
    let broker = here.serve();
    let mut line = Line::to(&format!("http://127.0.0.1:{port}"));
    line.try_send(format!("GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\n{}\r\n", "x: y\r\n".repeat(10_000)));
    refused(&broker, &line.answer().unwrap(), 431, "head_too_large");
    let counted = Line::to(&format!("http://127.0.0.1:{port}")).get("/metrics", "127.0.0.1").body;
    let labels = ["method=\"other\"", "route=\"-\"", "status=\"431\""];
    let mut lines = counted.lines().filter(|line| line.starts_with("brokerd_http_requests_total{"));
    assert!(lines.any(|line| labels.iter().all(|label| line.contains(label))), "{counted}");
}

#[test]
fn whoever_speaks_another_protocol_is_hung_up_on_and_can_be_looked_for() {
    let here = installation("");
    here.edit("brokerd.toml", "limits = {", "log = { level = \"debug\" }\nlimits = {");
    let broker = here.serve();
    let mut line = Line::to(&broker.url());
    line.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    line.is_hung_up_on();
    logged(&broker, &["a connection breaks off", "client.address=127.0.0.1", "HTTP2"]);
    // A TLS client that has the wrong port.
    let mut line = Line::to(&broker.url());
    line.send([0x16, 0x03, 0x01, 0x00, 0x05, 0x01, 0x00, 0x00, 0x01, 0x00]);
    refused(&broker, &line.answer().unwrap(), 400, "invalid_request");
}

#[test]
fn a_body_without_end_is_refused_however_it_is_sent() {
    let broker = installation("").serve();
    let (url, host) = (broker.url(), host(&broker.url()));
    let json = format!("{{\"username\":\"{}\",\"password\":\"x\"}}", "x".repeat(1 << 20));
    let form = format!("username={}&password=x&csrf=x", "x".repeat(1 << 20));
    for (path, kind, body) in
        [("/v1/sessions", "application/json", json), ("/sign-in", "application/x-www-form-urlencoded", form)]
    {
        let head = format!("POST {path} HTTP/1.1\r\nHost: {host}\r\nOrigin: {url}\r\nContent-Type: {kind}\r\n");
        let mut line = Line::to(&url);
        line.send(format!("{head}Content-Length: {}\r\n\r\n{body}", body.len()));
        assert_eq!(line.answer().expect("an answer").status, 413, "{path}");
        // In pieces, so that no length is announced.
        let mut line = Line::to(&url);
        line.send(format!("{head}Transfer-Encoding: chunked\r\n\r\n"));
        for piece in body.as_bytes().chunks(8_000) {
            line.send(format!("{:x}\r\n", piece.len()));
            line.send(piece);
            line.send("\r\n");
        }
        line.send("0\r\n\r\n");
        assert_eq!(line.answer().expect("an answer").status, 413, "{path}");
        // Whoever asks first is told before anything is sent.
        let mut line = Line::to(&url);
        line.send(format!("{head}Expect: 100-continue\r\nContent-Length: {}\r\n\r\n", body.len()));
        assert_eq!(line.answer().expect("an answer").status, 413, "{path}");
    }
    let mut line = Line::to(&url);
    line.try_send(format!("POST /v1/sessions HTTP/1.1\r\nHost: {host}\r\nContent-Length: 99999999999\r\n\r\n"));
    // More than is worth hearing out: it is cut off.
    while line.try_send("x".repeat(65_536)) {}
    assert_eq!(Line::to(&url).get("/healthz", &host).status, 200);
}

#[test]
fn what_is_no_text_is_refused_and_harms_nobody() {
    let broker = installation("").serve();
    let (url, host) = (broker.url(), host(&broker.url()));
    let ask = |bytes: &[u8]| -> Option<Said> {
        let mut line = Line::to(&url);
        line.try_send(bytes);
        line.answer()
    };
    let with = |start: &[u8], rest: &str| [start, rest.as_bytes()].concat();
    let tail = format!(" HTTP/1.1\r\nHost: {host}\r\n\r\n");
    let unread: [&[u8]; 5] = [
        b"GET /v1/connectors/\xff\xfe",
        b"\xff\xff\xff\xff",
        b"GET /healthz HTTP/1.1\r\nX: a\0b\r\nX: y",
        b"GET /healthz HTTP/1.1\r\n\xff: a\r\nX: y",
        b"GET /healthz HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\nX: y",
    ];
    for start in unread {
        let detail = refused(&broker, &ask(&with(start, &tail)).unwrap(), 400, "invalid_request");
        assert!(detail.contains("percent-encode"), "{detail}");
    }
    assert_eq!(ask(&with(b"GET /v1/connectors/%ff%fe", &tail)).unwrap().status, 404);
    assert_eq!(
        ask(&with(b"GET /healthz HTTP/1.1\r\nX-Forwarded-For: \xff\xfe\r\nHost: ", &format!("{host}\r\n\r\n")))
            .unwrap()
            .status,
        200
    );
    assert_eq!(ask(b"GET /healthz HTTP/1.1\r\nHost: \xff\xfe\r\n\r\n").unwrap().status, 421);
    assert_eq!(
        ask(&with(b"GET /v1/session HTTP/1.1\r\nAuthorization: Bearer \xff\r\nHost: ", &format!("{host}\r\n\r\n")))
            .unwrap()
            .status,
        401
    );
    let body = b"{\"username\":\"\xff\xfe\",\"password\":\"x\"}";
    let head = format!(
        "POST /v1/sessions HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    ask(&[head.as_bytes(), body].concat()).unwrap().problem(400, "invalid_request");
    // A request within a request: two lengths are one too many.
    let smuggled = format!(
        "POST /v1/sessions HTTP/1.1\r\nHost: {host}\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /healthz HTTP/1.1\r\nHost: {host}\r\n\r\n"
    );
    let mut line = Line::to(&url);
    line.send(smuggled);
    assert!(matches!(line.answer(), None | Some(Said { status: 400 | 415, .. })));
    assert_eq!(ask(&with(b"GET /healthz", &tail)).unwrap().status, 200);
}

/// Panics unless it is a whole answer with that problem, and the log has its line. What it says.
fn refused(broker: &Brokerd, said: &Said, status: u16, code: &str) -> String {
    said.problem(status, code);
    assert_eq!(said.header("content-type"), Some("application/problem+json"), "{said:?}");
    for once in ["content-length", "connection", "date", "content-security-policy"] {
        let lines = said.head.lines().filter(|line| line.split(':').next() == Some(once));
        assert_eq!(lines.count(), 1, "{once}: {said:?}");
    }
    let id = said.header("x-request-id").unwrap();
    let problem: Value = serde_json::from_str(&said.body).unwrap();
    assert_eq!((&problem["status"], &problem["request_id"]), (&status.into(), &id.into()));
    let (id, status) = (format!("request.id={id}"), format!("http.status={status}"));
    logged(broker, &[&id, &status, "http.method=-", "http.route=-", "client.address=127.0.0.1"]);
    problem["detail"].as_str().unwrap().to_owned()
}

/// Waits for a line of the log with all of these.
fn logged(broker: &Brokerd, parts: &[&str]) {
    let begun = Instant::now();
    while !broker.log().lines().any(|line| parts.iter().all(|part| line.contains(part))) {
        assert!(begun.elapsed() < Duration::from_secs(30), "no line with {parts:?}: {}", broker.log());
        std::thread::sleep(Duration::from_millis(10));
    }
}
