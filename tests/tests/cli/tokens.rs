//! `token`: shown once, on standard output and alone there.

use serde_json::Value;
use tests::brokerd::Installation;

use super::{apply, code, installation, typed};

fn listed(here: &Installation) -> Value {
    here.run(&["token", "list", "--json"], "").json()
}

#[test]
fn a_token_is_shown_once_and_then_never_again() {
    let here = installation();
    apply(&here);
    let ended = here.run(
        &["token", "create", "ci", "--connector", "nightly", "--network", "10.0.0.0/8", "--network", "192.0.2.7"],
        "",
    );
    assert_eq!(code(&ended), 0, "{ended:?}");
    let token = ended.stdout.strip_suffix('\n').unwrap();
    assert!(token.starts_with("bkt_") && token.len() > 40 && !token.contains(char::is_whitespace), "{ended:?}");
    assert!(!ended.stderr.contains(token) && ended.stderr.contains("it is not shown again"), "{}", ended.stderr);

    let tokens = listed(&here);
    assert_eq!(tokens[0]["name"], "ci");
    assert_eq!(tokens[0]["connectors"], serde_json::json!(["nightly"]));
    assert_eq!(tokens[0]["networks"], serde_json::json!(["10.0.0.0/8", "192.0.2.7/32"]));
    assert!(tokens[0]["created_by"].as_str().unwrap().starts_with("operator:"));
    let table = here.run(&["token", "list"], "").succeeded();
    assert!(table.starts_with("NAME  CONNECTORS  NETWORKS"), "{table}");
    let records = here.run(&["audit", "export", "--format", "jsonl"], "").succeeded();
    for text in [tokens.to_string(), table, records] {
        assert!(!text.contains(token), "{text}");
    }

    // By its id, which nobody types.
    here.run(&["token", "revoke", tokens[0]["id"].as_str().unwrap()], "").succeeded();
    assert_eq!(listed(&here), serde_json::json!([]));
}

#[test]
fn a_token_whose_connectors_are_gone_is_not_called_good() {
    let here = installation();
    apply(&here);
    here.run(&["token", "create", "ci", "--connector", "nightly"], "").succeeded();
    let state = || {
        let table = here.run(&["token", "list"], "").succeeded();
        (
            listed(&here)[0]["connectors_gone"].as_bool().unwrap(),
            table.contains(" good "),
            table.contains(" of no use "),
        )
    };
    assert_eq!(state(), (false, true, false));
    here.edit("connectors.toml", "name = \"nightly\"", "name = \"nightly-2\"");
    here.run(&["apply", "--yes"], "").succeeded();
    assert_eq!(state(), (true, false, true));
}

#[test]
fn what_cannot_be_is_said_before_anything_is_made() {
    let here = installation();
    apply(&here);
    for (arguments, expected, text) in [
        (&["--connector", "deploy"][..], 1, "connector `deploy` is for people"),
        (&["--connector", "nowhere"], 1, "no connector is called `nowhere`"),
        (&[], 2, "--connector <NAME>"),
        (&["--connector", "nightly", "--expires-in-days", "366"], 2, "366 is not in 1..=365"),
        (&["--connector", "nightly", "--network", "everywhere"], 2, "write a network such as 203.0.113.0/24"),
    ] {
        let ended = here.run(&[&["token", "create", "ci"], arguments].concat(), "");
        assert_eq!(code(&ended), expected);
        assert!(ended.stderr.contains(text) && ended.stdout.is_empty(), "{ended:?}");
    }
    assert_eq!(listed(&here), serde_json::json!([]));
    here.run(&["token", "create", "ci", "--connector", "nightly"], "").succeeded();
    let ended = here.run(&["token", "create", "ci", "--connector", "nightly"], "");
    assert_eq!(code(&ended), 1);
    assert!(ended.stderr.contains("there is a service token called `ci` already"), "{}", ended.stderr);
}

#[test]
fn revoking_asks_whoever_is_there_and_does_not_repeat_a_token() {
    let here = installation();
    apply(&here);
    let token = here.run(&["token", "create", "ci", "--connector", "nightly"], "").succeeded();
    let ended = here.run(&["token", "revoke", token.trim()], "");
    assert_eq!(code(&ended), 1);
    assert!(
        !ended.stderr.contains(token.trim()) && ended.stderr.contains("neither a service token's name nor its id"),
        "{}",
        ended.stderr
    );
    let ended = here.run(&["token", "revoke", "nobody"], "");
    assert!(ended.failed().contains("no service token is called `nobody`"));
    let ended = here.run(&["token", "revoke", "0190a5c8-7f4e-7b3a-9d2c-1e5f6a7b8c9d"], "");
    assert!(ended.failed().contains("there is no such service token"));

    let ended = typed(&here, &["token", "revoke", "ci"], &[("Revoke service token `ci`? [y/N] ", "no")]);
    assert_eq!(code(&ended), 1);
    assert_eq!(listed(&here)[0]["name"], "ci");
    let ended = typed(&here, &["token", "revoke", "ci", "--yes"], &[]);
    assert_eq!(code(&ended), 0, "{ended:?}");
}

#[test]
fn a_token_that_nobody_could_read_is_a_failure() {
    let here = installation();
    apply(&here);
    let command = here.command(&["token", "create", "ci", "--connector", "nightly"]);
    let mut shell = tests::environment::command("sh");
    shell.args(["-c", "\"$@\" > /dev/full", "sh"]).arg(command.get_program()).args(command.get_args());
    let ended = tests::ended::run("sh", shell, "");
    assert_eq!(code(&ended), 1);
    assert!(ended.stderr.contains("`brokerd token revoke ci`"), "{}", ended.stderr);
}
