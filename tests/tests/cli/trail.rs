//! `audit`: proved, exported and followed.

use serde_json::Value;
use sqlx::Connection;
use sqlx::sqlite::SqliteConnection;
use tests::brokerd::Installation;
use tests::process::Process;

use super::{apply, code, installation};

fn export(here: &Installation, arguments: &[&str]) -> Vec<Value> {
    let stdout = here.run(&[&["audit", "export", "--format", "jsonl"], arguments].concat(), "").succeeded();
    stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn every_change_is_there_in_order_and_an_export_goes_on_where_one_ended() {
    let here = installation();
    apply(&here);
    let records = export(&here, &[]);
    let actions: Vec<&str> = records.iter().map(|record| record["action"].as_str().unwrap()).collect();
    assert_eq!(actions, ["access_key_added", "connector_added", "connector_added"]);
    assert!(records.iter().all(|record| record["actor"].as_str().unwrap().starts_with("operator:")));
    assert!(records.iter().all(|record| record["hash"].as_str().unwrap().len() == 64));
    assert_eq!(records[2]["previous_hash"], records[1]["hash"], "links of one chain");

    assert_eq!(export(&here, &["--after", records[0]["id"].as_str().unwrap()]), records[1..]);
    assert_eq!(export(&here, &["--after", records[2]["id"].as_str().unwrap()]), [] as [Value; 0]);
    assert_eq!(export(&here, &["--after", "2020-01-01T00:00:00Z"]).len(), 3);
    let ended = here.run(&["audit", "export", "--format", "jsonl", "--after", "yesterday"], "");
    assert_eq!(code(&ended), 1);
    assert!(ended.stderr.contains("--after takes the id of a record, or a time"), "{}", ended.stderr);
    assert_eq!(code(&here.run(&["audit", "export", "--format", "csv"], "")), 2);
}

#[test]
fn more_than_a_page_is_exported_once_each() {
    let here = installation();
    apply(&here);
    let connector = |number: usize| {
        format!("[[connector]]\nname = \"c{number}\"\naccess_key = \"main\"\nprincipal.session_token = {{}}\n")
    };
    let many: String = (0..2_100).map(connector).collect();
    here.write("connectors.toml", &many);
    here.run(&["apply", "--yes"], "").succeeded();
    let records = export(&here, &[]);
    assert_eq!(records.len(), 3 + 2_100 + 2);
    assert!(records.windows(2).all(|pair| pair[0]["id"].as_str() < pair[1]["id"].as_str()), "oldest first");
}

#[tokio::test]
async fn a_record_that_somebody_changed_is_shown_as_that_and_never_among_the_good_ones() {
    let here = installation();
    apply(&here);
    here.run(&["audit", "tail"], "").succeeded();
    let before = export(&here, &[]);
    let mut hands = SqliteConnection::connect(here.path("brokerd.db").to_str().unwrap()).await.unwrap();
    sqlx::query("UPDATE trail SET record = replace(record, 'access_key_added', 'access_key_removed') WHERE action = 'access_key_added'")
        .execute(&mut hands)
        .await
        .unwrap();
    hands.close().await.unwrap();

    let tail = here.run(&["audit", "tail"], "");
    assert_eq!(code(&tail), 1, "{tail:?}");
    let forged: Vec<_> =
        tail.stdout.lines().filter(|line| line.starts_with("FORGED, run `brokerd audit verify`:")).collect();
    assert!(forged.len() == 1 && forged[0].contains("access_key_removed"), "{tail:?}");
    assert_eq!(tail.stdout.lines().count(), 3, "{tail:?}");
    assert!(tail.stderr.contains("without the installation's secret: 1"), "{tail:?}");

    for arguments in [&["audit", "export", "--format", "jsonl"][..], &["audit", "tail", "--json"]] {
        let exported = here.run(arguments, "");
        assert_eq!(code(&exported), 1, "{exported:?}");
        assert!(exported.stderr.contains("without the installation's secret: 1"), "{exported:?}");
        let lines: Vec<Value> = exported.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines[1..], before[1..], "the others are as they were");
        assert_eq!((&lines[0]["id"], &lines[0]["action"]), (&before[0]["id"], &Value::Null), "{exported:?}");
        assert!(lines[0]["forged"].as_str().unwrap().contains("access_key_removed"), "{exported:?}");
    }
}

#[tokio::test]
async fn verify_is_content_until_somebody_lays_hands_on_it() {
    let here = installation();
    apply(&here);
    let stdout = here.run(&["audit", "verify"], "").succeeded();
    // Two subcommands have anchored what they wrote, beside the database.
    let proved = stdout.strip_prefix("chains: 2\nrecords: 3\ntail proven up to the anchors: 2 of 2 chains, ");
    assert!(proved.is_some_and(|rest| rest.ends_with("\nresult: whole\n")), "{stdout}");
    std::fs::remove_file(here.path("brokerd.db.anchors")).unwrap();
    let stdout = here.run(&["audit", "verify"], "").succeeded();
    let tail = format!(
        "tail not proven: no anchor: {} (audit.anchor_file) is not there",
        here.path("brokerd.db.anchors").display()
    );
    assert_eq!(stdout, format!("chains: 2\nrecords: 3\n{tail}\nresult: whole\n"));

    let mut hands = SqliteConnection::connect(here.path("brokerd.db").to_str().unwrap()).await.unwrap();
    sqlx::query("DELETE FROM trail WHERE sequence = 0 AND action = 'connector_added'")
        .execute(&mut hands)
        .await
        .unwrap();
    hands.close().await.unwrap();
    let ended = here.run(&["audit", "verify"], "");
    assert_eq!(code(&ended), 1);
    assert!(
        ended.stdout.contains("broken: chain ") && ended.stdout.contains("record 0 is missing"),
        "{}",
        ended.stdout
    );
    assert!(ended.stdout.ends_with("result: BROKEN\n"), "{}", ended.stdout);
}

#[tokio::test]
async fn a_value_of_another_kind_is_told_with_its_record_and_the_rest_is_proved_and_exported() {
    let here = installation();
    apply(&here);
    let mut hands = SqliteConnection::connect(here.path("brokerd.db").to_str().unwrap()).await.unwrap();
    let deed = "UPDATE trail SET at = 'yesterday', hash = 7 WHERE action = 'access_key_added'";
    sqlx::query(deed).execute(&mut hands).await.unwrap();
    let ended = here.run(&["audit", "verify"], "");
    assert_eq!(code(&ended), 1);
    assert!(ended.stdout.contains("record 0 was changed") && ended.stdout.contains("records: 3\n"), "{ended:?}");
    let exported = here.run(&["audit", "export", "--format", "jsonl"], "");
    assert_eq!((code(&exported), exported.stdout.lines().count()), (1, 3), "{exported:?}");

    sqlx::query("UPDATE trail SET sequence = 'first' WHERE sequence = 0 AND action = 'connector_added'")
        .execute(&mut hands)
        .await
        .unwrap();
    hands.close().await.unwrap();
    let ended = here.run(&["audit", "verify"], "");
    assert_eq!(code(&ended), 1);
    assert!(ended.stdout.contains("record 0 is missing (found 1)"), "{ended:?}");
    assert!(
        ended.stdout.contains("a row that is in no chain of ours") && !ended.stderr.contains("failed"),
        "{ended:?}"
    );
}

#[test]
fn tail_shows_the_newest_and_follows() {
    let here = installation();
    apply(&here);
    let stdout = here.run(&["audit", "tail", "--limit", "2"], "").succeeded();
    assert_eq!(stdout.lines().count(), 2);
    assert!(stdout.lines().all(|line| line.contains("  connector_added  success  ")), "{stdout}");
    let record: Value = here.run(&["audit", "tail", "--limit", "1", "--json"], "").json();
    assert_eq!(record["connector"], "nightly");
    assert_eq!(here.run(&["audit", "tail", "--limit", "0"], "").succeeded(), "");

    let mut following = Process::start("brokerd audit tail", here.command(&["audit", "tail", "-f", "--limit", "1"]));
    following.wait_for_line("nightly");
    here.run(&["token", "create", "ci", "--connector", "nightly"], "").succeeded();
    following.wait_for_line("service_token_created");
    here.run(&["token", "revoke", "ci"], "").succeeded();
    following.wait_for_line("service_token_revoked");
    assert_eq!(following.stdout().lines().count(), 3, "each once:\n{}", following.stdout());
    following.signal(tests::process::Signal::INT);
    assert!(following.wait().success());
}
