//! What is shown: lists, prompts, completions, the manual.

use std::fs;

use tests::world::{HOSTILE, World};

use super::{Machine, refused};

#[tokio::test(flavor = "multi_thread")]
async fn a_list_shows_what_somebody_may_use_and_a_few_letters_find_it() {
    let world = World::open().await;
    let ada = Machine::of(&world, "ada");
    let table = ada.run(&["ls"]).succeeded();
    let mut lines = table.lines();
    assert_eq!(
        lines.next().unwrap().split_whitespace().collect::<Vec<_>>(),
        ["NAME", "ACCOUNT", "ACTS", "AS", "CONSOLE", "WANTS", "DESCRIPTION"]
    );
    let deploy = lines.find(|line| line.starts_with("deploy ")).unwrap();
    assert!(deploy.contains("111111111111") && deploy.ends_with("Deploys to production"), "{deploy}");
    assert!(!table.contains("treasury") && !table.contains('\u{1b}'), "{table}");
    assert_eq!(deploy.split_whitespace().nth(4), Some("-"), "{deploy}");
    let found = ada.run(&["ls", "dply", "--json"]).json();
    assert_eq!(found["connectors"][0]["name"], "deploy");
    assert_eq!(refused(&ada.run(&["ls", "zzzz"])).0, 4);
    let bob = Machine::of(&world, "bob");
    assert!(refused(&bob.run(&["ls"])).1.contains("no connector that you may use"));

    let hostile = Machine::of(&world, HOSTILE);
    let said = hostile.run(&["whoami"]).succeeded();
    assert!(said.starts_with(HOSTILE), "{said}");
    let mut terminal = ada.on_terminal("ls");
    assert!(terminal.wait().success());
    assert!(terminal.stdout().contains("\u{1b}[1mNAME"), "bold on a terminal: {}", terminal.stdout());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_says_what_a_connector_wants_of_whoever_asks() {
    let connector = |name: &str, more: &str, of_role: &str| {
        format!(
            "\n[[connector]]\nname = '{name}'\naccess_key = 'main'\ngroups = ['corp/release']\n{more}\n\
             [connector.principal.assume_role]\nrole_arn = 'arn:aws:iam::111111111111:role/brief'\n{of_role}\n"
        )
    };
    let both = "require_reason = true\nrequire_second_factor = true";
    let device = "mfa_serial = 'arn:aws:iam::111111111111:mfa/broker'";
    let more = [
        connector("twofold", "require_second_factor = true", ""),
        connector("all", both, device),
        connector("tried", "", device),
    ];
    let world = World::prepare().await.connectors(&more.concat()).serve();
    let ada = Machine::of(&world, "ada");
    let table = ada.run(&["ls"]).succeeded();
    let place = table.find("WANTS").unwrap();
    let wants = |name: &str| {
        let line = table.lines().find(|line| line.starts_with(&format!("{name} "))).unwrap();
        line.get(place..).unwrap().trim_end().to_owned()
    };
    assert_eq!(wants("twofold"), "second factor");
    assert_eq!(wants("all"), "reason, second factor, MFA code");
    assert_eq!(wants("tried"), "MFA code");
    let listed = ada.run(&["ls", "--json"]).json();
    for (name, wanted) in [("twofold", true), ("all", true), ("deploy", false)] {
        let one = listed["connectors"].as_array().unwrap().iter().find(|one| one["name"] == name).unwrap();
        assert_eq!(one["require_second_factor"], wanted, "{one}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_prompt_says_what_is_left_and_asks_nobody() {
    let world = World::open().await;
    let machine = Machine::of(&world, "ada");
    let said = machine.shell("sh", "broker exec deploy --env -- broker prompt").succeeded();
    let minutes: i64 = said.trim().strip_prefix("deploy ").unwrap().trim_end_matches('m').parse().unwrap_or(60);
    assert!((50..=60).contains(&minutes), "{said}");
    let alone = Machine(tests::python::Client::new());
    assert_eq!(alone.run(&["prompt"]).succeeded(), "");
    let spoilt = alone.with("BROKER_CONNECTOR", "a\u{1b}[2J").with("AWS_CREDENTIAL_EXPIRATION", "yesterday");
    assert_eq!(spoilt.run(&["prompt"]).succeeded(), "");
    let over = spoilt.with("BROKER_CONNECTOR", "deploy").with("AWS_CREDENTIAL_EXPIRATION", "2020-01-01T00:00:00Z");
    assert_eq!(over.run(&["prompt"]).succeeded(), "deploy over\n");
}

#[test]
fn shells_take_the_completions_and_man_the_pages() {
    let machine = Machine(tests::python::Client::new());
    for shell in ["bash", "zsh", "fish", "powershell"] {
        let script = machine.run(&["completion", shell]).succeeded();
        assert!(script.contains("BROKER_COMPLETE"), "{shell}");
    }
    machine.shell("bash", "set -e; cd; broker completion bash > c; . ./c; complete -p broker").succeeded();
    let offered = machine.shell("fish", "broker completion fish | source; complete -C 'broker lo'").succeeded();
    assert!(offered.contains("login") && offered.contains("logout"), "{offered}");

    assert_eq!(
        machine.shell("fish", "broker completion fish | source; complete -C 'broker creds d'").succeeded(),
        "",
        "nobody is signed in"
    );

    let folder = machine.0.home().join("man");
    fs::create_dir(&folder).unwrap();
    machine.run(&["man", "--directory", folder.to_str().unwrap()]).succeeded();
    for page in ["broker.1", "broker-login.1", "broker-process.1", "broker-exec.1"] {
        assert!(fs::read_to_string(folder.join(page)).unwrap().contains(".SH SYNOPSIS"), "{page}");
    }
    assert!(machine.run(&["man"]).succeeded().contains("Exit codes"));
    let page = fs::read_to_string(folder.join("broker-login.1")).unwrap();
    assert!(page.contains("A browser opens") && page.contains("broker login \\-\\-device"), "all of the help: {page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn shells_complete_the_names_of_connectors_and_options() {
    let world = World::open().await;
    let ada = Machine::of(&world, "ada");
    let in_bash = |words: &str, last: usize| {
        let line = format!(
            "COMP_WORDS=({words}); COMP_CWORD={last}; . <(broker completion bash); _clap_complete_broker broker \"${{COMP_WORDS[{last}]}}\""
        );
        ada.shell("bash", &format!("{line}; printf '%s\\n' \"${{COMPREPLY[@]}}\""))
    };
    for words in ["broker creds de", "broker process de", "broker console de", "broker whoami de", "broker exec de"] {
        let ended = in_bash(words, 2);
        assert_eq!((ended.stdout.as_str(), ended.stderr.as_str()), ("deploy\n", ""), "{words}");
    }
    let offered =
        ada.shell("fish", "broker completion fish | source; complete -C 'broker ecr-login password re'").succeeded();
    assert_eq!(offered, "reports\n");
    assert!(!in_bash("broker creds ''", 2).stdout.contains("treasury"), "which is not ada's");
    assert_eq!(in_bash("broker creds --no", 2).stdout, "--no-cache\n");
    drop(world);
    let ended = in_bash("broker creds de", 2);
    assert_eq!((ended.stdout.trim(), ended.stderr.as_str()), ("", ""), "nothing stands in the middle of the line");
}

/// As its manual says to install such a file; the first time somebody completes is another than the second.
#[tokio::test(flavor = "multi_thread")]
async fn zsh_completes_the_names_of_connectors_from_the_first_time_on() {
    let world = World::open().await;
    let ada = Machine::of(&world, "ada");
    ada.shell("sh", "cd; mkdir .zfunc; broker completion zsh > .zfunc/_broker").succeeded();
    for prepared in [
        "fpath=(~/.zfunc $fpath); autoload -Uz compinit; compinit -u -D",
        "autoload -Uz compinit; compinit -u -D; . ~/.zfunc/_broker",
    ] {
        let mut terminal = ada.sit_down(&["zsh", "-f"]);
        terminal.typed(&format!("{prepared}; PS1='now''> '\r"));
        terminal.wait_for("now> ");
        terminal.typed("broker whoami dep\t");
        terminal.wait_for("broker whoami deploy");
        terminal.typed("\u{15}exit\r");
        assert!(terminal.ended().success());
    }
}

#[test]
fn help_is_where_people_look_for_it() {
    let machine = Machine(tests::python::Client::new());
    for (asked, same) in [
        (&["help"][..], &["--help"][..]),
        (&["help", "exec"], &["exec", "--help"]),
        (&["help", "ecr-login", "password"], &["ecr-login", "password", "--help"]),
    ] {
        assert_eq!(machine.run(asked).succeeded(), machine.run(same).succeeded(), "{asked:?}");
    }
    assert_eq!(machine.run(&["help", "bogus"]).status.code(), Some(2));
}

#[test]
fn what_has_nothing_to_say_as_json_does_not_know_the_option() {
    let machine = Machine(tests::python::Client::new());
    for arguments in [
        &["completion", "bash", "--json"][..],
        &["--json", "completion", "bash"],
        &["man", "--json"],
        &["--json", "man"],
    ] {
        let ended = machine.run(arguments);
        let (code, told) = refused(&ended);
        let told: serde_json::Value = serde_json::from_str(told).unwrap();
        assert_eq!((code, told["error"].as_str().unwrap()), (2, "unexpected argument '--json' found"), "{arguments:?}");
    }
    for subcommand in ["completion", "man", "ls"] {
        for help in ["--help", "-h"] {
            let help = machine.run(&[subcommand, help]).succeeded();
            assert_eq!(help.contains("--json"), subcommand == "ls", "{help}");
        }
        let in_fish = format!("broker completion fish | source; complete -C 'broker {subcommand} --'");
        assert_eq!(machine.shell("fish", &in_fish).succeeded().contains("--json"), subcommand == "ls", "{subcommand}");
    }
}

#[test]
fn arguments_that_make_no_sense_are_told_as_json_where_that_is_wanted() {
    let machine = Machine(tests::python::Client::new());
    for (arguments, said) in [
        (&["creds", "--json", "--bogus"][..], "unexpected argument '--bogus' found"),
        (&["--json", "bogus"], "unrecognized subcommand 'bogus'"),
        (&["login", "--json", "hunter2"], "there is a word too many"),
        (&["exec", "--json", "deploy", "hunter2", "sts"], "there is a word too many"),
    ] {
        let ended = machine.run(arguments);
        let (code, told) = refused(&ended);
        let told: serde_json::Value = serde_json::from_str(told).unwrap();
        assert_eq!((code, &told["exit_code"]), (2, &2.into()));
        assert!(told["error"].as_str().unwrap().starts_with(said) && !ended.stderr.contains("hunter2"), "{told}");
        let advice = told["advice"].as_str().unwrap();
        assert_eq!(advice.starts_with("put `--` before the program"), arguments[0] == "exec", "{told}");
    }
    // What stands behind `--` is another program's.
    let ended = machine.run(&["exec", "--bogus", "--", "true", "--json"]);
    assert!(ended.status.code() == Some(2) && ended.stderr.starts_with("error: "), "{ended:?}");
}

#[test]
fn who_has_read_enough_goes_away_and_that_is_no_error() {
    let machine = Machine(tests::python::Client::new());
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = machine.0.command(&tests::brokerd::program("broker"));
    let ended =
        command.args(["completion", "bash"]).stdout(writer).stderr(std::process::Stdio::piped()).spawn().unwrap();
    let ended = ended.wait_with_output().unwrap();
    assert_eq!((ended.status.code(), ended.stderr), (Some(0), Vec::new()));
}
