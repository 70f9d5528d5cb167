//! The recipes of docs/developer.md, docs/operator.md, docs/ci.md and docs/ci/github-actions.md, run as they stand there: by a shell, curl and the AWS CLI.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::os::unix::fs::PermissionsExt;

use serde_json::{Value, json};
use tests::ended::Ended;
use tests::issuer::{Issuer, json_answer};
use tests::python::Client;
use tests::world::{World, password_of};

const CI: &str = include_str!("../../docs/ci.md");
const GITHUB_ACTIONS: &str = include_str!("../../docs/ci/github-actions.md");
const OPERATOR: &str = include_str!("../../docs/operator.md");
const DEVELOPER: &str = include_str!("../../docs/developer.md");

#[tokio::test(flavor = "multi_thread")]
async fn a_job_gets_credentials_and_is_somebody_in_aws() {
    let world = World::open().await;
    let recipe = recipe(CI, "credentials=$(curl").replace("ci-deploy", "ci");
    let job = job(&world, &token(&world)).with("CI_JOB_URL", "https://ci.corp.example/jobs/4711");
    let said = run(&job, &format!("set -e\n{recipe}")).json();
    assert_eq!(said["Arn"], "arn:aws:sts::111111111111:assumed-role/deploy/svc.payments-ci");
    let vend = world.trail().into_iter().find(|record| record["action"] == "vend").unwrap();
    assert_eq!(vend["reason"], "https://ci.corp.example/jobs/4711");

    let refused = job.with("BROKER_TOKEN", "bkt_nobodys");
    let said = run(&refused, &format!("set -e\n{recipe}\necho went on")).failed();
    assert!(said.contains("401") && !said.contains("went on"), "a refusal ends the job: {said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn docker_and_pip_are_given_passwords_of_their_own() {
    let world = World::open().await;
    let job = job(&world, &token(&world));
    // They note down what they are given, as nobody's registry is near.
    let docker = "docker() { printf '%s\\n' \"$*\"; cat; }";
    let login =
        recipe(CI, "given=$(curl -fsS -X POST \"$BROKER_URL/v1/connectors/ci-deploy/ecr").replace("ci-deploy", "ci");
    let said = run(&job, &format!("set -e\n{docker}\n{login}")).succeeded();
    let (arguments, password) = said.split_once('\n').unwrap();
    let registry = "https://111111111111.dkr.ecr.eu-central-1.amazonaws.com";
    assert_eq!(arguments, format!("login --username AWS --password-stdin {registry}"));
    assert_eq!(password.trim().len(), 40, "{said}");
    let index = recipe(CI, "given=$(curl -fsS -X POST \"$BROKER_URL/v1/connectors/ci-deploy/codeartifact")
        .replace("ci-deploy", "ci");
    let said = run(&job, &format!("set -e\n{index}\nprintf %s \"$PIP_INDEX_URL\"")).succeeded();
    let (password, host) = said.strip_prefix("https://aws:").unwrap().split_once('@').unwrap();
    assert!(password.len() > 500, "{said}");
    assert_eq!(host, "corp-111111111111.d.codeartifact.eu-central-1.amazonaws.com/pypi/REPOSITORY/simple/");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_step_of_github_actions_masks_all_and_hands_it_on() {
    let world = World::open().await;
    let step = recipe(CI, "- name: AWS credentials").replace("ci-deploy", "ci");
    let (_, script) = step.split_once("run: |\n").unwrap();
    let job = job(&world, &token(&world));
    let handed_on = job.home().join("github.env");
    let job = job.with("GITHUB_ENV", handed_on.to_str().unwrap());
    let job_home = job.home().to_str().unwrap().to_owned();
    let job = job.with("RUNNER_TEMP", &job_home);
    let printed = run(&job, &format!("set -eo pipefail\n{script}")).succeeded();
    let variables = std::fs::read_to_string(handed_on).unwrap();
    let names: Vec<_> = variables.lines().map(|line| line.split_once('=').unwrap()).collect();
    assert_eq!(
        names.iter().map(|(name, _)| *name).collect::<Vec<_>>(),
        ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"]
    );
    let masks: Vec<_> = names.iter().map(|(_, value)| format!("::add-mask::{value}")).collect();
    assert_eq!(printed.lines().collect::<Vec<_>>(), masks, "nothing is printed but what hides it");
    assert!(!job.home().join("aws.json").exists());
    let next = names.iter().fold(Client::at(&world.sim.endpoint()), |next, (name, value)| next.with(name, value));
    assert!(next.aws(&["sts", "get-caller-identity"]).json()["Arn"].as_str().unwrap().ends_with("/svc.payments-ci"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_of_github_actions_needs_no_stored_secret() {
    let issuer = Issuer::start().await;
    let prepared = World::prepare().await;
    let at_home = format!("issuer.github_actions.url = \"{}\"\nprivate_network = true", issuer.url());
    let entry = recipe(GITHUB_ACTIONS, "# brokerd.toml").replace("issuer.github_actions = {}", &at_home);
    let text = prepared.installation.read("brokerd.toml");
    prepared.installation.write("brokerd.toml", &format!("{text}\n{}", entry.replace("ci-deploy", "ci")));
    let world = prepared.serve();

    let broker = world.brokerd.url();
    let claims = issuer.claims(&broker, &json!({ "repository_id": "123456789", "environment": "production" }));
    let value = json!({ "value": issuer.key.token(&claims) }).to_string();
    issuer.says(&format!("/token?api-version=2.0&audience={broker}"), &json_answer(&value));
    let step = recipe(GITHUB_ACTIONS, "permissions:").replace("ci-deploy", "ci");
    let (_, script) = step.split_once("run: |\n").unwrap();
    let (script, then) = script.split_once("      - run: ").unwrap();
    let job = Client::at(&world.sim.endpoint()).with("BROKER_URL", &broker);
    let job = job.with("ACTIONS_ID_TOKEN_REQUEST_URL", &format!("{}/token?api-version=2.0", issuer.url()));
    let handed_on = job.home().join("github.env");
    let job = job.with("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "of this run").with("GITHUB_ENV", handed_on.to_str().unwrap());
    let job_home = job.home().to_str().unwrap().to_owned();
    let job = job.with("RUNNER_TEMP", &job_home);
    assert_eq!(run(&job, &format!("set -eo pipefail\n{script}")).succeeded(), "", "no token is printed");
    let variables = std::fs::read_to_string(handed_on).unwrap();
    let next = variables.lines().map(|line| line.split_once('=').unwrap());
    let next = next.fold(job, |next, (name, value)| next.with(name, value));
    let said = run(&next, then).json();
    assert!(said["Arn"].as_str().unwrap().contains("/svc.github-corp-app@99-"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_profile_of_a_long_job_asks_by_itself() {
    let world = World::open().await;
    let job = job(&world, &token(&world));
    std::fs::create_dir_all(job.home().join(".aws")).unwrap();
    let profile = recipe(CI, "[profile ci-deploy]").replace("/ci-deploy/", "/ci/");
    std::fs::write(job.home().join(".aws/config"), profile).unwrap();
    let said = job.aws(&["sts", "get-caller-identity", "--profile", "ci-deploy"]).json();
    assert!(said["Arn"].as_str().unwrap().ends_with("/svc.payments-ci"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_developer_signs_in_lists_and_is_somebody_in_aws() {
    let world = World::open().await;
    let recipe = recipe(DEVELOPER, "BROKER_URL=");
    let (_, recipe) = recipe.split_once('\n').unwrap();
    let keeps = self::recipe(DEVELOPER, "(umask 077");
    let ada = Client::at(&world.sim.endpoint()).with("BROKER_URL", &world.brokerd.url()).with("USER", "ada");
    let said = ada.bash(&format!("set -e\n{recipe}\n{keeps}"), &format!("{}\n", password_of("ada"))).succeeded();
    let mut answers = serde_json::Deserializer::from_str(&said).into_iter::<Value>();
    let listed = answers.next().unwrap().unwrap();
    assert!(listed["connectors"].as_array().unwrap().iter().any(|connector| connector["name"] == "deploy"), "{listed}");
    let identity = answers.next().unwrap().unwrap();
    assert!(identity["Arn"].as_str().unwrap().ends_with(":assumed-role/deploy/ada"), "{identity}");

    let header = std::fs::metadata(ada.home().join(".broker-header")).unwrap();
    assert_eq!(header.permissions().mode() & 0o777, 0o600);
    std::fs::create_dir_all(ada.home().join(".aws")).unwrap();
    let profile = self::recipe(DEVELOPER, "[profile deploy]");
    let profile = profile.replace("https://broker.corp.example", &world.brokerd.url());
    std::fs::write(ada.home().join(".aws/config"), profile).unwrap();
    let identity = ada.aws(&["sts", "get-caller-identity", "--profile", "deploy"]).json();
    assert!(identity["Arn"].as_str().unwrap().ends_with(":assumed-role/deploy/ada"), "{identity}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_ends_all_of_somebodys_sessions_or_hears_why_not() {
    let world = World::open().await;
    let recipe: String = recipe(OPERATOR, "   printf 'authorization: Bearer %s'");
    let hers = [world.person("ada").await, world.person("ada").await];
    let end = async |username: &str| {
        let token = world.person(username).await.token.unwrap();
        let machine = Client::new().with("BROKER_URL", &world.brokerd.url()).with("TOKEN", &token);
        run(&machine, &recipe)
    };
    let refused = end("vera").await;
    assert_eq!(refused.status.code(), Some(22), "{refused:?}");
    assert!(refused.stdout.contains("\"code\":\"forbidden\""), "{refused:?}");
    hers[0].get("/v1/session").await.good();

    assert_eq!(end("otto").await.json(), json!({ "ended": 2 }));
    for ada in &hers {
        ada.get("/v1/session").await.problem("401 unauthenticated");
    }
    let nobody = end("otto").await;
    assert_eq!(nobody.status.code(), Some(22), "{nobody:?}");
    assert!(nobody.stdout.contains("nobody of that name and directory is signed in"), "{nobody:?}");
}

fn token(world: &World) -> String {
    world.run(&["token", "create", "payments-ci", "--connector", "ci"], "").succeeded().trim().to_owned()
}

/// A CI system's machine.
fn job(world: &World, token: &str) -> Client {
    Client::at(&world.sim.endpoint()).with("BROKER_URL", &world.brokerd.url()).with("BROKER_TOKEN", token)
}

/// The block of the page that begins with this.
fn recipe(page: &str, beginning: &str) -> String {
    let mut blocks = page.split("```").skip(1).step_by(2).filter_map(|block| block.split_once('\n'));
    let (_, block) = blocks.find(|(_, block)| block.starts_with(beginning)).unwrap();
    block.to_owned()
}

fn run(client: &Client, script: &str) -> Ended {
    client.bash(script, "")
}
