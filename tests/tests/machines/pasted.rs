//! What the pages of docs/ci say to paste, run as it stands there: by a shell and the AWS CLI, with a token of the documented shape. GitHub's is
//! in `guides.rs`.

use std::path::Path;

use serde_json::{Value, json};
use tests::ended::{self, Ended};
use tests::installed;
use tests::python::Client;
use tests::world::World;

use super::presets::{Library, Page, block};

const BAMBOO: &str = include_str!("../../../docs/ci/bamboo.md");

#[tokio::test(flavor = "multi_thread")]
async fn gitlabs_job_is_somebody_in_aws() {
    let library = Library::open().await;
    let (page, world) = (&library.gitlab, &library.world);
    let job = &yaml(&at_home(&block(page.text, "yaml"), world))["deploy"];
    let mut runner = runner(world);
    for (name, wanted) in fields(&job["id_tokens"]) {
        runner = runner.with(name, &page.token(text(&wanted["aud"]), &json!({})));
    }
    for (name, value) in fields(&job["variables"]) {
        runner = runner.with(name, text(value));
    }
    // The runner's own shell stops at the first line that fails.
    let lines: Vec<&str> = job["script"].as_array().unwrap().iter().map(text).collect();
    is_somebody(
        &runner.bash(&format!("set -eo pipefail\n{}", lines.join("\n")), ""),
        "svc.gitlab-payments-deploy@302-",
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn buildkites_step_is_somebody_in_aws() {
    let library = Library::open().await;
    let (page, world) = (&library.buildkite, &library.world);
    let step = &yaml(&at_home(&block(page.text, "yaml"), world))["steps"][0];
    let mut agent = runner(world);
    for (name, value) in fields(&step["env"]) {
        agent = agent.with(name, text(value));
    }
    // The pipeline is filled in when it is uploaded: there `$$` is how a `$` is written that the agent is to see.
    let command = text(&step["command"]).replace("$$", "\u{0}");
    assert!(!command.contains('$'), "it is filled in before the agent sees it: {command}");
    let audience = world.brokerd.url();
    let (whole, bare) = (page.token(&audience, &json!({})), page.token(&audience, &json!({ "pipeline_id": null })));
    let script = format!("{BUILDKITE_AGENT}\n{}", command.replace('\u{0}', "$"));
    let agent = agent.with("OUR_AUDIENCE", &audience).with("WITH_ITS_ID", &whole).with("WITHOUT_ITS_ID", &bare);
    is_somebody(&agent.bash(&format!("set -e\n{script}"), ""), "svc.buildkite-deploy@1-");
}

#[tokio::test(flavor = "multi_thread")]
async fn jenkinss_step_is_somebody_in_aws() {
    let library = Library::open().await;
    let (page, world) = (&library.jenkins, &library.world);
    let step = at_home(&block(page.text, "groovy"), world);
    let between = |text: &str, before: &str, behind: &str| {
        let (_, rest) = text.split_once(before).unwrap_or_else(|| panic!("no {before} in {text}"));
        rest.split_once(behind).unwrap_or_else(|| panic!("no {behind} in {rest}")).0.to_owned()
    };
    let node = runner(world);
    let file = node.home().join("of-the-credential");
    let audience = at_home(&between(page.text, "(audience `", "`)"), world);
    std::fs::write(&file, page.token(&audience, &json!({}))).unwrap();
    let node = node.with(&between(&step, "variable: '", "'"), file.to_str().unwrap());
    let variable = between(&step, "withEnv(['", "'])");
    let (name, value) = variable.split_once('=').unwrap();
    let said = node.with(name, value).bash(&between(&step, "sh '", "'"), "");
    is_somebody(&said, "svc.jenkins-https---jenkins.corp.example-job-payme-");
}

#[tokio::test(flavor = "multi_thread")]
async fn bamboos_script_is_somebody_in_aws_with_the_token_that_the_page_has_made() {
    let world = World::open().await;
    let made = at_home(&block(BAMBOO, "sh"), &world);
    let words: Vec<&str> = made.split_whitespace().collect();
    let ["brokerd", arguments @ ..] = &words[..] else { panic!("{made}") };
    // A token for the agents' networks is none for others', and this machine is in none of theirs until it is.
    let elsewhere = world.run(arguments, "").succeeded();
    world.run(&["token", "revoke", "bamboo-payments", "--yes"], "").succeeded();
    let here: Vec<&str> =
        arguments.iter().map(|word| if word.contains("/16") { "127.0.0.0/8" } else { word }).collect();
    assert_ne!(here, arguments, "{made}");
    let token = world.run(&here, "").succeeded();

    let (_, rest) = BAMBOO.split_once("```sh").unwrap().1.split_once("```").unwrap();
    let script = at_home(&block(rest, "sh"), &world);
    let (_, named) = BAMBOO.split_once("has `password` in it (`").unwrap();
    // Bamboo shows a plan's variables to its scripts behind its own name.
    let variable = format!("bamboo_{}", named.split_once('`').unwrap().0);
    let agent = |token: &str| runner(&world).with(&variable, token.trim());
    is_somebody(&agent(&token).bash(&format!("set -e\n{script}"), ""), "svc.bamboo-payments");
    let refused = agent(&elsewhere).bash(&format!("set -e\n{script}"), "").failed();
    assert!(refused.contains("401"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn kubernetess_pod_is_somebody_in_aws() {
    let library = Library::open().await;
    let (page, world) = (&library.cluster, &library.world);
    let pod = yaml(&at_home(&block(page.text, "yaml"), world));
    let (spec, container) = (&pod["spec"], &pod["spec"]["containers"][0]);
    let account =
        format!("system:serviceaccount:{}:{}", text(&pod["metadata"]["namespace"]), text(&spec["serviceAccountName"]));
    let mut inside = runner(world);
    let root = inside.home().join("root");
    // What the kubelet does: each volume where its container wants it, with the tokens that it projects.
    for mount in container["volumeMounts"].as_array().unwrap() {
        let folder = root.join(text(&mount["mountPath"]).trim_start_matches('/'));
        std::fs::create_dir_all(&folder).unwrap();
        let volumes = spec["volumes"].as_array().unwrap().iter();
        let volume = volumes.clone().find(|volume| volume["name"] == mount["name"]).unwrap();
        for source in volume["projected"]["sources"].as_array().unwrap() {
            project(&source["serviceAccountToken"], &folder, page, &account);
        }
    }
    for variable in container["env"].as_array().unwrap() {
        // A container has a root of its own.
        let value = text(&variable["value"]);
        let here = if value.starts_with('/') { format!("{}{value}", root.display()) } else { value.to_owned() };
        inside = inside.with(text(&variable["name"]), &here);
    }
    is_somebody(&inside.bash("aws sts get-caller-identity", ""), "svc.cluster-");
    let by_boto3 = inside.boto3("print(json.dumps(boto3.client('sts').get_caller_identity()))");
    is_somebody(&by_boto3, "svc.cluster-");
}

fn project(token: &Value, folder: &Path, page: &Page, account: &str) {
    let expires = tests::world::now().as_second() + token["expirationSeconds"].as_i64().unwrap();
    let claims = json!({ "sub": account, "exp": expires });
    std::fs::write(folder.join(text(&token["path"])), page.token(text(&token["audience"]), &claims)).unwrap();
}

/// What a page says, before this broker and its connector for jobs.
fn at_home(said: &str, world: &World) -> String {
    let said = said.replace("https://broker.corp.example", &world.brokerd.url());
    said.replace("container-credentials/reports", "container-credentials/ci").replace("ci-deploy", "ci")
}

/// A machine of a CI system, which knows of AWS where it is, and nothing else.
fn runner(world: &World) -> Client {
    Client::at(&world.sim.endpoint())
}

/// The credentials work, and act as a session whose name begins so.
fn is_somebody(said: &Ended, session: &str) {
    let arn = said.clone().json()["Arn"].clone();
    assert!(text(&arn).contains(&format!(":assumed-role/deploy/{session}")), "{session}: {arn}");
}

fn yaml(text: &str) -> Value {
    let mut command = tests::environment::command(installed::python());
    command.args(["-c", "import json, sys, yaml; print(json.dumps(yaml.safe_load(sys.stdin)))"]);
    ended::run("yaml", command, text).json()
}

fn fields(of: &Value) -> impl Iterator<Item = (&String, &Value)> {
    of.as_object().unwrap_or_else(|| panic!("no fields: {of}")).iter()
}

fn text(of: &Value) -> &str {
    of.as_str().unwrap_or_else(|| panic!("no text: {of}"))
}

/// What an agent does for a step. <https://buildkite.com/docs/agent/cli/reference/oidc>
const BUILDKITE_AGENT: &str = r#"
buildkite-agent() {
  [ "$1 $2" = "oidc request-token" ] || return 64
  shift 2
  local audience= claims=
  while [ $# -gt 0 ]; do
    case "$1" in
      --audience) audience=$2; shift 2 ;;
      --claim) claims="$claims $2"; shift 2 ;;
      *) return 64 ;;
    esac
  done
  [ "$audience" = "$OUR_AUDIENCE" ] || return 65
  case "$claims" in
    *" pipeline_id"*) printf %s "$WITH_ITS_ID" ;;
    *) printf %s "$WITHOUT_ITS_ID" ;;
  esac
}
"#;
