//! `brokerd revoke`: a role's sessions end at AWS, and brokerd lends none of them again.

use std::time::Duration;

use aws_sim::{Calls, Fault};
use broker_core::clock::after;
use jiff::Timestamp;
use serde_json::{Value, json};
use tests::brokerd::Installation;
use tests::ended::Ended;
use tests::moto::Moto;
use tests::stores::Hands;
use tests::terminal;
use tests::world::{SECOND, World, now};

const ROLE: &str = "arn:aws:iam::111111111111:role/deploy";
const USER: &str = "arn:aws:iam::111111111111:user/broker";
const MORE: &str = r#"
[[connector]]
name = "away"
access_key = "main"
groups = ["corp/release"]
[connector.principal.assume_role]
role_arn = "arn:aws:iam::222222222222:role/deploy"

[[connector]]
name = "ghost"
access_key = "main"
groups = ["corp/release"]
[connector.principal.assume_role]
role_arn = "arn:aws:iam::111111111111:role/ghost"

[[connector]]
name = "linked"
access_key = "main"
groups = ["corp/release"]
[connector.principal.assume_role]
role_arn = "arn:aws:iam::111111111111:role/aws-service-role/x.amazonaws.com/AWSServiceRoleForX"
"#;

/// The policy of that name that the role has at AWS.
fn policy(world: &World) -> Option<Value> {
    let call = world.calls("PutRolePolicy").into_iter().rfind(|call| call.outcome == aws_sim::Outcome::Ok)?;
    assert_eq!(call.parameters["PolicyName"], "AWSRevokeOlderSessions", "the name that AWS's console gives it");
    Some(serde_json::from_str(&call.parameters["PolicyDocument"]).unwrap())
}

fn records(world: &World) -> Vec<Value> {
    world.trail().into_iter().filter(|record| record["action"] == "sessions_revoked").collect()
}

fn nothing_done(world: &World, ended: Ended) -> String {
    let said = ended.failed();
    assert_eq!(world.calls("PutRolePolicy").len(), 0, "{said}");
    assert_eq!(records(world), Vec::<Value>::new(), "{said}");
    said
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_vended_before_stops_working_and_what_is_vended_after_works() {
    let world = World::open().await;
    let (ada, eve) = (world.person("ada").await, world.person("eve").await);
    let old = [ada.vended("deploy", &json!({})).await, eve.vended("limited", &json!({})).await];
    assert_eq!(world.read(&old[0], &["monthly"]), ["profits"]);
    assert_eq!(world.read(&old[1], &["monthly"]), ["profits"]);
    let others = [ada.vended("brief", &json!({})).await, ada.vended("reports", &json!({})).await];
    let begun = now();

    let ended = world.run(&["revoke", "deploy", "--yes"], "");
    assert!(ended.stdout.contains("deploy") && ended.stdout.contains("limited"), "{}", ended.stdout);
    ended.succeeded();
    assert_eq!(world.read(&old[0], &["monthly"]), ["AccessDenied"]);
    assert_eq!(world.read(&old[1], &["monthly"]), ["AccessDenied"], "whoever has it, by whichever connector");
    for other in &others {
        assert_eq!(world.read(other, &["monthly"]), ["profits"], "of another role, or of a user");
    }

    // Not one of the connectors of the role lends an old session again; nor one of the moment in which it was done.
    tests::world::soon("the revision", async || {
        let again = ada.vended("deploy", &json!({})).await;
        (again["access_key_id"] != old[0]["access_key_id"]).then_some(())
    })
    .await;
    for (asker, connector) in [(&ada, "deploy"), (&eve, "limited"), (&ada, "other-key")] {
        let new = asker.vended(connector, &json!({})).await;
        assert_eq!(world.read(&new, &["monthly"]), ["profits"], "{connector}");
        assert_eq!(asker.vended(connector, &json!({})).await["access_key_id"], new["access_key_id"], "{connector}");
    }
    assert_eq!(ada.vended("brief", &json!({})).await["reused"], true, "others go on as they were");

    let policy = policy(&world).unwrap();
    let moment: Timestamp =
        policy["Statement"][0]["Condition"]["DateLessThan"]["aws:TokenIssueTime"].as_str().unwrap().parse().unwrap();
    assert!(begun <= moment && moment <= after(begun, 30), "{moment}");
    let records = records(&world);
    let connectors: Vec<_> = records.iter().map(|record| record["connector"].as_str().unwrap()).collect();
    for connector in ["deploy", "limited", "managed", "anew", "other-key", "treasury", "vault", "ci", "ci-other"] {
        assert!(connectors.contains(&connector), "{connector}: {connectors:?}");
    }
    let record = &records[0];
    assert_eq!((&record["outcome"], &record["role_arn"]), (&json!("success"), &json!(ROLE)));
    assert_eq!(record["changes"]["role_policy"]["to"], policy);
    assert_eq!(record["changes"]["role_policy"]["from"], Value::Null);
    assert_eq!(record["changes"]["access_key"], "main");
    assert!(record["actor"].as_str().unwrap().starts_with("operator:"), "{record}");
    world.run(&["audit", "verify"], "").succeeded();
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_shown_first_and_nothing_is_done_unless_somebody_says_yes() {
    let world = World::open().await;
    let old = world.person("ada").await.vended("deploy", &json!({})).await;
    let shown = world.run(&["revoke", "deploy", "--dry-run"], "").succeeded();
    for part in
        [ROLE, "access key main", "AWSRevokeOlderSessions", "everybody else", "Does not end", "no policy of that name"]
    {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    let from = shown.find("{\n").unwrap();
    let until = shown[from..].find("\n}\n").unwrap() + from + 2;
    let mut document: Value = serde_json::from_str(&shown[from..until]).unwrap();
    let moment = document.pointer_mut("/Statement/0/Condition/DateLessThan/aws:TokenIssueTime").unwrap().take();
    assert!(moment.as_str().unwrap().parse::<Timestamp>().is_ok());
    assert_eq!(
        document,
        json!({ "Version": "2012-10-17", "Statement": [{ "Effect": "Deny", "Action": ["*"], "Resource": ["*"],
            "Condition": { "DateLessThan": { "aws:TokenIssueTime": null } } }] })
    );
    let ended = world.run(&["revoke", "deploy"], "y\n");
    assert_eq!(ended.status.code(), Some(2), "a pipe is nobody");
    assert!(nothing_done(&world, ended).contains("--yes"));
    assert_eq!(world.read(&old, &["monthly"]), ["profits"]);

    // What stands there under that name is shown before it is lost.
    world.sim.world().put_policy(ROLE, "AWSRevokeOlderSessions", tests_own_policy()).unwrap();
    let shown = world.run(&["revoke", "deploy", "--dry-run"], "").succeeded();
    assert!(shown.contains("ANOTHER policy") && shown.contains("s3:DeleteBucket"), "{shown}");
    world.run(&["revoke", "--role", ROLE, "--yes"], "").succeeded();
    assert_eq!(records(&world)[0]["changes"]["role_policy"]["from"], tests_own_policy());
    let shown = world.run(&["revoke", "deploy", "--dry-run"], "").succeeded();
    assert!(shown.contains("an older one of the same name") && !shown.contains("ANOTHER"), "{shown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_sits_there_is_asked_and_anything_but_a_yes_is_a_no() {
    let world = World::open().await;
    let old = world.person("ada").await.vended("deploy", &json!({})).await;
    let answered = |typed: &str| {
        let command = world.brokerd.installation().command(&["revoke", "deploy"]);
        let mut process = terminal::start("brokerd revoke on a terminal", &command, typed);
        let status = process.wait();
        let shown = process.stdout();
        assert!(shown.contains(&format!("End them all, of {ROLE}? [y/N]")), "{shown}");
        (status.success(), shown)
    };
    for no in ["\n", "n\n", "nay\n", "deploy\n"] {
        let (done, shown) = answered(no);
        assert!(!done && shown.contains("nothing was changed"), "{no:?}: {shown}");
        assert_eq!((world.calls("PutRolePolicy").len(), records(&world)), (0, vec![]), "{no:?}");
    }
    assert_eq!(world.read(&old, &["monthly"]), ["profits"]);
    let (done, shown) = answered("y\n");
    assert!(done, "{shown}");
    assert_eq!(world.read(&old, &["monthly"]), ["AccessDenied"]);
}

fn tests_own_policy() -> Value {
    json!({ "Version": "2012-10-17", "Statement": [{ "Effect": "Deny", "Action": "s3:DeleteBucket", "Resource": "*" }] })
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_vended_in_the_very_second_of_it_is_not_lent_on_when_aws_refuses_it() {
    let world = World::open().await;
    let ada = world.person("ada").await;
    // Of the second that AWS names nobody can know whether it was before or after: whoever asks all the while gets some of it.
    for _ in 0..3 {
        let before = ada.vended("deploy", &json!({})).await;
        let command = world.brokerd.installation().command(&["revoke", "deploy", "--yes"]);
        let revoking = std::thread::spawn(move || tests::ended::run("brokerd revoke", command, ""));
        let new = tests::world::soon("new credentials", async || {
            let vended = ada.vended("deploy", &json!({})).await;
            (vended["access_key_id"] != before["access_key_id"]).then_some(vended)
        })
        .await;
        revoking.join().unwrap().succeeded();
        assert_eq!(ada.vended("deploy", &json!({})).await["access_key_id"], new["access_key_id"]);
        assert_eq!(world.read(&new, &["monthly"]), ["profits"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_somebody_puts_there_meanwhile_is_not_lost_unseen() {
    let world = World::open().await;
    world.sim.faults().latency(Duration::from_secs(2));
    let command = world.brokerd.installation().command(&["revoke", "deploy", "--yes"]);
    let revoking = std::thread::spawn(move || tests::ended::run("brokerd revoke", command, ""));
    // It has looked at the role, and has its last look before it.
    tests::world::soon("the first look", async || (!world.calls("GetRolePolicy").is_empty()).then_some(())).await;
    world.sim.world().put_policy(ROLE, "AWSRevokeOlderSessions", tests_own_policy()).unwrap();
    let said = nothing_done(&world, revoking.join().unwrap());
    assert!(said.contains("someone else changed the role's policy AWSRevokeOlderSessions"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_of_another_owner_than_the_one_whose_place_it_took_signs_nothing() {
    let world = World::open().await;
    let listed = async || {
        let keys = world.run(&["key", "list", "--json"], "").succeeded();
        let keys: Value = serde_json::from_str(&keys).unwrap();
        let keys = keys.as_array().or_else(|| keys["items"].as_array()).unwrap().clone();
        keys.into_iter().find(|key| key["name"] == "main").unwrap().to_string()
    };
    tests::world::soon("AWS to say whose key it is", async || listed().await.contains("user/broker").then_some(()))
        .await;
    let installation = world.brokerd.installation();
    installation.edit("connectors.toml", "AKIAIOSFODNN7EXAMPLE", SECOND);
    installation.write("keys/main", tests::world::SECOND_SECRET);
    world.run(&["apply", "--yes"], "").succeeded();
    let said = nothing_done(&world, world.run(&["revoke", "deploy", "--yes"], ""));
    assert!(said.contains("user/broker"), "{said}");
    assert!(world.calls("GetRolePolicy").is_empty(), "it is not even asked for");
}

#[tokio::test(flavor = "multi_thread")]
async fn where_it_cannot_help_it_says_what_does() {
    let world = World::prepare().await.connectors(MORE).serve();
    let revoke = |connector: &str| nothing_done(&world, world.run(&["revoke", connector, "--yes"], ""));
    for (connector, call) in [("reports", "GetFederationToken"), ("raw", "GetSessionToken")] {
        let said = revoke(connector);
        for part in [call, "AKIAIOSFODNN7EXAMPLE", "inactive", "aws:TokenIssueTime", "DateLessThan"] {
            assert!(said.contains(part), "{part}: {said}");
        }
    }
    assert!(revoke("linked").contains("service-linked"));
    assert!(revoke("nowhere").contains("no connector is called `nowhere`"));
    let said = revoke("away");
    assert!(said.contains("111111111111") && said.contains("222222222222") && said.contains("--access-key"), "{said}");
    assert!(world.calls("GetRolePolicy").is_empty(), "a role of the same name in the key's own account is not touched");
    let said = nothing_done(&world, world.run(&["revoke", "deploy", "--access-key", "none", "--yes"], ""));
    assert!(said.contains("no access key is called `none`"), "{said}");
    let unknown = "arn:aws:iam::111111111111:role/nobody-lends-it";
    let said = nothing_done(&world, world.run(&["revoke", "--role", unknown, "--yes"], ""));
    assert!(said.contains("--access-key"), "{said}");
    for wrong in [&["revoke"][..], &["revoke", "deploy", "--role", ROLE], &["revoke", "--role", "deploy"]] {
        assert_eq!(world.run(wrong, "").status.code(), Some(2), "{wrong:?}");
    }

    let said = world.run(&["revoke", "ghost", "--yes"], "").failed();
    assert!(said.contains("ghost") && said.contains("no such role"), "{said}");
    world.run(&["revoke", "--role", ROLE, "--access-key", "second", "--yes"], "").succeeded();
    assert_eq!(world.calls("PutRolePolicy").last().unwrap().access_key_id.as_deref(), Some(SECOND));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_without_the_right_is_told_which_it_needs() {
    let world = World::open().await;
    let grant = |action: &str| {
        let statement = json!({ "Effect": "Allow", "Action": ["sts:*", action], "Resource": "*" });
        let policy = json!({ "Version": "2012-10-17", "Statement": [statement] });
        world.sim.world().put_policy(USER, "all", policy).unwrap();
        world.run(&["revoke", "deploy", "--yes"], "").failed()
    };
    for right in ["iam:ListRoles", "iam:GetRolePolicy"] {
        let said = grant(right);
        assert!(said.contains("AccessDenied"), "{said}");
        let statement = said.lines().find(|line| line.starts_with("{ \"Effect\"")).unwrap_or_else(|| panic!("{said}"));
        let statement: Value = serde_json::from_str(statement).unwrap();
        assert_eq!(
            statement,
            json!({ "Effect": "Allow", "Action": ["iam:GetRolePolicy", "iam:PutRolePolicy"], "Resource": ROLE })
        );
    }
    let records = records(&world);
    assert_eq!(records.len(), 1, "the attempt that got as far as the role: {records:?}");
    assert_eq!(records[0]["outcome"], "failed");
    assert!(records[0]["reason"].as_str().unwrap().contains("AccessDenied"), "{records:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn trouble_is_tried_again_and_rubbish_is_not_believed() {
    let world = World::open().await;
    for fault in [Fault::Throttle, Fault::ServiceUnavailable, Fault::DroppedConnection, Fault::CutConnection] {
        world.sim.faults().once(Calls::of("PutRolePolicy"), fault.clone());
        world.run(&["revoke", "deploy", "--yes"], "").succeeded();
        assert_eq!(world.sim.faults().pending(), 0, "{fault:?}");
    }
    world.sim.forget_calls();
    for (fault, said) in [
        (Fault::NotXml, "not AWS's IAM"),
        (Fault::Truncated, "not AWS's IAM"),
        (Fault::Huge(1 << 20), "too large"),
        (Fault::Refusal { status: 400, code: "LimitExceeded", message: "m\u{1b}[2J".repeat(2_000) }, "LimitExceeded"),
    ] {
        world.sim.faults().once(Calls::of("GetRolePolicy"), fault.clone());
        let told = world.run(&["revoke", "deploy", "--yes"], "").failed();
        assert!(told.contains(said) && !told.contains('\u{1b}') && told.len() < 2_000, "{fault:?}: {told}");
    }
    world.sim.faults().always(Calls::of("GetRolePolicy"), Fault::Throttle);
    assert!(world.run(&["revoke", "deploy", "--yes"], "").failed().contains("Throttling"));
    assert_eq!(world.calls("PutRolePolicy").len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_iam_is_not_waited_for_longer_than_the_deadline() {
    let world =
        World::prepare().await.configured("retries = 2", "retries = 2, interactive_deadline_seconds = 4").serve();
    world.sim.faults().always(Calls::of("PutRolePolicy"), Fault::Stall(Duration::from_mins(10)));
    let said = world.run(&["revoke", "deploy", "--yes"], "").failed();
    assert!(said.contains("did not answer in time"), "{said}");
    assert_eq!(records(&world)[0]["outcome"], "failed");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sessions_end_though_nothing_can_be_recorded() {
    let (world, mut hands) = with_hands().await;
    let ada = world.person("ada").await;
    let old = ada.vended("deploy", &json!({})).await;
    hands
        .run("CREATE TRIGGER closed BEFORE INSERT ON trail BEGIN SELECT RAISE(ABORT, 'the trail is closed'); END")
        .await;
    let said = world.run(&["revoke", "deploy", "--yes"], "").failed();
    assert!(said.contains("AWS refuses sessions issued before") && said.contains("note it down by hand"), "{said}");
    assert_eq!(world.read(&old, &["monthly"]), ["AccessDenied"]);

    hands.run("DROP TRIGGER closed").await;
    is_not_lent_again(&world, &old).await;
    assert_eq!(records(&world), Vec::<Value>::new(), "it has ended, and nobody else knows of it");
    assert!(world.run(&["audit", "verify"], "").succeeded().contains("result: whole"));
}

#[tokio::test(flavor = "multi_thread")]
async fn where_the_store_takes_no_note_it_says_so_and_is_run_again() {
    let (world, mut hands) = with_hands().await;
    let old = world.person("ada").await.vended("deploy", &json!({})).await;
    hands
        .run("CREATE TRIGGER fixed BEFORE UPDATE ON connectors BEGIN SELECT RAISE(ABORT, 'nothing changes'); END")
        .await;
    let said = world.run(&["revoke", "deploy", "--yes"], "").failed();
    for part in
        ["AWS refuses the older sessions from now on", "may go on lending them", "run this again", "nothing changes"]
    {
        assert!(said.contains(part), "{part}: {said}");
    }
    let first = policy(&world).unwrap();
    assert_eq!(world.read(&old, &["monthly"]), ["AccessDenied"]);
    assert_eq!(records(&world), Vec::<Value>::new(), "and nothing of it is half done here");

    hands.run("DROP TRIGGER fixed").await;
    world.run(&["revoke", "deploy", "--yes"], "").succeeded();
    is_not_lent_again(&world, &old).await;
    assert_eq!(records(&world)[0]["changes"]["role_policy"]["from"], first);
}

/// A world, and the hands of whoever has its store.
async fn with_hands() -> (World, Hands) {
    let world = World::open().await;
    let hands = Hands::of_sqlite(&world.brokerd.installation().path("brokerd.db")).await;
    (world, hands)
}

async fn is_not_lent_again(world: &World, old: &Value) {
    let ada = world.person("ada").await;
    let new = tests::world::soon("the revision", async || {
        let new = ada.vended("deploy", &json!({})).await;
        (new["access_key_id"] != old["access_key_id"]).then_some(new)
    })
    .await;
    assert_eq!(world.read(&new, &["monthly"]), ["profits"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn moto_takes_the_policy_too() {
    let moto = Moto::start();
    let all = json!({ "Version": "2012-10-17", "Statement": [{ "Effect": "Allow", "Action": ["sts:*", "iam:*RolePolicy"], "Resource": "*" }] });
    let trust = json!({ "Version": "2012-10-17", "Statement": [{ "Effect": "Allow", "Action": "sts:AssumeRole", "Principal": { "AWS": "arn:aws:iam::{account}:user/broker" } }] });
    let made =
        moto.populate(&json!({ "users": { "broker": all, "idle": null }, "roles": { "deploy": { "trust": trust } } }));
    moto.enforce();
    let role = &made.roles["deploy"].arn;
    let endpoint = moto.url();
    let installation = Installation::new(
        &format!("aws = {{ endpoint_url = \"{endpoint}\", iam_endpoint_url = \"{endpoint}\" }}\n[[directory]]\nname = \"corp\"\nbackend.local = {{}}\n"),
        &["broker", "idle"]
            .map(|user| {
                let key = &made.users[user].access_key_id;
                format!("[[access_key]]\nname = \"{user}\"\nregion = \"us-east-1\"\nsource.stored = {{ access_key_id = \"{key}\", secret_access_key = {{ file = \"keys/{user}\" }} }}\n")
            })
            .concat(),
    );
    for user in ["broker", "idle"] {
        installation.write(&format!("keys/{user}"), &made.users[user].secret_access_key);
    }
    installation.run(&["apply", "--yes"], "").succeeded();
    let said = installation.run(&["revoke", "--role", role, "--access-key", "idle", "--yes"], "").failed();
    assert!(said.contains("AccessDenied") && said.contains("iam:PutRolePolicy"), "{said}");
    for _ in 0..2 {
        installation.run(&["revoke", "--role", role, "--access-key", "broker", "--yes"], "").succeeded();
    }
    let user = &made.users["broker"];
    let client = tests::python::Client::at(endpoint).with_keys(&user.access_key_id, &user.secret_access_key, None);
    let read = client
        .aws(&["iam", "get-role-policy", "--role-name", "deploy", "--policy-name", "AWSRevokeOlderSessions"])
        .json();
    assert_eq!(read["PolicyDocument"]["Statement"][0]["Effect"], "Deny", "{read}");
    assert!(
        read["PolicyDocument"]["Statement"][0]["Condition"]["DateLessThan"]["aws:TokenIssueTime"].is_string(),
        "{read}"
    );
}
