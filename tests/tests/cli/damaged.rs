//! Rows that somebody wrote with nothing but the database: shown, taken away, and put right from the file.

use serde_json::json;
use tests::stores::Hands;

use super::{SECRET, add_main, apply, code, installation};

#[tokio::test(flavor = "multi_thread")]
async fn the_file_puts_its_own_rows_right_and_the_operator_the_others() {
    let here = installation();
    apply(&here);
    here.run(&["token", "create", "ci", "--connector", "nightly"], "").succeeded();
    let mut hands = Hands::of_sqlite(&here.path("brokerd.db")).await;
    for statement in [
        "UPDATE access_keys SET details = replace(details, 'eu-central-1', 'us-east-1')",
        "UPDATE connectors SET spec = replace(spec, 'role/nightly', 'role/admin') WHERE name = 'nightly'",
        "UPDATE service_tokens SET expires_at = expires_at + 1",
    ] {
        assert_eq!(hands.run(statement).await, 1, "{statement}");
    }

    let list = here.run(&["key", "list"], "").succeeded();
    assert!(list.contains("main") && list.contains("OUT OF SERVICE: the row does not prove to be ours"), "{list}");
    let keys = here.run(&["key", "list", "--json"], "").json();
    assert_eq!((&keys[0]["name"], &keys[0]["damaged"]), (&json!("main"), &json!("not_ours")));
    let list = here.run(&["token", "list"], "").succeeded();
    assert!(list.contains("ci ") && list.contains("OUT OF SERVICE"), "{list}");

    // The operator's key: connectors name it, so it is put right and not taken away.
    let said = here.run(&["key", "remove", "main"], "").failed();
    assert!(said.contains("connectors still name this access key") && said.contains("brokerd key add"), "{said}");
    let said = here.run(&["key", "replace", "main"], SECRET).failed();
    assert!(said.contains("out of service") && said.contains("brokerd key add"), "{said}");
    add_main(&here);
    // The file's connector.
    let plan = here.run(&["apply", "--dry-run"], "").succeeded();
    for line in [
        "! connector nightly: repaired",
        "service tokens that were made for it do not follow",
        "1 unchanged, 1 to repair",
        "warning: service_tokens `ci` is out of service",
    ] {
        assert!(plan.contains(line), "`{line}` is not in\n{plan}");
    }
    here.run(&["apply", "--yes"], "").succeeded();
    // The token, which is nobody's.
    let ended = here.run(&["token", "revoke", "ci"], "");
    assert_eq!(code(&ended), 0, "{ended:?}");
    assert!(ended.stderr.contains("the damaged row `ci`"), "{ended:?}");

    let left = here.run(&["apply", "--dry-run"], "").succeeded();
    assert_eq!(left, "0 to add, 0 to change, 0 to remove, 2 unchanged\n");
    here.run(&["token", "create", "ci", "--connector", "nightly"], "").succeeded();
    let keys = here.run(&["key", "list", "--json"], "").json();
    assert_eq!((keys[0]["damaged"].is_null(), &keys[0]["region"]), (true, &json!("eu-central-1")));
    let records = here.run(&["audit", "export", "--format", "jsonl"], "").succeeded();
    assert_eq!(records.matches("it took the place of a row that did not prove to be ours").count(), 2, "{records}");
    assert_eq!(records.matches("a row that did not prove to be ours was taken away").count(), 1, "{records}");
    here.run(&["audit", "verify"], "").succeeded();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_calls_itself_like_something_good_hides_nothing() {
    let here = installation();
    apply(&here);
    for name in ["good", "forged"] {
        here.run(&["token", "create", name, "--connector", "nightly"], "").succeeded();
    }
    let tokens = here.run(&["token", "list", "--json"], "").json();
    let good = tokens.as_array().unwrap().iter().find(|token| token["name"] == "good").unwrap()["id"].clone();
    let id = good.as_str().unwrap();
    let mut hands = Hands::of_sqlite(&here.path("brokerd.db")).await;
    hands.run(&format!("UPDATE service_tokens SET name = '{id}' WHERE name = 'forged'")).await;
    here.run(&["token", "revoke", id], "").succeeded();
    let left = here.run(&["token", "list", "--json"], "").json();
    assert_eq!((left.as_array().unwrap().len(), &left[0]["damaged"]), (1, &json!("not_ours")));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_daemon_repairs_from_the_file_when_it_starts() {
    let here = installation();
    apply(&here);
    let mut hands = Hands::of_sqlite(&here.path("brokerd.db")).await;
    hands.run("UPDATE connectors SET revision = revision + 1").await;
    let brokerd = here.serve();
    let log = brokerd.log();
    assert!(log.contains("the connectors file took the place of a row that did not prove to be ours"), "{log}");
    assert!(log.contains("alarm=\"forged_row\"") && log.contains("name=\"deploy\""), "{log}");
    let here = brokerd.stop();
    assert_eq!(here.run(&["apply", "--dry-run"], "").succeeded(), "0 to add, 0 to change, 0 to remove, 2 unchanged\n");
}
