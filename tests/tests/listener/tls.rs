//! TLS by the daemon itself: whom it serves, which certificates it refuses, and how one is replaced while it serves.

use std::fs::Permissions;
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned, SupportedProtocolVersion, version};
use tests::brokerd::{Brokerd, Installation, free_port};
use tests::certificates::{Authority, Signed};
use tests::process::Signal;

use crate::installation;
use crate::line::{Line, address, host};

type Tls = Line<StreamOwned<ClientConnection, TcpStream>>;

/// The same installation as elsewhere, with that certificate.
fn with(signed: &Signed, limits: &str) -> Installation {
    let here = installation(limits);
    put(&here, signed);
    here.edit("brokerd.toml", "public_url = \"http:", "public_url = \"https:");
    here.edit(
        "brokerd.toml",
        "listen = { ",
        "listen = { tls = { certificate = \"tls/chain.pem\", key = \"tls/key.pem\" }, ",
    );
    here
}

fn put(here: &Installation, signed: &Signed) {
    here.write("tls/chain.pem", &signed.certificate);
    here.write("tls/key.pem", &signed.key);
}

fn connect(url: &str, authority: &Authority, version: &'static SupportedProtocolVersion) -> Tls {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(authority.pem().as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_protocol_versions(&[version]).unwrap();
    let mut config = config.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let name = ServerName::IpAddress(address(url).ip().into());
    let stream = TcpStream::connect(address(url)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    Line::new(StreamOwned::new(ClientConnection::new(Arc::new(config), name).unwrap(), stream))
}

/// The certificate that the daemon showed.
fn shown(line: &Tls) -> CertificateDer<'static> {
    line.stream.conn.peer_certificates().unwrap()[0].clone().into_owned()
}

fn der(signed: &Signed) -> CertificateDer<'static> {
    CertificateDer::from_pem_slice(signed.certificate.as_bytes()).unwrap()
}

#[test]
fn the_daemon_speaks_tls_and_nothing_else() {
    let authority = Authority::new();
    let broker = with(&authority.sign("127.0.0.1"), "head_seconds = 2").serve();
    let (url, host) = (broker.url(), host(&broker.url()));
    let _silent: Vec<_> = (0..50).map(|_| Line::to(&url)).collect();
    for version in [&version::TLS13, &version::TLS12] {
        let mut line = connect(&url, &authority, version);
        let page = line.get("/sign-in", &host);
        assert_eq!(page.status, 200, "{version:?}");
        assert_eq!(page.header("strict-transport-security"), Some("max-age=31536000"));
        assert!(
            page.header("set-cookie").is_some_and(|cookie| cookie.starts_with("__Host-") && cookie.contains("Secure"))
        );
        assert_eq!(line.stream.conn.alpn_protocol(), Some(&b"http/1.1"[..]));
        assert_eq!(line.get("/healthz", &host).status, 200, "and goes on");
        line.is_hung_up_on();
    }
    // Plain HTTP is answered by an alert of TLS or by nothing, never by a page.
    let mut plain = Line::to(&url);
    plain.send(format!("GET /sign-in HTTP/1.1\r\nHost: {host}\r\n\r\n"));
    let mut said = Vec::new();
    let _ = std::io::Read::read_to_end(&mut plain.stream, &mut said);
    assert!(!String::from_utf8_lossy(&said).contains("HTTP/1.1"), "{said:?}");
}

#[test]
fn beyond_this_machine_operators_are_spoken_to_by_tls_as_well() {
    let authority = Authority::new();
    for (operations, by_tls) in [("0.0.0.0", true), ("127.0.0.1", false)] {
        let here = with(&authority.sign("127.0.0.1"), "head_seconds = 2");
        let port = free_port();
        let own =
            format!("operations = {{ address = \"{operations}:{port}\", token = {{ file = \"metrics.token\" }} }}");
        here.write("metrics.token", "0123456789abcdef0123456789abcdef");
        here.edit("brokerd.toml", "listen = { ", &format!("{own}\nlisten = {{ "));
        let _broker = here.serve();
        let url = format!("https://127.0.0.1:{port}");
        let mut plain = Line::to(&url);
        plain.send(format!("GET /healthz HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n"));
        let mut said = Vec::new();
        let _ = std::io::Read::read_to_end(&mut plain.stream, &mut said);
        assert_eq!(String::from_utf8_lossy(&said).contains("HTTP/1.1"), !by_tls, "{operations}: {said:?}");
        if by_tls {
            let answer = connect(&url, &authority, &version::TLS13).get("/healthz", &host(&url));
            assert_eq!(answer.status, 200);
        }
    }
}

#[test]
fn too_large_a_head_is_refused_in_our_words_by_tls_as_well() {
    let authority = Authority::new();
    let broker = with(&authority.sign("127.0.0.1"), "").serve();
    let (url, host) = (broker.url(), host(&broker.url()));
    let mut line = connect(&url, &authority, &version::TLS13);
    line.try_send(format!("GET /healthz HTTP/1.1\r\nHost: {host}\r\n{}\r\n", "x: y\r\n".repeat(10_000)));
    let said = line.answer().expect("an answer");
    said.problem(431, "head_too_large");
    assert!(said.header("x-request-id").is_some_and(|id| said.body.contains(id)), "{said:?}");
    line.is_hung_up_on();
}

#[test]
fn whoever_does_not_finish_the_handshake_is_hung_up_on() {
    let authority = Authority::new();
    let broker = with(&authority.sign("127.0.0.1"), "head_seconds = 1").serve();
    let mut silent = Line::to(&broker.url());
    let mut halfway = Line::to(&broker.url());
    halfway.send([0x16, 0x03, 0x01, 0x02, 0x00]);
    // After the handshake nothing comes.
    let mut mute = connect(&broker.url(), &authority, &version::TLS13);
    while mute.stream.conn.is_handshaking() {
        mute.stream.conn.complete_io(&mut mute.stream.sock).unwrap();
    }
    silent.is_hung_up_on();
    halfway.is_hung_up_on();
    mute.is_hung_up_on();
}

#[test]
fn a_certificate_is_replaced_while_the_daemon_serves() {
    let authority = Authority::new();
    let [old, new, third] = [(); 3].map(|()| authority.sign("127.0.0.1"));
    let broker = with(&old, "head_seconds = 300").serve();
    let (url, host) = (broker.url(), host(&broker.url()));
    let mut before = connect(&url, &authority, &version::TLS13);
    assert_eq!(before.get("/healthz", &host).status, 200);
    assert_eq!(shown(&before), der(&old));

    // The certificate alone, for so long that it is no accident: the pair does not fit, and is not used.
    broker.installation().write("tls/chain.pem", &new.certificate);
    wait_for_alarms(&broker, 1);
    assert!(broker.log().contains("is not the key of the first certificate"), "{}", broker.log());
    assert_eq!(presented(&url, &authority), der(&old));

    broker.installation().write("tls/key.pem", &new.key);
    wait_until_shown(&url, &authority, &new);
    assert_eq!(before.get("/healthz", &host).status, 200, "whoever was connected stays so");
    assert_eq!(shown(&before), der(&old));

    // Half a file, one for another name, one that is over, no key at all: each is an alarm, and changes nothing.
    let installation = broker.installation();
    let bad: [&dyn Fn(); 5] = [
        &|| installation.write("tls/chain.pem", &third.certificate[..third.certificate.len() / 2]),
        &|| put(installation, &authority.sign("192.0.2.1")),
        &|| put(installation, &authority.sign_until("127.0.0.1", (2020, 1, 1))),
        &|| std::fs::remove_file(installation.path("tls/key.pem")).unwrap(),
        &|| {
            put(installation, &third);
            std::fs::set_permissions(installation.path("tls/key.pem"), Permissions::from_mode(0o644)).unwrap();
        },
    ];
    for (count, spoil) in (2..).zip(bad) {
        spoil();
        wait_for_alarms(&broker, count);
        assert_eq!(presented(&url, &authority), der(&new), "{count}");
    }

    // Whoever does not want to wait says so.
    std::fs::set_permissions(installation.path("tls/key.pem"), Permissions::from_mode(0o600)).unwrap();
    let mut broker = broker;
    broker.process().signal(Signal::HUP);
    wait_until_shown(&url, &authority, &third);
    assert_eq!(before.get("/healthz", &host).status, 200);
    assert!(!broker.log().contains(third.key.lines().nth(1).unwrap()), "no key stands in the log");
}

#[test]
fn a_link_to_the_newest_certificate_is_followed() {
    let authority = Authority::new();
    let [old, new] = [(); 2].map(|()| authority.sign("127.0.0.1"));
    let here = with(&old, "");
    let point_to = |here: &Installation, number: u8, signed: &Signed| {
        here.write(&format!("archive/chain{number}.pem"), &signed.certificate);
        here.write(&format!("archive/key{number}.pem"), &signed.key);
        for name in ["chain", "key"] {
            let link = here.path(&format!("tls/{name}.pem"));
            std::fs::remove_file(&link).unwrap();
            std::os::unix::fs::symlink(format!("../archive/{name}{number}.pem"), link).unwrap();
        }
    };
    point_to(&here, 1, &old);
    let broker = here.serve();
    assert_eq!(presented(&broker.url(), &authority), der(&old));
    point_to(broker.installation(), 2, &new);
    wait_until_shown(&broker.url(), &authority, &new);
}

#[test]
fn a_certificate_that_clients_would_refuse_is_refused_at_the_start() {
    let authority = Authority::new();
    let good = authority.sign("127.0.0.1");
    let refused = |here: &Installation, why: &str| {
        for command in ["serve", "check"] {
            let ended = here.run(&[command], "");
            let said = format!("{}{}", ended.stdout, ended.stderr);
            assert!(!ended.status.success() && said.contains(why), "{command}, {why}: {said}");
            assert!(!said.contains(good.key.lines().nth(1).unwrap()), "no key is shown: {said}");
        }
    };
    for (signed, why) in [
        (authority.sign("192.0.2.1"), "is not for `127.0.0.1`"),
        (authority.sign("broker.example"), "is not for `127.0.0.1`"),
        (authority.sign_until("127.0.0.1", (2020, 1, 1)), "expired at 2020-01-01"),
        (Signed { key: authority.sign("127.0.0.1").key, ..good.clone() }, "is not the key of the first certificate"),
        (Signed { key: "rubbish".to_owned(), ..good.clone() }, "holds no private key in PEM"),
        (Signed { key: good.certificate.clone(), ..good.clone() }, "holds no private key in PEM"),
        (Signed { certificate: good.key.clone(), ..good.clone() }, "holds no certificate in PEM"),
        (Signed { certificate: String::new(), ..good.clone() }, "holds no certificate in PEM"),
        (Signed { certificate: "x".repeat(100_000), ..good.clone() }, "is the limit"),
    ] {
        refused(&with(&signed, ""), why);
    }
    let here = with(&good, "");
    for (mode, why) in [(0o640, "others may read this secret"), (0o602, "others may write to this file")] {
        std::fs::set_permissions(here.path("tls/key.pem"), Permissions::from_mode(mode)).unwrap();
        refused(&here, why);
    }
    std::fs::remove_file(here.path("tls/key.pem")).unwrap();
    refused(&here, "cannot be used: this file cannot be read");
    here.edit("brokerd.toml", "tls/key.pem", "/etc/hostname");
    refused(&here, "leads out of");
    let here = with(&good, "");
    here.edit("brokerd.toml", "public_url = \"https:", "public_url = \"http:");
    refused(&here, "the broker speaks TLS (listen.tls): write https");
}

#[test]
fn a_certificate_that_ends_soon_is_warned_of_and_other_subcommands_mind_none() {
    let authority = Authority::new();
    let soon = jiff::Zoned::now().date().checked_add(jiff::Span::new().days(5)).unwrap();
    let soon = (i32::from(soon.year()), soon.month().unsigned_abs(), soon.day().unsigned_abs());
    let here = with(&authority.sign_until("127.0.0.1", soon), "");
    let said = here.run(&["check"], "").succeeded();
    assert!(said.contains("warning: ") && said.contains("expires soon"), "{said}");
    let broker = here.serve();
    broker_says(&broker, "the certificate expires soon");
    let here = broker.stop();
    put(&here, &authority.sign_until("127.0.0.1", (2020, 1, 1)));
    here.run(&["token", "list"], "").succeeded();
}

#[test]
fn behind_a_proxy_the_name_is_a_matter_between_the_two() {
    let authority = Authority::new();
    let here = with(&authority.sign("127.0.0.1"), "");
    let port = here.url().rsplit_once(':').unwrap().1.to_owned();
    here.edit(
        "brokerd.toml",
        &format!("public_url = \"https://127.0.0.1:{port}\""),
        "public_url = \"https://broker.example\"",
    );
    let said = here.run(&["check"], "");
    assert!(said.stdout.contains("is not for `broker.example`"), "{}", said.stdout);
    here.edit("brokerd.toml", "listen = { ", "listen = { trusted_proxies = [\"192.0.2.7\"], ");
    here.run(&["check"], "").succeeded();
}

fn presented(url: &str, authority: &Authority) -> CertificateDer<'static> {
    let mut line = connect(url, authority, &version::TLS13);
    assert_eq!(line.get("/healthz", &host(url)).status, 200);
    shown(&line)
}

fn wait_until_shown(url: &str, authority: &Authority, signed: &Signed) {
    patiently("the new certificate is shown", || presented(url, authority) == der(signed));
}

fn wait_for_alarms(broker: &Brokerd, count: usize) {
    patiently("an alarm", || broker.log().matches("ERROR").count() >= count);
    assert_eq!(broker.log().matches("the new certificate is not used").count(), count, "{}", broker.log());
}

fn broker_says(broker: &Brokerd, text: &str) {
    patiently(text, || broker.log().contains(text));
}

fn patiently(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < Duration::from_secs(30), "{what}: not within half a minute");
        std::thread::sleep(Duration::from_millis(20));
    }
}
