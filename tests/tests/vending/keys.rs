//! Long-term keys that AWS refuses: said, marked, spared, and healed.

use serde_json::{Value, json};
use tests::brokerd::Brokerd;
use tests::process::Signal;
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
async fn a_key_that_takes_anothers_place_and_is_none_to_aws_keeps_nobody_waiting() {
    let world = with_keys_of_the_operator(SECRET).await.serve();
    let ada = world.person("ada").await;
    soon("its owner", async || key(&world, "main")["arn"].is_string().then_some(())).await;
    world
        .run(&["key", "replace", "main", "--access-key-id", "AKIAZZZZZZZZZEXAMPLE", "--skip-validation"], SECOND_SECRET)
        .succeeded();
    let problem = soon("AWS's word", async || {
        let answer = ada.vend("deploy", &json!({ "fresh": true })).await;
        (answer.status == 502).then(|| answer.json())
    })
    .await;
    assert_eq!(problem["aws"]["code"], "InvalidClientTokenId", "{problem}");
    let by_it = |call: &aws_sim::Call| call.access_key_id.as_deref() == Some("AKIAZZZZZZZZZEXAMPLE");
    assert!(!world.calls("AssumeRole").iter().any(by_it), "it signs nothing meanwhile");
    soon("the alarm", async || world.brokerd.log().contains("alarm=\"access_key_refused\"").then_some(())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_proves_to_be_another_users_signs_nothing_in_the_place_of_one() {
    let world = with_keys_of_the_operator(SECRET).await.serve();
    let ada = world.person("ada").await;
    ada.vended("deploy", &json!({})).await;
    soon("its owner", async || key(&world, "main")["arn"].is_string().then_some(())).await;
    let replaced = ["key", "replace", "main", "--access-key-id", SECOND, "--skip-validation"];
    let ended = world.run(&replaced, SECOND_SECRET);
    assert!(ended.stderr.contains(&format!("not used before AWS says that it is of {BROKER}")), "{}", ended.stderr);
    ended.succeeded();

    // At once, and with credentials of the right key at hand: whoever asks waits for AWS's word, and it is no.
    for connector in ["deploy", "anew"] {
        soon("the other key", async || (ada.vend(connector, &json!({})).await.status == 500).then_some(())).await;
        ada.vend(connector, &json!({ "fresh": true })).await.problem("500 internal");
    }
    ada.get("/v1/connectors/deploy/caller-identity").await.problem("500 internal");
    let by_the_other = |call: &aws_sim::Call| call.access_key_id.as_deref() == Some(SECOND);
    assert_eq!(world.calls("AssumeRole").iter().filter(|call| by_the_other(call)).count(), 0);
    is_out_of_use(&world, SECOND_ARN);

    let another = aws_sim::AccessKey::new("AKIAZZZZZZZZZEXAMPLE", SECOND_SECRET);
    world.sim.world().add_key(BROKER, another).unwrap();
    let right = ["key", "replace", "main", "--access-key-id", "AKIAZZZZZZZZZEXAMPLE", "--skip-validation"];
    world.run(&right, SECOND_SECRET).succeeded();
    soon("the right key", async || (ada.vend("deploy", &json!({})).await.status == 200).then_some(())).await;
    let right = key(&world, "main");
    assert_eq!((&right["arn"], &right["expected_arn"]), (&BROKER.into(), &Value::Null));
}

#[tokio::test(flavor = "multi_thread")]
async fn nor_does_one_of_the_connectors_file_whose_id_changes() {
    let mut world = World::open().await;
    let ada = world.person("ada").await;
    ada.vended("deploy", &json!({})).await;
    soon("its owner", async || key(&world, "main")["arn"].is_string().then_some(())).await;
    world.brokerd.installation().edit("connectors.toml", KEY, SECOND);
    world.brokerd.installation().write("keys/main", SECOND_SECRET);
    world.brokerd.process().signal(Signal::HUP);
    soon("the other key", async || (ada.vend("deploy", &json!({})).await.status == 500).then_some(())).await;
    is_out_of_use(&world, SECOND_ARN);
    ada.vended("other-key", &json!({})).await;

    world.brokerd.installation().edit("connectors.toml", SECOND, KEY);
    world.brokerd.installation().write("keys/main", SECRET);
    world.run(&["apply", "--yes"], "").succeeded();
    soon("the right key", async || (ada.vend("deploy", &json!({})).await.status == 200).then_some(())).await;
}

/// The key `main` is told to be another's: in the list, in the log and in the trail.
fn is_out_of_use(world: &World, arn: &str) {
    let listed = key(world, "main");
    assert_eq!((&listed["arn"], &listed["expected_arn"]), (&arn.into(), &BROKER.into()));
    let list = world.run(&["key", "list"], "").succeeded();
    assert!(list.contains(&format!("not used: it took the place of a key of {BROKER}")), "{list}");
    let log = world.brokerd.log();
    assert!(log.contains("alarm=\"other_owner\"") && log.contains(arn), "{log}");
    let trail = world.trail();
    let refused =
        trail.iter().find(|record| record["action"] == "access_key_changed" && record["outcome"] == "refused");
    assert!(refused.unwrap()["reason"].as_str().unwrap().contains(arn), "{trail:?}");
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

const BROKER: &str = "arn:aws:iam::111111111111:user/broker";
const SECOND_ARN: &str = "arn:aws:iam::111111111111:user/second";

fn key(world: &World, name: &str) -> Value {
    let listed = world.run(&["key", "list", "--json"], "").json();
    listed.as_array().unwrap().iter().find(|key| key["name"] == name).unwrap().clone()
}
