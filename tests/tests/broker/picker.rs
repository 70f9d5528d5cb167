//! The picker, where no connector is named: at a terminal, and where there is none.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use serde_json::Value;
use tests::world::World;

use super::{Machine, refused, vends};

const DOWN: &str = "\u{1b}[B";
const ESCAPE: &str = "\u{1b}";
const CTRL_C: &str = "\u{3}";

/// The file with the counts.
fn counts(machine: &Machine) -> PathBuf {
    let mut kept = fs::read_dir(machine.state()).unwrap().flatten().map(|entry| entry.path());
    kept.find(|path| path.extension().is_some_and(|extension| extension == "used")).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn who_names_none_chooses_and_the_shell_gets_the_credentials() {
    let world = World::open().await;
    let machine = Machine::of(&world, "ada");
    let line = "credentials=$(broker creds) && eval \"$credentials\"; echo \"<$? $AWS_SESSION_TOKEN>\"";
    let mut terminal = machine.sit_down(&["sh", "-c", line]);
    terminal.wait_for("Connector:");
    terminal.typed("dply");
    terminal.wait_for("dply");
    terminal.typed("\r");
    assert!(terminal.ended().success());
    let shown = terminal.shown();
    assert!(shown.contains("<0 I") && !shown.contains("export AWS"), "the picker alone is shown: {shown}");
    assert_eq!(vends(&world, "deploy"), 1);

    let mut terminal = machine.sit_down(&["broker", "exec", "--", "sh", "-c", "echo \"<$BROKER_CONNECTOR>\""]);
    terminal.wait_for("Connector:");
    terminal.typed(&format!("limited{DOWN}\r"));
    assert!(terminal.ended().success());
    assert!(terminal.shown().contains("<limited>"), "{}", terminal.shown());

    let mut terminal = machine.sit_down(&["broker", "console", "--print"]);
    terminal.wait_for("Connector:");
    terminal.wait_for("reports");
    assert!(!terminal.shown().contains("raw"), "no console with session tokens: {}", terminal.shown());
    terminal.typed("dply\r");
    assert!(terminal.ended().success());
    assert!(terminal.shown().contains("SigninToken="), "{}", terminal.shown());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_most_used_stand_first_and_rubbish_in_their_counts_loses_nothing() {
    let world = World::open().await;
    let machine = Machine::of(&world, "ada");
    let first = || {
        let mut terminal = machine.sit_down(&["broker", "exec", "--", "sh", "-c", "echo \"<$BROKER_CONNECTOR>\""]);
        terminal.wait_for("Connector:");
        terminal.typed("\r");
        assert!(terminal.ended().success(), "{}", terminal.shown());
        let shown = terminal.shown();
        shown.rsplit_once('<').unwrap().1.split_once('>').unwrap().0.to_owned()
    };
    for _ in 0..3 {
        machine.run(&["creds", "reports"]).succeeded();
        machine.run(&["process", "limited"]).succeeded();
    }
    machine.run(&["creds", "deploy"]).succeeded();
    assert_eq!(first(), "reports", "what programs fetch by themselves is not counted");
    let file = counts(&machine);
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let kept: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    assert_eq!(kept["uses"], serde_json::json!({ "deploy": 1, "reports": 4 }));

    for rubbish in [&b"{"[..], b"\xff\x00\x1b[2J", &vec![b'['; 300_000]] {
        fs::write(&file, rubbish).unwrap();
        machine.run(&["creds", "reports"]).succeeded();
        assert_eq!(first(), "reports", "they begin anew");
        fs::set_permissions(&file, Permissions::from_mode(0o644)).unwrap();
        assert_eq!(first(), "anew", "what others could have written does not count, and the names do");
    }
    // Another's are not taken over, and who leaves leaves nothing.
    machine.sign_in("eve").succeeded();
    machine.run(&["creds", "deploy"]).succeeded();
    let kept: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    assert_eq!(kept["uses"], serde_json::json!({ "deploy": 1 }));
    machine.run(&["logout"]).succeeded();
    assert!(!file.exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn who_leaves_the_picker_gets_nothing_and_a_code_that_says_so() {
    let world = World::open().await;
    let machine = Machine::of(&world, "ada");
    for keys in [ESCAPE, CTRL_C] {
        let mut terminal = machine.sit_down(&["broker", "creds"]);
        terminal.wait_for("Connector:");
        terminal.typed(keys);
        assert_eq!(terminal.ended().code(), Some(130));
        let shown = terminal.shown();
        assert!(
            shown.contains("no connector was chosen: choose one, or name it") && !shown.contains("AWS_"),
            "{shown}"
        );
        assert!(shown.rfind("\u{1b}[?25h") > shown.rfind("\u{1b}[?25l"), "the cursor is there again: {shown:?}");
    }
    assert_eq!(vends(&world, "deploy"), 0);
    // Letters that fit none, and then enter, choose nothing.
    let plain = Machine(machine.0).with("NO_COLOR", "1");
    let mut terminal = plain.sit_down(&["broker", "creds"]);
    terminal.wait_for("Connector:");
    terminal.typed("zzzz");
    terminal.wait_for("zzzz");
    terminal.typed(&format!("\r{CTRL_C}"));
    assert_eq!(terminal.ended().code(), Some(130));
    let coloured = |shown: &str| shown.contains("\u{1b}[38;5;") || shown.contains("\u{1b}[3") && shown.contains("2m");
    assert!(!coloured(&terminal.shown()), "{:?}", terminal.shown());
}

#[tokio::test(flavor = "multi_thread")]
async fn where_nobody_sits_a_connector_has_to_be_named() {
    let world = World::open().await;
    let machine = Machine::of(&world, "ada");
    for arguments in
        [&["creds"][..], &["exec", "--", "true"], &["console"], &["ecr-login", "password", "--region", "eu-central-1"]]
    {
        let ended = machine.run(arguments);
        let (code, said) = refused(&ended);
        assert_eq!((code, said), (2, "error: no connector is named: name one; `broker ls` lists yours"));
    }
    // On a terminal those are not asked either who are no people: programs that read JSON, and AWS's clients.
    for (arguments, said) in [
        (["broker", "creds", "--json"], "{\"error\":\"no connector is named\""),
        (["broker", "process", "--no-cache"], "<CONNECTOR>"),
    ] {
        let mut terminal = machine.sit_down(&arguments);
        assert_eq!(terminal.ended().code(), Some(2), "{}", terminal.shown());
        assert!(terminal.shown().contains(said), "{}", terminal.shown());
    }
    let mut terminal = machine.sit_down(&[
        "sh",
        "-c",
        "broker creds < /dev/null; TERM=dumb broker creds; broker creds 2> said; cat said",
    ]);
    assert!(terminal.ended().success());
    assert_eq!(terminal.shown().matches("no connector is named").count(), 3, "{}", terminal.shown());
}
