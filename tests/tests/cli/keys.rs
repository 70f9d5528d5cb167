//! `key`: long-term keys come in by standard input or a prompt, and AWS says whose they are.

use serde_json::{Value, json};
use tests::brokerd::Installation;
use tests::ended::Ended;

use super::{
    DIRECTORY, MAIN, OTHER, SECOND, SECRET, add_main, apply, code, installation, installation_with_aws, typed,
};

fn add(here: &Installation, id: &str, secret: &str) -> Ended {
    here.run(&["key", "add", "main", "--access-key-id", id, "--region", "eu-central-1"], secret)
}

fn listed(here: &Installation) -> Value {
    here.run(&["key", "list", "--json"], "").json()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_piped_secret_is_proved_sealed_and_never_shown() {
    let (here, sim) = installation_with_aws().await;
    let ended = add(&here, MAIN, &format!("{SECRET}\n"));
    assert_eq!(code(&ended), 0, "{ended:?}");
    assert!(ended.stdout.is_empty());
    assert!(
        ended.stderr.contains("AWS says: account 111111111111, arn:aws:iam::111111111111:user/broker"),
        "{ended:?}"
    );
    assert_eq!(sim.count("GetCallerIdentity"), 1);

    let keys = listed(&here);
    assert_eq!(keys[0]["arn"], "arn:aws:iam::111111111111:user/broker");
    assert_eq!(
        (&keys[0]["access_key_id"], &keys[0]["generation"], &keys[0]["managed_by"]),
        (&json!(MAIN), &json!(1), &json!("api"))
    );
    let table = here.run(&["key", "list"], "").succeeded();
    let lines: Vec<&str> = table.lines().collect();
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[0].find("ACCESS KEY ID"), lines[1].find(MAIN), "columns stand under their heads:\n{table}");
    assert!(!here.run(&["key", "list", "--json"], "").stdout.contains(SECRET));
    for file in ["brokerd.db", "brokerd.db-wal"] {
        let bytes = std::fs::read(here.path(file)).unwrap_or_default();
        assert!(!bytes.windows(SECRET.len()).any(|window| window == SECRET.as_bytes()), "{file}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_aws_refuses_is_told_with_its_code_and_not_stored() {
    let (here, _sim) = installation_with_aws().await;
    here.edit("brokerd.toml", "retries = 0", "retries = 0\ninteractive_deadline_seconds = 2");
    let wrong = SECRET.replace("wJalr", "xxxxx");
    for (id, secret, code_of_aws) in
        [(MAIN, wrong.as_str(), "SignatureDoesNotMatch"), ("AKIANOBODYKNOWSTHIS1", SECRET, "InvalidClientTokenId")]
    {
        let ended = add(&here, id, secret);
        assert_eq!(code(&ended), 1);
        assert!(
            ended.stderr.starts_with(&format!("error: AWS refused the access key: {code_of_aws}: ")),
            "{}",
            ended.stderr
        );
        assert_eq!(ended.stderr.contains("if it was made a moment ago"), id != MAIN, "{}", ended.stderr);
        assert!(!ended.stderr.contains(secret));
    }
    assert_eq!(listed(&here), json!([]));
}

#[test]
fn without_aws_a_key_comes_in_unproved_when_that_is_said() {
    let here =
        Installation::new(&format!("{DIRECTORY}\n[aws]\nretries = 0\nendpoint_url = \"http://127.0.0.1:9\"\n"), "");
    let ended = add(&here, MAIN, SECRET);
    assert_eq!(code(&ended), 1);
    assert!(
        ended.stderr.contains("AWS did not answer") && ended.stderr.contains("`--skip-validation`"),
        "{}",
        ended.stderr
    );
    add_main(&here);
    assert_eq!(listed(&here)[0]["arn"], Value::Null);
    let ended = add(&here, MAIN, SECRET);
    assert_eq!(code(&ended), 1);
    assert!(ended.stderr.contains("there is an access key called `main` already"), "{}", ended.stderr);
}

#[test]
fn a_secret_is_one_line_and_whole() {
    let here = installation();
    for (input, text) in [
        ("", "standard input is empty"),
        ("\n", "standard input is empty"),
        ("one\ntwo\n", "more than one line"),
        ("two words", "the secret access key is empty or holds blanks"),
        (&"x".repeat(5_000), "more than a secret"),
    ] {
        let ended = here
            .run(&["key", "add", "a", "--access-key-id", MAIN, "--region", "eu-central-1", "--skip-validation"], input);
        assert_eq!(code(&ended), 1);
        assert!(ended.stderr.contains(text), "{input:?}: {}", ended.stderr);
    }
}

#[test]
fn a_secret_that_stands_where_none_belongs_is_not_repeated() {
    let here = installation();
    let good = ["--region", "eu-central-1"];
    for (arguments, expected) in [
        (&["key", "add", "main", SECRET, "--access-key-id", MAIN][..], 2),
        (&["key", "add", "main", "--access-key-id", SECRET], 1),
        (&["key", "add", "main", &format!("--secret-access-key={SECRET}"), "--access-key-id", MAIN], 2),
        (&["key", "replace", "main", SECRET], 2),
    ] {
        let ended = here.run(&[arguments, &good].concat(), "");
        assert_eq!(code(&ended), expected, "{ended:?}");
    }
    assert_eq!(code(&here.run(&["hash-password", SECRET], "")), 2);
    assert_eq!(code(&here.run(&["key", "list", SECRET], "")), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_key_of_the_same_user_takes_the_place() {
    let (here, _sim) = installation_with_aws().await;
    add(&here, MAIN, SECRET).succeeded();
    let replace = |id: &str| here.run(&["key", "replace", "main", "--access-key-id", id], SECRET);
    assert_eq!(code(&replace(SECOND)), 0);
    let keys = listed(&here);
    assert_eq!((&keys[0]["access_key_id"], &keys[0]["generation"]), (&json!(SECOND), &json!(2)));
    let ended = replace(OTHER);
    assert_eq!(code(&ended), 1);
    assert!(
        ended.stderr.contains("user/other, but `main` is of arn:aws:iam::111111111111:user/broker"),
        "{}",
        ended.stderr
    );
    let ended = here.run(&["key", "replace", "nobody"], SECRET);
    assert_eq!(code(&ended), 1);
    assert!(ended.stderr.contains("no access key is called `nobody`"), "{}", ended.stderr);
}

#[test]
fn a_restriction_is_kept_changed_and_lifted() {
    let here = installation();
    let add = ["key", "add", "main", "--access-key-id", MAIN, "--region", "eu-central-1", "--skip-validation"];
    here.run(&[&add[..], &["--serves-connector", "nightly"]].concat(), SECRET).succeeded();
    let replace = |more: &[&str]| {
        here.run(&[&["key", "replace", "main", "--access-key-id", MAIN, "--skip-validation"], more].concat(), SECRET)
    };
    let refused = || here.run(&["apply", "--yes"], "").failed();
    let restricted = "connector \"deploy\": access_key: access key `main` does not serve this connector";
    assert!(refused().contains(restricted), "{}", refused());
    replace(&[]).succeeded();
    assert!(refused().contains(restricted), "what is not given stays");
    let both = replace(&["--serves-anything", "--serves-connector", "nightly"]);
    assert_eq!(code(&both), 2, "{both:?}");
    replace(&["--serves-anything"]).succeeded();
    here.run(&["apply", "--yes"], "").succeeded();
    let records = here.run(&["audit", "export", "--format", "jsonl"], "").succeeded();
    let changes: Vec<Value> = records.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let lifted = changes.iter().rfind(|it| it["action"] == "access_key_changed").unwrap();
    assert!(lifted["changes"].to_string().contains("serves"), "{lifted}");
}

#[test]
fn a_key_in_use_is_not_forgotten() {
    let here = installation();
    apply(&here);
    let ended = here.run(&["key", "remove", "main"], "");
    assert_eq!(code(&ended), 1);
    assert!(ended.stderr.contains("is used by `deploy`, `nightly`"), "{}", ended.stderr);
    here.write("connectors.toml", "");
    here.run(&["apply", "--yes"], "").succeeded();
    here.run(&["key", "remove", "main"], "").succeeded();
    assert_eq!(listed(&here), json!([]));
}

#[test]
fn on_a_terminal_the_secret_is_asked_for_and_not_shown() {
    let here = installation();
    let arguments = ["key", "add", "main", "--access-key-id", MAIN, "--region", "eu-central-1", "--skip-validation"];
    let ended = typed(&here, &arguments, &[("Secret access key: ", SECRET)]);
    assert_eq!(code(&ended), 0, "{ended:?}");
    assert!(ended.stdout.contains("Secret access key: ") && ended.stdout.contains("is stored, sealed"), "{ended:?}");

    let ended = typed(&here, &["key", "remove", "main"], &[("Forget access key `main`? [y/N] ", "n")]);
    assert_eq!(code(&ended), 1);
    assert!(ended.stdout.contains("nothing was changed"), "{ended:?}");
    let ended = typed(&here, &["key", "remove", "main"], &[("[y/N] ", "y")]);
    assert_eq!(code(&ended), 0, "{ended:?}");
}
