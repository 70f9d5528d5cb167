//! Connectors and groups that want a second factor, and what whoever has none is told.

use reqwest::Method;
use serde_json::{Value, json};
use tests::world::{Answer, Asker, Prepared, World, password_of};

use crate::timed::Timed;

const GUARDED: &str = "\n[[connector]]\nname = 'twofold'\naccess_key = 'main'\ngroups = ['corp/release']\n\
                       require_second_factor = true\nprincipal = { assume_role = { role_arn = 'arn:aws:iam::111111111111:role/deploy' } }\n";

#[tokio::test(flavor = "multi_thread")]
async fn a_connector_that_wants_one_is_seen_by_its_people_and_used_with_one() {
    let timed = Timed::serve(World::prepare().await.connectors(GUARDED));
    let world = &timed.world;
    let (ada, bob) = (world.person("ada").await, world.person("bob").await);
    assert_eq!(ada.get("/v1/connectors/twofold").await.good()["require_second_factor"], true);
    bob.vend("twofold", &json!({})).await.problem("404 not_found");
    for answer in [
        ada.vend("twofold", &json!({})).await,
        ada.get("/v1/connectors/twofold/caller-identity").await,
        ada.post("/v1/connectors/twofold/console-url", &json!({})).await,
    ] {
        let problem = answer.problem("403 second_factor_required");
        assert!(problem["detail"].as_str().unwrap().contains("/account"), "{problem}");
    }
    // AWS's own clients show their people the sentence.
    let told = ada.get("/v1/container-credentials/twofold").await;
    assert!(
        told.status == 403 && told.text.contains("second factor") && told.text.contains("/account"),
        "{}",
        told.text
    );
    assert!(world.calls("AssumeRole").is_empty());
    assert!(
        world.trail_of("twofold").contains(&"person:corp/ada vend refused".to_owned()),
        "{:?}",
        world.trail_of("twofold")
    );

    let phone = timed.enrol(&ada).await;
    // A moment ago the very same token was refused, and is remembered.
    ada.vended("twofold", &json!({})).await;
    ada.get("/v1/connectors/twofold/caller-identity").await.good();
    // Nor is it remembered as proved once nothing is enrolled any more.
    let gone = ada.delete(&format!("/v1/account/second-factors/{}", phone.id.as_str().unwrap())).await;
    assert_eq!(gone.status, 204, "{}", gone.text);
    ada.vend("twofold", &json!({})).await.problem("403 second_factor_required");
}

/// What comes of each further way to what the connector lends: as IFAWS has them, and to registries' passwords.
async fn by_other_ways(asker: &Asker, id: &Value) -> [Answer; 4] {
    let ifaws = format!("/rest/identity-federation-for-aws/2.2/connectors/{}", id.as_str().unwrap());
    [
        asker.get(&format!("{ifaws}/credentials")).await,
        asker.get(&format!("{ifaws}/caller-identity")).await,
        asker.post("/v1/connectors/twofold/ecr-credentials", &json!({})).await,
        asker.post("/v1/connectors/twofold/codeartifact-credentials", &json!({ "domain": "corp" })).await,
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn no_way_to_what_it_lends_is_open_without_and_each_is_with_one() {
    let timed = Timed::serve(World::prepare().await.connectors(GUARDED));
    let world = &timed.world;
    let ada = world.person("ada").await;
    let id = ada.get("/v1/connectors/twofold").await.good()["id"].clone();
    for answer in by_other_ways(&ada, &id).await {
        let problem = answer.problem("403 second_factor_required");
        assert!(problem["detail"].as_str().unwrap().contains("/account"), "{problem}");
    }
    let console = async |cookie: String| {
        let request = world.stranger().request(Method::GET, "/console/twofold").header("sec-fetch-site", "none");
        Answer::of(request.header("cookie", cookie)).await
    };
    let page = console(world.stranger().cookie("ada", &password_of("ada")).await).await;
    assert_eq!((page.status, page.header("location")), (303, Some("/account?next=/console/twofold")));
    assert!(world.calls("AssumeRole").is_empty());

    let phone = timed.enrol(&ada).await;
    for answer in by_other_ways(&ada, &id).await {
        answer.good();
    }
    let cookie = world.stranger().cookie_with("ada", &password_of("ada"), &phone.recovery_codes[0]).await;
    let opened = console(cookie).await;
    assert!(opened.header("location").is_some_and(|link| link.contains("SigninToken=")), "{}", opened.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_given_with_a_second_factor_is_not_given_again_without() {
    let timed = Timed::open().await;
    let ada = timed.world.person("ada").await;
    let before = ada.vended("deploy", &json!({})).await;
    assert_eq!(ada.vended("deploy", &json!({})).await["access_key_id"], before["access_key_id"]);
    timed.enrol(&ada).await;
    let after = ada.vended("deploy", &json!({})).await;
    assert_eq!((&after["reused"], after["access_key_id"] == before["access_key_id"]), (&json!(false), false));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_that_wants_one_lets_its_members_enrol_and_nothing_else() {
    let prepared = World::prepare().await.with("second_factor_groups = ['corp/release', 'corp/admins']");
    let timed = Timed::serve(prepared);
    let (ada, root) = (timed.world.person("ada").await, timed.world.person("root").await);
    ada.vend("deploy", &json!({})).await.problem("403 second_factor_required");
    root.get("/v1/admin/sessions").await.problem("403 second_factor_required");
    assert_eq!(ada.get("/v1/account/second-factors").await.good()["required"], true);
    timed.enrol(&ada).await;
    timed.enrol(&root).await;
    ada.vended("deploy", &json!({})).await;
    root.get("/v1/admin/sessions").await.good();
}

/// What `brokerd check` says of it.
fn checked(prepared: &Prepared) -> String {
    let ended = prepared.installation.run(&["check"], "");
    assert!(!ended.status.success(), "{}", ended.stdout);
    format!("{}{}", ended.stdout, ended.stderr)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_of_no_directory_and_a_connector_of_jobs_are_refused_when_they_are_read() {
    let prepared = World::prepare().await.with("second_factor_groups = ['nowhere/x']");
    let said = checked(&prepared);
    assert!(said.contains("second_factor_groups[1]"), "{said}");
    let system = "\n[[connector]]\nname = 'job'\naccess_key = 'main'\nscope = 'system'\nrequire_second_factor = true\n\
                  principal = { session_token = {} }\n";
    let prepared = World::prepare().await.connectors(system);
    let said = checked(&prepared);
    assert!(said.contains("take `require_second_factor` away"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn whose_group_wants_one_keeps_the_last_though_two_are_removed_at_once() {
    let timed = Timed::serve(World::prepare().await.with("second_factor_groups = ['corp/release']"));
    let ada = timed.world.person("ada").await;
    let route = |id: &Value| format!("/v1/account/second-factors/{}", id.as_str().unwrap());
    timed.enrol(&ada).await;
    for _ in 0..4 {
        timed.enrol(&ada).await;
        let listed = ada.get("/v1/account/second-factors").await.good();
        let [one, other] = [0, 1].map(|number| route(&listed["items"][number]["id"]));
        let (first, second) = tokio::join!(ada.delete(&one), ada.delete(&other));
        let mut statuses = [first.status, second.status];
        statuses.sort_unstable();
        assert_eq!(statuses, [204, 409], "{} {}", first.text, second.text);
    }
    let left = ada.get("/v1/account/second-factors").await.good();
    let [last] = &left["items"].as_array().unwrap()[..] else { panic!("{left}") };
    let problem = ada.delete(&route(&last["id"])).await.problem("409 conflict");
    assert!(problem["detail"].as_str().unwrap().contains("enrol another before you remove the last"), "{problem}");
    assert_eq!(left["recovery_codes_left"], 10, "nor do they go");
}
