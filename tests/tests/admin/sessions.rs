//! Who is signed in, and an end to it.

use serde_json::{Value, json};
use tests::world::World;

on_both_engines! {
    async fn sessions_are_listed_newest_first_and_without_tokens(world: World) {
        let (ada, vera) = (world.person("ada").await, world.person("vera").await);
        let answer = vera.get("/v1/admin/sessions").await;
        for token in [&ada.token, &vera.token] {
            assert!(!answer.text.contains(token.as_ref().unwrap()));
        }
        let list = answer.good();
        let names: Vec<&str> = items(&list).iter().map(|session| session["identity"]["name"].as_str().unwrap()).collect();
        assert_eq!(names, ["vera", "ada"]);
        assert_eq!(list.get("next"), None);
        let of_ada = &items(&list)[1];
        assert_eq!(of_ada["identity"]["groups"], json!(["corp/release"]));
        for time in ["created_at", "expires_at", "last_seen_at", "checked_at"] {
            assert!(of_ada[time].is_string(), "{time}: {of_ada}");
        }
    }

    async fn pages_neither_repeat_nor_skip_while_sessions_begin_and_end(world: World) {
        let root = world.person("root").await;
        for _ in 0..4 {
            world.person("ada").await;
        }
        let first = root.get("/v1/admin/sessions?limit=2").await.good();
        let (one, two) = (id(&items(&first)[0]), id(&items(&first)[1]));
        // The page's last one ends, and another begins, before the next page is asked for.
        assert_eq!(root.delete(&format!("/v1/admin/sessions/{two}")).await.status, 204);
        world.person("bob").await;
        let path = format!("/v1/admin/sessions?limit=2&after={}", first["next"].as_str().unwrap());
        let second = root.get(&path).await.good();
        let ids: Vec<String> = items(&second).iter().map(id).collect();
        assert_eq!(ids.len(), 2);
        assert!(!ids.contains(&one) && !ids.contains(&two), "{second}");
        let path = format!("/v1/admin/sessions?limit=2&after={}", second["next"].as_str().unwrap());
        let last = root.get(&path).await.good();
        assert_eq!(items(&last)[0]["identity"]["name"], "root");
        assert_eq!(last.get("next"), None);
    }

    async fn sessions_of_one_person_are_listed_alone_however_many_others_there_are(world: World) {
        let otto = world.person("otto").await;
        for username in ["ada", "eve", "ada", "eve", "ada", tests::world::HOSTILE] {
            world.person(username).await;
        }
        let first = otto.get("/v1/admin/sessions?person=ada&limit=2").await.good();
        let path = format!("/v1/admin/sessions?person=ada&directory=corp&limit=2&after={}", first["next"].as_str().unwrap());
        let second = otto.get(&path).await.good();
        let names = |list: &Value| items(list).iter().map(|it| it["identity"]["name"].clone()).collect::<Vec<_>>();
        assert_eq!((names(&first), names(&second)), (vec![json!("ada"); 2], vec![json!("ada")]));
        assert_eq!(second.get("next"), None);
        let hostile: String = url::form_urlencoded::byte_serialize(tests::world::HOSTILE.as_bytes()).collect();
        let of_hostile = otto.get(&format!("/v1/admin/sessions?person={hostile}")).await.good();
        assert_eq!(names(&of_hostile), [tests::world::HOSTILE]);
        assert_eq!(names(&otto.get("/v1/admin/sessions?directory=corp").await.good()).len(), 7);
        for nobody in ["person=ADA", "person=ad", "person=a%25", "person=___", "person=ada&directory=branch", "directory=branch"] {
            assert_eq!(names(&otto.get(&format!("/v1/admin/sessions?{nobody}")).await.good()), [] as [Value; 0], "{nobody}");
        }
    }

    async fn an_operator_ends_all_sessions_of_one_person_and_each_is_recorded(world: World) {
        let (otto, eve) = (world.person("otto").await, world.person("eve").await);
        let hers = [world.person("ada").await, world.person("ada").await, world.person("ada").await];
        let path = "/v1/admin/sessions?directory=corp&person=ada";
        assert_eq!(otto.delete(path).await.good(), json!({ "ended": 3 }));
        for ada in hers {
            ada.get("/v1/session").await.problem("401 unauthenticated");
        }
        eve.get("/v1/session").await.good();
        let nobody = otto.delete(path).await.problem("404 not_found");
        assert_eq!(nobody["detail"], "nobody of that name and directory is signed in");
        let ended: Vec<Value> = world.trail().into_iter().filter(|record| record["action"] == "session_ended").collect();
        let ids: std::collections::BTreeSet<&str> = ended.iter().map(|it| it["changes"]["session_id"].as_str().unwrap()).collect();
        assert_eq!((ended.len(), ids.len()), (3, 3));
        for record in &ended {
            assert_eq!((&record["actor"], &record["changes"]["person"]), (&json!("person:corp/otto"), &json!("corp/ada")));
        }
    }

    async fn an_operator_ends_a_session_and_the_trail_says_whose(world: World) {
        let (ada, otto) = (world.person("ada").await, world.person("otto").await);
        let list = otto.get("/v1/admin/sessions").await.good();
        let of_ada = items(&list).iter().find(|session| session["identity"]["name"] == "ada").map(id).unwrap();
        let path = format!("/v1/admin/sessions/{of_ada}");
        assert_eq!(otto.delete(&path).await.status, 204);
        ada.get("/v1/session").await.problem("401 unauthenticated");
        otto.delete(&path).await.problem("404 not_found");
        let ended: Vec<Value> = world.trail().into_iter().filter(|record| record["action"] == "session_ended").collect();
        assert_eq!(ended.len(), 1);
        assert_eq!((&ended[0]["actor"], &ended[0]["outcome"]), (&json!("person:corp/otto"), &json!("success")));
        assert_eq!(
            (&ended[0]["changes"]["session_id"], &ended[0]["changes"]["person"]),
            (&json!(of_ada), &json!("corp/ada"))
        );
    }
}

#[tokio::test]
async fn whose_sessions_are_meant_must_be_said_in_full_and_by_whoever_may() {
    let world = World::open().await;
    let (vera, otto) = (world.person("vera").await, world.person("otto").await);
    let sessions = "/v1/admin/sessions";
    let whole = format!("{sessions}?directory=corp&person=vera");
    vera.delete(&whole).await.problem("403 forbidden");
    world.stranger().delete(&whole).await.problem("401 unauthenticated");
    for (query, field) in [
        ("", "directory"),
        ("?person=vera", "directory"),
        ("?directory=corp", "person"),
        ("?directory=corp&person=", "person"),
        ("?directory=corp&person=%00", "person"),
        ("?directory=No%20Name&person=vera", "directory"),
        ("?directory=corp&person=vera&person=otto", "person"),
        ("?directory=corp&person=vera&all=true", "all"),
    ] {
        let problem = otto.delete(&format!("{sessions}{query}")).await.problem("400 invalid_request");
        assert_eq!(problem["field"], field, "{query}");
    }
    let long = "x".repeat(257);
    for (query, field) in [("person=", "person"), ("directory=X", "directory"), (&*format!("person={long}"), "person")]
    {
        let problem = otto.get(&format!("{sessions}?{query}")).await.problem("400 invalid_request");
        assert_eq!(problem["field"], field, "{query}");
    }
    vera.get("/v1/session").await.good();
}

#[tokio::test]
async fn what_is_no_session() {
    let world = World::open().await;
    let root = world.person("root").await;
    for id in ["x", "%00", "..", "0190a5c8", "%F0%9F%92%A9"] {
        root.delete(&format!("/v1/admin/sessions/{id}")).await.problem("404 not_found");
    }
}

fn items(list: &Value) -> &Vec<Value> {
    list["items"].as_array().unwrap()
}

fn id(session: &Value) -> String {
    session["id"].as_str().unwrap().to_owned()
}
