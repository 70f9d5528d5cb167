//! Too slow, or silent: each loses its connection to somebody who speaks, and a byte now and then does not help.

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use crate::installation;
use crate::line::{Line, host};

#[test]
fn whoever_says_nothing_or_not_enough_is_hung_up_on() {
    let broker = installation("head_seconds = 1").serve();
    let (url, host) = (broker.url(), host(&broker.url()));
    let mut silent = Line::to(&url);
    let mut halfway = Line::to(&url);
    halfway.send("GET /healthz HTTP/1.1\r\nHos");
    let mut idle = Line::to(&url);
    assert_eq!(idle.get("/healthz", &host).status, 200);
    assert_eq!(idle.get("/healthz", &host).status, 200, "a connection serves more than one request");
    silent.is_hung_up_on();
    idle.is_hung_up_on();
    // hyper says why; it may also just hang up.
    if let Some(said) = halfway.answer() {
        assert_eq!(said.status, 408);
    }
    halfway.is_hung_up_on();
}

#[test]
fn a_byte_now_and_then_wins_no_time() {
    let broker = installation("head_seconds = 1, body_seconds = 1").serve();
    let (url, host) = (broker.url(), host(&broker.url()));
    let mut line = Line::to(&url);
    line.send(format!("GET /healthz HTTP/1.1\r\nHost: {host}\r\nx: "));
    drip(&mut line);

    let mut line = Line::to(&url);
    line.send(format!(
        "POST /v1/sessions HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: 60000\r\n\r\n"
    ));
    std::thread::scope(|scope| {
        let mut other = line.stream.try_clone().unwrap();
        scope.spawn(move || {
            while other.write_all(b" ").is_ok() {
                std::thread::sleep(PAUSE);
            }
        });
        line.answer().expect("an answer").problem(408, "too_slow");
        // The daemon may have hung up by now.
        let _ = line.stream.shutdown(std::net::Shutdown::Both);
    });
}

#[test]
fn a_slow_body_takes_no_room_that_others_wait_for() {
    let broker = installation("requests = 1, requests_per_address = 1").serve();
    let (url, host) = (broker.url(), host(&broker.url()));
    let mut slow: Vec<_> = (0..20)
        .map(|_| {
            let mut line = Line::to(&url);
            line.send(format!(
                "POST /v1/sessions HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: 3\r\n\r\n{{"
            ));
            line
        })
        .collect();
    for _ in 0..20 {
        assert_eq!(Line::to(&url).get("/sign-in", &host).status, 200);
    }
    for line in &mut slow {
        line.send("} ");
        line.answer().expect("an answer").problem(400, "invalid_request");
    }
}

#[tokio::test]
async fn whoever_does_not_take_what_is_sent_loses_the_place_to_somebody_who_does() {
    let broker = installation("connections = 6, connections_per_address = 1").serve();
    let (url, host) = (broker.url(), host(&broker.url()));
    let mut greedy = Line::from("127.0.0.2", &url).await;
    assert_eq!(greedy.get("/healthz", &host).status, 200);
    // Asks and asks and reads nothing, until the daemon cannot send any more and so does not read on either.
    greedy.stream.set_write_timeout(Some(Duration::from_secs(2))).unwrap();
    let questions = format!("GET /sign-in HTTP/1.1\r\nHost: {host}\r\n\r\n").repeat(1_000);
    let sent = (0..1_000).take_while(|_| greedy.try_send(&questions)).count();
    assert!(sent < 1_000, "a daemon that is stuck takes no more");
    Line::from("127.0.0.2", &url).await.is_hung_up_on();
    let begun = Instant::now();
    let served = loop {
        let mut other = Line::from("127.0.0.2", &url).await;
        other.try_send(format!("GET /healthz HTTP/1.1\r\nHost: {host}\r\n\r\n"));
        match other.answer() {
            Some(answer) => break answer,
            None => tokio::time::sleep(PAUSE).await,
        }
        assert!(begun.elapsed() < Duration::from_mins(2), "whoever takes nothing keeps the place");
    };
    assert_eq!(served.status, 200);
}

/// Goes on until the daemon hangs up, which the test's own time limits.
fn drip(line: &mut Line<std::net::TcpStream>) {
    line.stream.set_read_timeout(Some(PAUSE)).unwrap();
    let mut rest = [0; 4_096];
    for _ in 0..PATIENCE {
        if !line.try_send("x") {
            return;
        }
        match line.stream.read(&mut rest) {
            Ok(0) => return,
            Ok(_) => {}
            Err(error) if matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut) => {}
            Err(_) => return,
        }
    }
    panic!("a byte now and then keeps the connection");
}

const PAUSE: Duration = Duration::from_millis(100);
const PATIENCE: usize = 300;
