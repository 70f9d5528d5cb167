//! `exec`: a program with credentials, which ends as it does.

use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;

use tests::world::World;

use super::{Machine, refused};

#[tokio::test(flavor = "multi_thread")]
async fn a_program_gets_our_credentials_and_no_others() {
    let world = World::open().await;
    let machine = Machine::of(&world, "ada");
    let line = "AWS_PROFILE=other AWS_ACCESS_KEY_ID=AKIAOTHER AWS_SECURITY_TOKEN=x AWS_WEB_IDENTITY_TOKEN_FILE=/x \
                broker exec deploy --env -- aws sts get-caller-identity --output json";
    let identity = machine.shell("sh", line).json();
    assert!(identity["Arn"].as_str().unwrap().ends_with(":assumed-role/deploy/ada"), "{identity}");
    let line = "AWS_PROFILE=other AWS_SECURITY_TOKEN=x KEPT=kept broker exec deploy --env -- env";
    let shown = machine.shell("sh", line).succeeded();
    let names: Vec<_> = shown.lines().filter_map(|line| Some(line.split_once('=')?.0)).collect();
    assert!(!names.contains(&"AWS_PROFILE") && !names.contains(&"AWS_SECURITY_TOKEN"), "{names:?}");
    assert!(shown.contains("\nBROKER_CONNECTOR=deploy\n") && shown.contains("KEPT=kept\n"), "{names:?}");

    let token = world.run(&["token", "create", "payments-ci", "--connector", "ci"], "").succeeded();
    let job = Machine::before(&world).with("BROKER_TOKEN", token.trim());
    let shown = job.run(&["exec", "ci", "--env", "--", "env"]).succeeded();
    assert!(
        shown.contains("AWS_SESSION_TOKEN=") && !shown.contains(token.trim()),
        "nor the token, which is worth more"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn it_ends_as_the_program_does() {
    let world = World::open().await;
    let machine = Machine::of(&world, "ada");
    let run = |line: &str| machine.run(&["exec", "deploy", "--env", "--", "sh", "-c", line]);
    assert_eq!(run("exit 42").status.code(), Some(42));
    assert_eq!(run("kill -TERM $$; sleep 60").status.signal(), Some(15), "a signal reaches the program itself");
    assert_eq!(run("printf out; printf err >&2").stdout, "out");

    let missing = machine.run(&["exec", "deploy", "--env", "--", "no-such-program"]);
    assert_eq!(refused(&missing).0, 127);
    let path = machine.0.home().join("data");
    std::fs::write(&path, "data").unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(refused(&machine.run(&["exec", "deploy", "--env", "--", path.to_str().unwrap()])).0, 126);
    let refusal = machine.run(&["exec", "treasury", "--env", "--", "echo", "went on"]);
    assert_eq!(refused(&refusal).0, 4, "without credentials nothing runs");
}
