//! Keys that were made a moment ago, which AWS does not know everywhere yet.

use std::io::Write;
use std::process::Stdio;
use std::time::Duration;

use aws_sim::{Call, Outcome};
use reqwest::Method;
use serde_json::{Value, json};
use tests::world::{ACCOUNT, Answer, SECOND, SECOND_SECRET, World, soon};

const KEYS: &str = "/v1/admin/access-keys";
const LAG: Duration = Duration::from_mins(1);

#[tokio::test(flavor = "multi_thread")]
async fn a_key_made_a_moment_ago_is_taken_as_soon_as_aws_knows_it() {
    let world = World::open().await;
    let root = world.person("root").await;
    world.sim.consistency().lag(LAG);
    let new = Made::by_iam(&world, "second");
    let adding = tokio::spawn({
        let (root, body) = (root.clone(), new.body("fresh"));
        async move { root.post(KEYS, &body).await }
    });
    new.becomes_known_when_it_was_refused(&world).await;
    let added = adding.await.unwrap();
    assert_eq!((added.status, &added.json()["state"]), (201, &json!("proved")), "{}", added.text);
    new.was_taken_some_times_running(&world);

    // The same at the command line.
    let another = Made::by_iam(&world, "broker");
    let arguments = ["key", "add", "another", "--access-key-id", &another.id, "--region", "eu-central-1"];
    let mut command = world.brokerd.installation().command(&arguments);
    let mut adding = command.stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    adding.stdin.take().unwrap().write_all(another.secret.as_bytes()).unwrap();
    another.becomes_known_when_it_was_refused(&world).await;
    let ended = adding.wait_with_output().unwrap();
    let said = String::from_utf8(ended.stderr).unwrap();
    assert!(ended.status.success() && said.contains(&format!("arn:aws:iam::{ACCOUNT}:user/broker")), "{said}");
    another.was_taken_some_times_running(&world);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_stays_unknown_is_refused_in_time_and_what_to_do_is_said() {
    let world = World::open().await;
    let root = world.person("root").await;
    root.post(KEYS, &json!({ "name": "spare", "region": "eu-central-1", "access_key_id": SECOND, "secret_access_key": SECOND_SECRET })).await;
    world.sim.consistency().lag(LAG);
    let new = Made::by_iam(&world, "second");
    let mut body = new.body("spare");
    body.as_object_mut().unwrap().remove("name");
    body["serves"] = json!({});
    let hasty = root.request(Method::PUT, &format!("{KEYS}/spare")).header("prefer", "wait=4").json(&body);
    let problem = Answer::of(hasty).await.problem("502 aws_refused");
    assert_eq!(problem["aws"]["code"], "InvalidClientTokenId", "{problem}");
    assert!(problem["detail"].as_str().unwrap().contains("a moment ago") && problem["aws"]["request_id"].is_string());
    let asked = new.asked(&world).len();
    assert!((2..=4).contains(&asked), "again and again until the deadline: {asked}");
    assert_eq!(root.get(&format!("{KEYS}/spare")).await.good()["generation"], 1);
    world.sim.clock().advance(LAG);
    assert_eq!(root.put(&format!("{KEYS}/spare"), &body).await.good()["access_key_id"], new.id);
}

/// A vend does not wait for AWS to learn of a key; and the mark that it got goes when AWS has said whose the key is.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_came_in_unproved_and_too_early_is_used_as_soon_as_it_is_proved() {
    let world = World::open().await;
    let root = world.person("root").await;
    let ada = world.person("ada").await;
    world.sim.consistency().lag(LAG);
    let new = Made::by_iam(&world, "second");
    assert_eq!(root.post(&format!("{KEYS}?skip_validation=true"), &new.body("early")).await.status, 201);
    let connector = json!({ "name": "early", "access_key": "early", "groups": ["release"],
        "principal": { "assume_role": { "role_arn": format!("arn:aws:iam::{ACCOUNT}:role/deploy") } } });
    assert_eq!(root.post("/v1/admin/connectors", &connector).await.status, 201);
    for _ in 0..3 {
        let problem = ada.vend("early", &json!({})).await.problem("502 aws_refused");
        assert_eq!(problem["aws"]["code"], "InvalidClientTokenId");
    }
    assert_eq!(world.calls("AssumeRole").len(), 1, "refused once, and spared then");
    new.becomes_known_when_it_was_refused(&world).await;
    soon("a vend", async || (ada.vend("early", &json!({})).await.status == 200).then_some(())).await;
    let shown = root.get(&format!("{KEYS}/early")).await.good();
    assert_eq!((&shown["state"], shown.get("refused")), (&json!("proved"), None));
}

/// A key that IAM has just made.
struct Made {
    id: String,
    secret: String,
}

impl Made {
    fn by_iam(world: &World, user: &str) -> Self {
        let program = format!(
            "print(json.dumps(boto3.client('iam').create_access_key(UserName='{user}')['AccessKey'], default=str))"
        );
        let client = tests::python::Client::at(&world.sim.endpoint()).with_keys(SECOND, SECOND_SECRET, None);
        let made = client.boto3(&program).json();
        let part = |name: &str| made[name].as_str().unwrap().to_owned();
        Self { id: part("AccessKeyId"), secret: part("SecretAccessKey") }
    }

    fn body(&self, name: &str) -> Value {
        json!({ "name": name, "region": "eu-central-1", "access_key_id": self.id, "secret_access_key": self.secret })
    }

    fn asked(&self, world: &World) -> Vec<Call> {
        let calls = world.calls("GetCallerIdentity").into_iter();
        calls.filter(|call| call.access_key_id.as_deref() == Some(&self.id)).collect()
    }

    async fn becomes_known_when_it_was_refused(&self, world: &World) {
        soon("a refusal", async || (!self.asked(world).is_empty()).then_some(())).await;
        world.sim.clock().advance(LAG);
    }

    /// One part of AWS may know a key before another one does.
    fn was_taken_some_times_running(&self, world: &World) {
        let unknown = Outcome::Error("InvalidClientTokenId".to_owned());
        let outcomes: Vec<Outcome> = self.asked(world).into_iter().map(|call| call.outcome).collect();
        let refused = outcomes.iter().take_while(|outcome| **outcome == unknown).count();
        assert!(refused >= 1 && outcomes[refused..] == [Outcome::Ok, Outcome::Ok, Outcome::Ok], "{outcomes:?}");
    }
}
