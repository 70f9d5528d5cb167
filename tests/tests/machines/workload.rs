//! Jobs that show a token of where they run: what opens a connector, what it is called in AWS, and when their issuer is asked for its keys.

use reqwest::Method;
use serde_json::json;
use tests::issuer::SigningKey;
use tests::python::Client;
use tests::world::Answer;

use super::yard::Yard;

#[tokio::test(flavor = "multi_thread")]
async fn a_job_without_any_secret_of_ours_is_somebody_in_aws() {
    let yard = Yard::open().await;
    let job = yard.job(&json!({}));
    let session = job.get("/v1/session").await.good();
    assert_eq!(
        session["identity"],
        json!({ "kind": "workload", "name": "github:corp/app@99", "groups": [], "admin": false })
    );
    let listed = job.get("/v1/connectors").await.good();
    assert_eq!(
        listed["connectors"].as_array().unwrap().len(),
        1,
        "a mapping gives nobody what is for people: {listed}"
    );

    let vended = job.vended("ci", &json!({ "reason": "build" })).await;
    let (world, record) = (&yard.world, yard.world.record(&vended["vend_id"]));
    assert_eq!(world.read(&vended, &["monthly"]), ["profits"]);
    assert_eq!((&record["actor"], &record["reason"]), (&json!("workload:github:corp/app@99"), &json!("build")));
    assert_eq!(record["actor_id"], "repo:corp/app:ref:refs/heads/main");
    let name = world.sent("AssumeRole", "RoleSessionName").unwrap();
    assert!(name.starts_with("svc.github-corp-app@99-"), "with a fingerprint: {name}");
    assert_eq!(record["session_name"], name);
    assert_eq!(world.sent("AssumeRole", "Tags.member.1.Key").as_deref(), Some("repository"));
    assert_eq!(world.sent("AssumeRole", "Tags.member.1.Value").as_deref(), Some("corp/app"));

    // The very same again; another run is another one.
    assert_eq!(job.vended("ci", &json!({})).await["access_key_id"], vended["access_key_id"]);
    let other = yard.job(&json!({ "run_id": "100" })).vended("ci", &json!({})).await;
    assert_ne!(other["access_key_id"], vended["access_key_id"]);
    // Even where AWS is told the same of both.
    let same_to_aws = yard.job(&json!({ "ref": "refs/heads/master" })).vended("ci", &json!({})).await;
    assert_ne!(same_to_aws["access_key_id"], vended["access_key_id"]);

    let identity = job.get("/v1/connectors/ci/caller-identity").await.good();
    assert!(identity["arn"].as_str().unwrap().contains("/svc.github-"), "{identity}");
    let moved_over = job.get("/rest/identity-federation-for-aws/2.2/connectors").await.good();
    let id = moved_over["values"][0]["id"].as_str().unwrap();
    job.get(&format!("/rest/identity-federation-for-aws/2.2/connectors/{id}/credentials")).await.good();

    // What is not for jobs is not for these.
    for other in ["ci-other", "deploy", "nowhere"] {
        job.vend(other, &json!({})).await.problem("404 not_found");
    }
    for (method, path) in [
        (Method::DELETE, "/v1/session"),
        (Method::POST, "/v1/connectors/ci/console-url"),
        (Method::GET, "/v1/admin/connectors"),
    ] {
        Answer::of(job.request(method, path)).await.problem("403 forbidden");
    }
    let cookie = format!("brokerd={}", job.token.clone().unwrap());
    let by_cookie = world.stranger().request(Method::GET, "/v1/session").header("cookie", cookie);
    Answer::of(by_cookie).await.problem("401 unauthenticated");
    assert!(!world.brokerd.log().contains(job.token.as_deref().unwrap()), "a token stands in no log");
    assert_eq!(yard.issuer.asked().len(), 2, "its keys were fetched once");
}

#[tokio::test(flavor = "multi_thread")]
async fn boto3_fetches_with_a_projected_token() {
    let yard = Yard::open().await;
    let url = format!("{}/v1/container-credentials/ci", yard.world.brokerd.url());
    let client = Client::at(&yard.world.sim.endpoint()).with("AWS_CONTAINER_CREDENTIALS_FULL_URI", &url);
    let file = client.home().join("token");
    std::fs::write(&file, yard.token(&json!({}))).unwrap();
    let client = client.with("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", file.to_str().unwrap());
    let said = client.boto3("print(json.dumps(boto3.client('sts').get_caller_identity()['Arn']))").json();
    assert!(said.as_str().unwrap().contains(":assumed-role/deploy/svc.github-corp-app@99-"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_key_is_fetched_once_and_made_up_ones_fetch_nothing_more() {
    let yard = Yard::open().await;
    yard.shown(&yard.token(&json!({}))).await.good();
    let new = SigningKey::ec("second");
    yard.issuer.has_keys(&[&yard.issuer.key, &new]);
    yard.shown(&new.token(&yard.claims(&json!({})))).await.good();
    assert_eq!(yard.issuer.asked().len(), 4, "the document and the keys, twice");
    // Twice a minute is enough for everybody, whatever they make up.
    let later = SigningKey::rsa("third");
    yard.issuer.has_keys(&[&yard.issuer.key, &new, &later]);
    for key in [&later, &SigningKey::rsa("made up"), &SigningKey::ec("first")] {
        yard.shown(&key.token(&yard.claims(&json!({})))).await.problem("401 unauthenticated");
    }
    assert_eq!(yard.issuer.asked().len(), 4, "{:?}", yard.issuer.asked());
    yard.shown(&yard.token(&json!({}))).await.good();
}
