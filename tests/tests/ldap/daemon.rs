//! People before a daemon whose directory is OpenLDAP, over TLS: two hundred at once, and those whose password is to be changed first.

use std::collections::BTreeSet;

use serde_json::json;
use tests::brokerd::Brokerd;
use tests::slapd::{Options, SERVICE, Slapd, USERS};
use tests::world::{Asker, trail};
use tokio::task::JoinSet;

use crate::Config;
use crate::tested::installation;

/// A daemon that is told whence people ask.
pub(crate) fn serve(config: &Config) -> Brokerd {
    let here = installation(config);
    here.edit("brokerd.toml", "listen = { ", "listen = { trusted_proxies = [\"127.0.0.1\"], ");
    here.serve()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_storm_of_two_hundred_gets_in_by_the_connections_that_there_are() {
    let person = |number| {
        format!(
            "\ndn: uid=p{number},{USERS}\nobjectClass: inetOrgPerson\nuid: p{number}\ncn: P\nsn: P\nuserPassword: p{number} secret\n"
        )
    };
    let server = Slapd::start_with(&Options { more: (0..MANY).map(person).collect(), ..Options::default() });
    let mut config = Config::of(&server);
    // As long as a busy machine may take.
    config.more.push_str(
        "\npool = { size = 3, wait_seconds = 30 }\ndeadline_seconds = 30\nconnect_timeout_seconds = 30\noperation_timeout_seconds = 30",
    );
    let brokerd = serve(&config);
    let ours = format!(" BIND dn=\"{SERVICE}\" method=");
    let before = server.logged(&ours);
    let broker = Asker::at(&brokerd.url());
    let mut storm = JoinSet::new();
    for number in 0..MANY {
        let broker = broker.seen_at(&format!("198.18.{number}.7"));
        storm.spawn(async move {
            let name = format!("p{number}");
            let answer = broker.sign_in(&json!({ "username": name, "password": format!("{name} secret") })).await;
            assert_eq!(answer.status, 201, "{name}: {}", answer.text);
            answer.json()["token"].as_str().unwrap().to_owned()
        });
    }
    let tokens: BTreeSet<String> = storm.join_all().await.into_iter().collect();
    assert_eq!(tokens.len(), usize::from(MANY), "each a session of their own");
    let binds = server.logged(&ours) - before;
    assert!((1..=3).contains(&binds), "{binds} connections of ours");
    let log = server.log();
    let theirs = log.lines().filter(|line| line.contains(" BIND dn=\"uid=p") && line.contains(" method="));
    assert_eq!(theirs.count(), usize::from(MANY), "each password is shown once");
    let trail = trail(brokerd.installation());
    let records: Vec<_> = trail.iter().filter(|it| it["action"] == "sign_in").collect();
    let who: BTreeSet<_> =
        records.iter().filter(|it| it["outcome"] == "success").map(|it| it["actor"].as_str()).collect();
    assert_eq!((records.len(), who.len()), (usize::from(MANY), usize::from(MANY)), "each has their record");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_that_must_be_changed_is_told_to_who_knows_it() {
    let server = Slapd::start();
    server.set("ada", "pwdReset", "TRUE");
    let brokerd = serve(&Config::of(&server));
    let broker = Asker::at(&brokerd.url());
    let tries = async |password: &str, from: &str| {
        broker.seen_at(from).sign_in(&json!({ "username": "ada", "password": password })).await
    };
    tries("a guess", "198.18.0.1").await.problem("401 invalid_credentials");
    let told = tries("ada secret", "198.18.0.2").await.problem("403 password_expired");
    assert!(told["detail"].as_str().unwrap().contains("change it where it is kept"), "{told}");
    let nobody = broker.seen_at("198.18.0.3").sign_in(&json!({ "username": "nobody", "password": "ada secret" })).await;
    nobody.problem("401 invalid_credentials");
    server.set("ada", "pwdReset", "FALSE");
    assert_eq!(tries("ada secret", "198.18.0.2").await.status, 201, "as soon as it is changed");
}

const MANY: u8 = 200;
