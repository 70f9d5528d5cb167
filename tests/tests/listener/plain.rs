//! Plain HTTP: on this machine, or from a proxy that the configuration names.

use std::time::Duration;

use crate::installation;
use crate::line::{Line, host};

#[test]
fn plain_http_on_an_address_of_the_network_does_not_start() {
    let here = installation("");
    let port = here.url().rsplit_once(':').unwrap().1.to_owned();
    let address = format!("address = \"127.0.0.1:{port}\"");
    for everywhere in ["0.0.0.0", "[::]", "192.0.2.1"] {
        let toml = here.read("brokerd.toml");
        here.edit("brokerd.toml", &address, &format!("address = \"{everywhere}:{port}\""));
        for command in ["serve", "check"] {
            let ended = here.run(&[command], "");
            let said = format!("{}{}", ended.stdout, ended.stderr);
            assert!(!ended.status.success() && said.contains("plain HTTP does not leave the machine"), "{said}");
            assert!(said.contains("tls") && said.contains("trusted_proxies"), "it says what to do: {said}");
        }
        here.write("brokerd.toml", &toml);
    }
    here.edit("brokerd.toml", &address, &format!("{address}, trusted_proxies = [\"0.0.0.0/1\", \"128.0.0.0/1\"]"));
    assert!(here.run(&["check"], "").stdout.contains("not everybody is your proxy"));
}

#[test]
fn who_a_client_is_is_said_by_a_trusted_proxy_and_by_nobody_else() {
    let forwarded = |trusted: &str| {
        let here = installation("");
        here.edit("brokerd.toml", "listen = { ", &format!("listen = {{ trusted_proxies = [{trusted}], "));
        let broker = here.serve();
        let (url, host) = (broker.url(), host(&broker.url()));
        let mut line = Line::to(&url);
        line.send(format!("GET /sign-in HTTP/1.1\r\nHost: {host}\r\nX-Forwarded-For: 203.0.113.9\r\n\r\n"));
        assert_eq!(line.answer().unwrap().status, 200);
        std::iter::repeat_with(|| {
            std::thread::sleep(Duration::from_millis(10));
            broker.log()
        })
        .take(1_000)
        .find(|log| log.contains("http.route=/sign-in"))
        .expect("a line of the log")
    };
    assert!(forwarded("\"127.0.0.1\"").contains("client.address=203.0.113.9"));
    for others in ["", "\"192.0.2.0/24\""] {
        let log = forwarded(others);
        assert!(log.contains("client.address=127.0.0.1") && !log.contains("203.0.113.9"), "{log}");
    }
}
