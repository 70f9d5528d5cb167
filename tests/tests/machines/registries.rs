//! Passwords for docker and for packages: asked of AWS by the broker, for people and for jobs, each with its record.

use aws_sim::{Calls, Fault};
use serde_json::json;
use tests::world::{World, seconds_until};

use super::job;

#[tokio::test(flavor = "multi_thread")]
async fn people_and_jobs_get_a_password_for_docker_and_the_trail_says_until_when() {
    let world = World::open().await;
    let (job, ada) = (job(&world, "nightly", &["ci"]), world.person("ada").await);
    for (asker, connector, actor) in [(&ada, "deploy", "person:corp/ada"), (&job, "ci", "service:nightly")] {
        let answer = asker.post(&ecr(connector), &json!({ "reason": "ticket 4711" })).await;
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        let given = answer.good();
        assert_eq!((&given["username"], &given["region"]), (&json!("AWS"), &json!("eu-central-1")));
        assert_eq!(given["registry"], "https://111111111111.dkr.ecr.eu-central-1.amazonaws.com");
        assert!(given["password"].as_str().unwrap().len() >= 40);
        assert!((43_000..=43_200).contains(&seconds_until(&given["expiration"])), "AWS's twelve hours: {given}");
        let record = world.record(&given["vend_id"]);
        assert_eq!((&record["action"], &record["actor"]), (&json!("ecr_credentials"), &json!(actor)));
        assert_eq!((&record["reason"], &record["outcome"]), (&json!("ticket 4711"), &json!("success")));
        assert!(record["access_key_id"].as_str().unwrap().starts_with("ASIA"));
        let (noted, told) = (&record["changes"], &given["expiration"]);
        assert_eq!((&noted["region"], &noted["expires_at"]), (&json!("eu-central-1"), told));
        assert!(!record.to_string().contains(given["password"].as_str().unwrap()));
    }
    assert!(!world.brokerd.log().contains("eyJ"));
    let keys = || world.calls("GetAuthorizationToken").last().unwrap().access_key_id.clone();
    let before = keys();
    ada.post(&ecr("deploy"), &json!({ "fresh": true })).await.good();
    assert_ne!(keys(), before, "by credentials of their own");
    let elsewhere = ada.post(&ecr("deploy"), &json!({ "region": "us-east-1" })).await.good();
    assert_eq!(elsewhere["registry"], "https://111111111111.dkr.ecr.us-east-1.amazonaws.com");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_for_packages_is_asked_as_awss_own_client_asks_and_ends_with_the_credentials() {
    let world = World::open().await;
    let ada = world.person("ada").await;
    let given = ada.post(&packages("deploy"), &json!({ "domain": "corp" })).await.good();
    assert_eq!((&given["username"], &given["domain_owner"]), (&json!("aws"), &json!("111111111111")));
    assert_eq!(given["endpoint"], "https://corp-111111111111.d.codeartifact.eu-central-1.amazonaws.com/");
    assert!((3_500..=3_600).contains(&seconds_until(&given["expiration"])), "{given}");
    let record = world.record(&given["vend_id"]);
    assert_eq!((&record["action"], &record["changes"]["domain"]), (&json!("codeartifact_credentials"), &json!("corp")));
    let vended = ada.vended("deploy", &json!({})).await;
    let program = "print(json.dumps(boto3.client('codeartifact', region_name='us-east-1').get_authorization_token(domain='corp', domainOwner='111111111111', durationSeconds=1800), default=str))";
    let by_boto = world.client(&vended).boto3(program).json();
    assert!(by_boto["authorizationToken"].as_str().unwrap().len() > 500, "{by_boto}");
    let wanted =
        json!({ "domain": "corp", "domain_owner": "111111111111", "region": "us-east-1", "duration_seconds": 1_800 });
    let given = ada.post(&packages("deploy"), &wanted).await.good();
    assert!((1_700..=1_800).contains(&seconds_until(&given["expiration"])), "{given}");
    let [.., theirs, ours] = &world.calls("codeartifact:GetAuthorizationToken")[..] else { panic!("two calls") };
    assert_eq!((&ours.parameters, &ours.method), (&theirs.parameters, &theirs.method), "as boto3 asks");
    assert_eq!(ours.access_key_id, theirs.access_key_id, "the very credentials, again");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_use_a_connector_gets_no_password_and_what_cannot_be_is_said_by_name() {
    let world = World::prepare().await;
    let closed = "[[connector]]\nname = 'closed-to-docker'\naccess_key = 'main'\ngroups = ['corp/release']\nregistry_passwords = false\n\
                  principal.assume_role.role_arn = 'arn:aws:iam::111111111111:role/deploy'\n";
    let world = world.connectors(closed).serve();
    let (job, ada) = (job(&world, "nightly", &["ci"]), world.person("ada").await);
    for path in [ecr("treasury"), ecr("no-such"), ecr("ci")] {
        ada.post(&path, &json!({})).await.problem("404 not_found");
    }
    job.post(&packages("deploy"), &json!({ "domain": "corp" })).await.problem("404 not_found");
    world.stranger().post(&ecr("deploy"), &json!({})).await.problem("401 unauthenticated");
    let refused = "person:corp/ada ecr_credentials refused";
    assert_eq!((world.trail_of("treasury"), world.trail_of("ci")), (vec![refused.into()], vec![refused.into()]));
    assert!(world.trail_of("deploy").contains(&"service:nightly codeartifact_credentials refused".to_owned()));

    for (field, body) in [
        ("region", json!({ "domain": "corp", "region": "nowhere" })),
        ("region", json!({ "domain": "corp", "region": "eu-central-1.evil.example" })),
        ("region", json!({ "domain": "corp", "region": "cn-north-1" })),
        ("domain", json!({})),
        ("domain", json!({ "domain": "Corp" })),
        ("domain", json!({ "domain": "corp&domain-owner=222222222222" })),
        ("domain_owner", json!({ "domain": "corp", "domain_owner": "22" })),
        ("reason", json!({ "domain": "corp", "reason": "x".repeat(5_000) })),
        ("formats", json!({ "domain": "corp", "formats": "npm" })),
    ] {
        let problem = ada.post(&packages("deploy"), &body).await.problem("400 invalid_request");
        assert_eq!(problem["field"], field, "{problem}");
    }
    for seconds in [0, 899, 14_401, 43_201] {
        let asked = json!({ "domain": "corp", "duration_seconds": seconds });
        let problem = ada.post(&packages("deploy"), &asked).await.problem("400 duration_out_of_range");
        assert_eq!(
            (&problem["minimum_seconds"], &problem["maximum_seconds"]),
            (&json!(900), &json!(14_400)),
            "the connector's own"
        );
    }
    ada.post(&ecr("closed-to-docker"), &json!({})).await.problem("403 forbidden");
    assert_eq!(world.trail_of("closed-to-docker"), [refused]);
    assert!(
        world.calls("codeartifact:GetAuthorizationToken").is_empty() && world.calls("GetAuthorizationToken").is_empty()
    );

    let denied = ada.post(&ecr("limited"), &json!({})).await.problem("502 aws_refused");
    assert_eq!(denied["aws"]["code"], "AccessDeniedException");
    let elsewhere = json!({ "domain": "corp", "domain_owner": "222222222222" });
    let denied = ada.post(&packages("deploy"), &elsewhere).await.problem("502 aws_refused");
    assert!(denied["aws"]["message"].as_str().unwrap().contains("222222222222:domain/corp"), "{denied}");
    assert!(world.trail_of("limited").contains(&"person:corp/ada ecr_credentials failed".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_refused_a_password_leaves_in_the_trail_what_it_was_to_be_for() {
    let world = World::open().await;
    let ada = world.person("ada").await;
    let whole = json!({ "domain": "corp", "domain_owner": "222222222222", "region": "us-east-1" });
    let at_home = json!({ "region": "eu-central-1" });
    let packages_at_home = json!({ "region": "eu-central-1", "domain": "corp", "domain_owner": "222222222222" });
    for (path, asked, told) in [
        // Where nobody is entitled, only what was said: the region of a key is nothing to whoever may not use it.
        (ecr("treasury"), json!({}), json!(null)),
        (ecr("treasury"), json!({ "region": "us-east-1" }), json!({ "region": "us-east-1" })),
        (packages("treasury"), json!({ "domain": "corp" }), json!({ "domain": "corp" })),
        (packages("treasury"), whole.clone(), whole.clone()),
        (ecr("limited"), json!({}), at_home.clone()),
        (packages("deploy"), json!({ "domain": "corp", "domain_owner": "222222222222" }), packages_at_home),
        (
            packages("deploy"),
            json!({ "domain": "corp", "region": "cn-north-1" }),
            json!({ "domain": "corp", "region": "cn-north-1" }),
        ),
    ] {
        let answer = ada.post(&path, &asked).await;
        assert!(answer.status >= 400, "{path} {asked}: {}", answer.text);
        let id = answer.json()["request_id"].clone();
        let record = world.trail().into_iter().find(|record| record["request_id"] == id).unwrap();
        assert_eq!(record["changes"], told, "{path} {asked}: {record}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_that_is_busy_is_asked_again_and_one_that_talks_rubbish_gives_nothing() {
    let world = World::prepare().await.configured("retries = 2", "retries = 1, attempt_timeout_seconds = 2").serve();
    let ada = world.person("ada").await;
    let action = || Calls::of("GetAuthorizationToken");
    world.sim.faults().times(1, action(), Fault::Throttle);
    ada.post(&ecr("deploy"), &json!({})).await.good();
    world.sim.faults().times(2, action(), Fault::Throttle);
    let busy = ada.post(&ecr("deploy"), &json!({})).await;
    assert_eq!(busy.problem("503 aws_unavailable")["aws"]["code"], "Throttling");
    assert!(busy.header("retry-after").is_some());
    for rubbish in [
        Fault::NotXml,
        Fault::DroppedConnection,
        Fault::CutConnection,
        Fault::Huge(10 << 20),
        Fault::Redirect("http://127.0.0.1:9".to_owned()),
        Fault::InternalFailure,
    ] {
        world.sim.faults().times(2, action(), rubbish.clone());
        let answer = ada.post(&ecr("deploy"), &json!({})).await;
        answer.problem("503 aws_unavailable");
        world.sim.faults().clear();
    }
    ada.post(&ecr("deploy"), &json!({})).await.good();
    assert_eq!(world.calls("AssumeRole").len(), 1, "by the same credentials, all of them");
    let told = world.trail_of("deploy");
    let (good, failed): (Vec<_>, Vec<_>) = told.iter().partition(|told| told.ends_with("success"));
    assert_eq!((good.len(), failed.len()), (2, 7), "{told:?}");
}

fn ecr(connector: &str) -> String {
    format!("/v1/connectors/{connector}/ecr-credentials")
}

fn packages(connector: &str) -> String {
    format!("/v1/connectors/{connector}/codeartifact-credentials")
}
