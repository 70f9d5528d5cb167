//! Each way to credentials, gone by a client to its end.

use tests::brokerd::program;
use tests::ended::Ended;
use tests::installed;
use tests::python;
use tests::world::KEY;

use crate::clients::Client;
use crate::matrix::Way;
use crate::scene::{Agent, Proof, Scene, connector};
use crate::sessions::Desk;

pub(crate) fn signs_in_by_the_browser(scene: &Scene, client: Client, way: Way) -> Proof {
    let desk = Desk::new(&scene.world, &scene.cookie());
    let shown = desk.signs_in(client.program(), &[]);
    assert!(shown.contains("/authorize?response_type=code"), "{shown}");
    scene.proves(client, way, &desk.with_profile(&connector(client, way)))
}

pub(crate) fn signs_in_by_a_code(scene: &Scene, client: Client, way: Way) -> Proof {
    let desk = Desk::new(&scene.world, &scene.cookie());
    let asked = if client == Client::OlderCli { &[][..] } else { &["--use-device-code"] };
    let shown = desk.signs_in(client.program(), asked);
    assert!(shown.contains("/device") && !shown.contains("/authorize"), "{shown}");
    scene.proves(client, way, &desk.with_profile(&connector(client, way)))
}

/// Not by the browser's way, whatever it is told.
pub(crate) fn asks_for_a_code_unasked(scene: &Scene, client: Client) {
    let desk = Desk::new(&scene.world, "");
    let mut login = desk.client.command(&client.program());
    login.args(["sso", "login", "--sso-session", "corp", "--use-device-code"]);
    let refused = tests::ended::run("aws sso login", login, "").failed();
    assert!(refused.contains("Unknown options: --use-device-code"), "{refused}");
}

pub(crate) fn uses_the_token_that_was_kept(scene: &Scene, client: Client, way: Way) -> Proof {
    let desk = scene.desk().copied(&scene.world);
    scene.proves(client, way, &desk.with_profile(&connector(client, way)))
}

pub(crate) fn renews_what_is_over(scene: &Scene, client: Client, way: Way) -> Proof {
    renewed_by(scene, client, way, 1)
}

pub(crate) fn three_renew_at_once(scene: &Scene, client: Client, way: Way) -> Proof {
    renewed_by(scene, client, way, 3)
}

fn renewed_by(scene: &Scene, client: Client, way: Way, processes: usize) -> Proof {
    let desk = scene.desk();
    let connector = connector(client, way);
    desk.add_profile(&connector);
    desk.token_ends();
    let (machine, aws) = (&desk.client, scene.world.sim.endpoint());
    let of_its_file = words_for_half_a_file(client, &desk);
    let said: Vec<String> = std::thread::scope(|scope| {
        let once = || client.asks_with(machine, Some(&connector), &aws);
        let is_of_its_file =
            |said: &Ended| !said.status.success() && of_its_file.iter().any(|words| said.stderr.contains(words));
        let ask = move || Some(once()).filter(|said| !is_of_its_file(said)).unwrap_or_else(once).succeeded();
        let asked: Vec<_> = (0..processes).map(|_| scope.spawn(ask)).collect();
        asked.into_iter().map(|asked| asked.join().unwrap()).collect()
    });
    let after = desk.token();
    // Its refresh token may be that of the cell before: there is a generation a minute.
    assert!(after["accessToken"].as_str().unwrap().starts_with("bka_") && after["accessToken"] != "bka_over");
    let replayed = scene.world.trail().into_iter().any(|record| record["action"] == "client_ended");
    assert!(!replayed, "nothing was taken for a replay");
    scene.proves_by(client, way, &said)
}

/// Clients write their file in place, and one process comes upon the half of another's. That is nothing of ours, and passes: told by their own
/// words for that file, so that nothing that the broker says is asked for twice.
fn words_for_half_a_file(client: Client, desk: &Desk) -> Vec<String> {
    let owned = |words: &[&str]| words.iter().map(|&words| words.to_owned()).collect();
    match client {
        // All that Python says is which entry of its cache is none.
        Client::NewestCli | Client::OlderCli | Client::Boto3 => {
            vec![format!("'{}'", desk.token_file().file_stem().unwrap().to_str().unwrap())]
        }
        Client::JavaScript => owned(&["SSO session token associated with profile=", "Unexpected end of JSON input"]),
        Client::Rust => owned(&[
            "expected a JSON document starting with",
            "expected object key",
            "invalid JSON in cached SSO token",
        ]),
        Client::Go => Vec::new(),
    }
}

pub(crate) fn logs_in_by_the_browser(scene: &Scene, client: Client, way: Way) -> Proof {
    let (desk, connector) = (Desk::new(&scene.world, &scene.cookie()), connector(client, way));
    desk.add_login(&connector);
    desk.logs_in(&connector);
    scene.proves(client, way, &desk.client.with("AWS_PROFILE", &connector))
}

pub(crate) fn logs_in_by_a_code_that_is_carried_over(scene: &Scene, client: Client, way: Way) -> Proof {
    let (desk, connector) = (Desk::new(&scene.world, &scene.cookie()), connector(client, way));
    desk.add_login(&connector);
    let mut person = desk.client.command(&installed::python());
    person.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/carry_over.py")).arg(desk.client.home().join("cookie"));
    person.arg(client.program()).args(["login", "--remote", "--profile", &connector]);
    tests::ended::run("carry_over", person, "").succeeded();
    scene.proves(client, way, &desk.client.with("AWS_PROFILE", &connector))
}

pub(crate) fn renews_what_the_login_kept(scene: &Scene, client: Client, way: Way) -> Proof {
    let (desk, connector) = (Desk::new(&scene.world, &scene.cookie()), connector(client, way));
    desk.add_login(&connector);
    desk.logs_in(&connector);
    let before = desk.login_ends();
    let said = client.asks_with(&desk.client, Some(&connector), &scene.world.sim.endpoint()).succeeded();
    let after = desk.login();
    assert_ne!(after["refreshToken"], before["refreshToken"], "a refresh token is good once");
    assert_ne!(after["accessToken"]["sessionToken"], "over");
    scene.proves_by(client, way, &[said])
}

pub(crate) fn has_no_such_command(scene: &Scene, client: Client) {
    let desk = Desk::new(&scene.world, "");
    let mut login = desk.client.command(&client.program());
    login.arg("login");
    let refused = tests::ended::run("aws login", login, "").failed();
    assert!(refused.contains("Invalid choice"), "{refused}");
}

pub(crate) fn does_not_know_what_was_kept(scene: &Scene, client: Client) {
    let way = Way::LoginRenewal;
    let (desk, connector) = (Desk::new(&scene.world, &scene.cookie()), connector(client, way));
    desk.add_login(&connector);
    desk.logs_in(&connector);
    let refused = client.asks_with(&desk.client, Some(&connector), &scene.world.sim.endpoint()).failed();
    assert!(refused.contains("Unable to locate credentials"), "{refused}");
}

pub(crate) fn fetches_as_in_a_container(scene: &Scene, client: Client, way: Way) -> Proof {
    let connector = connector(client, way);
    let token = scene.world.run(&["token", "create", &connector, "--connector", &connector], "").succeeded();
    let address = format!("{}/v1/container-credentials/{connector}", scene.world.brokerd.url());
    let container = somewhere()
        .with("AWS_CONTAINER_CREDENTIALS_FULL_URI", &address)
        .with("AWS_CONTAINER_AUTHORIZATION_TOKEN", token.trim());
    scene.proves(client, way, &container)
}

pub(crate) fn fetches_from_the_agent(scene: &Scene, client: Client, way: Way) -> Proof {
    let address = format!("{}/credentials/{}", scene.agent.address, connector(client, way));
    let machine = somewhere()
        .with("AWS_CONTAINER_CREDENTIALS_FULL_URI", &address)
        .with("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", &scene.agent.token_file);
    scene.proves(client, way, &machine)
}

pub(crate) fn runs_the_command(scene: &Scene, client: Client, way: Way) -> Proof {
    scene.proves(client, way, &machine_with_the_command(scene, &connector(client, way)))
}

/// One whose profile runs `broker process`.
pub(crate) fn machine_with_the_command(scene: &Scene, connector: &str) -> python::Client {
    let machine = somewhere();
    let config = machine.home().join("config");
    let broker = program("broker");
    // Where ada has signed in; a person's own profile says only the program and the connector.
    let place =
        format!("/usr/bin/env HOME={} BROKER_URL={}", scene.machine.home().display(), scene.world.brokerd.url());
    let profile = format!(
        "[profile {connector}]\nregion = eu-central-1\ncredential_process = {place} {} process {connector}\n",
        broker.display()
    );
    std::fs::write(&config, profile).unwrap();
    machine.with("AWS_CONFIG_FILE", config.to_str().unwrap()).with("AWS_PROFILE", connector)
}

pub(crate) fn takes_the_agent_for_a_machine_of_ec2(scene: &Scene, client: Client, way: Way) -> Proof {
    let agent = Agent::on(&scene.machine, &["--imds", &connector(client, way)]);
    let machine = somewhere()
        .with("AWS_EC2_METADATA_DISABLED", "false")
        // With a slash at the end: releases of 2024 put nothing between it and what they ask for.
        .with("AWS_EC2_METADATA_SERVICE_ENDPOINT", &format!("{}/", agent.address));
    scene.proves(client, way, &machine)
}

/// What makes a proof one: with credentials that nobody lent, the same question ends in a refusal.
pub(crate) fn aws_takes_no_other_credentials(scene: &Scene, client: Client) {
    let refused = || {
        let calls = scene.world.calls(client.action()).into_iter();
        calls.filter(|call| call.outcome == aws_sim::Outcome::Error("SignatureDoesNotMatch".to_owned())).count()
    };
    let before = refused();
    let guessed = somewhere().with_keys(KEY, "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEGUESS", None);
    let said = client.asks(&guessed, &scene.world.sim.endpoint()).failed();
    assert!(said.contains("SignatureDoesNotMatch"), "{said}");
    assert!(refused() > before);
}

/// A machine that knows nothing but a region, by the names that the SDKs have for it.
fn somewhere() -> python::Client {
    python::Client::new().with("AWS_REGION", "eu-central-1")
}
