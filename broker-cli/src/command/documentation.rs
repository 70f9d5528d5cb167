//! What the help says and what docs/broker.md says is the same: every subcommand and option stands there, and none that there is not.

use std::collections::BTreeSet;

use clap::{Command, CommandFactory};

use super::Arguments;

const PAGE: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/broker.md"));

/// The command and every subcommand, however deep.
fn all() -> Vec<Command> {
    let mut command = Arguments::command();
    command.build();
    let mut found = vec![command];
    let mut next = 0;
    while let Some(one) = found.get(next) {
        let inner: Vec<Command> = one.get_subcommands().cloned().collect();
        found.extend(inner);
        next += 1;
    }
    found
}

#[test]
fn every_option_is_in_the_documentation_and_no_other() {
    let known: BTreeSet<String> = all()
        .iter()
        .flat_map(|command| command.get_arguments().filter_map(|argument| argument.get_long()).collect::<Vec<_>>())
        .map(|long| format!("--{long}"))
        .collect();
    let ours = ["--help", "--version"];
    for option in known.iter().filter(|option| !ours.contains(&option.as_str())) {
        assert!(PAGE.contains(option.as_str()), "docs/broker.md says nothing of {option}");
    }
    // What stands in the table of subcommands, in front of what it does.
    let rows = PAGE.split_once("| subcommand | does |").unwrap().1.split_once("\n\n").unwrap().0;
    let heads = rows
        .lines()
        .filter_map(|row| row.strip_prefix("| ")?.split_once(" | ").map(|(head, _)| head.replace("\\|", " ")));
    let said: BTreeSet<String> = heads
        .flat_map(|head| {
            head.split(|char: char| !(char.is_ascii_alphanumeric() || char == '-'))
                .map(str::to_owned)
                .collect::<Vec<_>>()
        })
        .filter(|word| word.len() > 2 && word.starts_with("--"))
        .collect();
    assert!(said.len() > 10, "{said:?}");
    assert!(said.is_subset(&known), "{:?}", said.difference(&known));
}

#[test]
fn every_subcommand_is_documented_and_shows_how_it_is_called() {
    let mut command = Arguments::command();
    command.build();
    for mut subcommand in command.get_subcommands().cloned() {
        let name = subcommand.get_name().to_owned();
        assert!(
            PAGE.contains(&format!("| `{name}")) || PAGE.contains(&format!("`{name} ")),
            "docs/broker.md says nothing of {name}"
        );
        let help = subcommand.render_long_help().to_string();
        assert!(help.contains("Examples:\n") && help.contains("broker"), "{help}");
        assert!(help.contains("Options of every subcommand:"), "{help}");
    }
    let login = command.find_subcommand_mut("login").unwrap().render_long_help().to_string();
    assert!(login.contains("A browser opens at the broker's own page"), "more than one line of it: {login}");
}
