//! Names that want to be more than names, at each door of the daemon, before a domain controller.

use serde_json::json;
use tests::injected::{LOOK_ALIKES, QUESTIONS, nobody_gets_in, untypable};
use tests::world::{Asker, trail};

use crate::Config;
use crate::tested::installation;

#[tokio::test(flavor = "multi_thread")]
async fn a_name_is_a_name_whatever_stands_in_it() {
    let here = installation(&Config::new(), "lockout = { failures = 1000 }");
    here.edit("brokerd.toml", "listen = { ", "listen = { trusted_proxies = [\"127.0.0.1\"], ");
    let brokerd = here.serve();
    let broker = Asker::at(&brokerd.url());
    let mut tried = nobody_gets_in(&broker, &QUESTIONS.map(str::to_owned), "ada Secret 1").await;
    tried += nobody_gets_in(&broker, &untypable(), "ada Secret 1").await;
    let mut let_in = 0;
    for (number, name) in (1..).zip(LOOK_ALIKES) {
        let broker = broker.seen_at(&format!("203.0.113.{number}"));
        let answer = broker.sign_in(&json!({ "username": name, "password": "ada Secret 1" })).await;
        if answer.status == 401 {
            tried += 1;
            continue;
        }
        // What the server itself takes for her name is her name: a letter of another form, and none of another alphabet.
        assert!(!name.contains('а'), "{name:?} is let in");
        let_in += 1;
        let session = broker.with_token(answer.json()["token"].as_str().unwrap()).get("/v1/session").await.good();
        assert_eq!(session["identity"]["name"], "ada", "{name:?}");
    }
    let ada = broker.seen_at("203.0.113.99").signed_in_with("ada", "ada Secret 1").await;
    assert_eq!(ada.get("/v1/session").await.good()["identity"]["name"], "ada");
    assert!(!brokerd.log().contains("an LDAP server failed"), "{}", brokerd.log());
    let trail: Vec<_> = trail(brokerd.installation()).into_iter().filter(|it| it["action"] == "sign_in").collect();
    assert_eq!(trail.iter().filter(|it| it["outcome"] == "refused").count(), tried, "each attempt has its record");
    let ids: Vec<_> = trail.iter().filter(|it| it["outcome"] == "success").map(|it| &it["actor_id"]).collect();
    assert!(ids.len() == let_in + 1 && ids.iter().all(|id| *id == ids[0]), "one person: {ids:?}");
}
