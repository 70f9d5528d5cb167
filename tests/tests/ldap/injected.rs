//! Names that want to be more than names, at each door of the daemon, before OpenLDAP.

use std::collections::BTreeSet;

use serde_json::json;
use tests::brokerd::Brokerd;
use tests::injected::{LOOK_ALIKES, QUESTIONS, nobody_gets_in, untypable};
use tests::slapd::{Slapd, USERS};
use tests::world::{Asker, trail};

use crate::Config;
use crate::tested::installation;

#[tokio::test(flavor = "multi_thread")]
async fn a_name_is_a_name_whatever_stands_in_it() {
    let server = Slapd::start();
    let brokerd = serve(&server);
    let broker = Asker::at(&brokerd.url());
    let mut tried = nobody_gets_in(&broker, &QUESTIONS.map(str::to_owned), "ada secret").await;
    let asked = searches(&server).len();
    assert!(asked >= QUESTIONS.len() * 3, "{asked}: {}", server.log());
    tried += nobody_gets_in(&broker, &untypable(), "ada secret").await;
    assert_eq!(searches(&server).len(), asked, "what nobody can be called is asked of nobody: {}", server.log());
    for filter in searches(&server) {
        assert!(filter.starts_with("(uid=") && filter.matches(['(', ')']).count() == 2, "one comparison: {filter}");
        assert!(!filter.contains('*'), "with one value: {filter}");
    }
    let ada = broker.seen_at("203.0.113.9").signed_in_with("ada", "ada secret").await;
    assert_eq!(ada.get("/v1/session").await.good()["identity"]["name"], "ada");
    assert!(!brokerd.log().contains("an LDAP server failed"), "{}", brokerd.log());
    let refused = trail(brokerd.installation());
    let refused = refused.iter().filter(|it| it["action"] == "sign_in" && it["outcome"] == "refused");
    assert_eq!(refused.count(), tried, "each attempt has its record");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_looks_like_somebody_is_themselves_or_nobody() {
    let server = Slapd::start();
    let [cyrillic, ..] = LOOK_ALIKES;
    server.tool("ldapadd", &[], &format!(
        "dn: uid={cyrillic},{USERS}\nobjectClass: inetOrgPerson\nuid: {cyrillic}\ncn: Ada Lovelace\nsn: Lovelace\nuserPassword: another secret\n"
    )).succeeded();
    let brokerd = serve(&server);
    let broker = Asker::at(&brokerd.url());
    let ada = who(&broker, "ada", "ada secret", 1).await.unwrap();
    let other = who(&broker, cyrillic, "another secret", 2).await.unwrap();
    assert_eq!((ada.as_str(), other.as_str()), ("ada", cyrillic), "two people, whatever they look like");
    for (number, name) in (3..).zip(LOOK_ALIKES) {
        let who = who(&broker, name, "ada secret", number).await;
        // What the server itself takes for her name is her name: a letter of another form, and none of another alphabet.
        let may_be_hers = !name.contains('а');
        assert!(who.as_deref().is_none_or(|who| who == "ada" && may_be_hers), "{name:?} is {who:?}");
    }
    assert_eq!(who(&broker, "ada", "another secret", 9).await, None);
    let trail = trail(brokerd.installation());
    let ids: BTreeSet<_> = trail
        .iter()
        .filter(|it| it["action"] == "sign_in")
        .map(|it| (it["actor"].to_string(), it["actor_id"].to_string()))
        .collect();
    let people: Vec<_> = ids.iter().filter(|(actor, _)| actor.contains("person:")).collect();
    assert!(people.len() == 2 && people[0].1 != people[1].1, "{ids:?}");
}

/// Who is let in by that name and password, as the broker calls them.
async fn who(broker: &Asker, name: &str, password: &str, number: u8) -> Option<String> {
    let broker = broker.seen_at(&format!("203.0.113.{number}"));
    let answer = broker.sign_in(&json!({ "username": name, "password": password })).await;
    if answer.status == 401 {
        return None;
    }
    let session = broker.with_token(answer.json()["token"].as_str().unwrap()).get("/v1/session").await.good();
    Some(session["identity"]["name"].as_str().unwrap().to_owned())
}

/// A daemon that is told whence people ask.
fn serve(server: &Slapd) -> Brokerd {
    let here = installation(&Config::of(server).locks_after(1_000));
    here.edit("brokerd.toml", "listen = { ", "listen = { trusted_proxies = [\"127.0.0.1\"], ");
    here.serve()
}

/// The filters by which people were looked for, as the server understood them.
fn searches(server: &Slapd) -> Vec<String> {
    let log = server.log();
    let searches = log.lines().filter(|line| line.contains(&format!("SRCH base=\"{USERS}\" scope=2")));
    searches.filter_map(|line| Some(line.split_once("filter=\"")?.1.trim_end_matches('"').to_owned())).collect()
}
