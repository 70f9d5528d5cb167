//! What a proxy is asked for, what it gets to see of it, and whose word on it counts.

use tests::proxy::{Options, Proxy};
use tests::secrets::{Kind, Register};
use tests::wire::Tap;
use tests::world::{SECRET, World};

use super::{add_key, all_of_it, behind_tls, sorted, tunnels};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_that_goes_to_aws_goes_through_tunnels_that_show_a_host_and_a_port_alone() {
    let proxy = Proxy::start(Options::default());
    let tap = Tap::before(proxy.port()).await;
    let set = format!(", proxy = {{ url = \"http://127.0.0.1:{}\" }}", tap.port());
    let (prepared, aws) = behind_tls(|_| set).await;
    let world = prepared.serve();
    let vended = all_of_it(&world).await;
    world.run(&["revoke", "deploy", "--yes"], "").succeeded();
    assert_eq!(world.calls("PutRolePolicy").len(), 1);
    assert_eq!(tunnels(&tap), sorted([aws.sts.as_str(), &aws.federation]));

    let mut register = Register::default();
    register.note(Kind::AccessKeySecret, SECRET);
    for credentials in &vended {
        let part = |name: &str| credentials[name].as_str().unwrap_or_else(|| panic!("no {name}"));
        register.note(Kind::VendedSecretKey, part("secret_access_key"));
        register.note(Kind::VendedSessionToken, part("session_token"));
    }
    let scanner = register.scanner(&[]);
    for (sent, head) in tap.sent().iter().zip(tap.heads()) {
        let host = super::target(&head);
        assert_eq!(head, format!("CONNECT {host} HTTP/1.1\r\nHost: {host}"), "nothing else is for the proxy");
        let rest = &sent[head.len() + "\r\n\r\n".len()..];
        assert_eq!(rest[..2], [0x16, 3], "a handshake of TLS follows");
        assert_eq!(scanner.search("the wire", sent), []);
    }
    drop(world);
    // The proxy itself says so.
    proxy.log_with(&format!("CONNECT {}", aws.sts));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn plain_http_is_handed_to_the_proxy_whole() {
    let proxy = Proxy::start(Options::default());
    let tap = Tap::before(proxy.port()).await;
    let set = format!("retries = 2, proxy = {{ url = \"http://127.0.0.1:{}\" }}", tap.port());
    let world = World::prepare().await.configured("retries = 2", &set).serve();
    all_of_it(&world).await;
    let whole = format!("POST {}/", world.sim.endpoint());
    assert!(tap.heads().iter().all(|head| head.starts_with(&whole)), "{:?}", tap.heads());
    // The console's endpoint was asked by the connections that STS is asked by, and nobody came by another way.
    assert!(world.sim.count("getSigninToken") > 0);
    assert!(world.sim.connections() <= tap.heads().len(), "{} {:?}", world.sim.connections(), tap.heads());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_environments_proxies_count_where_the_configuration_is_silent() {
    let proxy = Proxy::start(Options { login: Some(("brokerd", "of/the@environment")), ..Options::default() });
    let tap = Tap::before(proxy.port()).await;
    let url = format!("http://brokerd:of%2Fthe%40environment@127.0.0.1:{}", tap.port());
    for (name, no_proxy, through) in [
        ("HTTPS_PROXY", "", true),
        ("https_proxy", "corp.example", true),
        ("ALL_PROXY", "", true),
        ("HTTP_PROXY", "", false),
        ("HTTPS_PROXY", "localhost", false),
        ("HTTPS_PROXY", "10.0.0.0/8, *", false),
    ] {
        let (prepared, aws) = behind_tls(|_| String::new()).await;
        let before = tap.heads().len();
        let brokerd = prepared.installation.serve_with(&[(name, url.as_str()), ("NO_PROXY", no_proxy)]);
        let world = World { sim: prepared.sim, brokerd };
        all_of_it(&world).await;
        let heads = tap.heads().split_off(before);
        let mut asked: Vec<String> = heads.iter().map(|head| super::target(head)).collect();
        asked.sort();
        asked.dedup();
        let expected = if through { sorted([aws.sts.as_str(), &aws.federation]).to_vec() } else { Vec::new() };
        assert_eq!(asked, expected, "{name}, NO_PROXY={no_proxy}");
        assert!(!world.brokerd.log().contains("environment"), "{}", world.brokerd.log());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_configuration_comes_before_the_environment() {
    let (configured, of_environment) = (Proxy::start(Options::default()), Proxy::start(Options::default()));
    let (tap, other) = (Tap::before(configured.port()).await, Tap::before(of_environment.port()).await);
    let set = format!(", proxy = {{ url = \"http://127.0.0.1:{}\" }}", tap.port());
    let (prepared, aws) = behind_tls(|_| set).await;
    let url = format!("http://127.0.0.1:{}", other.port());
    add_key(&prepared, &[("HTTPS_PROXY", &url), ("NO_PROXY", "localhost")]).succeeded();
    assert_eq!(tunnels(&tap), [aws.sts.as_str()]);
    assert!(other.heads().is_empty());
}

/// The libraries would go past such a proxy without a word.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proxy_of_the_environment_that_is_none_is_not_gone_past() {
    let prepared = World::prepare().await;
    for (name, value) in [
        ("HTTPS_PROXY", "socks5://brokerd:s3cret-word@127.0.0.1:1080"),
        ("https_proxy", "http://brokerd:s3cret-word/@127.0.0.1:3128"),
        ("ALL_PROXY", "ftp://s3cret-word@127.0.0.1"),
        ("HTTP_PROXY", "http://[s3cret-word"),
    ] {
        let said = add_key(&prepared, &[(name, value)]).failed();
        assert!(said.contains(&format!("{name} of the environment names no proxy that brokerd can go by")), "{said}");
        let mut command = prepared.installation.command(&["serve"]);
        command.env(name, value);
        let said = format!("{said}{}", tests::ended::run("brokerd serve", command, "").failed());
        assert!(said.matches("names no proxy").count() >= 2, "{said}");
        assert!(!said.contains("s3cret"), "{said}");
    }
    assert_eq!(prepared.sim.calls().len(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proxy_may_speak_tls_if_it_is_trusted() {
    let (prepared, aws) = behind_tls(|_| ", proxy = { url = \"https://localhost:PORT\" }".to_owned()).await;
    let certificate = aws.authority.sign("localhost");
    let proxy = Proxy::start(Options { certificate: Some(&certificate), ..Options::default() });
    let tap = Tap::before(proxy.port()).await;
    let world = prepared.configured("PORT", &tap.port().to_string()).serve();
    all_of_it(&world).await;
    assert!(tap.sent().iter().all(|sent| sent[..2] == [0x16, 3]), "even the host is nobody else's business");
    let installation = world.brokerd.stop();
    for host in [&aws.sts, &aws.federation] {
        proxy.log_with(&format!("CONNECT {host}"));
    }

    // Another authority's: nothing goes to it.
    let other = tests::certificates::Authority::new().sign("localhost");
    let proxy = Proxy::start(Options { certificate: Some(&other), ..Options::default() });
    installation.edit("brokerd.toml", &format!("localhost:{}", tap.port()), &format!("localhost:{}", proxy.port()));
    let prepared = tests::world::Prepared { sim: world.sim, installation };
    let said = add_key(&prepared, &[]).failed();
    let named =
        format!("the proxy https://localhost:{} cannot be reached, or its certificate is not trusted", proxy.port());
    assert!(said.contains(&named), "{said}");
}
