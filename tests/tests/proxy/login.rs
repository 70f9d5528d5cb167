//! A proxy that wants to know who asks.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use tests::proxy::{Options, Proxy};
use tests::secrets::{Kind, Register, Scanner};
use tests::wire::Tap;
use tests::world::{Prepared, World};

use super::{Aws, add_key, all_of_it, behind_tls, tunnels};

/// Whatever means something in a URL.
const PASSWORD: &str = "sl/a@sh#ha?sh%41:and ünd &";

fn scanner(password: &str) -> Scanner {
    let mut register = Register::default();
    register.note(Kind::ProxyPassword, password);
    register.note(Kind::ProxyPassword, STANDARD.encode(format!("brokerd:{password}")));
    register.scanner(&[])
}

async fn logging_in(tap: &Tap, password: &str) -> (Prepared, Aws) {
    let set = format!(
        ", proxy = {{ url = \"http://127.0.0.1:{}\", username = \"brokerd\", password = {{ file = \"proxy.password\" }} }}",
        tap.port()
    );
    let (prepared, aws) = behind_tls(|_| set).await;
    prepared.installation.write("proxy.password", password);
    (prepared.with("log = { level = \"trace\" }"), aws)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_proxy_hears_user_and_password_and_nobody_else_does() {
    let proxy = Proxy::start(Options { login: Some(("brokerd", PASSWORD)), ..Options::default() });
    let tap = Tap::before(proxy.port()).await;
    let (prepared, aws) = logging_in(&tap, PASSWORD).await;
    let world = prepared.serve();
    all_of_it(&world).await;
    assert_eq!(tunnels(&tap), super::sorted([aws.sts.as_str(), &aws.federation]));
    let login = format!("Proxy-Authorization: Basic {}", STANDARD.encode(format!("brokerd:{PASSWORD}")));
    for head in tap.heads() {
        let mut lines: Vec<&str> = head.lines().skip(1).collect();
        lines.sort_unstable();
        assert_eq!(lines, [format!("Host: {}", super::target(&head)), login.clone()]);
    }
    let log = world.brokerd.log();
    assert!(log.contains("brokerd serves"), "{log}");
    assert_eq!(scanner(PASSWORD).search("the log", log.as_bytes()), []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_login_that_the_proxy_does_not_take_is_told_with_the_proxys_name_and_without_the_password() {
    let proxy = Proxy::start(Options { login: Some(("brokerd", PASSWORD)), ..Options::default() });
    let tap = Tap::before(proxy.port()).await;
    let wrong = "another/p@ssword#";
    let (prepared, _) = logging_in(&tap, wrong).await;
    let told = format!(
        "the proxy http://127.0.0.1:{} wants a user and a password that it knows (407): correct `username` and `password` of `aws.proxy`",
        tap.port()
    );
    let ended = add_key(&prepared, &[]);
    assert_eq!(scanner(wrong).search("what it says", format!("{ended:?}").as_bytes()), []);
    let said = ended.failed();
    assert!(said.contains(&told), "{said}");
    assert_eq!(tap.heads().len(), 1, "the same login is not tried again");

    let world = prepared.serve();
    let answer = world.person("ada").await.vend("deploy", &json!({})).await;
    assert_eq!((answer.status, answer.json()["code"].as_str()), (503, Some("aws_unavailable")), "{}", answer.text);
    assert!(!answer.text.contains("127.0.0.1"), "where the proxy is, is the operator's business: {}", answer.text);
    let log = world.brokerd.log();
    assert!(log.contains(&told), "{log}");
    assert_eq!(scanner(wrong).search("the log", log.as_bytes()), []);
    assert_eq!(world.sim.calls().len(), 0);
}

/// The console's federation endpoint is at another host than STS, perhaps, and so beyond another proxy.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn so_is_one_that_stands_before_the_console_alone() {
    let proxy = Proxy::start(Options { login: Some(("brokerd", PASSWORD)), ..Options::default() });
    let prepared = World::prepare().await;
    prepared.installation.write("proxy.password", "another/p@ssword#");
    let port = prepared.sim.address().port();
    let set = format!(
        "retries = 2, no_proxy = [\"127.0.0.1\"], proxy = {{ url = \"http://127.0.0.1:{}\", username = \"brokerd\", password = {{ file = \"proxy.password\" }} }}",
        proxy.port()
    );
    let federation = format!("federation_url = \"http://127.0.0.1:{port}");
    let world = prepared
        .configured(&federation, &format!("federation_url = \"http://localhost:{port}"))
        .configured("retries = 2", &set)
        .serve();
    let ada = world.person("ada").await;
    ada.vended("deploy", &json!({})).await;
    let answer = ada.post("/v1/connectors/deploy/console-url", &json!({})).await;
    assert_eq!((answer.status, answer.json()["code"].as_str()), (503, Some("aws_unavailable")), "{}", answer.text);
    let log = world.brokerd.log();
    let told = format!("the proxy http://127.0.0.1:{} wants a user and a password that it knows (407)", proxy.port());
    assert!(log.contains(&told), "{log}");
}
