//! The trail through the front door.

use serde_json::{Value, json};
use tests::world::World;

on_both_engines! {
    async fn the_trail_is_shown_newest_first_as_it_was_written(world: World) {
        let (ada, vera) = (world.person("ada").await, world.person("vera").await);
        ada.vended("deploy", &json!({})).await;
        let list = vera.get("/v1/admin/audit?limit=200").await.good();
        let mut written = world.trail();
        written.reverse();
        // Whose keys they are is found out in the background.
        let ours = |records: &[Value]| {
            let kept = records.iter().filter(|it| it["actor"] != "brokerd").cloned();
            kept.collect::<Vec<Value>>()
        };
        let shown = ours(list["items"].as_array().unwrap());
        assert_eq!(shown, ours(&written));
        assert_eq!(shown[0]["action"], "vend");
        for field in ["previous_hash", "hash", "access_key_id", "session_name", "role_arn"] {
            assert!(shown[0][field].is_string(), "{field}: {}", shown[0]);
        }
    }

    async fn the_trail_is_searched_by_each_word_and_by_all(world: World) {
        let (ada, vera) = (world.person("ada").await, world.person("vera").await);
        ada.vended("deploy", &json!({})).await;
        ada.vend("treasury", &json!({})).await.problem("404 not_found");
        vera.vended("deploy", &json!({})).await;
        let find = async |query: &str| {
            let list = vera.get(&format!("/v1/admin/audit?{query}")).await.good();
            let words =
                |it: &Value| ["actor", "action", "outcome"].map(|field| it[field].as_str().unwrap().to_owned()).join(" ");
            list["items"].as_array().unwrap().iter().map(words).collect::<Vec<String>>()
        };
        let (of_ada, of_vera) = ("person:corp/ada vend success", "person:corp/vera vend success");
        let refused = "person:corp/ada vend refused";
        assert_eq!(find("actor=person:corp/ada").await, [refused, of_ada, "person:corp/ada sign_in success"]);
        assert_eq!(find("connector=deploy&action=vend").await, [of_vera, of_ada]);
        assert_eq!(find("action=vend").await, [of_vera, refused, of_ada]);
        assert_eq!(find("outcome=refused").await, [refused]);
        assert_eq!(find("action=vend&outcome=success").await, [of_vera, of_ada]);
        assert_eq!(find("actor=person:corp/ada&connector=treasury&action=vend&outcome=refused").await, [refused]);
        assert_eq!(find("actor=person:corp/ada&outcome=failed").await, [""; 0]);
    }

    async fn pages_of_the_trail_neither_repeat_nor_skip_while_it_grows(world: World) {
        let (ada, vera) = (world.person("ada").await, world.person("vera").await);
        for _ in 0..5 {
            ada.vended("anew", &json!({})).await;
        }
        let (mut ids, mut query) = (Vec::new(), "connector=anew&action=vend&limit=2".to_owned());
        loop {
            let page = vera.get(&format!("/v1/admin/audit?{query}")).await.good();
            ids.extend(page["items"].as_array().unwrap().iter().map(|it| it["id"].as_str().unwrap().to_owned()));
            ada.vended("anew", &json!({})).await;
            match page["next"].as_str() {
                Some(next) => query = format!("connector=anew&action=vend&limit=2&after={next}"),
                None => break,
            }
        }
        assert_eq!(ids.len(), 5);
        assert!(ids.is_sorted_by(|one, next| one > next), "{ids:?}");
    }
}

#[tokio::test]
async fn a_word_that_no_record_has_is_refused_with_those_that_there_are() {
    let world = World::open().await;
    let vera = world.person("vera").await;
    for (query, field, named) in [
        ("action=vended", "action", "`vend`"),
        ("outcome=ok", "outcome", "`refused`"),
        ("connector=No%20Name", "connector", ""),
        ("actor=%00", "actor", ""),
        ("since=yesterday", "since", "`actor`"),
        ("after=x", "after", ""),
    ] {
        let problem = vera.get(&format!("/v1/admin/audit?{query}")).await.problem("400 invalid_request");
        assert_eq!(problem["field"], field, "{problem}");
        assert!(problem["detail"].as_str().unwrap().contains(named), "{problem}");
    }
}
