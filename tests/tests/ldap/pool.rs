//! Connections that are kept: few for many, none that is stale, and another server where one fails.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use broker_core::directory::Directory;
use ldap3_proto::proto::LdapOp;
use tests::patience::soon;
use tests::process::Signal;
use tests::relay::{Operation, Relay};
use tests::slapd::{GROUPS, Options, Slapd};
use tokio::runtime::Handle;
use tokio::task::JoinSet;

use crate::played::{Played, bound, found, message};
use crate::{Config, outage, welcome};

const BY_THE_SERVICE: &str = " BIND dn=\"cn=brokerd,ou=services,dc=corp,dc=example\" method=";

#[tokio::test]
async fn a_storm_of_two_hundred_gets_by_with_the_connections_that_there_are() {
    let server = plain_slapd();
    let mut config = Config::plain(&[&server.ldap_url()]);
    config
        .more
        .push_str("\npool = { size = 3, wait_seconds = 30 }\ndeadline_seconds = 30\nconnect_timeout_seconds = 30");
    let directory = Arc::new(config.open());
    let mut storm = JoinSet::new();
    for number in 0..200 {
        let directory = Arc::clone(&directory);
        storm.spawn(async move { welcome(&directory, ["ada", "bob"][number % 2]).await.username });
    }
    let names = storm.join_all().await;
    assert_eq!((names.len(), names.iter().filter(|name| *name == "ada").count()), (200, 100));
    let binds = server.logged(BY_THE_SERVICE);
    assert!((1..=3).contains(&binds), "{binds} connections of ours");
    assert_eq!(server.logged(" BIND dn=\"uid=ada,ou=people,dc=corp,dc=example\" method="), 100);
}

#[tokio::test]
async fn who_finds_no_free_connection_in_time_is_told_so() {
    // Each search takes longer than anybody waits.
    let server = Played::that_answers_searches(|id, stream| {
        std::thread::sleep(Duration::from_secs(4));
        stream.write_all(&found(id))
    });
    let mut config = Config::plain(&[&server.url()]);
    config.more.push_str("\npool = { size = 1, wait_seconds = 1 }");
    let directory = config.open();
    let (first, second) = tokio::join!(directory.look_up("a-a-a"), async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        outage(&directory, "ada", "ada secret").await
    });
    first.unwrap();
    assert!(second.contains("all 1 connections are in use"), "{second}");
}

#[tokio::test]
async fn a_question_that_was_given_up_leaves_no_answer_to_whoever_comes_next() {
    let searches = Arc::new(AtomicUsize::new(0));
    let asked = Arc::clone(&searches);
    let server = Played::that_answers_searches(move |id, stream| match asked.fetch_add(1, Ordering::SeqCst) {
        0 => Ok(()),
        _ => stream.write_all(&found(id)),
    });
    let mut config = Config::plain(&[&server.url()]).groups("member_of = { name_attribute = 'dn' }");
    config.more.push_str("\ndeadline_seconds = 1");
    let directory = config.open();
    let outage = outage(&directory, "ada", "ada secret").await;
    assert!(outage.contains("within 1 seconds"), "{outage}");
    welcome(&directory, "ada").await;
    assert_eq!(server.connections(), 3, "the one that was given up, another one, and one for the password");
}

#[tokio::test]
async fn a_connection_that_lay_idle_is_tried_before_somebody_relies_on_it() {
    let server = plain_slapd();
    let mut config = Config::plain(&[&server.ldap_url()]);
    config.more.push_str("\npool = { probe_after_seconds = 1 }");
    let directory = config.open();
    welcome(&directory, "ada").await;
    welcome(&directory, "ada").await;
    assert_eq!(server.logged("SRCH base=\"\" scope=0"), 0, "not while it is in use");
    tokio::time::sleep(Duration::from_millis(1_200)).await;
    welcome(&directory, "ada").await;
    assert_eq!(server.logged_when(1, "SRCH base=\"\" scope=0"), 1, "{}", server.log());
    assert_eq!(server.logged(BY_THE_SERVICE), 1, "and then it is used");
}

#[tokio::test]
async fn an_idle_and_an_old_connection_are_replaced() {
    for limit in ["idle_seconds = 1", "age_seconds = 1"] {
        let server = plain_slapd();
        let mut config = Config::plain(&[&server.ldap_url()]);
        config.more = format!("{}\npool = {{ {limit} }}", config.more);
        let directory = config.open();
        welcome(&directory, "ada").await;
        tokio::time::sleep(Duration::from_millis(1_200)).await;
        welcome(&directory, "ada").await;
        assert_eq!(server.logged_when(2, BY_THE_SERVICE), 2, "{limit}");
    }
}

#[tokio::test]
async fn an_idle_and_an_old_connection_are_closed_though_nobody_asks_for_one() {
    for limit in ["idle_seconds = 1", "age_seconds = 1", "idle_seconds = 2, age_seconds = 86400"] {
        let server = plain_slapd();
        let mut config = Config::plain(&[&server.ldap_url()]);
        config.more = format!("{}\npool = {{ {limit} }}", config.more);
        let directory = config.open();
        let counted = ["UNBIND", "closed"].map(|text| (text, server.logged(text)));
        // Each takes another one.
        let look_up = async || drop(directory.look_up("00000000-0000-0000-0000-000000000000").await.unwrap());
        tokio::join!(look_up(), look_up(), look_up());
        assert_eq!(server.logged(BY_THE_SERVICE), 3, "{limit}: {}", server.log());
        for (text, before) in counted {
            soon(text, async || (server.logged(text) == before + 3).then_some(())).await;
        }
        assert_eq!(server.logged(BY_THE_SERVICE), 3, "{limit}: nobody came in their place");
        welcome(&directory, "ada").await;
        assert_eq!(server.logged_when(4, BY_THE_SERVICE), 4, "{limit}: until somebody asks");
    }
}

#[tokio::test]
async fn whatever_looks_after_the_connections_is_gone_with_the_directory() {
    let server = plain_slapd();
    let tasks = || Handle::current().metrics().num_alive_tasks();
    let before = tasks();
    let directory = Config::plain(&[&server.ldap_url()]).open();
    assert_eq!(tasks(), before, "nothing to look after yet");
    welcome(&directory, "ada").await;
    assert_eq!(tasks(), before + 1);
    drop(directory);
    soon("it has ended", async || (tasks() == before).then_some(())).await;
}

#[tokio::test]
async fn servers_in_any_order_all_have_something_to_do() {
    let servers = [plain_slapd(), plain_slapd()];
    let mut config = Config::plain(&[&servers[0].ldap_url(), &servers[1].ldap_url()]);
    config.more.push_str("\norder = 'random'");
    let directory = config.open();
    for _ in 0..40 {
        directory.probe().await.unwrap();
    }
    for server in &servers {
        assert!(server.logged_when(1, BY_THE_SERVICE) >= 1, "one of two is never asked");
    }
}

#[tokio::test]
async fn when_a_server_stops_or_hangs_the_other_one_goes_on() {
    for signal in [Signal::KILL, Signal::STOP] {
        let (mut first, other) = (plain_slapd(), plain_slapd());
        let directory = Config::plain(&[&first.ldap_url(), &other.ldap_url()]).quick().open();
        welcome(&directory, "ada").await;
        assert_eq!(other.logged(BY_THE_SERVICE), 0, "the first one is asked while it answers");
        first.process().signal(signal);
        let bob = welcome(&directory, "bob").await;
        assert_eq!(bob.username, "bob");
        assert!(other.logged_when(1, BY_THE_SERVICE) >= 1);
        if signal == Signal::STOP {
            first.process().signal(Signal::CONT);
        }
    }
}

#[tokio::test]
async fn a_server_that_hangs_is_waited_for_once_however_many_connections_there_are_to_it() {
    let (hangs, asked) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let (is_hanging, in_vain) = (Arc::clone(&hangs), Arc::clone(&asked));
    let first = Played::by(move |id, asked, stream| match asked {
        LdapOp::SearchRequest(_) if is_hanging.load(Ordering::SeqCst) => {
            in_vain.fetch_add(1, Ordering::SeqCst);
            Ok(())
        }
        LdapOp::SearchRequest(_) => {
            // So long that all ask at once.
            std::thread::sleep(Duration::from_millis(300));
            stream.write_all(&found(id))
        }
        LdapOp::BindRequest(_) => stream.write_all(&message(id, bound(0))),
        _ => Ok(()),
    });
    let other = Played::that_answers_searches(|id, stream| stream.write_all(&found(id)));
    let directory = Config::plain(&[&first.url(), &other.url()]).quick().open();
    let look_up = async || directory.look_up("a-a-a").await.unwrap();
    tokio::join!(look_up(), look_up(), look_up(), look_up());
    assert_eq!((first.connections(), other.connections()), (4, 0));
    hangs.store(true, Ordering::SeqCst);
    for _ in 0..4 {
        look_up().await;
    }
    assert_eq!(asked.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_sign_in_on_a_warm_pool_costs_at_most_three_operations_beside_the_bind() {
    let server = plain_slapd();
    let address = server.ldap_url().trim_start_matches("ldap://").to_owned();
    for (groups, searches) in [
        (format!("member_of = {{ base = '{GROUPS}' }}"), 1),
        (format!("search = {{ base = '{GROUPS}' }}"), 2),
        (format!("search = {{ base = '{GROUPS}', nested = true }}"), 3),
    ] {
        let relay = Relay::before(address.as_str());
        let directory = Config::plain(&[&relay.url()]).groups(&groups).open();
        welcome(&directory, "ada").await;
        relay.take();
        welcome(&directory, "ada").await;
        let asked = relay.take();
        eprintln!("{groups}: {asked:?}");
        let count = |operation| asked.iter().filter(|asked| **asked == operation).count();
        assert_eq!(
            (count(Operation::Bind), count(Operation::Search), asked.len()),
            (1, searches, searches + 1),
            "{groups}"
        );
    }
}

/// One that takes passwords in plain text, on loopback.
fn plain_slapd() -> Slapd {
    Slapd::start_with(&Options { tls: false, global: String::new(), ..Options::default() })
}
