//! A connector with an MFA device of AWS's: the code is typed or piped in, never an argument, and what came of it is given again while it lives.

use jiff::SignedDuration;
use serde_json::{Value, json};
use tests::brokerd::free_port;
use tests::wall_clock::WallClock;
use tests::world::{MFA_CODES, MFA_SERIAL, World, now, soon};

use super::{Machine, refused, vends};

const TRIED: &str = r#"
[[connector]]
name = "tried"
access_key = "main"
groups = ["corp/release"]
[connector.principal.assume_role]
role_arn = "arn:aws:iam::111111111111:role/tried"
mfa_serial = "arn:aws:iam::111111111111:mfa/broker"
"#;

async fn world() -> World {
    World::prepare().await.connectors(TRIED).serve()
}

#[tokio::test(flavor = "multi_thread")]
async fn at_a_terminal_the_code_is_asked_for_and_programs_go_on_with_what_came_of_it() {
    let world = world().await;
    let machine = Machine::of(&world, "ada");
    let (exit, said) = {
        let ended = machine.run(&["process", "tried"]);
        let (exit, said) = refused(&ended);
        (exit, said.to_owned())
    };
    assert!(exit == 2 && said.contains(MFA_SERIAL) && said.contains("`broker creds tried` on a terminal"), "{said}");

    let line = "credentials=$(broker creds tried) && eval \"$credentials\"; echo \"<$? $AWS_SESSION_TOKEN>\"";
    let mut terminal = machine.sit_down(&["sh", "-c", line]);
    terminal.wait_for("MFA code:");
    terminal.typed_unseen(&format!("{}\r", MFA_CODES[0]));
    assert!(terminal.ended().success());
    let shown = terminal.shown();
    assert!(shown.contains("<0 I") && shown.contains(MFA_SERIAL), "{shown}");
    assert!(!shown.contains(MFA_CODES[0]), "it is typed unseen: {shown}");

    // AWS's clients run this, and nobody types there.
    let process = machine.run(&["process", "tried"]).json();
    assert!(process["SessionToken"].is_string(), "{process}");
    assert_eq!(vends(&world, "tried"), 3, "two were refused without a code, and one was vended");
    // Started from a terminal it asks nobody, either: SDKs leave theirs to what they run.
    let mut terminal = machine.sit_down(&["broker", "process", "tried", "--fresh"]);
    assert_eq!(terminal.ended().code(), Some(2), "{}", terminal.shown());
    let mut terminal = machine.sit_down(&["broker", "creds", "tried", "--fresh", "--json"]);
    assert_eq!(terminal.ended().code(), Some(2), "{}", terminal.shown());
    let mut terminal = machine.sit_down(&["broker", "process", "tried", "--fresh", "--mfa-code"]);
    terminal.wait_for("MFA code:");
    terminal.typed_unseen(&format!("{}\r", MFA_CODES[1]));
    assert!(terminal.ended().success(), "{}", terminal.shown());
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_terminal_the_code_is_piped_in_and_a_wrong_one_is_told() {
    let world = world().await;
    let machine = Machine::of(&world, "ada");
    let ended = machine.run(&["creds", "tried"]);
    let (exit, said) = refused(&ended);
    assert!(exit == 2 && said.contains("--mfa-code"), "{said}");
    let ended = machine.run(&["creds", "tried", "--json"]);
    let told: Value = serde_json::from_str(refused(&ended).1).unwrap();
    assert_eq!(told["code"], "mfa_code_required");

    for (typed, exit, text) in [
        ("999999\n", 2, "AWS refused the code"),
        ("12345\n", 2, "the six digits"),
        ("\u{1b}[2J\n", 2, "the six digits"),
        ("271828\n314159\n", 2, "more than one line"),
        ("", 2, "is empty"),
    ] {
        let ended = machine.run_with(&["creds", "tried", "--mfa-code"], typed);
        let (code, said) = refused(&ended);
        assert!(code == exit && said.contains(text), "{typed:?}: {said}");
        assert!(!said.contains("password"), "it is a code that is wanted: {said}");
        assert!(typed.trim().is_empty() || !said.contains(typed.trim()), "what was typed is not repeated: {said}");
    }
    let first = machine.run_with(&["creds", "tried", "--mfa-code"], MFA_CODES[0]).succeeded();
    let again = machine.run_with(&["creds", "tried", "--mfa-code"], "not even read").succeeded();
    assert_eq!(first, again, "what is kept needs no code");
    let used = machine.run_with(&["creds", "tried", "--mfa-code", "--fresh"], MFA_CODES[0]);
    assert!(refused(&used).1.contains("was used before"), "{}", used.stderr);
    let fresh = machine.run_with(&["creds", "tried", "--mfa-code", "--fresh"], MFA_CODES[1]).succeeded();
    assert_ne!(first, fresh);

    for arguments in [&["creds", "tried", "--mfa-code", MFA_CODES[2]][..], &["console", "tried", "--mfa-code"]] {
        let ended = machine.run(arguments);
        assert_eq!(ended.status.code(), Some(2), "{arguments:?}: never an argument, and of a printed link alone");
        assert!(ended.stdout.is_empty(), "{}", ended.stdout);
    }
    let link = machine.run_with(&["console", "tried", "--print", "--mfa-code"], MFA_CODES[2]).succeeded();
    assert!(link.contains("SigninToken="), "{link}");
}

#[tokio::test(flavor = "multi_thread")]
async fn aws_clients_get_a_profile_of_it_only_where_what_a_code_gave_is_given_again() {
    let world = world().await;
    let machine = Machine::of(&world, "ada");
    let config = || std::fs::read_to_string(machine.0.home().join(".aws/config")).unwrap();
    let who = || machine.0.aws(&["sts", "get-caller-identity", "--profile", "tried"]);
    let said = machine.run(&["setup", "--yes"]).succeeded();
    assert!(said.contains("tried: these want the code") && said.contains("`broker creds CONNECTOR` first"), "{said}");
    let refused = who();
    assert!(!refused.status.success() && refused.stderr.contains("`broker creds tried` on a terminal"), "{refused:?}");
    machine.run_with(&["creds", "tried", "--mfa-code"], MFA_CODES[0]).succeeded();
    assert!(who().succeeded().contains("assumed-role/tried/"), "what the code gave is given again");

    for style in ["sso", "login"] {
        let plan = machine.run(&["setup", "--json", "--style", style]).json();
        assert_eq!((&plan["left_out"], &plan["want_codes"]), (&json!(["tried"]), &json!(["tried"])), "{plan}");
        assert!(plan["removed"].to_string().contains("profile tried"), "{plan}");
        let shown = machine.run(&["setup", "--dry-run", "--style", style]);
        assert!(shown.stdout.contains("-[profile tried]"), "{shown:?}");
        let told = "tried: left out, for they want the code of an MFA device";
        assert_eq!(shown.stderr.matches("left out").count(), 1, "one line, and one reason: {shown:?}");
        assert!(shown.stderr.contains(told) && shown.stderr.contains("`broker exec`"), "{shown:?}");
        machine.run(&["setup", "--yes", "--style", style]).succeeded();
        assert!(config().contains("[profile deploy]") && !config().contains("[profile tried]"), "{}", config());
        let again = machine.run(&["setup", "--style", style]).succeeded();
        assert!(again.contains("is as it should be"), "{again}");
        machine.run(&["setup", "--yes"]).succeeded();
        assert!(config().contains("[profile tried]"), "{}", config());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_for_docker_is_had_with_a_code_that_is_typed_or_piped_in() {
    let world = world().await;
    let machine = Machine::of(&world, "ada");
    let region = ["--region", "eu-central-1"];
    let words = |more: &[&'static str]| [&["ecr-login", "password", "tried"][..], &region, more].concat();
    let ended = machine.run(&words(&[]));
    let (exit, said) = refused(&ended);
    assert!(exit == 2 && said.contains("--mfa-code"), "nobody is there to be asked: {said}");
    let piped = machine.run_with(&words(&["--mfa-code"]), MFA_CODES[0]).succeeded();
    assert_eq!(piped.trim_end().len(), 40, "{piped}");
    assert_eq!(machine.run(&words(&[])).succeeded().trim_end().len(), 40, "by what the code gave");
    assert_eq!(world.calls("AssumeRole").len(), 1);

    let machine = Machine::of(&world, "ada");
    for (more, code) in [(&["--mfa-code"][..], MFA_CODES[1]), (&[], MFA_CODES[2])] {
        machine.run(&["logout"]);
        machine.sign_in("ada").succeeded();
        let mut terminal = machine.sit_down(&[&["broker"], words(more).as_slice()].concat());
        terminal.wait_for("MFA code:");
        terminal.typed_unseen(&format!("{code}\r"));
        assert!(terminal.ended().success() && terminal.shown().contains("lives until"), "{}", terminal.shown());
        assert!(!terminal.shown().contains(code), "it is typed unseen");
    }
    machine.run(&["logout"]);
    machine.sign_in("ada").succeeded();
    let mut terminal = machine.sit_down(&[&["broker"], words(&["--mfa-code", "--json"]).as_slice()].concat());
    assert_eq!(terminal.ended().code(), Some(2), "{}", terminal.shown());
}

#[tokio::test(flavor = "multi_thread")]
async fn exec_asks_once_before_the_program_begins() {
    let world = world().await;
    let machine = Machine::of(&world, "ada");
    let words = ["broker", "exec", "tried", "--", "aws", "sts", "get-caller-identity", "--output", "text"];
    let mut terminal = machine.sit_down(&words);
    terminal.wait_for("MFA code:");
    terminal.typed_unseen(&format!("{}\r", MFA_CODES[0]));
    assert!(terminal.ended().success(), "{}", terminal.shown());
    assert!(terminal.shown().contains("assumed-role/tried/"), "{}", terminal.shown());
    let again = machine.run(&["exec", "tried", "--", "aws", "sts", "get-caller-identity"]).succeeded();
    assert!(again.contains("assumed-role/tried/"), "{again}");
    assert_eq!(world.calls("AssumeRole").len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn while_a_program_has_the_terminal_nobody_is_asked_and_what_came_of_the_code_lasts_to_its_end() {
    let clock = WallClock::new();
    let world = World::prepare().await.connectors(TRIED).serve_by(&clock);
    let machine = Machine::of(&world, "ada");
    let machine = clock.variables().iter().fold(machine, |machine, (name, value)| machine.with(name, value));
    let minutes_later = |minutes| {
        let later = SignedDuration::from_mins(minutes);
        world.sim.clock().set(now() + later);
        world.sim.clock().set_skew(later);
        clock.set(later);
    };
    let script = "cd; echo '<0>'; for n in 1 2; do until [ -e ask.$n ]; do sleep 0.05; done; \
                  curl -sS -H \"Authorization: $AWS_CONTAINER_AUTHORIZATION_TOKEN\" \"$AWS_CONTAINER_CREDENTIALS_FULL_URI\"; \
                  echo \"<$n>\"; done";
    let mut terminal = machine.sit_down(&["broker", "exec", "tried", "--", "sh", "-c", script]);
    let fetch = |number: u32| {
        std::fs::write(machine.0.home().join(format!("ask.{number}")), "").unwrap();
        terminal.wait_for(&format!("<{number}>"));
    };
    terminal.wait_for("MFA code:");
    terminal.typed_unseen(&format!("{}\r", MFA_CODES[0]));
    terminal.wait_for("<0>");
    // Others are given again while a quarter of an hour is left of them, since there are next ones.
    minutes_later(55);
    fetch(1);
    assert!(terminal.shown().contains("SecretAccessKey"), "{}", terminal.shown());
    assert!(machine.run(&["process", "tried"]).json()["SessionToken"].is_string());
    minutes_later(61);
    fetch(2);
    assert!(terminal.ended().success(), "{}", terminal.shown());
    let shown = terminal.shown();
    assert!(shown.contains("mfa_code_required") && shown.matches("MFA code:").count() == 1, "{shown}");
    assert_eq!(world.calls("AssumeRole").len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_at_a_terminal_asks_nobody_for_a_code_that_a_program_lacks() {
    let world = world().await;
    let machine = Machine::of(&world, "ada");
    let port = free_port();
    let line = format!("cd; exec broker serve --json --port {port} > told");
    let terminal = machine.sit_down(&["sh", "-c", &line]);
    let told = soon("the server", async || {
        let text = std::fs::read(machine.0.home().join("told")).ok()?;
        serde_json::from_slice::<Value>(&text).ok()
    })
    .await;
    let token_file = told["token_file"].as_str().unwrap();
    let said = machine.shell(
        "sh",
        &format!(
            "curl -sS --max-time 30 -H \"Authorization: $(cat '{token_file}')\" http://127.0.0.1:{port}/credentials/tried"
        ),
    );
    let said: Value = serde_json::from_str(&said.succeeded()).unwrap();
    assert_eq!(said["code"], "mfa_code_required", "{said}");
    assert!(!terminal.shown().contains("MFA code:"), "{}", terminal.shown());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_piped_to_another_program_is_never_taken_for_a_code() {
    let world = world().await;
    let machine = Machine::of(&world, "ada");
    for arguments in [&["process", "tried", "--mfa-code"][..], &["exec", "tried", "--mfa-code", "--", "cat"]] {
        let ended = machine.run_with(arguments, MFA_CODES[0]);
        let (exit, said) = refused(&ended);
        assert!(exit == 2 && said.contains("standard input is another program's"), "{said}");
    }
    assert_eq!(vends(&world, "tried"), 0, "the broker was not even asked");
    machine.run_with(&["creds", "tried", "--mfa-code"], MFA_CODES[0]).succeeded();
    let through = machine.run_with(&["exec", "tried", "--mfa-code", "--", "cat"], "all of it").succeeded();
    assert_eq!(through, "all of it");
}
