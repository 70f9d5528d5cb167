//! Two nodes of one broker, on PostgreSQL: what ends on one is over on the other, at the very next question.

use serde_json::{Value, json};
use tests::world::{Asker, Prepared, World, soon};

async fn nodes(story: &str) -> [World; 2] {
    Prepared::two_nodes(story).await.map(Prepared::serve)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_or_service_token_that_one_node_ends_is_over_on_the_other() {
    let [here, there] = nodes("ended").await;
    let root = here.person("root").await;
    let (ada, eve, leaving) = (here.person("ada").await, there.person("eve").await, here.person("ada").await);
    let wanted = json!({ "name": "nightly", "connectors": ["ci"] });
    let made = root.post("/v1/admin/service-tokens", &wanted).await.json();
    let job = there.stranger().with_token(made["token"].as_str().unwrap());
    let everybody = [(&ada, "deploy"), (&eve, "deploy"), (&leaving, "deploy"), (&job, "ci")];
    for (asker, connector) in everybody {
        for world in [&here, &there] {
            asker.at_node(world).vended(connector, &json!({})).await;
        }
    }

    let sessions = root.get("/v1/admin/sessions").await.good();
    let sessions = sessions["items"].as_array().unwrap();
    let of = |name: &str| sessions.iter().rfind(|it| it["identity"]["name"] == name).unwrap()["id"].as_str().unwrap();
    let ends = [
        (&ada, here_ends(&root, format!("/v1/admin/sessions/{}", of("ada")))),
        (&eve, here_ends(&root, format!("/v1/admin/sessions/{}", of("eve")))),
        (&leaving, here_ends(&leaving, "/v1/session".to_owned())),
        (&job, here_ends(&root, format!("/v1/admin/service-tokens/{}", made["id"].as_str().unwrap()))),
    ];
    for (number, ((asker, ended), (_, connector))) in ends.into_iter().zip(everybody).enumerate() {
        let elsewhere = asker.at_node(&there);
        // There they are remembered from now on.
        elsewhere.vended(connector, &json!({})).await;
        assert_eq!(ended.await, 204);
        let asked = [connector, "what-nobody-has"][number % 2];
        elsewhere.vend(asked, &json!({})).await.problem("401 unauthenticated");
        elsewhere.vend(connector, &json!({})).await.problem("401 unauthenticated");
        asker.at_node(&here).get("/v1/session").await.problem("401 unauthenticated");
    }
    here.run(&["audit", "verify"], "").succeeded();
}

async fn here_ends(by: &Asker, path: String) -> u16 {
    by.delete(&path).await.status
}

#[tokio::test(flavor = "multi_thread")]
async fn a_roles_sessions_that_one_node_ends_are_lent_by_neither_again() {
    let [here, there] = nodes("revoked").await;
    let ada = here.person("ada").await;
    let elsewhere = ada.at_node(&there);
    let old = [ada.vended("deploy", &json!({})).await, elsewhere.vended("deploy", &json!({})).await];
    assert_eq!(elsewhere.vended("deploy", &json!({})).await["reused"], true);
    here.run(&["revoke", "deploy", "--yes"], "").succeeded();
    for asker in [&elsewhere, &ada] {
        soon("the revision", async || {
            let again = asker.vended("deploy", &json!({})).await;
            old.iter().all(|old| old["access_key_id"] != again["access_key_id"]).then_some(())
        })
        .await;
        let new = asker.vended("deploy", &json!({})).await;
        assert_eq!(here.read(&new, &["monthly"]), ["profits"]);
    }
    for old in &old {
        assert_eq!(here.read(old, &["monthly"]), ["AccessDenied"]);
    }
    let revoked = |world: &World| -> Vec<Value> {
        world.trail().into_iter().filter(|record| record["action"] == "sessions_revoked").collect()
    };
    let (of_one, of_other) = (revoked(&here), revoked(&there));
    assert!(
        of_one.iter().any(|record| record["connector"] == "deploy" && record["outcome"] == "success"),
        "{of_one:?}"
    );
    assert_eq!(of_one, of_other, "whoever looks sees the same");
    there.run(&["audit", "verify"], "").succeeded();
}
