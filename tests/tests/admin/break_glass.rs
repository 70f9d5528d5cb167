//! An account for emergencies: it works while another directory is down, and is heard.

use serde_json::{Value, json};
use tests::brokerd::free_port;
use tests::phone::Phone;
use tests::world::{Answer, World, password_of, soon};

const PASSWORD: &str = "four quite ordinary words";

/// With a directory before all others that nobody answers for.
async fn with_one_down() -> World {
    let prepared = World::prepare().await.with_branch();
    prepared.installation.write("ldap.pw", "whatever");
    let down = format!(
        "[[directory]]\nname = 'down'\n[directory.backend.ldap]\nurls = ['ldaps://127.0.0.1:{}']\nbind_dn = 'cn=brokerd,dc=corp'\n\
         bind_password = {{ file = 'ldap.pw' }}\nusers = {{ base = 'ou=people,dc=corp' }}\ngroups = {{ member_of = {{ base = 'dc=corp' }} }}\n\
         [[directory]]\nname = 'corp'",
        free_port()
    );
    prepared.configured("[[directory]]\nname = 'corp'", &down).serve()
}

async fn in_as(world: &World, name: &str, password: &str) -> Answer {
    world.stranger().sign_in(&json!({ "username": name, "password": password })).await
}

#[tokio::test]
async fn a_break_glass_account_works_while_a_directory_is_down_and_everybody_hears_of_it() {
    let world = with_one_down().await;
    in_as(&world, "root", &password_of("root")).await.problem("503 directory_unavailable");
    let named = json!({ "username": "root", "password": password_of("root"), "directory": "corp" });
    let root = world.stranger().sign_in(&named).await.json();
    let root = world.stranger().with_token(root["token"].as_str().unwrap());
    let group = root.post("/v1/admin/groups", &json!({ "name": "admins", "directory": "corp" })).await;
    assert_eq!(group.status, 201, "{}", group.text);
    let ambiguous = root.post("/v1/admin/groups", &json!({ "name": "more" })).await.problem("400 invalid_request");
    assert_eq!(ambiguous["field"], "directory", "there are two local ones");
    for (name, break_glass) in [("emergency", true), ("deputy", false)] {
        let body = json!({ "name": name, "directory": "corp", "password": PASSWORD, "groups": ["corp/admins"], "break_glass": break_glass });
        let answer = root.post("/v1/admin/users", &body).await;
        assert_eq!(answer.status, 201, "{}", answer.text);
    }
    in_as(&world, "deputy", PASSWORD).await.problem("503 directory_unavailable");
    assert!(!world.brokerd.log().contains("break_glass"));

    let signed_in = in_as(&world, "Emergency", PASSWORD).await;
    assert_eq!(signed_in.status, 201, "{}", signed_in.text);
    assert_eq!(signed_in.json()["identity"]["admin"], true);
    in_as(&world, "emergency", "not this").await.problem("401 invalid_credentials");
    let elsewhere = json!({ "username": "emergency", "password": PASSWORD, "directory": "down" });
    world.stranger().sign_in(&elsewhere).await.problem("503 directory_unavailable");
    let records = soon("both records", async || {
        let mut records = world.trail();
        records.retain(|record| record["action"] == "break_glass_sign_in");
        (records.len() == 2).then_some(records)
    })
    .await;
    let outcomes: Vec<&Value> = records.iter().map(|record| &record["outcome"]).collect();
    assert_eq!(outcomes, ["success", "refused"]);
    assert_eq!(records[0]["actor"], "person:corp/emergency");
    assert_eq!(records[1]["about"], json!(format!("corp/{}", records[0]["actor_id"].as_str().unwrap())));
    let log = world.brokerd.log();
    assert_eq!(log.matches("break_glass").count(), 2, "{log}");
    assert!(log.contains("somebody has signed in by a break-glass account"), "{log}");
    let metrics = world.stranger().get("/metrics").await.text;
    assert!(metrics.contains("brokerd_alarms_total{alarm=\"break_glass\"} 2"), "{metrics}");
}

#[tokio::test]
async fn guesses_at_the_codes_of_a_break_glass_account_are_heard_as_those_at_its_password_are() {
    let world = World::open().await;
    let root = world.person("root").await;
    for (name, break_glass) in [("emergency", true), ("deputy", false)] {
        let body = json!({ "name": name, "password": PASSWORD, "break_glass": break_glass });
        assert_eq!(root.post("/v1/admin/users", &body).await.status, 201);
    }
    for name in ["emergency", "deputy"] {
        let phone = Phone::enrol(&world.stranger().signed_in_with(name, PASSWORD).await).await;
        in_as(&world, name, PASSWORD).await.problem("401 otp_required");
        let by = |otp: &str| json!({ "username": name, "password": PASSWORD, "otp": otp });
        world.stranger().sign_in(&by("aaaa-aaaa-aaaa-aaaa")).await.problem("401 invalid_credentials");
        assert_eq!(world.stranger().sign_in(&by(&phone.recovery_codes[0])).await.status, 201, "{name}");
    }
    let records = soon("the refusals", async || {
        let mut records = world.trail();
        records.retain(|record| record["action"] == "break_glass_sign_in" && record["outcome"] == "refused");
        let has = |reason: &str| records.iter().any(|record| record["reason"] == reason);
        (has("the password was right, and the code was wrong")
            && has("the password was right, and a second factor is asked for"))
        .then_some(records)
    })
    .await;
    let alarms = |log: &str| log.matches("somebody was not let in by a break-glass account").count();
    assert_eq!(alarms(&world.brokerd.log()), 2, "the code that was asked for, and the wrong one");
    let codes = format!("{records:?}");
    assert!(!codes.contains("ordinary") && !codes.contains("aaaa-aaaa"), "{codes}");
}
