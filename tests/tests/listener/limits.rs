//! Too much in one request: heads and bodies without end, and what is no text.

use crate::installation;
use crate::line::{Line, Said, host};

#[test]
fn a_head_without_end_is_refused_and_nobody_else_notices() {
    let broker = installation("").serve();
    let (url, host) = (broker.url(), host(&broker.url()));
    for head in ["x: y\r\n".repeat(10_000), "x: y\r\n".repeat(101), format!("x: {}\r\n", "y".repeat(1 << 20))] {
        let mut line = Line::to(&url);
        line.try_send(format!("GET /healthz HTTP/1.1\r\nHost: {host}\r\n{head}\r\n"));
        assert_eq!(line.answer().expect("an answer").status, 431);
        line.is_hung_up_on();
    }
    assert_eq!(Line::to(&url).get("/healthz", &host).status, 200);
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
    assert_eq!(ask(&with(b"GET /v1/connectors/\xff\xfe", &tail)).unwrap().status, 400);
    assert_eq!(ask(&with(b"GET /v1/connectors/%ff%fe", &tail)).unwrap().status, 404);
    assert_eq!(ask(&with(b"\xff\xff\xff\xff", &tail)).unwrap().status, 400);
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
