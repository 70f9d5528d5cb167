//! A broker that trusts an issuer of GitHub's kind, and the jobs before it.

use serde_json::Value;
use tests::issuer::Issuer;
use tests::world::{Answer, Asker, Prepared, World};

/// Says which jobs may have what. `{url}` is the issuer's.
pub(crate) const ENTRY: &str = r#"
[[workload_issuer]]
name = "github"
issuer.github_actions.url = "{url}"
private_network = true

[[workload_issuer.mapping]]
connectors = ["ci", "deploy"]
claims = { repository_id = "4711" }
patterns = { ref = "refs/heads/m*" }
name = "{repository}@{run_id}"
tags = { repository = "repository" }
"#;

pub(crate) struct Yard {
    pub(crate) issuer: Issuer,
    pub(crate) world: World,
}

impl Yard {
    pub(crate) async fn open() -> Self {
        Self::with(ENTRY).await
    }

    pub(crate) async fn with(entry: &str) -> Self {
        Self::behind(World::prepare().await, entry).await
    }

    /// In a world of its own kind.
    pub(crate) async fn behind(prepared: Prepared, entry: &str) -> Self {
        let issuer = Issuer::start().await;
        trusting(&prepared, &entry.replace("{url}", &issuer.url()));
        Self { issuer, world: prepared.serve() }
    }

    /// This installation's own value.
    pub(crate) fn audience(&self) -> String {
        self.world.brokerd.url()
    }

    pub(crate) fn claims(&self, others: &Value) -> Value {
        self.issuer.claims(&self.audience(), others)
    }

    pub(crate) fn token(&self, others: &Value) -> String {
        self.issuer.key.token(&self.claims(others))
    }

    pub(crate) fn job(&self, others: &Value) -> Asker {
        self.world.stranger().with_token(&self.token(others))
    }

    pub(crate) async fn shown(&self, token: &str) -> Answer {
        self.world.stranger().with_token(token).get("/v1/session").await
    }
}

/// Adds entries to a configuration that is not served yet.
pub(crate) fn trusting(prepared: &Prepared, entries: &str) {
    let text = prepared.installation.read("brokerd.toml");
    prepared.installation.write("brokerd.toml", &format!("{text}\n{entries}"));
}
