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
