//! People whom Atlassian Crowd knows, through the front door of a daemon: before a Crowd as it should be, and before others.

#![expect(clippy::unwrap_used, reason = "a test: a panic is how it says that something is wrong")]

mod accounts;
mod faults;
mod hostile;
mod injected;
mod names;
mod single_sign_on;
mod tested;
mod tls;

use aws_sim::Sim;
use serde_json::{Value, json};
use tests::brokerd::{Brokerd, Installation};
use tests::crowd::{APPLICATION_PASSWORD, Crowd};
use tests::world::{Answer, Asker, World, soon};

/// A daemon whose only directory is a Crowd, `corp`. The connector `deploy` is for `corp/staff`.
struct Scene {
    crowd: Crowd,
    brokerd: Brokerd,
    _sim: Sim,
}

impl Scene {
    /// `more` stands in Crowd's own table.
    async fn set(more: &str) -> Self {
        Self::before(Crowd::start().await, "", more).await
    }

    /// With further top-level keys.
    async fn before(crowd: Crowd, keys: &str, more: &str) -> Self {
        let sim = World::prepare().await.sim;
        let brokerd = installation(&sim, keys, &crowd.configured(more)).serve();
        Self { crowd, brokerd, _sim: sim }
    }

    fn stranger(&self) -> Asker {
        Asker::at(&self.brokerd.url())
    }

    /// Tries a name and a password.
    async fn tries(&self, username: &str, password: &str) -> Answer {
        self.stranger().sign_in(&json!({ "username": username, "password": password })).await
    }

    /// Signs somebody in whose password is the usual one.
    async fn person(&self, username: &str) -> Asker {
        self.stranger().signed_in_with(username, &format!("{username} secret")).await
    }

    fn trail(&self) -> Vec<Value> {
        tests::world::trail(self.brokerd.installation())
    }

    /// Why sign-ins were refused, oldest first.
    fn reasons(&self) -> Vec<String> {
        let refused = self.trail().into_iter().filter(|it| it["action"] == "sign_in" && it["outcome"] == "refused");
        refused.map(|it| it["reason"].as_str().unwrap().to_owned()).collect()
    }

    /// The same once there are so many: they are written while the answers are on their way.
    async fn so_many_reasons(&self, count: usize) -> Vec<String> {
        soon("all refusals", async || Some(self.reasons()).filter(|reasons| reasons.len() >= count)).await
    }

    /// Waits for the record of a refusal: it is written while the answer is on its way.
    async fn has_refused(&self, why: &str) {
        soon(why, async || self.reasons().pop().filter(|reason| reason.contains(why)).map(drop)).await;
    }

    async fn readiness(&self) -> Value {
        self.stranger().get("/readyz").await.json()
    }
}

fn installation(sim: &Sim, keys: &str, directory: &str) -> Installation {
    let more = format!(
        "{keys}\naws = {{ endpoint_url = \"{}\", federation_url = \"{}\", retries = 2 }}\n{directory}",
        sim.endpoint(),
        sim.federation_endpoint()
    );
    let connectors = format!(
        "[[access_key]]\nname = \"main\"\nregion = \"us-east-1\"\nsource.stored = {{ access_key_id = \"{}\", secret_access_key = {{ file = \"keys/main\" }} }}\n\
         [[connector]]\nname = \"deploy\"\naccess_key = \"main\"\ngroups = [\"corp/staff\"]\n[connector.principal.assume_role]\n\
         role_arn = \"arn:aws:iam::{}:role/deploy\"\n",
        tests::world::KEY,
        tests::world::ACCOUNT,
    );
    let installation = Installation::new(&more, &connectors);
    installation.write("crowd.pw", APPLICATION_PASSWORD);
    installation.write("keys/main", tests::world::SECRET);
    installation
}
