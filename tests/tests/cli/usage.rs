//! Arguments that make no sense, help, completion, and readers who go away.

use tests::ended::{self, Ended};
use tests::process::new_folder;
use tests::{brokerd, environment};

use super::{apply, brokerd_in, code, installation};

fn run(arguments: &[&str]) -> Ended {
    brokerd_in(new_folder().path(), arguments, "")
}

#[test]
fn help_is_for_standard_output_and_mistakes_for_standard_error() {
    let help = run(&["--help"]).succeeded();
    for subcommand in [
        "serve",
        "init",
        "check",
        "apply",
        "key",
        "token",
        "revoke",
        "restored",
        "hash-password",
        "audit",
        "completion",
    ] {
        assert!(help.contains(&format!("\n  {subcommand} ")), "{subcommand}:\n{help}");
        let help = run(&[subcommand, "--help"]).succeeded();
        assert!(help.contains("Usage: brokerd ") && help.contains("--config <PATH>"), "{help}");
    }
    assert!(run(&["--version"]).succeeded().starts_with("brokerd "));
    for (arguments, text) in [
        (&["frobnicate"][..], "unrecognized subcommand 'frobnicate'"),
        (&[], "Usage: brokerd"),
        (&["key"], "Usage: brokerd key"),
        (&["key", "add", "Main", "--access-key-id", "A", "--region", "eu-central-1"], "`Main` is not a name"),
        (
            &["key", "add", "main", "--access-key-id", "A", "--region", "mars"],
            "`mars` is not the name of an AWS region",
        ),
        (&["check", "--wrong"], "unexpected argument '--wrong'"),
    ] {
        let ended = run(arguments);
        assert_eq!(code(&ended), 2, "{ended:?}");
        assert!(ended.stderr.contains(text) && ended.stdout.is_empty(), "{ended:?}");
    }
}

#[test]
fn every_shell_gets_a_completion_script() {
    for shell in ["bash", "zsh", "fish"] {
        let script = run(&["completion", shell]).succeeded();
        assert!(script.contains("hash-password"), "{shell}");
    }
    let mut bash = environment::command("bash");
    bash.args(["-n"]);
    ended::run("bash", bash, &run(&["completion", "bash"]).succeeded()).succeeded();
}

#[test]
fn a_reader_who_goes_away_is_no_trouble() {
    let here = installation();
    apply(&here);
    for arguments in [
        &["key", "list"][..],
        &["key", "list", "--json"],
        &["audit", "export", "--format", "jsonl"],
        &["audit", "tail"],
        &["audit", "verify"],
        &["check"],
        &["apply", "--dry-run"],
        &["completion", "bash"],
    ] {
        let command = here.command(arguments);
        let mut shell = environment::command("bash");
        // The reader has gone before anything is written.
        shell.args(["-c", "set -o pipefail; { sleep 0.2; exec \"$@\"; } | true", "bash"]);
        shell.arg(command.get_program()).args(command.get_args());
        let ended = ended::run("bash", shell, "");
        assert_eq!(code(&ended), 0, "{arguments:?}: {ended:?}");
        assert_eq!(ended.stderr, "", "{arguments:?}");
    }
}

#[test]
fn the_configuration_can_be_named_by_the_environment() {
    let here = installation();
    let mut command = environment::command(brokerd::binary());
    command.env("BROKERD_CONFIG", here.path("brokerd.toml")).args(["key", "list", "--json"]);
    assert_eq!(ended::run("brokerd", command, "").succeeded(), "[]\n");
}
