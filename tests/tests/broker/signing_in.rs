//! Signing in, being somebody, and signing out.

use std::os::unix::fs::PermissionsExt;

use serde_json::json;
use tests::brokerd::program;
use tests::installed;
use tests::phone::Phone;
use tests::world::{World, password_of};

use super::{Machine, refused};

#[tokio::test(flavor = "multi_thread")]
async fn somebody_signs_in_is_known_and_signs_out_again() {
    let world = World::open().await;
    let machine = Machine::before(&world);
    let stranger = machine.run(&["whoami"]);
    let (code, said) = refused(&stranger);
    assert_eq!(code, 3);
    assert!(said.contains("nobody is signed in") && said.ends_with("run `broker login`"), "{said}");

    let said = machine.sign_in("ada").succeeded();
    assert!(
        said.starts_with(&format!("Signed in at {} as ada (Ada Lovelace), until 2", world.brokerd.url())),
        "{said}"
    );
    let said = machine.run(&["whoami"]).succeeded();
    assert!(said.contains("ada (Ada Lovelace)") && said.contains("groups: corp/release"), "{said}");
    let known = machine.run(&["whoami", "--json"]).json();
    assert_eq!((&known["identity"]["name"], &known["identity"]["email"]), (&json!("ada"), &json!("ada@corp.example")));
    let token = machine.token();
    machine.run(&["process", "deploy"]).succeeded();

    for (path, mode) in [(machine.state(), 0o700), (machine.cache(), 0o700)] {
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, mode, "{}", path.display());
        for file in std::fs::read_dir(path).unwrap().flatten() {
            assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{}", file.path().display());
        }
    }

    let key = std::fs::read(machine.state().join("cache.key")).unwrap();
    machine.run(&["logout"]).succeeded();
    assert_eq!(std::fs::read_dir(machine.state()).unwrap().count(), 0, "neither a session nor a key");
    assert_eq!(std::fs::read_dir(machine.cache()).unwrap().count(), 0, "and no credentials");
    assert_eq!(world.stranger().with_token(&token).get("/v1/session").await.status, 401, "the broker knows it as well");
    assert_eq!(refused(&machine.run(&["process", "deploy"])).0, 3);
    assert!(machine.run(&["logout"]).succeeded().contains("Nobody was signed in"));
    machine.sign_in("ada").succeeded();
    machine.run(&["process", "deploy"]).succeeded();
    assert_ne!(std::fs::read(machine.state().join("cache.key")).unwrap(), key, "another key for what follows");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_is_typed_unseen() {
    let world = World::open().await;
    let machine = Machine::before(&world);
    let mut python = machine.0.command(&installed::program("python3"));
    python.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/typed.py"));
    python.arg(program("broker")).args(["login", "--username", "ada"]);
    let steps = json!([["Password of ada at ", password_of("ada")]]);
    let shown = tests::ended::run("broker login on a terminal", python, &steps.to_string()).succeeded();
    assert!(shown.contains("Signed in") && !shown.contains(&password_of("ada")), "{shown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_factor_is_asked_for_at_a_terminal_and_piped_in_elsewhere() {
    let world = World::open().await;
    let phone = Phone::enrol(&world.person("ada").await).await;
    let code = |number: usize| phone.recovery_codes[number].clone();

    let machine = Machine::before(&world);
    let login = ["login", "--username", "ada"];
    let ended = machine.run_with(&login, &password_of("ada"));
    let (exit, said) = refused(&ended);
    assert!(exit == 3 && said.contains("wants a second factor") && said.contains("--otp"), "{said}");
    let with_code = [&login[..], &["--otp"]].concat();
    let both = format!("{}\n{}\n", password_of("ada"), code(0));
    machine.run_with(&with_code, &both).succeeded();
    let ended = machine.run_with(&with_code, &both);
    let (exit, said) = refused(&ended);
    assert!(exit == 3 && said.contains("nor this code") && !said.contains(&code(0)), "{said}");
    assert_eq!(refused(&machine.run_with(&with_code, &password_of("ada"))).0, 2, "--otp wants two lines");
    assert_eq!(refused(&machine.run_with(&[&login[..], &["--otp", "123456"]].concat(), "")).0, 2, "never an argument");

    let mut python = machine.0.command(&installed::program("python3"));
    python.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/typed.py")).arg(program("broker")).args(login);
    let steps = json!([["Password of ada at ", password_of("ada")], ["Code of your authenticator", code(1)]]);
    let shown = tests::ended::run("broker login on a terminal", python, &steps.to_string()).succeeded();
    assert!(shown.contains("Signed in") && !shown.contains(&code(1)), "{shown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_leaves_who_was_signed_in_as_they_were() {
    let world = World::open().await;
    let machine = Machine::of(&world, "ada");
    let wrong = machine.run_with(&["login", "--username", "eve"], "not hers");
    let (code, said) = refused(&wrong);
    assert_eq!(code, 3);
    assert!(said.contains("takes neither this name nor this password") && !said.contains("not hers"), "{said}");
    assert!(machine.run(&["whoami"]).succeeded().contains("ada"));
    for input in ["", "two\nlines"] {
        assert_eq!(refused(&machine.run_with(&["login", "--username", "eve"], input)).0, 2);
    }
    let spilt = machine.run(&["login", "--username", "eve", "hunter2-secret"]);
    assert_eq!(refused(&spilt).0, 2);
    assert!(!spilt.stderr.contains("hunter2"), "{}", spilt.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_signs_in_again_leaves_no_session_behind() {
    let world = World::open().await;
    let machine = Machine::of(&world, "ada");
    machine.run(&["process", "deploy"]).succeeded();
    let first = machine.token();
    machine.sign_in("eve").succeeded();
    assert_eq!(world.stranger().with_token(&first).get("/v1/session").await.status, 401);
    assert!(machine.sealed().is_empty(), "nor credentials");
    assert!(machine.run(&["whoami"]).succeeded().starts_with("eve "));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_the_broker_ended_is_said_to_be_over() {
    let world = World::open().await;
    let machine = Machine::of(&world, "ada");
    let ada = world.stranger().with_token(&machine.token());
    assert_eq!(ada.delete("/v1/session").await.status, 204);
    let ended = machine.run(&["ls"]);
    let (code, said) = refused(&ended);
    assert_eq!(code, 3);
    assert!(said.contains("is over: run `broker login` (request "), "{said}");
    let failure: serde_json::Value = serde_json::from_str(&machine.run(&["ls", "--json"]).failed()).unwrap();
    assert_eq!((&failure["exit_code"], &failure["code"]), (&json!(3), &json!("unauthenticated")));
    assert!(failure["advice"].as_str().unwrap().contains("broker login"));
    machine.run(&["logout"]).succeeded();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_comes_with_a_token_in_a_variable_or_a_file() {
    let world = World::open().await;
    let token = world.run(&["token", "create", "payments-ci", "--connector", "ci"], "").succeeded();
    let file = Machine::before(&world);
    let path = file.0.home().join("token");
    std::fs::write(&path, &token).unwrap();
    let file = file.with("BROKER_TOKEN_FILE", path.to_str().unwrap());
    for job in [Machine::before(&world).with("BROKER_TOKEN", token.trim()), file] {
        assert_eq!(job.run(&["whoami", "--json"]).json()["identity"]["kind"], "workload");
        assert_eq!(job.run(&["ls", "--json"]).json()["connectors"].as_array().unwrap().len(), 1);
        let lent = job.run(&["creds", "ci", "--json", "--reason", "build 4711"]).json();
        assert!(lent["arn"].as_str().unwrap().ends_with("/svc.payments-ci"), "{lent}");
        assert_eq!(refused(&job.run(&["process", "deploy"])).0, 4, "not its connector");
        let said = job.run_with(&["login", "--username", "ada"], &password_of("ada"));
        assert_eq!(refused(&said).0, 2, "the token would count, not the session");
    }
    let nobodys = Machine::before(&world).with("BROKER_TOKEN", "bkt_nobodys-token-at-all");
    let said = nobodys.run(&["process", "ci"]);
    assert_eq!(refused(&said).0, 4);
    assert!(
        said.stderr.contains("does not take the token of BROKER_TOKEN") && !said.stderr.contains("nobodys"),
        "{}",
        said.stderr
    );
    assert!(said.stderr.contains("its audience or claims fit no mapping"), "{}", said.stderr);
    let both = nobodys.with("BROKER_TOKEN_FILE", "/nowhere");
    assert!(refused(&both.run(&["ls"])).1.contains("both set"));
}
