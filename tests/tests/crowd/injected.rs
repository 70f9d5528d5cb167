//! Names that want to be more than names, at each door of the daemon, before Crowd: in a URL other characters have a meaning.

use serde_json::json;
use tests::crowd::Crowd;
use tests::injected::{LOOK_ALIKES, QUESTIONS, nobody_gets_in, untypable};
use tests::world::World;

use crate::{Scene, installation};

#[tokio::test(flavor = "multi_thread")]
async fn a_name_is_a_name_whatever_stands_in_it() {
    let crowd = Crowd::start().await;
    let sim = World::prepare().await.sim;
    let here = installation(&sim, "", &crowd.configured("lockout = { failures = 1000 }"));
    here.edit("brokerd.toml", "listen = { ", "listen = { trusted_proxies = [\"127.0.0.1\"], ");
    let scene = Scene { crowd, brokerd: here.serve(), _sim: sim };
    let broker = scene.stranger();
    let mut tried = nobody_gets_in(&broker, &QUESTIONS.map(str::to_owned), "ada secret").await;
    for name in QUESTIONS {
        let asked = format!("GET user username={name}");
        assert_eq!(
            scene.crowd.asked().iter().filter(|it| **it == asked).count(),
            3,
            "{name}: {:?}",
            scene.crowd.asked()
        );
    }
    // Nothing else was asked, but for nobody's password.
    let of_people = |asked: &String| !asked.ends_with("brokerd-asks-for-nobody") && !asked.contains("config/cookie");
    let asked = scene.crowd.asked().into_iter().filter(of_people).count();
    assert_eq!(asked, QUESTIONS.len() * 3, "{:?}", scene.crowd.asked());
    tried += nobody_gets_in(&broker, &untypable(), "ada secret").await;
    assert_eq!(
        scene.crowd.asked().into_iter().filter(of_people).count(),
        asked,
        "what nobody can be called is asked of nobody"
    );
    for (number, name) in (1..).zip(LOOK_ALIKES) {
        let broker = broker.seen_at(&format!("203.0.113.{number}"));
        broker.sign_in(&json!({ "username": name, "password": "ada secret" })).await.problem("401 invalid_credentials");
        tried += 1;
    }
    let ada = broker.seen_at("203.0.113.99").signed_in_with("ada", "ada secret").await;
    assert_eq!(ada.get("/v1/session").await.good()["identity"]["name"], "ada");
    assert_eq!(scene.so_many_reasons(tried).await.len(), tried, "each attempt has its record");
}
