//! What the cells share: a broker before AWS, a person's two sign-ins, and who was seen.

use std::sync::{Mutex, MutexGuard, PoisonError};

use aws_sim::Outcome;
use serde_json::Value;
use tests::brokerd::program;
use tests::ended;
use tests::process::{Process, Signal};
use tests::python;
use tests::world::{ACCOUNT, World, password_of, soon};
use tokio::runtime::Runtime;

use crate::clients::Client;
use crate::matrix::Way;
use crate::sessions::Desk;

/// The world, with ada at her machines.
pub(crate) struct Scene {
    pub(crate) world: World,
    pub(crate) runtime: Runtime,
    desk: Mutex<Desk>,
    /// Where ada has signed in with `broker login`.
    pub(crate) machine: python::Client,
    pub(crate) agent: Agent,
}

/// That AWS has seen whom it should in this cell. Nothing but a look at it makes one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Proof {
    client: Client,
    way: Way,
}

/// A running `broker serve`.
pub(crate) struct Agent {
    _process: Process,
    pub(crate) address: String,
    pub(crate) token_file: String,
}

impl Scene {
    pub(crate) fn open() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let world = runtime.block_on(async {
            let settings = "aws_clients = { access_help = \"Ask in #cloud-access.\", device_groups = [\"corp/release\"] }\n\
                            sessions = { recheck_seconds = 1 }";
            World::prepare().await.with(settings).connectors(&connectors()).serve()
        });
        let machine = python::Client::new().with("BROKER_URL", &world.brokerd.url());
        let mut login = machine.command(&program("broker"));
        login.args(["login", "--username", "ada"]);
        ended::run("broker login", login, &password_of("ada")).succeeded();
        let agent = Agent::on(&machine, &[]);
        let cookie = runtime.block_on(world.stranger().cookie("ada", &password_of("ada")));
        let desk = Mutex::new(Desk::signed_in(&world, &cookie));
        Self { world, runtime, desk, machine, agent }
    }

    /// The same after ada has been taken out of her group.
    pub(crate) fn without_the_group(self) -> Self {
        let Self { world: World { sim, brokerd }, runtime, desk, machine, agent } = self;
        let installation = brokerd.stop();
        let of_ada = "display_name = 'Ada Lovelace'";
        installation.edit("brokerd.toml", &format!("groups = ['release']\n{of_ada}"), of_ada);
        let scene = Self { world: World { sim, brokerd: installation.serve() }, runtime, desk, machine, agent };
        scene.runtime.block_on(soon("the new groups, in both of her sessions", async || {
            let token = scene.desk().token()["accessToken"].as_str().unwrap().to_owned();
            let by_token = scene.world.stranger().with_token(&token).get("/v1/connectors").await.json();
            let mut listing = scene.machine.command(&program("broker"));
            listing.args(["ls", "--json"]);
            let listed = ended::run("broker ls", listing, "").json();
            let none = |list: &Value| list.as_array().is_none_or(Vec::is_empty);
            (none(&by_token["connectors"]) && none(&listed["connectors"])).then_some(())
        }));
        scene
    }

    /// A cookie of a new sign-in of ada's.
    pub(crate) fn cookie(&self) -> String {
        self.runtime.block_on(self.world.stranger().cookie("ada", &password_of("ada")))
    }

    /// Where ada has signed in with `aws sso login`: one cell at a time.
    pub(crate) fn desk(&self) -> MutexGuard<'_, Desk> {
        // What a cell that failed has left there, others find out.
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks, and proves who it was: by what the client prints, by the trail, and by what AWS has answered to these very credentials.
    pub(crate) fn proves(&self, client: Client, way: Way, machine: &python::Client) -> Proof {
        let said = client.asks(machine, &self.world.sim.endpoint()).succeeded();
        self.proves_by(client, way, &[said])
    }

    /// The same, of processes that have said this.
    pub(crate) fn proves_by(&self, client: Client, way: Way, said: &[String]) -> Proof {
        let connector = connector(client, way);
        let (actor, session) = if way.is_for_jobs() {
            (format!("service:{connector}"), format!("svc.{connector}"))
        } else {
            ("person:corp/ada".to_owned(), format!("{connector}.ada"))
        };
        let arn = format!("arn:aws:sts::{ACCOUNT}:assumed-role/deploy/{session}");
        for said in said {
            assert!(said.contains(&client.answer(&arn)), "{said}");
        }
        let lent = self
            .world
            .calls("AssumeRole")
            .into_iter()
            .any(|call| call.outcome == Outcome::Ok && call.parameters.get("RoleSessionName") == Some(&session));
        assert!(lent, "AWS has not seen {session}");
        let vends: Vec<Value> = self
            .world
            .trail()
            .into_iter()
            .filter(|it| it["action"] == "vend" && it["connector"] == connector)
            .collect();
        assert!(!vends.is_empty(), "nothing was lent by {connector}");
        for vend in &vends {
            assert_eq!((vend["actor"].as_str(), vend["outcome"].as_str()), (Some(&*actor), Some("success")), "{vend}");
        }
        let keys: Vec<&str> = vends.iter().map(|vend| vend["access_key_id"].as_str().unwrap()).collect();
        let asked = self.world.calls(client.action()).into_iter().filter(|call| {
            call.outcome == Outcome::Ok && call.access_key_id.as_deref().is_some_and(|key| keys.contains(&key))
        });
        assert!(asked.count() >= said.len(), "AWS was not asked with what was lent");
        Proof { client, way }
    }
}

impl Proof {
    pub(crate) fn cell(self) -> (Client, Way) {
        (self.client, self.way)
    }
}

impl Agent {
    pub(crate) fn on(machine: &python::Client, more: &[&str]) -> Self {
        let mut command = machine.command(&program("broker"));
        command.args(["serve", "--json"]).args(more);
        let process = Process::start_in(tests::process::new_folder(), "broker serve", command, Signal::TERM);
        process.wait_for_line("}");
        let told: Value = serde_json::from_str(&process.stdout()).unwrap();
        let text = |name: &str| told[name].as_str().unwrap().to_owned();
        Self { address: text("address"), token_file: text("token_file"), _process: process }
    }
}

/// The connector of a cell.
pub(crate) fn connector(client: Client, way: Way) -> String {
    format!("{}-{}", way.slug(), client.slug())
}

/// The one that a client asks for when it is too late.
pub(crate) fn afterwards(client: Client) -> String {
    format!("afterwards-{}", client.slug())
}

/// One for each cell, so that no cell is given what another one fetched.
fn connectors() -> String {
    let entry = |name: String, audience: &str, session_name: &str| {
        format!(
            "[[connector]]\nname = \"{name}\"\naccess_key = \"main\"\n{audience}\n[connector.principal.assume_role]\n\
             role_arn = \"arn:aws:iam::{ACCOUNT}:role/deploy\"\n{session_name}\n"
        )
    };
    let of_people = |name| entry(name, "groups = [\"corp/release\"]", "session_name = \"{connector}.{username}\"");
    let cells = Way::ALL.into_iter().flat_map(|way| {
        Client::ALL.map(|client| {
            let name = connector(client, way);
            if way.is_for_jobs() { entry(name, "scope = \"system\"", "") } else { of_people(name) }
        })
    });
    cells.chain(Client::ALL.map(|client| of_people(afterwards(client)))).collect()
}
