//! `aws login` by the AWS CLI as it comes, through a browser on the same machine and on another, and what it does with what it gets.

use std::path::PathBuf;

use serde_json::{Value, json};
use tests::dpop::is_readable;
use tests::ended::Ended;
use tests::installed;
use tests::python::Client;
use tests::world::{World, now, password_of, soon};

use crate::program::ACCOUNT;

/// A person's machine, set up as the documentation says.
struct Machine {
    client: Client,
}

impl Machine {
    async fn of(world: &World, username: &str) -> Self {
        let client = Client::new();
        let home = client.home().to_owned();
        let config = format!(
            "[profile work]\nregion = eu-central-1\nservices = brokerd\n\n[services brokerd]\nsignin =\n  endpoint_url = {}\n\
             sts =\n  endpoint_url = {1}\ns3 =\n  endpoint_url = {1}\n",
            world.brokerd.url(),
            world.sim.endpoint(),
        );
        std::fs::write(home.join("config"), config).unwrap();
        std::fs::write(home.join("cookie"), world.stranger().cookie(username, &password_of(username)).await).unwrap();
        // In the background: the CLI answers it only once it has been started.
        let browser = format!(
            "{} {} {} %s &",
            installed::python().display(),
            fixture("say_yes.py"),
            home.join("cookie").display()
        );
        let client = client.with("AWS_CONFIG_FILE", home.join("config").to_str().unwrap()).with("BROWSER", &browser);
        Self { client }
    }

    fn picks(&self, connector: &str) {
        std::fs::write(self.client.home().join("cookie.pick"), connector).unwrap();
    }

    fn logs_in(&self) {
        let login = self.client.aws(&["login", "--profile", "work"]);
        let page = std::fs::read_to_string(self.client.home().join("cookie.log"));
        assert!(login.status.success(), "{login:?}\n{page:?}");
        assert!(login.stdout.contains("Updated profile work to use arn:aws:sts::"), "{login:?}");
        // It could not renew: as its users do, it begins anew.
        if !is_readable(&self.session()) {
            self.logs_in();
        }
    }

    fn identity(&self) -> Ended {
        self.client.aws(&["sts", "get-caller-identity", "--profile", "work"])
    }

    /// What the CLI keeps of it.
    fn kept(&self) -> PathBuf {
        let folder = self.client.home().join(".aws/login/cache");
        let mut files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let file = files.next().unwrap_or_else(|| panic!("the CLI has kept nothing"));
        assert_eq!(files.next(), None, "one sign-in, one file");
        file
    }

    fn session(&self) -> Value {
        serde_json::from_str(&std::fs::read_to_string(self.kept()).unwrap()).unwrap()
    }

    /// As if its credentials had come to their end: who holds them cannot tell that they have not.
    fn credentials_end(&self) -> Value {
        let mut session = self.session();
        session["accessToken"]["expiresAt"] = json!(now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
        std::fs::write(self.kept(), session.to_string()).unwrap();
        session
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_aws_cli_logs_in_asks_renews_and_is_ended_with_the_session() {
    let world = World::open().await;
    let machine = Machine::of(&world, "ada").await;
    machine.picks("deploy");
    machine.logs_in();
    let arn = machine.identity().json()["Arn"].as_str().unwrap().to_owned();
    assert!(arn.starts_with(&format!("arn:aws:sts::{ACCOUNT}:assumed-role/deploy/ada")), "{arn}");
    let config = std::fs::read_to_string(machine.client.home().join("config")).unwrap();
    assert!(config.contains("login_session = arn:aws:sts::"), "{config}");
    let session = machine.session();
    assert_eq!(session["accessToken"]["accountId"], ACCOUNT);

    // New credentials for the same refresh token's successor, and each is in the trail.
    let before = machine.credentials_end();
    machine.identity().succeeded();
    let after = machine.session();
    assert_ne!(after["refreshToken"], before["refreshToken"]);
    let of_it = world.trail_of("deploy");
    let of_it = &of_it[of_it.len() - 5..];
    let expected = ["client_authorized", "vend", "client_signed_in", "vend", "client_refreshed"];
    assert_eq!(of_it, expected.map(|action| format!("person:corp/ada {action} success")));

    // An operator ends the session of the browser that said yes.
    let otto = world.person("otto").await;
    let sessions = otto.get("/v1/admin/sessions").await.good();
    let of_ada = sessions["items"].as_array().unwrap().iter().find(|it| it["identity"]["name"] == "ada").unwrap();
    assert_eq!(otto.delete(&format!("/v1/admin/sessions/{}", of_ada["id"].as_str().unwrap())).await.status, 204);
    machine.credentials_end();
    let over = machine.identity().failed();
    assert!(over.contains("Your session has expired. Please reauthenticate"), "{over}");
}

#[tokio::test(flavor = "multi_thread")]
async fn boto3_goes_on_with_what_the_cli_got_and_three_processes_renew_at_once() {
    let world = World::open().await;
    let machine = Machine::of(&world, "ada").await;
    machine.picks("deploy");
    machine.logs_in();
    let before = machine.credentials_end();
    let asks = "print(json.dumps(boto3.Session(profile_name='work').client('sts').get_caller_identity()['Arn']))";
    let answers: Vec<Value> = std::thread::scope(|scope| {
        let asked: Vec<_> = (0..3).map(|_| scope.spawn(|| machine.client.boto3(asks).json())).collect();
        asked.into_iter().map(|asked| asked.join().unwrap()).collect()
    });
    let expected = format!("arn:aws:sts::{ACCOUNT}:assumed-role/deploy/ada");
    assert!(answers.iter().all(|arn| *arn == expected), "{answers:?}");
    assert_ne!(machine.session()["refreshToken"], before["refreshToken"]);
    assert!(!world.trail().iter().any(|record| record["action"] == "client_ended"), "nothing was taken for a replay");

    // Without the key that the CLI made, what it kept is nothing.
    let mut stolen = machine.credentials_end();
    stolen["dpopKey"] = json!(other_key(&machine));
    std::fs::write(machine.kept(), stolen.to_string()).unwrap();
    let said = machine.client.boto3(asks).failed();
    assert!(said.contains("Your session has expired or credentials have changed"), "{said}");
}

/// Another key, as the CLI writes its own. Where one begins with a zero, awscrt leaves that out and cannot read it again.
fn other_key(machine: &Machine) -> String {
    let makes = "import base64, awscrt.crypto as c\n\
                 key = b''\n\
                 while len(key) != 121: key = c.EC.new_generate(c.ECType.P_256).export_key(c.ECExportFormat.SEC1)\n\
                 print(json.dumps('-----BEGIN EC PRIVATE KEY-----\\n' + base64.b64encode(key).decode() + '\\n-----END EC PRIVATE KEY-----\\n'))";
    machine.client.boto3(makes).json().as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_taken_out_of_the_group_is_told_by_the_clis_own_sentence() {
    let world = World::prepare().await.with("sessions = { recheck_seconds = 1 }").serve();
    let machine = Machine::of(&world, "ada").await;
    machine.picks("deploy");
    machine.logs_in();
    let World { sim, brokerd } = world;
    let installation = brokerd.stop();
    installation.edit(
        "brokerd.toml",
        "groups = ['release']\ndisplay_name = 'Ada Lovelace'",
        "display_name = 'Ada Lovelace'",
    );
    let world = World { sim, brokerd: installation.serve() };
    // Her groups are read again once they are a second old.
    let refused = soon("her groups", async || {
        machine.credentials_end();
        let asked = machine.identity();
        (!asked.status.success()).then_some(asked.stderr)
    });
    let refused = refused.await;
    assert!(
        refused.contains("Unable to create or refresh login credentials due to insufficient permissions"),
        "{refused}"
    );
    assert_eq!(world.trail_of("deploy").last().unwrap(), "person:corp/ada vend refused");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_aws_cli_logs_in_by_a_code_that_is_carried_over() {
    let world = World::prepare().await.with("aws_clients = { device_groups = [\"corp/release\"] }").serve();
    let machine = Machine::of(&world, "ada").await;
    machine.picks("limited");
    let home = machine.client.home().to_owned();
    let mut person = machine.client.command(&installed::python());
    person.arg(fixture("carry_over.py")).arg(home.join("cookie")).arg(installed::aws());
    person.args(["login", "--remote", "--profile", "work"]);
    let said = tests::ended::run("carry_over", person, "").succeeded();
    assert!(said.contains("Updated profile work to use"), "{said}");
    machine.identity().succeeded();
    machine.credentials_end();
    machine.identity().succeeded();
    assert_eq!(machine.session()["clientId"], "arn:aws:signin:::devtools/cross-device");
}

fn fixture(name: &str) -> String {
    format!("{}/fixtures/{name}", env!("CARGO_MANIFEST_DIR"))
}
