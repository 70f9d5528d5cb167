//! Long-term keys that AWS refuses: said, marked, spared, and healed.

use serde_json::{Value, json};
use tests::brokerd::Brokerd;
use tests::world::{KEY, Prepared, SECOND, SECOND_SECRET, SECRET, World, soon};

#[tokio::test(flavor = "multi_thread")]
async fn a_key_with_a_wrong_secret_is_marked_and_spared_until_it_is_replaced() {
    let world = with_keys_of_the_operator(&"x".repeat(40)).await.serve();
    let ada = world.person("ada").await;
    let problem = ada.vend("deploy", &json!({})).await.problem("502 aws_refused");
    assert_eq!(problem["aws"]["code"], "SignatureDoesNotMatch");
    assert!(problem["aws"]["request_id"].is_string(), "{problem}");
    let calls = |action: &str| world.calls(action).len();
    assert_eq!(calls("AssumeRole"), 1, "a refused key is not tried over and over");
    let listed = key(&world, "main");
    assert_eq!(listed["refused_code"], "SignatureDoesNotMatch");
    assert!(listed["refused_at"].is_string(), "{listed}");

    // For a minute nobody costs AWS anything more, and everybody hears the same.
    for connector in ["deploy", "reports", "raw", "limited", "deploy"] {
        let problem = ada.vend(connector, &json!({})).await.problem("502 aws_refused");
        assert_eq!(problem["aws"]["code"], "SignatureDoesNotMatch", "{connector}");
    }
    world.person("eve").await.vend("deploy", &json!({ "fresh": true })).await.problem("502 aws_refused");
    assert_eq!((calls("AssumeRole"), calls("GetFederationToken"), calls("GetSessionToken")), (1, 0, 0));
    assert_eq!(world.trail_of("reports"), ["person:corp/ada vend failed"], "but each is recorded");
    ada.vended("other-key", &json!({})).await;

    world.run(&["key", "replace", "main", "--access-key-id", KEY], SECRET).succeeded();
    let vended = soon("the new key", async || {
        let answer = ada.vend("deploy", &json!({})).await;
        (answer.status == 200).then(|| answer.json())
    })
    .await;
    assert_eq!(world.read(&vended, &["monthly"]), ["profits"]);
    assert_eq!(key(&world, "main")["refused_code"], Value::Null, "and the list says so");
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_of_a_replaced_key_are_not_given_again() {
    let world = with_keys_of_the_operator(SECRET).await.serve();
    let ada = world.person("ada").await;
    let old = ada.vended("deploy", &json!({})).await;
    assert_eq!(ada.vended("deploy", &json!({})).await["reused"], true);
    let another = aws_sim::AccessKey::new("AKIAZZZZZZZZZEXAMPLE", SECOND_SECRET);
    world.sim.world().add_key("arn:aws:iam::111111111111:user/broker", another).unwrap();
    world.run(&["key", "replace", "main", "--access-key-id", "AKIAZZZZZZZZZEXAMPLE"], SECOND_SECRET).succeeded();
    let new = soon("the new key", async || {
        let vended = ada.vended("deploy", &json!({})).await;
        (vended["reused"] == false).then_some(vended)
    })
    .await;
    assert_ne!(new["access_key_id"], old["access_key_id"]);
    assert_eq!(world.calls("AssumeRole").pop().unwrap().access_key_id.as_deref(), Some("AKIAZZZZZZZZZEXAMPLE"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mark_goes_when_aws_takes_the_key_again_even_after_a_restart() {
    let world = World::open().await;
    let ada = world.person("ada").await;
    ada.vended("anew", &json!({})).await;
    // So that nobody asks AWS whose key it is, meanwhile.
    soon("its owner", async || key(&world, "main")["arn"].is_string().then_some(())).await;
    world.sim.world().deactivate_key(KEY).unwrap();
    let problem = ada.vend("anew", &json!({})).await.problem("502 aws_refused");
    assert_eq!(problem["aws"]["code"], "InvalidClientTokenId");
    assert_eq!(key(&world, "main")["refused_code"], "InvalidClientTokenId");

    world.sim.world().activate_key(KEY).unwrap();
    let World { sim, brokerd } = world;
    let world = World { sim, brokerd: Brokerd::stop(brokerd).serve() };
    ada.vended("anew", &json!({})).await;
    assert_eq!(
        key(&world, "main")["refused_code"],
        Value::Null,
        "the daemon forgot its own experience, the store did not"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_serves_only_what_it_was_made_for() {
    let prepared = World::prepare().await;
    prepared.installation.edit(
        "connectors.toml",
        "region = \"eu-central-1\"\n[access_key.source.stored]\naccess_key_id = \"AKIAI44QH8DHBEXAMPLE\"",
        "region = \"eu-central-1\"\nserves = { principals = [\"session_token\"] }\n[access_key.source.stored]\naccess_key_id = \"AKIAI44QH8DHBEXAMPLE\"",
    );
    let checked = prepared.installation.run(&["check"], "");
    assert!(!checked.status.success());
    let said = format!("{}{}", checked.stdout, checked.stderr);
    assert!(said.contains("other-key") && said.contains("second"), "{said}");
}

/// The world with keys from the command line instead of the file, the first with this secret; none of them proved.
async fn with_keys_of_the_operator(secret: &str) -> Prepared {
    let prepared = World::prepare().await;
    let text = prepared.installation.read("connectors.toml");
    let connectors = text.find("[[connector]]").unwrap();
    prepared.installation.write("connectors.toml", &text[connectors..]);
    for (name, id, secret) in [("main", KEY, secret), ("second", SECOND, SECOND_SECRET)] {
        let arguments = ["key", "add", name, "--access-key-id", id, "--region", "eu-central-1", "--skip-validation"];
        prepared.installation.run(&arguments, secret).succeeded();
    }
    prepared
}

fn key(world: &World, name: &str) -> Value {
    let listed = world.run(&["key", "list", "--json"], "").json();
    listed.as_array().unwrap().iter().find(|key| key["name"] == name).unwrap().clone()
}
