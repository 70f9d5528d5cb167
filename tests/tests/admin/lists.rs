//! What the lists of the administration API have in common: pages, and a tag for each entry.

use reqwest::Method;
use serde_json::{Value, json};
use tests::world::{ACCOUNT, Answer, Asker, SECOND, SECOND_SECRET, World};

/// Each list, and what is different in each of its entries.
const LISTS: [(&str, &str); 4] =
    [("access-keys", "name"), ("connectors", "name"), ("service-tokens", "name"), ("sessions", "id")];

/// Puts more into every list than a page of two has. The administrator.
async fn furnished(world: &World) -> Asker {
    let root = world.person("root").await;
    let role = format!("arn:aws:iam::{ACCOUNT}:role/deploy");
    // Not in the order of their names.
    for name in ["m", "b", "z", "a", "k"] {
        let key = json!({ "name": name, "region": "eu-central-1", "access_key_id": SECOND, "secret_access_key": SECOND_SECRET });
        assert_eq!(root.post("/v1/admin/access-keys?skip_validation=true", &key).await.status, 201);
        let principal = json!({ "assume_role": { "role_arn": role } });
        let connector = json!({ "name": name, "access_key": name, "groups": ["release"], "principal": principal });
        assert_eq!(root.post("/v1/admin/connectors", &connector).await.status, 201);
        let token = json!({ "name": name, "connectors": ["ci"] });
        assert_eq!(root.post("/v1/admin/service-tokens", &token).await.status, 201);
        world.person("ada").await;
    }
    root
}

on_both_engines! {
    async fn every_list_is_the_same_in_one_piece_and_page_by_page(world: World) {
        let root = furnished(&world).await;
        for (list, key) in LISTS {
            let whole = all(&root, list, 200).await;
            let keys = |items: &[Value]| items.iter().map(|it| it[key].as_str().unwrap().to_owned()).collect::<Vec<_>>();
            assert!(whole.len() > 4, "{list}: {whole:?}");
            for limit in [1, 2, 3, whole.len() - 1, whole.len()] {
                assert_eq!(keys(&all(&root, list, limit).await), keys(&whole), "{list}, {limit} at a time");
            }
            let mut sorted = keys(&whole);
            sorted.sort();
            // Ids of sessions go up with time, and the newest is first.
            if list == "sessions" {
                sorted.reverse();
            }
            assert_eq!(keys(&whole), sorted, "{list}");
            sorted.dedup();
            assert_eq!(sorted.len(), whole.len(), "{list}: nothing is there twice");
        }
    }

    async fn whoever_saw_an_entry_of_a_list_takes_away_that_very_one(world: World) {
        let root = furnished(&world).await;
        // Connectors before the keys that they use.
        for list in ["connectors", "access-keys", "service-tokens", "sessions"] {
            let items = all(&root, list, 200).await;
            let mine = |it: &&Value| it["name"] == "m" || it["identity"]["name"] == "ada";
            let seen = items.iter().find(mine).unwrap();
            let foreign = items.iter().find(|it| it["etag"] != seen["etag"]).unwrap()["etag"].as_str().unwrap();
            let id = if ["connectors", "access-keys"].contains(&list) { "name" } else { "id" };
            let path = format!("/v1/admin/{list}/{}", seen[id].as_str().unwrap());
            let tag = seen["etag"].as_str().unwrap();
            // The same thing as it was before, or will be.
            let (thing, version) = tag.trim_matches('"').rsplit_once('.').unwrap();
            let stale = format!("\"{thing}.{}\"", version.parse::<u64>().unwrap() + 1);
            let removed_if = async |tag: &str| Answer::of(root.request(Method::DELETE, &path).header("if-match", tag)).await;
            for other in [foreign, &stale, "\"\"", &format!("W/{tag}")] {
                removed_if(other).await.problem("412 precondition_failed");
            }
            assert_eq!(all(&root, list, 200).await.len(), items.len(), "{list}: nothing has gone");
            assert_eq!(removed_if(tag).await.status, 204, "{list}");
            removed_if(tag).await.problem("404 not_found");
            assert_eq!(all(&root, list, 200).await.len(), items.len() - 1, "{list}: and nothing else goes");
        }
    }
}

#[tokio::test]
async fn an_entry_has_the_tag_that_the_thing_itself_has() {
    let world = World::open().await;
    let root = furnished(&world).await;
    for list in ["access-keys", "connectors"] {
        let before = all(&root, list, 200).await.into_iter().find(|it| it["name"] == "m").unwrap();
        let path = format!("/v1/admin/{list}/m");
        let shown = root.get(&path).await;
        assert_eq!(shown.header("etag"), before["etag"].as_str(), "{list}");
        assert_eq!(shown.good(), before, "{list}");
        let mut change = before.clone();
        if list == "access-keys" {
            change = json!({ "region": "eu-central-1", "access_key_id": SECOND, "secret_access_key": SECOND_SECRET, "serves": {} });
        } else {
            change["description"] = json!("another");
            change["etag"] = json!("what is sent here is not looked at");
        }
        let put = root
            .put(&format!("{path}{}", if list == "access-keys" { "?skip_validation=true" } else { "" }), &change)
            .await;
        put.good();
        let after = all(&root, list, 200).await.into_iter().find(|it| it["name"] == "m").unwrap();
        assert_eq!(put.header("etag"), after["etag"].as_str(), "{list}");
        assert_ne!(before["etag"], after["etag"], "{list}");
    }
    let made = root.post("/v1/admin/service-tokens", &json!({ "name": "job", "connectors": ["ci"] })).await;
    let listed = all(&root, "service-tokens", 200).await.into_iter().find(|it| it["name"] == "job").unwrap();
    assert_eq!((made.header("etag"), &made.json()["etag"]), (listed["etag"].as_str(), &listed["etag"]));
}

#[tokio::test]
async fn what_is_no_page_is_refused_by_every_list() {
    let world = World::open().await;
    let root = world.person("root").await;
    for (list, _) in LISTS {
        for (query, field) in [
            ("limit=0", "limit"),
            ("limit=201", "limit"),
            ("limit=", "limit"),
            ("after=%00", "after"),
            ("page=2", "page"),
            ("limit=1&limit=2", "limit"),
        ] {
            let problem = root.get(&format!("/v1/admin/{list}?{query}")).await.problem("400 invalid_request");
            assert_eq!(problem["field"], field, "{list}: {problem}");
        }
    }
}

/// What is in a list, so many at a time.
async fn all(root: &Asker, list: &str, limit: usize) -> Vec<Value> {
    let (mut found, mut query) = (Vec::new(), format!("limit={limit}"));
    loop {
        let page = root.get(&format!("/v1/admin/{list}?{query}")).await.good();
        let items = page["items"].as_array().unwrap();
        assert!((1..=limit).contains(&items.len()), "{list}: {page}");
        found.extend_from_slice(items);
        assert!(found.len() < 1_000, "pages without end: {list}");
        match page["next"].as_str() {
            Some(next) => query = format!("limit={limit}&after={next}"),
            None => return found,
        }
    }
}
