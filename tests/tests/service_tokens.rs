//! CI jobs: tokens of the command line, the connectors they are good for, and everything that they are not good for.

use std::process::Command;
use std::sync::Arc;

use broker_core::administration::{Administration, NewServiceToken};
use broker_core::clock::{SystemClock, after};
use broker_core::permission::{Operator, Permission};
use broker_core::store::{Location, Opened, Store};
use broker_core::trail::Trail;
use broker_core::vault::MasterKey;
use reqwest::Method;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use tests::world::{Answer, Asker, World, now, seconds_until, soon};

#[tokio::test(flavor = "multi_thread")]
async fn a_job_vends_from_the_connectors_that_its_token_names() {
    let world = World::open().await;
    let job = job(&world, "nightly", &["--connector", "ci"]);
    let session = job.get("/v1/session").await.good();
    assert_eq!(session["identity"], json!({ "kind": "workload", "name": "nightly", "groups": [], "admin": false }));
    let days = seconds_until(&session["expires_at"]) / 86_400;
    assert!((89..=90).contains(&days), "ninety days when nobody says: {session}");

    let vended = job.vended("ci", &json!({ "reason": "build 4711" })).await;
    assert_eq!(world.read(&vended, &["monthly"]), ["profits"]);
    assert_eq!(world.sent("AssumeRole", "RoleSessionName").as_deref(), Some("svc.nightly"));
    let record = world.record(&vended["vend_id"]);
    assert_eq!((&record["actor"], &record["action"]), (&json!("service:nightly"), &json!("vend")));
    assert_eq!(record["session_name"], "svc.nightly");
    assert_eq!(job.vended("ci", &json!({})).await["reused"], true);
    let identity = job.get("/v1/connectors/ci/caller-identity").await.good();
    assert!(identity["arn"].as_str().unwrap().ends_with(":assumed-role/deploy/svc.nightly"), "{identity}");

    let list = job.get("/v1/connectors").await.good();
    let list = list["connectors"].as_array().unwrap();
    assert_eq!(list.len(), 1, "its own alone: {list:?}");
    assert_eq!(
        (&list[0]["name"], &list[0]["scope"], &list[0]["console"]),
        (&json!("ci"), &json!("system"), &json!(false))
    );
    assert_eq!(job.get("/v1/connectors/ci").await.good(), list[0]);

    let listed = world.run(&["token", "list", "--json"], "").json();
    assert_eq!((&listed[0]["name"], &listed[0]["connectors"]), (&json!("nightly"), &json!(["ci"])));
    assert!(listed[0]["last_used_at"].is_string(), "{listed}");
    assert!(!listed.to_string().contains("bkt_"));
}

#[tokio::test(flavor = "multi_thread")]
async fn other_connectors_are_not_there_and_other_routes_are_forbidden() {
    let world = World::open().await;
    let job = job(&world, "nightly", &["--connector", "ci"]);
    for other in ["ci-other", "deploy", "vault", "nowhere"] {
        let path = format!("/v1/connectors/{other}");
        for (answer, missing) in [
            (job.get(&path).await, job.get("/v1/connectors/nowhere").await),
            (job.vend(other, &json!({})).await, job.vend("nowhere", &json!({})).await),
            (
                job.get(&format!("{path}/caller-identity")).await,
                job.get("/v1/connectors/nowhere/caller-identity").await,
            ),
        ] {
            answer.problem("404 not_found");
            assert_eq!(answer.but_for_the_request_id(), missing.but_for_the_request_id(), "{other}");
        }
    }
    for (method, path) in [
        (Method::DELETE, "/v1/session"),
        (Method::POST, "/v1/connectors/ci/console-url"),
        (Method::POST, "/v1/connectors/deploy/console-url"),
    ] {
        Answer::of(job.request(method, path)).await.problem("403 forbidden");
    }
    let console = job.get("/console/ci").await;
    assert!(console.status == 303 || console.status == 403, "a page is not for jobs: {}", console.status);
    assert!(
        !console.text.contains("SigninToken") && console.header("location").is_none_or(|to| !to.contains("Signin"))
    );
    assert_eq!(world.calls("AssumeRole").len(), 0);
    assert_eq!(world.trail_of("deploy"), ["service:nightly vend refused", "service:nightly caller_identity refused"]);
    let misused = soon("the trail", async || {
        let records = world.trail().into_iter().filter(|record| record["action"] == "token_refused");
        Some(records.collect::<Vec<_>>()).filter(|records| records.len() >= 3)
    })
    .await;
    assert_eq!(misused.len(), 3, "one for each route that is not for jobs: {misused:?}");
    for record in &misused {
        assert_eq!((&record["actor"], &record["outcome"]), (&json!("service:nightly"), &json!("refused")));
        assert_eq!(record["reason"], "this route does not take such a token");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn people_never_get_a_system_connector_not_even_administrators() {
    let world = World::open().await;
    for username in ["ada", "root"] {
        let person = world.person(username).await;
        person.get("/v1/connectors/ci").await.problem("404 not_found");
        person.vend("ci", &json!({})).await.problem("404 not_found");
        person.get("/v1/connectors/ci/caller-identity").await.problem("404 not_found");
        person.post("/v1/connectors/ci/console-url", &json!({})).await.problem("404 not_found");
        assert!(!person.get("/v1/connectors").await.text.contains("\"ci\""));
    }
    assert_eq!(world.calls("AssumeRole").len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_revoked_over_or_abroad_is_unauthenticated_and_only_the_trail_knows_why() {
    let world = World::open().await;
    let abroad = job(&world, "abroad", &["--connector", "ci", "--network", "203.0.113.0/24", "--network", "::1"]);
    let at_home = job(&world, "at-home", &["--connector", "ci", "--network", "127.0.0.0/8"]);
    let revoked = job(&world, "revoked", &["--connector", "ci"]);
    revoked.vended("ci", &json!({})).await;
    at_home.vended("ci", &json!({})).await;
    world.run(&["token", "revoke", "revoked", "--yes"], "").succeeded();
    let unknown = world.stranger().with_token(&format!("bkt_{}", "A".repeat(43)));

    let calls = world.calls("AssumeRole").len();
    let mut answers = Vec::new();
    for token in [&abroad, &revoked, &unknown] {
        for answer in
            [token.get("/v1/session").await, token.vend("ci", &json!({})).await, token.get("/v1/connectors").await]
        {
            answer.problem("401 unauthenticated");
            answers.push(answer.but_for_the_request_id());
        }
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:?}");
    assert_eq!(world.calls("AssumeRole").len(), calls);
    let said = soon("the trail", async || {
        let records = world.trail();
        let refused = records.iter().filter(|record| record["action"] == "token_refused");
        let said: Vec<String> =
            refused.map(|it| format!("{} {}", it["actor"].as_str().unwrap(), it["reason"].as_str().unwrap())).collect();
        (said.len() == 9).then_some(said)
    })
    .await;
    // Known actors and strangers have lanes of their own, which do not wait for each other.
    let of = |actor: &str, why: &str| said.iter().filter(|it| it.starts_with(actor) && it.contains(why)).count();
    assert_eq!((of("service:abroad ", "network"), of("anonymous ", "revoked")), (3, 6), "{said:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_lives_from_a_day_to_a_year() {
    let world = World::open().await;
    let job = job(&world, "short", &["--connector", "ci", "--expires-in-days", "1"]);
    let session = job.get("/v1/session").await.good();
    assert!((86_000..=86_400).contains(&seconds_until(&session["expires_at"])), "{session}");
    for days in ["0", "366", "-1"] {
        let refused = world.run(&["token", "create", "x", "--connector", "ci", "--expires-in-days", days], "");
        assert!(!refused.status.success(), "{days}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_whose_time_has_come_is_unauthenticated() {
    let world = World::open().await;
    let installation = world.brokerd.installation();
    // The command line counts in days: so another node of the same installation makes this one.
    let key = MasterKey::parse("test", &SecretString::from(installation.read("master.key"))).unwrap();
    let location = Location::Sqlite(installation.path("brokerd.db"));
    let clock = Arc::new(SystemClock);
    let Opened { store, vault } = Store::open(&location, vec![key], "test", clock.as_ref()).await.unwrap();
    let trail = Trail::start(store.clone(), clock.clone(), "another node");
    let new = NewServiceToken {
        name: "brief".to_owned().try_into().unwrap(),
        connectors: ["ci".to_owned().try_into().unwrap()].into(),
        expires_at: Some(after(now(), 10)),
        networks: Vec::new(),
    };
    let administration = Administration::new(store, vault, trail, clock);
    let (token, _) = administration.create_service_token(new, &Operator::on_the_host("a test")).await.unwrap();

    let job = world.stranger().with_token(token.expose_secret());
    job.vended("ci", &json!({})).await;
    soon("its end", async || (job.get("/v1/session").await.status == 401).then_some(())).await;
    job.vend("ci", &json!({})).await.problem("401 unauthenticated");
    soon("the trail", async || {
        let refused = |it: &Value| {
            it["action"] == "token_refused"
                && it["actor"] == "service:brief"
                && it["reason"] == "the service token has expired"
        };
        world.trail().iter().any(refused).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_are_made_for_system_connectors_only() {
    let world = World::open().await;
    for connector in ["deploy", "nowhere"] {
        let said = world.run(&["token", "create", "x", "--connector", connector], "").failed();
        assert!(said.contains(connector), "{said}");
    }
    assert_eq!(world.run(&["token", "list", "--json"], "").json(), json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connector_of_the_same_name_made_later_inherits_no_tokens() {
    let world = World::open().await;
    let job = job(&world, "nightly", &["--connector", "ci", "--connector", "ci-other"]);
    job.vended("ci", &json!({})).await;
    let installation = world.brokerd.installation();
    let text = installation.read("connectors.toml");
    let at = text.find("[[connector]]\nname = \"ci\"\n").unwrap();
    let end = text.find("[[connector]]\nname = \"ci-other\"\n").unwrap();
    installation.write("connectors.toml", &format!("{}{}", &text[..at], &text[end..]));
    world.run(&["apply", "--yes"], "").succeeded();
    soon("its end", async || (job.vend("ci", &json!({})).await.status == 404).then_some(())).await;
    installation.write("connectors.toml", &text);
    world.run(&["apply", "--yes"], "").succeeded();

    let heir = self::job(&world, "heir", &["--connector", "ci"]);
    soon("the namesake", async || (heir.vend("ci", &json!({})).await.status == 200).then_some(())).await;
    job.vend("ci", &json!({})).await.problem("404 not_found");
    job.vended("ci-other", &json!({})).await;
    let list = job.get("/v1/connectors").await.good();
    assert_eq!(list["connectors"].as_array().unwrap().len(), 1, "{list}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connector_that_becomes_one_for_people_is_lost_to_its_tokens() {
    let world = World::open().await;
    let job = job(&world, "nightly", &["--connector", "ci"]);
    job.vended("ci", &json!({})).await;
    let installation = world.brokerd.installation();
    installation.edit(
        "connectors.toml",
        "name = \"ci\"\naccess_key = \"main\"\nscope = \"system\"",
        "name = \"ci\"\naccess_key = \"main\"\ngroups = [\"corp/release\"]",
    );
    world.run(&["apply", "--yes"], "").succeeded();
    soon("the change", async || (job.vend("ci", &json!({})).await.status == 404).then_some(())).await;
    world.person("ada").await.vended("ci", &json!({})).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_tokens_never_share_credentials() {
    let world = World::open().await;
    let one = job(&world, "one", &["--connector", "ci"]).vended("ci", &json!({})).await;
    let two = job(&world, "two", &["--connector", "ci"]).vended("ci", &json!({})).await;
    assert_ne!(one["access_key_id"], two["access_key_id"]);
    assert_eq!(two["reused"], false);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_revoked_while_aws_is_asked_brings_nothing() {
    let world = World::open().await;
    let job = job(&world, "nightly", &["--connector", "ci"]);
    let stall = aws_sim::Fault::Stall(std::time::Duration::from_secs(6));
    world.sim.faults().once(aws_sim::Calls::of("AssumeRole"), stall);
    let asking = job.clone();
    let waiting = tokio::spawn(async move { asking.vend("ci", &json!({})).await });
    soon("the call", async || (world.sim.faults().pending() == 0).then_some(())).await;
    world.run(&["token", "revoke", "nightly", "--yes"], "").succeeded();
    waiting.await.unwrap().problem("401 unauthenticated");
    assert_eq!(world.trail_of("ci"), ["service:nightly vend refused"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_stands_in_no_log_no_trail_and_no_store() {
    let world = World::open().await;
    let job = job(&world, "nightly", &["--connector", "ci"]);
    job.vended("ci", &json!({})).await;
    let token = job.token.clone().unwrap();
    assert!(token.starts_with("bkt_") && token.len() >= 4 + 43, "256 bits: {}", token.len());
    assert!(!world.brokerd.log().contains(&token));
    assert!(!format!("{:?}", world.trail()).contains(&token));
    let folder = world.brokerd.installation().path("");
    let found = Command::new("grep").args(["-rlaF", "--", &token]).arg(folder).output().unwrap();
    assert!(found.stdout.is_empty(), "{}", String::from_utf8_lossy(&found.stdout));
}

/// A service token of the command line.
fn job(world: &World, name: &str, arguments: &[&str]) -> Asker {
    let mut all = vec!["token", "create", name];
    all.extend(arguments);
    let printed = world.run(&all, "").succeeded();
    let token: Vec<&str> = printed.lines().collect();
    assert_eq!(token.len(), 1, "the token and nothing else goes to standard output");
    world.stranger().with_token(token[0])
}
