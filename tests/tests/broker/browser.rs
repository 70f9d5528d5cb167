//! Signing in by a browser: the one on this machine, or one elsewhere that is told a code.

use std::fs;

use reqwest::Method;
use serde_json::Value;
use tests::brokerd::program;
use tests::installed;
use tests::process::{Process, Signal};
use tests::world::{Answer, World, password_of, soon};

use super::{Machine, refused};

/// A machine whose browser, in which this person is signed in, says yes, or what else it is told. And the browser's cookie.
async fn at_a_desk(world: &World, username: &str, decision: &str) -> (Machine, String) {
    let machine = Machine::before(world);
    let cookie = world.stranger().cookie(username, &password_of(username)).await;
    let file = machine.0.home().join("cookie");
    fs::write(&file, &cookie).unwrap();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/say_yes.py");
    let browser = format!("{} {script} {} %s {decision}", installed::python().display(), file.display());
    (machine.with("BROWSER", &browser), cookie)
}

fn kept(machine: &Machine) -> Value {
    serde_json::from_slice(&fs::read(machine.session()).unwrap()).unwrap()
}

/// As if so much time had passed that the token has as many seconds left; one that is over opens nothing any more.
fn age(machine: &Machine, seconds: i64) {
    let mut kept = kept(machine);
    let end = tests::world::now() + jiff::SignedDuration::from_secs(seconds);
    kept["expires_at"] = end.to_string().into();
    if seconds < 0 {
        kept["token"] = "bka_over-since-a-while".into();
    }
    fs::write(machine.session(), kept.to_string()).unwrap();
}

fn told(world: &World, action: &str) -> Vec<Value> {
    world.trail().into_iter().filter(|record| record["action"] == action).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_browser_lets_the_command_in_and_its_session_is_renewed_and_ended() {
    let world = World::open().await;
    let (machine, _) = at_a_desk(&world, "ada", "allow").await;
    let login = machine.run(&["login"]);
    assert!(login.stderr.contains(&format!("{}/authorize?", world.brokerd.url())), "{}", login.stderr);
    let said = login.succeeded();
    let expected = format!("Signed in at {} as ada (Ada Lovelace), for as long as", world.brokerd.url());
    assert!(said.starts_with(&expected), "{said}");
    let allowed = &told(&world, "client_authorized")[0];
    let name = allowed["changes"]["client_name"].as_str().unwrap();
    assert!(allowed["actor"] == "person:corp/ada" && name.starts_with("broker on "), "{allowed}");

    let credentials = machine.run(&["creds", "deploy", "--json"]).json();
    assert!(credentials["arn"].as_str().unwrap().ends_with(":assumed-role/deploy/ada"));
    let known = machine.run(&["whoami", "--json"]).json();
    assert_eq!((&known["identity"]["name"], &known["renews"]), (&"ada".into(), &true.into()));
    let link = machine.run(&["console", "deploy", "--print"]).succeeded();
    assert!(link.contains("SigninToken="), "{link}");

    // Over, for an hour has passed: of four that find it so, all go on, and nothing is taken for a theft.
    let before = kept(&machine)["token"].clone();
    age(&machine, -1);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| machine.run(&["whoami"]).succeeded());
        }
    });
    assert_ne!(kept(&machine)["token"], before);
    assert_eq!(told(&world, "client_refreshed").len(), 1, "one renewed, the others waited for it");
    assert!(told(&world, "client_ended").is_empty());

    // Who leaves with a token that is over ends the session all the same.
    let token = machine.token();
    age(&machine, -1);
    assert!(machine.run(&["logout"]).succeeded().starts_with("Signed out"));
    assert_eq!(fs::read_dir(machine.state()).unwrap().count(), 0, "nothing of it is left here");
    let ended = soon("the end in the trail", async || told(&world, "client_ended").pop()).await;
    assert_eq!((&ended["actor"], &ended["outcome"]), (&"person:corp/ada".into(), &"success".into()));
    assert_eq!(world.stranger().with_token(&token).get("/v1/session").await.status, 401);
    assert_eq!(refused(&machine.run(&["whoami"])).0, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_by_the_browser_ends_with_the_browsers() {
    let world = World::open().await;
    let (machine, cookie) = at_a_desk(&world, "ada", "allow").await;
    machine.run(&["login"]).succeeded();
    machine.run(&["process", "deploy"]).succeeded();
    let home = Answer::of(world.stranger().request(Method::GET, "/").header("cookie", &cookie)).await;
    let form = world.stranger().request(Method::POST, "/sign-out").form(&[("csrf", home.field("csrf"))]);
    let out = Answer::of(form.header("cookie", &cookie).header("origin", world.brokerd.url())).await;
    assert_eq!(out.status, 303, "{}", out.text);
    for seconds in [3_000, -1] {
        age(&machine, seconds);
        let ended = machine.run(&["whoami"]);
        let (code, said) = refused(&ended);
        assert_eq!(code, 3);
        assert!(said.contains("is over") && said.contains("run `broker login`") && !said.contains("aws sso"), "{said}");
        assert_eq!(refused(&machine.run(&["process", "deploy"])).0, 3, "nor is what was lent before handed out");
    }
    assert!(machine.run(&["logout"]).succeeded().starts_with("Signed out"), "it is over, and that is what was wanted");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_says_no_is_not_signed_in_and_who_was_stays() {
    let world = World::open().await;
    let (machine, _) = at_a_desk(&world, "eve", "deny").await;
    machine.sign_in("ada").succeeded();
    let ended = machine.run(&["login"]);
    assert_eq!(ended.status.code(), Some(4));
    assert!(ended.stderr.contains("you said no to it in the browser"), "{}", ended.stderr);
    assert!(machine.run(&["whoami"]).succeeded().starts_with("ada "));
}

#[tokio::test(flavor = "multi_thread")]
async fn over_ssh_a_code_is_compared_in_a_browser_elsewhere() {
    let world = World::prepare().await.with("aws_clients = { device_groups = [\"corp/release\"] }").serve();
    let machine = Machine::before(&world).with("SSH_CONNECTION", "192.0.2.1 4711 192.0.2.2 22");
    let mut command = machine.0.command(&program("broker"));
    command.arg("login");
    let mut login = Process::start_in(tests::process::new_folder(), "broker login", command, Signal::TERM);
    let line = login.wait_for_line("The same in one: ");
    let page = line.split_once("The same in one: ").unwrap().1;
    let path = page.strip_prefix(&world.brokerd.url()).unwrap().to_owned();
    let cookie = world.stranger().cookie("ada", &password_of("ada")).await;
    let opened = world.stranger().request(Method::GET, &path).header("cookie", &cookie);
    let shown = Answer::of(opened.header("sec-fetch-site", "none")).await;
    let code = shown.field("user_code");
    assert!(line.contains(&format!("the code {code} and to no other")), "{line}");
    assert!(shown.text.contains("broker on "), "{}", shown.text);
    let fields = [("csrf", shown.field("csrf")), ("user_code", code), ("decision", "allow".to_owned())];
    let form = world.stranger().request(Method::POST, "/device").form(&fields);
    let allowed = Answer::of(form.header("cookie", &cookie).header("origin", world.brokerd.url())).await;
    assert_eq!(allowed.status, 200, "{}", allowed.text);
    assert!(login.wait().success(), "{}", login.stderr());
    assert!(login.stdout().starts_with("Signed in"), "{}", login.stdout());
    machine.run(&["process", "deploy"]).succeeded();
    machine.run(&["logout"]).succeeded();

    // Where codes are switched off, it says so, and what else there is.
    let off = World::open().await;
    let ended = Machine::before(&off).run(&["login", "--device"]);
    let (code, said) = refused(&ended);
    assert_eq!(code, 4);
    assert!(said.contains("--browser") && said.contains("--username NAME"), "{said}");
    assert!(said.contains("switched off") && !said.contains("AWS CLI"), "{said}");
}
