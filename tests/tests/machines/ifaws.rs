//! Scripts that were written for IFAWS go on: its paths, its names, its Basic authentication; and no browser can be made to use that.

use reqwest::Method;
use serde_json::{Value, json};
use tests::world::{Answer, Asker, World, now, password_of, soon};

use super::job;

const CONNECTORS: &str = "/rest/identity-federation-for-aws/2.2/connectors";

#[tokio::test(flavor = "multi_thread")]
async fn a_script_with_name_and_password_lists_vends_and_leaves_no_session_behind() {
    let world = World::open().await;
    let listed = with_password(&world, CONNECTORS, "ada").await.good();
    let values = listed["values"].as_array().unwrap();
    assert_eq!(listed["size"], values.len());
    let types: Vec<(&Value, &Value)> =
        ["deploy", "raw", "reports"].map(|name| named(values, name)).map(|it| (&it["name"], &it["type"])).into();
    let expected = [("deploy", "ASSUME_ROLE"), ("raw", "SESSION_TOKEN"), ("reports", "FEDERATION_TOKEN")];
    assert_eq!(json!(types), json!(expected));
    assert!(values.iter().all(|it| it.get("scope").is_none() && it["name"] != "treasury" && it["name"] != "ci"));

    let id = named(values, "deploy")["id"].as_str().unwrap();
    let one = format!("{CONNECTORS}/{id}");
    assert_eq!(with_password(&world, &one, "ada").await.good(), *named(values, "deploy"));
    let vended = with_password(&world, &format!("{one}/credentials?reason=ticket"), "ada").await;
    assert_eq!(vended.header("cache-control"), Some("no-store"));
    let vended = vended.good();
    let left = vended["expiration"].as_i64().unwrap() - now().as_millisecond();
    assert!((3_500_000..=3_600_000).contains(&left), "milliseconds: {vended}");
    let renamed = json!({
        "access_key_id": vended["accessKeyId"], "secret_access_key": vended["secretAccessKey"],
        "session_token": vended["sessionToken"],
    });
    assert_eq!(world.read(&renamed, &["monthly"]), ["profits"]);
    let identity = with_password(&world, &format!("{one}/caller-identity"), "ada").await.good();
    assert_eq!(identity["account"], "111111111111");
    assert!(identity["arn"].as_str().unwrap().contains(":assumed-role/deploy/ada"), "{identity}");
    assert!(identity["userId"].is_string(), "{identity}");
    let console = with_password(&world, &format!("{one}/console/url"), "ada").await.good();
    assert_eq!(console, json!({ "url": format!("{}/console/deploy", world.brokerd.url()) }), "ours, and no secret");
    let raw = named(values, "raw")["id"].as_str().unwrap();
    let raw = with_password(&world, &format!("{CONNECTORS}/{raw}/console/url"), "ada").await;
    raw.problem("400 console_not_supported");

    let root = world.person("root").await;
    soon("the end of the sessions", async || {
        let sessions = root.get("/v1/admin/sessions").await.good();
        (!sessions.to_string().contains("corp/ada") && sessions["items"].as_array()?.len() == 1).then_some(())
    })
    .await;
    let count = |action: &str| {
        let trail = world.trail();
        trail.iter().filter(|record| record["action"] == action && record["actor"] == "person:corp/ada").count()
    };
    soon("the trail", async || (count("sign_out") == 6).then_some(())).await;
    assert_eq!(count("sign_in"), 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_will_do_as_well_and_opens_what_is_its_own() {
    let world = World::open().await;
    let (job, ada) = (job(&world, "nightly", &["ci"]), world.person("ada").await);
    let listed = job.get(CONNECTORS).await.good();
    assert_eq!((&listed["size"], &listed["values"][0]["scope"]), (&json!(1), &json!("SYSTEM")));
    let id = listed["values"][0]["id"].as_str().unwrap();
    assert_eq!(job.get("/v1/connectors/ci").await.good()["id"], id, "the very id of our own API");
    let own = format!("{CONNECTORS}/{id}");
    assert!(job.get(&format!("{own}/credentials")).await.good()["sessionToken"].is_string());
    job.get(&format!("{own}/console/url")).await.problem("403 forbidden");
    let unknown = "0190a5c8-7f4e-7b3a-9d2c-1e5f6a7b8c9d";
    for nobodys in [own.clone(), format!("{CONNECTORS}/{unknown}"), format!("{CONNECTORS}/ci")] {
        for rest in ["", "/credentials", "/caller-identity", "/console/url"] {
            ada.get(&format!("{nobodys}{rest}")).await.problem("404 not_found");
        }
    }
    let refused = |connector: &str| -> Vec<Value> {
        let trail = world.trail().into_iter().filter(|record| record["connector"] == connector);
        let refused = trail.filter(|record| record["actor"] == "person:corp/ada");
        refused.map(|record| json!([record["action"], record["outcome"]])).collect()
    };
    assert_eq!(refused("ci").len(), 2);
    assert_eq!(refused("ci"), refused(unknown), "what is not there is recorded as what is another's");
    assert!(ada.get(CONNECTORS).await.good()["size"].as_u64() > Some(3));
    world.stranger().get(CONNECTORS).await.problem("401 unauthenticated");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_cannot_be_made_to_send_a_password_and_no_other_route_takes_one() {
    let world = World::open().await;
    let basic = || world.stranger().request(Method::GET, CONNECTORS).basic_auth("ada", Some(password_of("ada")));
    Answer::of(basic()).await.good();
    for header in ["origin", "referer", "sec-fetch-site", "sec-fetch-mode", "cookie", "sec-ch-ua"] {
        let refused = Answer::of(basic().header(header, "none")).await;
        refused.problem("403 forbidden");
        assert_eq!(refused.header("www-authenticate"), None);
    }
    let cookie = world.stranger().cookie("ada", &password_of("ada")).await;
    let by_cookie = world.stranger().request(Method::GET, CONNECTORS).header("cookie", cookie);
    Answer::of(by_cookie.header("sec-fetch-site", "same-origin")).await.problem("403 forbidden");
    for path in ["/v1/connectors", "/v1/session", "/v1/container-credentials/deploy", "/v1/admin/sessions"] {
        let elsewhere = world.stranger().request(Method::GET, path).basic_auth("root", Some(password_of("root")));
        Answer::of(elsewhere).await.problem("401 unauthenticated");
    }
    let told = world.stranger().get(CONNECTORS).await;
    assert_eq!(told.header("www-authenticate"), Some("Bearer"), "no browser asks its user for a password");
    for rubbish in ["Basic", "Basic ", "Basic %%%", "Basic YWRh"] {
        let asked = world.stranger().request(Method::GET, CONNECTORS).header("authorization", rubbish);
        Answer::of(asked).await.problem("401 unauthenticated");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn guesses_count_with_those_at_the_front_door() {
    let world = World::open().await;
    let stranger = world.stranger();
    // Until the wait is long enough for whatever machine this runs on.
    soon("too many attempts", async || {
        let guess = stranger.request(Method::GET, CONNECTORS).basic_auth("ada", Some("guess"));
        let answer = Answer::of(guess).await;
        assert!([401, 429].contains(&answer.status), "{}", answer.text);
        answer.header("retry-after").and_then(|wait| wait.parse::<u32>().ok()).filter(|wait| *wait >= 4)
    })
    .await;
    let at_the_front: Asker = world.stranger();
    let answer = at_the_front.sign_in(&json!({ "username": "ada", "password": password_of("ada") })).await;
    answer.problem("429 too_many_attempts");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_sign_in_counts_as_a_vend_and_a_vend_by_it_counts_once() {
    let world = World::prepare().await.with("limits = { vends_per_minute = 1 }").serve();
    let ada = world.person("ada").await;
    let listed = ada.get(CONNECTORS).await.good();
    let id = named(listed["values"].as_array().unwrap(), "deploy")["id"].as_str().unwrap();
    let one = format!("{CONNECTORS}/{id}");
    with_password(&world, CONNECTORS, "ada").await.good();
    for path in [CONNECTORS.to_owned(), one.clone(), format!("{one}/console/url"), format!("{one}/credentials")] {
        let refused = with_password(&world, &path, "ada").await;
        refused.problem("429 rate_limited");
        assert!(refused.header("retry-after").is_some());
    }
    ada.get(&format!("{one}/credentials")).await.problem("429 rate_limited");
    ada.get(CONNECTORS).await.good();
    with_password(&world, CONNECTORS, "bob").await.good();
    let root = with_password(&world, &format!("{one}/credentials"), "root").await;
    assert_ne!(root.status, 429, "{}", root.text);
    let records = soon("the records", async || {
        let trail = world.trail().into_iter();
        let refused: Vec<Value> =
            trail.filter(|record| record["action"] == "sign_in" && record["outcome"] == "refused").collect();
        (refused.len() == 4).then_some(refused)
    })
    .await;
    for record in records {
        assert_eq!(record["actor"], "person:corp/ada");
        assert!(record["reason"].as_str().unwrap().contains("as much vended"), "{record}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_counts_as_what_is_anothers() {
    let world = World::prepare().await.with("limits = { vends_per_minute = 1 }").serve();
    let ada = world.person("ada").await;
    let unknown = format!("{CONNECTORS}/0190a5c8-7f4e-7b3a-9d2c-1e5f6a7b8c9d/credentials");
    ada.get(&unknown).await.problem("404 not_found");
    ada.get(&unknown).await.problem("429 rate_limited");
}

async fn with_password(world: &World, path: &str, username: &str) -> Answer {
    Answer::of(world.stranger().request(Method::GET, path).basic_auth(username, Some(password_of(username)))).await
}

fn named<'a>(values: &'a [Value], name: &str) -> &'a Value {
    values.iter().find(|it| it["name"] == name).unwrap_or_else(|| panic!("no {name}: {values:?}"))
}
