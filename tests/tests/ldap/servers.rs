//! Several servers, servers that went away, and servers that point elsewhere.

use std::net::TcpListener;
use std::sync::Arc;
use std::time::{Duration, Instant};

use broker_core::directory::{Directory, Refusal};
use tests::elsewhere::Elsewhere;
use tests::slapd::{Options, Slapd, USERS};
use tokio::task::JoinSet;

use crate::played::Played;
use crate::{Config, outage, refusal, welcome};

#[tokio::test]
async fn the_second_server_serves_while_the_first_is_down_and_the_first_is_left_alone_for_a_while() {
    let (server, dead) = (plain_slapd(), Played::that_hangs());
    let directory = Config::plain(&[&dead.url(), &server.ldap_url()]).quick().open();
    let started = Instant::now();
    welcome(&directory, "ada").await;
    assert!(started.elapsed() < Duration::from_secs(4), "{:?}", started.elapsed());
    let asked = dead.connections();
    assert_eq!(asked, 1, "for the search; the bind already knows better");
    welcome(&directory, "bob").await;
    assert_eq!(dead.connections(), asked, "it rests");
    tokio::time::sleep(Duration::from_millis(2_100)).await;
    directory.probe().await.unwrap();
    assert_eq!(dead.connections(), asked + 1, "and is tried again after its rest");
}

#[tokio::test]
async fn a_server_that_is_silent_at_the_handshake_holds_nobody_up() {
    let (server, silent) = (Slapd::start(), Played::that_hangs());
    let silent = silent.url().replace("ldap:", "ldaps:");
    let directory = Config { urls: vec![silent.clone(), server.ldaps_url()], ..Config::of(&server) }.quick().open();
    let started = Instant::now();
    welcome(&directory, "ada").await;
    assert!(started.elapsed() < Duration::from_secs(4), "{:?}", started.elapsed());
    let directory = Config { urls: vec![silent], ..Config::of(&server) }.quick().open();
    let outage = outage(&directory, "ada", "ada secret").await;
    assert!(outage.contains("no connection in time"), "{outage}");
}

#[tokio::test]
async fn a_closed_port_and_a_foreign_certificate_are_passed_over_too() {
    let (server, stranger) = (Slapd::start(), Slapd::start());
    let urls = vec![closed_port(), stranger.ldaps_url(), server.ldaps_url()];
    welcome(&Config { urls, ..Config::of(&server) }.open(), "ada").await;
}

#[tokio::test]
async fn an_outage_tells_what_is_the_matter_with_each_server() {
    let (server, stranger) = (Slapd::start(), Slapd::start());
    let urls = vec![stranger.ldaps_url(), closed_port()];
    let outage = outage(&Config { urls: urls.clone(), ..Config::of(&server) }.open(), "ada", "ada secret").await;
    let told = |url: &String| outage.contains(url.trim_start_matches("ldaps://"));
    assert!(urls.iter().all(told), "{outage}");
    assert!(outage.contains("certificate") && outage.contains("Connection refused"), "{outage}");
}

#[tokio::test]
async fn when_all_servers_are_down_it_is_an_outage_in_bounded_time() {
    let hung = [Played::that_hangs(), Played::that_hangs(), Played::that_hangs()];
    let urls: Vec<_> = hung.iter().map(Played::url).collect();
    let urls: Vec<_> = urls.iter().map(String::as_str).collect();
    let directory = Config::plain(&urls).quick().open();
    let started = Instant::now();
    outage(&directory, "ada", "ada secret").await;
    assert!(started.elapsed() < Duration::from_secs(6), "{:?}", started.elapsed());
}

#[tokio::test]
async fn while_an_outage_is_known_one_at_a_time_finds_out_whether_it_is_over() {
    let hung = Played::that_hangs();
    let directory = Arc::new(Config::plain(&[&hung.url()]).quick().open());
    for _ in 0..2 {
        assert!(outage(&directory, "ada", "ada secret").await.contains("in time"), "once may be chance");
    }
    let (asked, started) = (hung.connections(), Instant::now());
    for _ in 0..20 {
        outage(&directory, "ada", "ada secret").await;
    }
    // One each half second, on whatever machine.
    let due = started.elapsed().as_millis() / 500;
    let asked_again = hung.connections() - asked;
    assert!(asked_again as u128 <= due, "{asked_again} asked what was just told, and {due} were due");
    let asked = hung.connections();
    tokio::time::sleep(Duration::from_millis(600)).await;
    let mut asking = JoinSet::new();
    for _ in 0..20 {
        let directory = Arc::clone(&directory);
        asking.spawn(async move { outage(&directory, "ada", "ada secret").await });
    }
    let told = asking.join_all().await;
    let waited = told.iter().filter(|outage| outage.contains("in time")).count();
    assert_eq!((hung.connections(), waited), (asked + 1, 1), "{told:?}");
}

#[tokio::test]
async fn the_deadline_is_for_all_attempts_together() {
    let hung = std::array::from_fn::<_, 8, _>(|_| Played::that_hangs()).map(|server| server.url());
    let mut config = Config::plain(&hung.each_ref().map(String::as_str));
    config.more.push_str("\noperation_timeout_seconds = 1\ndeadline_seconds = 2");
    let directory = config.open();
    let started = Instant::now();
    let outage = outage(&directory, "ada", "ada secret").await;
    assert!(outage.contains("within 2 seconds"), "{outage}");
    assert!(started.elapsed() < Duration::from_secs(7), "{:?}", started.elapsed());
}

#[tokio::test]
async fn a_wrong_password_counts_once_however_many_servers_there_are() {
    let servers = [plain_slapd(), plain_slapd()];
    let directory = Config::plain(&[&servers[0].ldap_url(), &servers[1].ldap_url()]).open();
    assert_eq!(refusal(&directory, "ada", "wrong").await, Refusal::WrongPassword);
    let binds = servers.each_ref().map(|server| server.logged(" BIND dn=\"uid=ada,"));
    assert_eq!(binds, [1, 0]);
}

#[tokio::test]
async fn a_password_is_not_sent_to_a_second_server_when_the_first_does_not_answer_to_it() {
    let server = plain_slapd();
    let silent = Played::that_finds_ada_and_is_silent_at_her_password();
    let directory = Config::plain(&[&silent.url(), &server.ldap_url()]).quick().open();
    let outage = outage(&directory, "ada", "ada secret").await;
    assert!(outage.contains("in time"), "{outage}");
    assert_eq!(server.logged(" BIND dn=\"uid=ada,"), 0, "{}", server.log());
}

#[tokio::test]
async fn a_kept_connection_that_the_server_closed_is_replaced() {
    let options = Options { global: "idletimeout 1".to_owned(), tls: false, ..Options::default() };
    let server = Slapd::start_with(&options);
    let directory = Config::plain(&[&server.ldap_url()]).open();
    let ada = welcome(&directory, "ada").await;
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    assert!(server.logged_when(1, "idletimeout") >= 1, "{}", server.log());
    assert_eq!(welcome(&directory, "ada").await, ada);
}

#[tokio::test]
async fn nobody_follows_a_referral() {
    let elsewhere = Elsewhere::open();
    let server = Slapd::start();
    let url = format!("ldap://{}/{USERS}", elsewhere.address());
    let ldif = format!(
        "dn: ou=elsewhere,{USERS}\nobjectClass: referral\nobjectClass: extensibleObject\nou: elsewhere\nref: {url}\n"
    );
    server.tool("ldapadd", &["-M"], &ldif).succeeded();
    let directory = Config::of(&server).open();
    welcome(&directory, "ada").await;
    assert!(server.logged_when(1, "SEARCH RESULT tag=101 err=0") >= 1, "{}", server.log());
    elsewhere.assert_nobody_came();
}

/// One that takes passwords in plain text, on loopback.
fn plain_slapd() -> Slapd {
    Slapd::start_with(&Options { tls: false, global: String::new(), ..Options::default() })
}

pub(crate) fn closed_port() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    format!("ldaps://{}", listener.local_addr().unwrap())
}
