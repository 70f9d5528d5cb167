//! `--json`: what each subcommand answers, as docs/broker.md has it, and that nobody is asked anything.

use std::fs;

use serde_json::{Value, json};
use tests::world::{World, password_of};

use super::{Machine, refused};

/// The names of an object's fields.
fn fields(value: &Value) -> Vec<&str> {
    let object = value.as_object().unwrap_or_else(|| panic!("no object: {value}"));
    let mut names: Vec<_> = object.keys().map(String::as_str).collect();
    names.sort_unstable();
    names
}

/// What the page says of a subcommand: the fields that stand there in an object, its own and not those within them.
fn documented(subcommand: &str) -> Vec<String> {
    const PAGE: &str = include_str!("../../../docs/broker.md");
    let rows = PAGE.split_once("| `--json` with | answers |").unwrap().1.split_once("\n\n").unwrap().0;
    let row = rows.lines().find_map(|row| row.strip_prefix(&format!("| `{subcommand}` | `{{")));
    let row = row.unwrap_or_else(|| panic!("docs/broker.md does not say what {subcommand} answers"));
    let (mut depth, mut own) = (0, String::new());
    for char in row.split_once("}` |").unwrap().0.chars() {
        depth += i32::from(matches!(char, '{' | '[')) - i32::from(matches!(char, '}' | ']'));
        if depth == 0 && !matches!(char, '}' | ']') {
            own.push(char);
        }
    }
    let mut names: Vec<String> =
        own.split(',').map(|field| field.split(':').next().unwrap().trim().trim_matches('"').to_owned()).collect();
    names.sort();
    names
}

/// An answer with exactly the fields that the page has for it.
pub(super) fn as_documented(subcommand: &str, answer: Value) -> Value {
    assert_eq!(fields(&answer), documented(subcommand), "{subcommand}: {answer}");
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn each_subcommand_answers_in_the_shape_that_is_documented() {
    let world = World::open().await;
    let ada = Machine::before(&world);
    let url = world.brokerd.url();

    let told = ada.run_with(&["login", "--username", "ada", "--json"], &password_of("ada")).json();
    let login = as_documented("login", told);
    assert_eq!((&login["server"], &login["renews"]), (&json!(url), &json!(false)));
    let identity = &login["identity"];
    assert_eq!(fields(identity), ["admin", "directory", "display_name", "email", "groups", "kind", "name"]);
    assert_eq!((&identity["name"], &identity["kind"]), (&json!("ada"), &json!("person")));
    assert!(login["expires_at"].as_str().unwrap().parse::<jiff::Timestamp>().is_ok(), "{login}");

    assert_eq!(as_documented("whoami", ada.run(&["whoami", "--json"]).json()), login, "the same as was told then");
    let acts_as = as_documented("whoami CONNECTOR", ada.run(&["whoami", "deploy", "--json"]).json());
    assert_eq!(acts_as["arn"], "arn:aws:sts::111111111111:assumed-role/deploy/ada");

    let listed = as_documented("ls", ada.run(&["ls", "--json"]).json());
    let connectors = listed["connectors"].as_array().unwrap();
    let deploy = connectors.iter().find(|one| one["name"] == "deploy").unwrap();
    for (field, value) in [
        ("principal", json!("assume_role")),
        ("account_id", json!("111111111111")),
        ("role_arn", json!("arn:aws:iam::111111111111:role/deploy")),
        ("scope", json!("user")),
        ("console", json!(true)),
        ("require_reason", json!(false)),
        ("require_second_factor", json!(false)),
    ] {
        assert_eq!(deploy[field], value, "{field}");
    }
    assert_eq!(ada.run(&["ls", "zzzz", "--json"]).json(), json!({ "connectors": [] }), "none is an answer, too");

    let lent = as_documented("creds", ada.run(&["creds", "deploy", "--json"]).json());
    assert!(lent["connector"] == "deploy" && lent["reused"].is_boolean(), "{}", lent["connector"]);

    let link = as_documented("console --print", ada.run(&["console", "deploy", "--print", "--json"]).json());
    assert!(link["url"].as_str().unwrap().contains("SigninToken="), "{link}");
    assert!(link["expires_at"].as_str().unwrap().parse::<jiff::Timestamp>().is_ok(), "{link}");

    let checks = as_documented("doctor", ada.run(&["doctor", "--json"]).json());
    for check in checks["checks"].as_array().unwrap() {
        assert!(
            [&["advice", "check", "said", "state"][..], &["check", "said", "state"]].contains(&&fields(check)[..]),
            "{check}"
        );
    }

    let prompt = as_documented("prompt", ada.run(&["prompt", "--json"]).json());
    assert_eq!(prompt, json!({ "connector": null, "seconds_left": null }));
    let within = ada.shell("sh", "broker exec deploy --env -- broker prompt --json").json();
    assert_eq!(within["connector"], "deploy");
    assert!((3_000..=3_600).contains(&within["seconds_left"].as_i64().unwrap()), "{within}");

    let ended = as_documented("logout", ada.run(&["logout", "--json"]).json());
    assert_eq!(ended, json!({ "server": url, "session_ended": true }));
    assert_eq!(ada.run(&["logout", "--json"]).json()["session_ended"], false, "nobody was signed in");
}

#[tokio::test(flavor = "multi_thread")]
async fn setup_tells_its_plan_as_data_and_writes_only_what_was_said_yes_to() {
    let world = World::open().await;
    let ada = Machine::of(&world, "ada");
    let config = ada.0.home().join(".aws/config");
    fs::create_dir(config.parent().unwrap()).unwrap();
    fs::write(&config, "[profile own]\nrole_arn = x\n").unwrap();
    let read = || fs::read_to_string(&config).unwrap();
    let run = |more: &[&str]| as_documented("setup", ada.run(&[&["setup", "--json"], more].concat()).json());
    let sections = |told: &Value, what: &str| -> Vec<String> {
        told[what].as_array().unwrap().iter().map(|one| one["section"].as_str().unwrap().to_owned()).collect()
    };

    // Nobody is there who could be asked, and at a terminal nobody is asked either.
    for told in [run(&[]), run(&["--dry-run"]), run(&["--dry-run", "--yes"])] {
        assert_eq!((&told["changes"], &told["written"]), (&json!(true), &json!(false)));
        assert!(sections(&told, "added").contains(&"profile deploy".to_owned()), "{told}");
        assert_eq!(told["profiles"], sections(&told, "added").len());
        assert!(told["backup"].as_str().unwrap().contains("config.before-"), "{told}");
    }
    let mut terminal = ada.sit_down(&["broker", "setup", "--json"]);
    assert!(terminal.ended().success() && !terminal.shown().contains("[y/N]"), "{}", terminal.shown());
    assert_eq!(read(), "[profile own]\nrole_arn = x\n");
    assert_eq!(fs::read_dir(config.parent().unwrap()).unwrap().count(), 1, "nor is anything kept beside it");

    let told = run(&["--yes"]);
    assert_eq!(told["written"], true);
    assert_eq!(fs::read_to_string(told["backup"].as_str().unwrap()).unwrap(), "[profile own]\nrole_arn = x\n");
    let deploy = told["added"].as_array().unwrap().iter().find(|one| one["section"] == "profile deploy").unwrap();
    assert!(deploy["lines"][0].as_str().unwrap().starts_with("credential_process = "), "{deploy}");
    assert!(!told.to_string().contains("profile own"), "what is not ours is not told: {told}");

    let told = run(&["--yes"]);
    assert_eq!((&told["changes"], &told["written"], &told["backup"]), (&json!(false), &json!(false), &Value::Null));
    let told = run(&["--region", "eu-central-1"]);
    let changed = told["changed"].as_array().unwrap().iter().find(|one| one["section"] == "profile deploy").unwrap();
    assert_eq!(changed["after"].as_array().unwrap().len(), changed["before"].as_array().unwrap().len() + 1);
    let told = run(&["--style", "sso"]);
    assert!(told["next"].as_array().unwrap()[0].as_str().unwrap().contains("aws sso login"), "{told}");
    let told = run(&["--remove", "--yes"]);
    assert_eq!((sections(&told, "removed").len() > 1, read()), (true, "[profile own]\nrole_arn = x\n".to_owned()));

    let signed_out = Machine::before(&world).run(&["setup", "--json"]);
    let (code, said) = refused(&signed_out);
    assert_eq!((code, serde_json::from_str::<Value>(said).unwrap()["exit_code"].clone()), (3, json!(3)));
}

/// Whoever reads JSON is a program. What would be asked on a terminal is refused, with what to do instead.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_asked_anything_at_a_terminal_either() {
    let world = World::open().await;
    let ada = Machine::of(&world, "ada");
    for (arguments, said) in [
        (&["login", "--username", "ada"][..], "nobody is asked for the password"),
        (&["creds"], "no connector is named"),
        (&["console", "--print"], "no connector is named"),
        (&["exec", "--", "true"], "no connector is named"),
        (&["ecr-login", "password", "--region", "eu-central-1"], "no connector is named"),
    ] {
        let (first, rest) = arguments.split_first().unwrap();
        let words = [&["broker", first, "--json"], rest].concat();
        let mut terminal = ada.sit_down(&words);
        let code = terminal.ended().code();
        let told: Value = serde_json::from_str(terminal.shown().trim()).unwrap();
        assert_eq!((code, &told["exit_code"]), (Some(2), &json!(2)), "{words:?}");
        assert!(told["error"].as_str().unwrap().starts_with(said), "{told}");
        assert!(!told["advice"].as_str().unwrap().is_empty(), "{told}");
    }
    // On a pipe nobody is there, with or without --json.
    for (arguments, code) in [
        (&["login", "--username", "ada"][..], 2),
        (&["creds"], 2),
        (&["exec", "--", "true"], 2),
        (&["console", "--print"], 2),
        (&["ecr-login", "password", "--region", "eu-central-1"], 2),
    ] {
        let ended = ada.run(arguments);
        assert_eq!(refused(&ended).0, code, "{arguments:?}");
    }
}
