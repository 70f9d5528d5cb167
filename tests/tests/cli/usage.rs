//! Arguments that make no sense, help, completion, and readers who go away.

use std::collections::BTreeSet;

use tests::ended::{self, Ended};
use tests::process::new_folder;
use tests::{brokerd, environment};

use super::{apply, brokerd_in, code, installation};

fn run(arguments: &[&str]) -> Ended {
    brokerd_in(new_folder().path(), arguments, "")
}

/// A subcommand, each of its words after a blank, and what it says of itself.
struct Command {
    words: Vec<String>,
    help: String,
}

/// The program itself and every subcommand, as its help names them.
fn commands() -> Vec<Command> {
    let mut found = Vec::new();
    let mut left: Vec<Vec<String>> = vec![Vec::new()];
    while let Some(words) = left.pop() {
        let mut arguments: Vec<&str> = words.iter().map(|word| word.trim()).collect();
        arguments.push("--help");
        let help = run(&arguments).succeeded();
        let below = entries(&help, "Commands:").into_iter().map(|(name, _)| format!(" {name}"));
        left.extend(below.map(|name| [words.clone(), vec![name]].concat()));
        found.push(Command { words, help });
    }
    found
}

/// What stands below a head: each name, and what is said of it.
fn entries(help: &str, head: &str) -> Vec<(String, String)> {
    let below = help.lines().skip_while(|line| *line != head).skip(1);
    let mut found: Vec<(String, String)> = Vec::new();
    for line in below.take_while(|line| line.is_empty() || line.starts_with(' ')) {
        let text = line.trim_start();
        if line.len() - text.len() <= 6 && !text.is_empty() {
            let (name, text) = text.split_once("  ").unwrap_or((text, ""));
            found.push((name.to_owned(), text.trim().to_owned()));
        } else if let Some((_, said)) = found.last_mut() {
            said.push_str(text);
        }
    }
    found
}

/// The long options that a help names.
fn options(help: &str) -> BTreeSet<String> {
    let names = entries(help, "Options:").into_iter().map(|(name, _)| name);
    names.filter_map(|name| name.split([' ', ',']).find(|word| word.starts_with("--")).map(str::to_owned)).collect()
}

#[test]
fn help_is_for_standard_output_and_mistakes_for_standard_error() {
    for Command { words, help } in commands() {
        assert!(help.contains(&format!("Usage: brokerd{}", words.concat())), "{help}");
        assert!(help.contains("--config <PATH>"), "{help}");
        let (first, _) = help.split_once("\n\nUsage: ").unwrap();
        assert!(first.len() > 10, "it does not say what it does:\n{help}");
        for (name, text) in entries(&help, "Options:").into_iter().chain(entries(&help, "Commands:")) {
            assert!(text.len() > 5, "`{name}` is not explained:\n{help}");
        }
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
fn the_manual_names_every_subcommand_and_option() {
    let manual = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/command-line.md"));
    for Command { words, help } in commands() {
        let [name, ..] = words.as_slice() else { continue };
        assert!(manual.contains(&format!("\n## {}\n", name.trim())), "no section on{name}");
        assert!(manual.contains(&format!("brokerd{}", words.concat())), "it is not shown: {words:?}");
        for option in options(&help).difference(&BTreeSet::from(["--help".to_owned()])) {
            assert!(manual.contains(option), "{words:?}: {option}");
        }
    }
}

#[test]
fn every_shell_gets_a_completion_script_of_everything() {
    let commands = commands();
    let bash = run(&["completion", "bash"]).succeeded();
    // By the script, which is made from the same arguments, no subcommand was left out here, and no option is kept from the help.
    assert_eq!(bash.matches("\n            opts=\"").count(), commands.len());
    for Command { words, help } in &commands {
        let label = words.concat().replace([' ', '-'], "__subcmd__");
        let (_, after) = bash.split_once(&format!("\n        brokerd{label})\n            opts=\"")).unwrap();
        let completed = after.split('"').next().unwrap().split(' ').filter(|word| word.starts_with("--"));
        assert_eq!(completed.map(str::to_owned).collect::<BTreeSet<_>>(), options(help), "{words:?}");
    }
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = run(&["completion", shell]).succeeded();
        for Command { words, help } in &commands {
            let names = options(help).into_iter().map(|option| option.trim_start_matches("--").to_owned());
            for name in words.iter().map(|word| word.trim().to_owned()).chain(names) {
                assert!(script.contains(&name), "{shell}: {words:?} {name}");
            }
        }
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
