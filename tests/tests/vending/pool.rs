//! What the access keys share, the connections to AWS, and what each has alone, its quota of retries.

use aws_sim::{AccessKey, Call, Calls, Fault};
use serde_json::json;
use tests::world::{ACCOUNT, KEY, SECOND, SECOND_SECRET, SECRET, World, soon};

#[tokio::test(flavor = "multi_thread")]
async fn all_access_keys_and_the_console_go_by_the_same_connection() {
    let prepared = World::prepare().await;
    let keys = [
        ("broker", KEY, SECRET),
        ("second", SECOND, SECOND_SECRET),
        ("broker", "AKIAYYYYYYYYYEXAMPLE", SECRET),
        ("second", "AKIAZZZZZZZZZEXAMPLE", SECOND_SECRET),
    ];
    let mut connectors = String::new();
    prepared.installation.write("connectors.toml", &connectors);
    for (number, (user, id, secret)) in keys.into_iter().enumerate() {
        if id != KEY && id != SECOND {
            let user = format!("arn:aws:iam::{ACCOUNT}:user/{user}");
            prepared.sim.world().add_key(&user, AccessKey::new(id, secret)).unwrap();
        }
        // Proved here, so that the daemon itself has nothing to ask before the first vend.
        let name = format!("key-{number}");
        let added = ["key", "add", &name, "--access-key-id", id, "--region", "eu-central-1"];
        prepared.installation.run(&added, secret).succeeded();
        connectors = format!(
            "{connectors}[[connector]]\nname = \"by-{number}\"\naccess_key = \"{name}\"\ngroups = [\"corp/release\"]\n\
             [connector.principal.assume_role]\nrole_arn = \"arn:aws:iam::{ACCOUNT}:role/deploy\"\n"
        );
    }
    prepared.installation.write("connectors.toml", &connectors);
    let world = prepared.serve();
    let ada = world.person("ada").await;
    let before = world.sim.connections();
    for number in 0..keys.len() {
        ada.vended(&format!("by-{number}"), &json!({})).await;
        ada.post(&format!("/v1/connectors/by-{number}/console-url"), &json!({})).await.good();
        ada.get(&format!("/v1/connectors/by-{number}/caller-identity")).await.good();
    }
    let signed: Vec<_> = world.calls("AssumeRole").into_iter().filter_map(|call| call.access_key_id).collect();
    assert_eq!(signed, keys.map(|(_, id, _)| id));
    assert_eq!(world.calls("getSigninToken").len(), keys.len());
    assert_eq!(world.sim.connections() - before, 1, "one after the other, all by one connection");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_asks_whom_credentials_act_as_shares_the_keys_quota_of_retries() {
    let world = World::open().await;
    let ada = world.person("ada").await;
    ada.vended("deploy", &json!({})).await;
    // The daemon asks by itself whose each of the two keys is, which must not come out of that quota.
    soon("the keys' owners", async || (world.calls("GetCallerIdentity").len() >= 2).then_some(())).await;
    world.sim.faults().always(Calls::of("GetCallerIdentity"), Fault::Throttle);
    world.sim.forget_calls();
    let mut asking = tokio::task::JoinSet::new();
    for _ in 0..ASKERS {
        let ada = ada.clone();
        asking.spawn(async move { ada.get("/v1/connectors/deploy/caller-identity").await.status });
    }
    assert_eq!(asking.join_all().await, [503; ASKERS]);
    let of_credentials = |call: &Call| call.access_key_id.as_deref().is_some_and(|id| id.starts_with("ASIA"));
    let asked = world.calls("GetCallerIdentity").iter().filter(|call| of_credentials(call)).count();
    // A hundred retries to begin with, and one more each second: some seconds go by. With a quota each there would be two for everybody.
    assert!((ASKERS + 100..ASKERS + 120).contains(&asked), "{asked}");
}

const ASKERS: usize = 80;
