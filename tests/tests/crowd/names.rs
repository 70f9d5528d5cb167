//! Who somebody is: by Crowd's spelling and Crowd's key, whatever was typed.

use serde_json::json;
use tests::crowd::{Account, Crowd};
use tests::world::World;

use crate::{Scene, installation};

#[tokio::test(flavor = "multi_thread")]
async fn somebody_signs_in_and_is_lent_what_their_groups_are_granted() {
    let scene = Scene::set("trusted_attributes = [\"email\"]").await;
    let ada = scene.person("ada").await;
    let identity = ada.get("/v1/session").await.good()["identity"].clone();
    let expected = json!({
        "kind": "person", "name": "ada", "display_name": "ada of Corp", "email": "ada@corp.example", "directory": "corp",
        "groups": ["corp/staff"], "admin": false,
    });
    assert_eq!(identity, expected);
    ada.vended("deploy", &json!({})).await;
    assert_eq!(
        scene.crowd.asked(),
        [
            "GET user username=ada",
            "POST authentication username=ada",
            "GET user/group/nested username=ada start-index=0"
        ]
    );
    let record = scene.trail().into_iter().find(|record| record["action"] == "sign_in").unwrap();
    assert_eq!((&record["actor"], &record["actor_id"]), (&json!("person:corp/ada"), &json!("32769:ada-0000")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_address_names_a_session_only_where_the_file_says_that_nobody_writes_their_own() {
    for (more, is_trusted) in [("", false), ("trusted_attributes = [\"email\"]", true)] {
        let crowd = Crowd::start().await;
        let sim = World::prepare().await.sim;
        let here = installation(&sim, "", &crowd.configured(more));
        here.edit("connectors.toml", "role_arn", "session_name = \"{email}\"\nrole_arn");
        let scene = Scene { crowd, brokerd: here.serve(), _sim: sim };
        let answer = scene.person("ada").await.vend("deploy", &json!({})).await;
        assert_eq!(answer.status == 200, is_trusted, "{more}: {}", answer.text);
        assert_eq!(answer.text.contains("assumed-role/deploy/ada@corp.example"), is_trusted, "{more}: {}", answer.text);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_name_was_typed_crowds_own_counts() {
    let scene = Scene::set("").await;
    let mut carol = Account::new("Carol Ann+é&=%/..", &["staff"]);
    carol.aliases = vec!["carol".to_owned(), "c.a@corp.example".to_owned()];
    "carol secret".clone_into(&mut carol.password);
    scene.crowd.knows(carol);
    for typed in ["carol", "CAROL", " c.a@corp.example ", "Carol Ann+é&=%/.."] {
        let carol = scene.stranger().signed_in_with(typed, "carol secret").await;
        assert_eq!(carol.get("/v1/session").await.good()["identity"]["name"], "Carol Ann+é&=%/..", "{typed}");
    }
    let ids: Vec<_> = scene.trail().into_iter().filter(|it| it["action"] == "sign_in").collect();
    assert!(ids.len() == 4 && ids.iter().all(|it| it["actor_id"] == ids[0]["actor_id"]), "one person: {ids:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn all_names_of_one_person_are_one_count_of_guesses() {
    let scene = Scene::set("lockout = { failures = 5 }").await;
    scene.crowd.change("ada", |ada| ada.aliases = (0..9).map(|number| format!("ada{number}")).collect());
    for number in 0..9 {
        scene.tries(&format!("ada{number}"), "a guess").await.problem("401 invalid_credentials");
    }
    let tried = |name: &str| {
        let tried = format!("POST authentication username={name}");
        scene.crowd.asked().into_iter().filter(|asked| *asked == tried).count()
    };
    assert_eq!(tried("ada"), 2, "of four that may fail, two from where she never signed in: {:?}", scene.crowd.asked());
    assert_eq!(tried(NOBODY), 7, "whose password is held back is not answered sooner: {:?}", scene.crowd.asked());
}

#[tokio::test(flavor = "multi_thread")]
async fn two_thousand_five_hundred_groups_come_in_pages_and_all_of_them_count() {
    let scene = Scene::set("").await;
    let many = |count: usize| (0..count).map(|number| format!("group {number:04}")).chain(["staff".to_owned()]);
    for (count, pages) in [(2_500, 6), (499, 2), (0, 1)] {
        scene.crowd.change("ada", |ada| ada.groups = many(count).collect());
        let before = scene.crowd.asked().len();
        let ada = scene.person("ada").await;
        let identity = ada.get("/v1/session").await.good()["identity"].clone();
        assert_eq!(identity["groups"].as_array().unwrap().len(), count + 1);
        ada.vended("deploy", &json!({})).await;
        let asked = scene.crowd.asked()[before..].iter().filter(|it| it.contains("group/nested")).count();
        assert_eq!(asked, pages, "{count}: {:?}", scene.crowd.asked());
    }
    scene.crowd.change("ada", |ada| ada.groups = many(5_000).collect());
    scene.tries("ada", "ada secret").await.problem("401 invalid_credentials");
    scene.has_refused("too many groups").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whom_crowd_gives_no_key_is_let_in_by_name_only_where_the_file_says_so() {
    let scene = Scene::set("").await;
    scene.crowd.change("ada", |ada| ada.key = None);
    scene.tries("ada", "ada secret").await.problem("401 invalid_credentials");
    scene.has_refused("id = \"name\"").await;
    let asked = scene.crowd.asked();
    let tried: Vec<&String> = asked.iter().filter(|asked| asked.starts_with("POST authentication")).collect();
    assert_eq!(tried, [&format!("POST authentication username={NOBODY}")], "nor is her password tried, or skipped");
    let named = Scene::before(scene.crowd, "sessions = { recheck_seconds = 1 }", "id = \"name\"").await;
    named.crowd.change("ada", |ada| "Ada".clone_into(&mut ada.name));
    let ada = named.stranger().signed_in_with("ADA", "ada secret").await;
    let record = named.trail().into_iter().find(|record| record["action"] == "sign_in").unwrap();
    assert_eq!((&record["actor"], &record["actor_id"]), (&json!("person:corp/Ada"), &json!("ada")));
    tokio::time::sleep(std::time::Duration::from_millis(1_100)).await;
    ada.vended("deploy", &json!({})).await;
}

/// For whom passwords are shown that are nobody's.
const NOBODY: &str = "brokerd-asks-for-nobody";
