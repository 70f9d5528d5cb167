//! Somebody on the wire before TLS begins: nothing that they say is taken for the server's, and nothing of ours is said to them.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::thread;

use tests::slapd::Slapd;

use crate::played::{bound, done, message};
use crate::{Config, outage, welcome};

/// What they send in the place of the answer to StartTLS, at once.
type Answer = fn(Vec<u8>) -> Vec<u8>;

/// What they send just before the server's next words.
type More = fn() -> Vec<u8>;

/// Stands before a server, and changes its first answer on each connection.
fn on_the_wire_before(server: &Slapd, answer: Answer, more: More) -> String {
    let server: SocketAddr = server.ldap_url().trim_start_matches("ldap://").parse().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ldap://{}", listener.local_addr().unwrap());
    // These threads end with the test process.
    thread::spawn(move || {
        for client in listener.incoming().map_while(Result::ok) {
            let server = TcpStream::connect(server).unwrap();
            let (mut asking, mut asked) = (client.try_clone().unwrap(), server.try_clone().unwrap());
            thread::spawn(move || {
                let _ = std::io::copy(&mut asking, &mut asked);
                let _ = asked.shutdown(Shutdown::Both);
            });
            thread::spawn(move || {
                let _ = meddle(answer, more, server, &client);
                let _ = client.shutdown(Shutdown::Both);
            });
        }
    });
    url
}

fn meddle(answer: Answer, more: More, mut server: TcpStream, mut client: &TcpStream) -> std::io::Result<()> {
    let mut chunk = [0; 4096];
    let read = server.read(&mut chunk)?;
    client.write_all(&answer(chunk[..read].to_vec()))?;
    let read = server.read(&mut chunk)?;
    client.write_all(&[&more(), &chunk[..read]].concat())?;
    std::io::copy(&mut server, &mut client).map(drop)
}

/// One byte of slapd's answer set to another value.
fn with(mut answer: Vec<u8>, place: usize, was: u8, is: u8) -> Vec<u8> {
    assert_eq!(answer[place], was, "{answer:x?}");
    answer[place] = is;
    answer
}

const NOTHING: More = Vec::new;

#[tokio::test]
async fn whatever_is_put_before_tls_ends_the_conversation() {
    let server = Slapd::start();
    let through = |answer, more| {
        let url = on_the_wire_before(&server, answer, more);
        Config { urls: vec![url], ..Config::of(&server) }.starttls().quick().open()
    };
    let changes: [(&str, Answer, More, &str); 9] = [
        ("a forged bind", |answer| [answer, message(1, bound(0))].concat(), NOTHING, "something else, or with more"),
        ("a forged search", |answer| [answer, message(2, done(0))].concat(), NOTHING, "or with more"),
        ("one byte", |answer| [answer, vec![0x30]].concat(), NOTHING, "or with more"),
        ("a forged bind before the server's TLS", |answer| answer, || message(1, bound(0)), "no TLS"),
        ("another number", |answer| with(answer, 4, 1, 2), NOTHING, "not asked"),
        ("the result of a bind", |answer| with(answer, 5, 0x78, 0x61), NOTHING, "something else"),
        ("the end of a search", |answer| with(answer, 5, 0x78, 0x65), NOTHING, "something else"),
        ("a refusal", |answer| with(answer, 9, 0, 52), NOTHING, "refuses StartTLS with code 52"),
        ("a referral", |answer| with(answer, 9, 0, 10), NOTHING, "refuses StartTLS with code 10"),
    ];
    for (what, answer, more, told) in changes {
        let outage = outage(&through(answer, more), "ada", "ada secret").await;
        assert!(outage.contains(told), "{what}: {outage}");
    }
    assert_eq!(server.logged("TLS established"), 0, "{}", server.log());
    assert_eq!(server.logged(" BIND "), server.logged(" BIND dn=\"cn=root"), "{}", server.log());
    welcome(&through(|answer| answer, NOTHING), "ada").await;
}
