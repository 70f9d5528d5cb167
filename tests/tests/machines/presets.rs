//! The mappings of docs/ci, as they stand there, before tokens of the shapes that each CI system documents: the job that is meant gets in,
//! and one that differs in any claim that the page binds does not.

use serde_json::{Value, json};
use tests::issuer::{Issuer, jwks};
use tests::world::World;

use super::yard::trusting;

/// A page, what of it is another one's in a test, and a token's claims.
pub(crate) struct Page {
    pub(crate) text: &'static str,
    pub(crate) issuer: Issuer,
    /// What the page says of where its issuer is, and where the test has one.
    at_home: (&'static str, String),
    claims: Value,
    /// What the page binds, and a value that a stranger might have.
    bound: Vec<(&'static str, Value)>,
    pub(crate) name: &'static str,
}

/// The pages of all systems that have tokens of their own, and a broker whose configuration they say.
pub(crate) struct Library {
    pub(crate) gitlab: Page,
    pub(crate) jenkins: Page,
    pub(crate) buildkite: Page,
    pub(crate) cluster: Page,
    pub(crate) world: World,
}

impl Library {
    pub(crate) async fn open() -> Self {
        let (gitlab, jenkins) = (gitlab_page(Issuer::start().await), jenkins_page(Issuer::start().await));
        let (buildkite, cluster) = (buildkite_page(Issuer::start().await), cluster_page(Issuer::start().await));
        let prepared = World::prepare().await;
        for page in [&gitlab, &jenkins, &buildkite, &cluster] {
            let (from, to) = &page.at_home;
            let entry = block(page.text, "toml");
            assert!(entry.contains(from), "{from} in {entry}");
            let entry = entry.replace(from, to);
            let connector = if entry.contains("\"ci-deploy\"") { "\"ci-deploy\"" } else { "\"reports\"" };
            trusting(&prepared, &entry.replace(&format!("connectors = [{connector}]"), "connectors = [\"ci\"]"));
        }
        prepared.installation.write("cluster.jwks.json", &jwks(&[&cluster.issuer.key]).to_string());
        Self { gitlab, jenkins, buildkite, cluster, world: prepared.serve() }
    }
}

impl Page {
    /// Of the documented shape, for somebody, with some claims changed or, where they are null, left out.
    pub(crate) fn token(&self, audience: &str, change: &Value) -> String {
        let mut all = self.claims.as_object().unwrap().clone();
        all.extend(change.as_object().unwrap().clone());
        let mut claims = self.issuer.claims(audience, &json!(all));
        // GitHub's are not theirs.
        let theirs = |name: &str| all.contains_key(name) || ["iss", "aud", "sub", "iat", "nbf", "exp"].contains(&name);
        claims.as_object_mut().unwrap().retain(|name, _| theirs(name));
        self.issuer.key.token(&claims)
    }
}

/// What stands on a page between fences of that language, the first of them.
pub(crate) fn block(page: &str, language: &str) -> String {
    let (_, rest) = page.split_once(&format!("```{language}\n")).unwrap_or_else(|| panic!("no {language} in {page}"));
    rest.split("```").next().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_page_lets_in_the_job_that_it_is_about_and_no_other() {
    let library = Library::open().await;
    let world = &library.world;
    for page in [&library.gitlab, &library.jenkins, &library.buildkite, &library.cluster] {
        let job = |change: Value| world.stranger().with_token(&page.token(&world.brokerd.url(), &change));
        let shown = async |change: Value| job(change).get("/v1/session").await;
        assert_eq!(shown(json!({})).await.good()["identity"]["name"], page.name);
        job(json!({})).vended("ci", &json!({})).await;
        for (claim, other) in &page.bound {
            for value in [other.clone(), Value::Null] {
                let refused = shown(json!({ *claim: value })).await;
                assert_eq!(refused.status, 401, "{}: {claim} = {value}: {}", page.name, refused.text);
            }
        }
        let shown_elsewhere = page.token("https://vault.corp.example", &json!({}));
        world.stranger().with_token(&shown_elsewhere).get("/v1/session").await.problem("401 unauthenticated");
    }
    assert!(library.cluster.issuer.asked().is_empty(), "a cluster whose keys are in a file is asked nothing");
    let tagged = world.sent("AssumeRole", "Tags.member.1.Value");
    assert_eq!(tagged.as_deref(), Some("reports-7c9d8"), "the pod's name goes along");
}

/// <https://docs.gitlab.com/ci/secrets/id_token_authentication/#token-payload>
fn gitlab_page(issuer: Issuer) -> Page {
    Page {
        text: include_str!("../../../docs/ci/gitlab.md"),
        at_home: ("https://gitlab.corp.example", issuer.url()),
        issuer,
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
fn jenkins_page(issuer: Issuer) -> Page {
    let sub = "https://jenkins.corp.example/job/payments/job/deploy/";
    Page {
        text: include_str!("../../../docs/ci/jenkins.md"),
        at_home: ("https://jenkins.corp.example/oidc", issuer.url()),
        issuer,
        claims: json!({ "sub": sub, "build_number": 7 }),
        bound: vec![
            ("sub", json!("https://jenkins.corp.example/job/payments/job/deploy")),
            ("sub", json!("https://jenkins.corp.example/job/payments/job/deploy/job/x/")),
        ],
        name: "jenkins:https://jenkins.corp.example/job/payments/job/deploy/",
    }
}

/// <https://buildkite.com/docs/agent/cli/reference/oidc#claims>
fn buildkite_page(issuer: Issuer) -> Page {
    let at_home = format!("issuer.buildkite.url = \"{}\"\nprivate_network = true", issuer.url());
    Page {
        text: include_str!("../../../docs/ci/buildkite.md"),
        at_home: ("issuer.buildkite = {}", at_home),
        issuer,
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
fn cluster_page(issuer: Issuer) -> Page {
    Page {
        text: include_str!("../../../docs/ci/kubernetes.md"),
        // Its keys are in a file: nobody asks where it is.
        at_home: ("cluster.jwks.json", "cluster.jwks.json".to_owned()),
        issuer,
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
