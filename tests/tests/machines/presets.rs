//! The mappings of docs/ci, as they stand there, before tokens of the shapes that each CI system documents: the job that is meant gets in,
//! and one that differs in any claim that the page binds does not.

use serde_json::{Value, json};
use tests::issuer::{Issuer, jwks};
use tests::world::World;

/// A page, what of it is another one's in a test, and a token's claims.
struct Page {
    text: &'static str,
    issuer: Vec<(&'static str, String)>,
    claims: Value,
    /// What the page binds, and a value that a stranger might have.
    bound: Vec<(&'static str, Value)>,
    name: &'static str,
}

#[tokio::test(flavor = "multi_thread")]
async fn each_page_lets_in_the_job_that_it_is_about_and_no_other() {
    let issuers = [Issuer::start().await, Issuer::start().await, Issuer::start().await, Issuer::start().await];
    let [gitlab, jenkins, buildkite, cluster] = &issuers;
    let pages = [gitlab_page(gitlab), jenkins_page(jenkins), buildkite_page(buildkite), cluster_page()];

    let prepared = World::prepare().await;
    let mut text = prepared.installation.read("brokerd.toml");
    for page in &pages {
        let (_, block) = page.text.split_once("```toml\n").unwrap();
        let mut entry = block.split("```").next().unwrap().to_owned();
        for (from, to) in &page.issuer {
            assert!(entry.contains(from), "{from} in {entry}");
            entry = entry.replace(from, to);
        }
        let connector = if entry.contains("\"ci-deploy\"") { "\"ci-deploy\"" } else { "\"reports\"" };
        text.push('\n');
        text += &entry.replace(&format!("connectors = [{connector}]"), "connectors = [\"ci\"]");
    }
    prepared.installation.write("brokerd.toml", &text);
    prepared.installation.write("cluster.jwks.json", &jwks(&[&cluster.key]).to_string());
    let world = prepared.serve();

    for (page, issuer) in pages.iter().zip(&issuers) {
        let claims = |change: &Value| {
            let mut all = page.claims.as_object().unwrap().clone();
            all.extend(change.as_object().unwrap().clone());
            let mut claims = issuer.claims(&world.brokerd.url(), &json!(all));
            // GitHub's are not theirs.
            let theirs =
                |name: &str| all.contains_key(name) || ["iss", "aud", "sub", "iat", "nbf", "exp"].contains(&name);
            claims.as_object_mut().unwrap().retain(|name, _| theirs(name));
            claims
        };
        let shown = async |change: Value| {
            let job = world.stranger().with_token(&issuer.key.token(&claims(&change)));
            job.get("/v1/session").await
        };
        assert_eq!(shown(json!({})).await.good()["identity"]["name"], page.name);
        let job = world.stranger().with_token(&issuer.key.token(&claims(&json!({}))));
        job.vended("ci", &json!({})).await;
        for (claim, other) in &page.bound {
            for value in [other.clone(), Value::Null] {
                let refused = shown(json!({ *claim: value })).await;
                assert_eq!(refused.status, 401, "{}: {claim} = {value}: {}", page.name, refused.text);
            }
        }
        let shown_elsewhere = issuer.key.token(&issuer.claims("https://vault.corp.example", &page.claims));
        world.stranger().with_token(&shown_elsewhere).get("/v1/session").await.problem("401 unauthenticated");
    }
    assert!(cluster.asked().is_empty(), "a cluster whose keys are in a file is asked nothing");
    let tagged = world.sent("AssumeRole", "Tags.member.1.Value");
    assert_eq!(tagged.as_deref(), Some("reports-7c9d8"), "the pod's name goes along");
}

/// <https://docs.gitlab.com/ci/secrets/id_token_authentication/#token-payload>
fn gitlab_page(issuer: &Issuer) -> Page {
    Page {
        text: include_str!("../../../docs/ci/gitlab.md"),
        issuer: vec![("https://gitlab.corp.example", issuer.url())],
        claims: json!({
            "namespace_id": "72", "namespace_path": "payments", "project_id": "42", "project_path": "payments/deploy",
            "user_id": "1", "user_login": "ada", "user_email": "ada@corp.example", "pipeline_id": "574",
            "pipeline_source": "push", "job_id": "302", "ref": "main", "ref_type": "branch",
            "ref_path": "refs/heads/main", "ref_protected": "true", "runner_id": 1, "runner_environment": "self-hosted",
            "sha": "714a629c0b401fdce83e847fc9589983fc6f46bc", "project_visibility": "public",
            "sub": "project_path:payments/deploy:ref_type:branch:ref:main",
        }),
        bound: vec![
            ("project_id", json!("43")),
            ("project_id", json!("421")),
            ("ref_protected", json!("false")),
            ("ref", json!("main-but-not")),
        ],
        name: "gitlab:payments/deploy@302",
    }
}

/// <https://plugins.jenkins.io/oidc-provider/>
fn jenkins_page(issuer: &Issuer) -> Page {
    let sub = "https://jenkins.corp.example/job/payments/job/deploy/";
    Page {
        text: include_str!("../../../docs/ci/jenkins.md"),
        issuer: vec![("https://jenkins.corp.example/oidc", issuer.url())],
        claims: json!({ "sub": sub, "build_number": 7 }),
        bound: vec![
            ("sub", json!("https://jenkins.corp.example/job/payments/job/deploy")),
            ("sub", json!("https://jenkins.corp.example/job/payments/job/deploy/job/x/")),
        ],
        name: "jenkins:https://jenkins.corp.example/job/payments/job/deploy/",
    }
}

/// <https://buildkite.com/docs/agent/cli/reference/oidc#claims>
fn buildkite_page(issuer: &Issuer) -> Page {
    let at_home = format!("issuer.buildkite.url = \"{}\"\nprivate_network = true", issuer.url());
    Page {
        text: include_str!("../../../docs/ci/buildkite.md"),
        issuer: vec![("issuer.buildkite = {}", at_home)],
        claims: json!({
            "sub": "organization:corp:pipeline:deploy:ref:refs/heads/main:commit:9f3182061f1e2cca4702c368cbc039b7dc9d4485:step:deploy",
            "organization_slug": "corp", "pipeline_slug": "deploy", "build_number": 1, "build_branch": "main",
            "build_commit": "9f3182061f1e2cca4702c368cbc039b7dc9d4485", "step_key": "deploy",
            "job_id": "0184990a-477b-4fa8-9968-496074483cee", "agent_id": "0184990a-4782-42b5-afc1-16715b10b8ff",
            "pipeline_id": "0186a5d0-1f2e-4c3b-9a8d-7e6f5a4b3c2d",
        }),
        bound: vec![
            ("pipeline_id", json!("0186a5d0-1f2e-4c3b-9a8d-7e6f5a4b3c2e")),
            ("build_branch", json!("mallory:main")),
        ],
        name: "buildkite:deploy@1",
    }
}

/// <https://kubernetes.io/docs/reference/access-authn-authz/service-accounts-admin/#bound-service-account-tokens>
fn cluster_page() -> Page {
    Page {
        text: include_str!("../../../docs/ci/kubernetes.md"),
        issuer: Vec::new(),
        claims: json!({
            "iss": "https://kubernetes.default.svc.cluster.local", "sub": "system:serviceaccount:payments:reports",
            "kubernetes.io": {
                "namespace": "payments",
                "node": { "name": "node-1", "uid": "646e7c5e-32d6-4d42-9dbd-e504e6cbe6b1" },
                "pod": { "name": "reports-7c9d8", "uid": "5e0bd49b-f040-43b0-99b7-22765a53f7f3" },
                "serviceaccount": { "name": "reports", "uid": "14ee3fa4-a7e2-420f-9f9a-dbc4507c3798" },
                "warnafter": 1_700_000_000,
            },
        }),
        bound: vec![
            ("sub", json!("system:serviceaccount:payments:default")),
            ("sub", json!("system:serviceaccount:other:reports")),
            ("iss", json!("https://kubernetes.default.svc.cluster.local/")),
        ],
        name: "cluster:system:serviceaccount:payments:reports",
    }
}
