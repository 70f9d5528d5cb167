//! Connectors of the API: made, changed, removed; with the rules of the file, and the file's own left alone.

use reqwest::Method;
use serde_json::{Value, json};
use tests::world::{ACCOUNT, Answer, Asker, SECOND, SECOND_SECRET, World, soon};

/// A world with an access key of the API, `spare`, and its administrator.
async fn world() -> (World, Asker) {
    let world = World::open().await;
    let root = furnished(&world).await;
    (world, root)
}

/// Puts the access key there. The administrator.
async fn furnished(world: &World) -> Asker {
    let add = ["key", "add", "spare", "--access-key-id", SECOND, "--region", "eu-central-1", "--skip-validation"];
    world.run(&add, SECOND_SECRET).succeeded();
    world.person("root").await
}

fn wanted(name: &str) -> Value {
    let role = format!("arn:aws:iam::{ACCOUNT}:role/deploy");
    json!({
        "name": name, "access_key": "spare", "groups": ["release"],
        "principal": { "assume_role": { "role_arn": role } },
    })
}

on_both_engines! {
    async fn a_connector_comes_changes_and_goes(world: World) {
        let root = furnished(&world).await;
        let ada = world.person("ada").await;
        let made = root.post("/v1/admin/connectors", &wanted("fresh")).await;
        assert_eq!(made.status, 201, "{}", made.text);
        let first = made.header("etag").unwrap().to_owned();
        assert!(first.starts_with('"') && first.ends_with('"'), "{first}");
        assert_eq!((&made.json()["managed_by"], &made.json()["groups"]), (&json!("api"), &json!(["corp/release"])));
        assert_eq!(made.json()["warnings"], Value::Null);
        ada.vended("fresh", &json!({})).await;
        root.post("/v1/admin/connectors", &wanted("fresh")).await.problem("409 conflict");

        // What GET shows, PUT takes.
        let shown = root.get("/v1/admin/connectors/fresh").await;
        assert_eq!(shown.header("etag"), Some(first.as_str()));
        let mut changed = shown.good();
        changed["principal"]["assume_role"]["policy"] = json!({ "Version": "2012-10-17",
            "Statement": [{ "Effect": "Allow", "Action": "s3:GetObject", "Resource": "*" }] });
        let put = conditional(&root, Method::PUT, Some(&first)).json(&changed);
        let put = Answer::of(put).await;
        let second = put.header("etag").unwrap().to_owned();
        assert_eq!(put.status, 200, "{}", put.text);
        assert_ne!(second, first);
        assert_eq!(root.get("/v1/admin/connectors/fresh").await.good(), put.good());
        assert_eq!(put.good()["principal"]["assume_role"]["policy"]["Statement"][0]["Action"], "s3:GetObject");
        ada.vended("fresh", &json!({})).await;
        assert!(world.sent("AssumeRole", "Policy").unwrap().contains("s3:GetObject"));

        Answer::of(conditional(&root, Method::PUT, Some(&first)).json(&changed)).await.problem("412 precondition_failed");
        Answer::of(conditional(&root, Method::DELETE, Some(&first))).await.problem("412 precondition_failed");
        Answer::of(conditional(&root, Method::DELETE, Some("fresh"))).await.problem("400 invalid_request");
        assert_eq!(Answer::of(conditional(&root, Method::DELETE, Some("*"))).await.status, 204);
        root.get("/v1/admin/connectors/fresh").await.problem("404 not_found");
        ada.vend("fresh", &json!({})).await.problem("404 not_found");

        // The same name again is another connector: what was seen of the old one is not good for it.
        assert_eq!(root.post("/v1/admin/connectors", &wanted("fresh")).await.status, 201);
        Answer::of(conditional(&root, Method::DELETE, Some(&first))).await.problem("412 precondition_failed");
        assert_eq!(Answer::of(conditional(&root, Method::DELETE, None)).await.status, 204);

        let records: Vec<Value> = world
            .trail()
            .into_iter()
            .filter(|it| it["connector"] == "fresh" && it["action"].as_str().unwrap().starts_with("connector_"))
            .collect();
        let actions: Vec<&str> = records.iter().map(|it| it["action"].as_str().unwrap()).collect();
        let expected =
            ["connector_added", "connector_changed", "connector_removed", "connector_added", "connector_removed"];
        assert_eq!(actions, expected);
        assert!(records.iter().all(|it| it["actor"] == "person:corp/root"));
        let policy = &records[1]["changes"]["principal.assume_role.policy"];
        assert!(policy["to"].as_str().unwrap().contains("s3:GetObject") && policy.get("from").is_none(), "{policy}");
        assert_eq!(records[0]["changes"]["access_key"], json!({ "to": "spare" }));
        assert_eq!(records[2]["changes"]["access_key"], json!({ "from": "spare" }));
    }

    async fn of_many_who_saw_the_same_one_wins(world: World) {
        let root = furnished(&world).await;
        let tag = root.post("/v1/admin/connectors", &wanted("fresh")).await.header("etag").unwrap().to_owned();
        let mut puts = Vec::new();
        for number in 0..8 {
            let mut body = wanted("fresh");
            body["description"] = json!(format!("{number}"));
            let request = conditional(&root, Method::PUT, Some(&tag)).json(&body);
            puts.push(tokio::spawn(Answer::of(request)));
        }
        let mut statuses = Vec::new();
        for put in puts {
            statuses.push(put.await.unwrap().status);
        }
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 412, 412, 412, 412, 412, 412, 412]);
    }
}

#[tokio::test]
async fn whether_it_wants_a_second_factor_is_said_and_unsaid_by_the_api() {
    let (world, root) = world().await;
    let ada = world.person("ada").await;
    let mut guarded = wanted("fresh");
    guarded["require_second_factor"] = json!(true);
    let made = root.post("/v1/admin/connectors", &guarded).await;
    assert_eq!((made.status, &made.json()["require_second_factor"]), (201, &json!(true)), "{}", made.text);
    assert_eq!(ada.get("/v1/connectors/fresh").await.good()["require_second_factor"], true);
    ada.vend("fresh", &json!({})).await.problem("403 second_factor_required");

    // What GET shows, PUT takes; and what it does not say any more, is not wanted any more.
    let mut shown = root.get("/v1/admin/connectors/fresh").await.good();
    root.put("/v1/admin/connectors/fresh", &shown).await.good();
    ada.vend("fresh", &json!({})).await.problem("403 second_factor_required");
    shown.as_object_mut().unwrap().remove("require_second_factor");
    let open = root.put("/v1/admin/connectors/fresh", &shown).await.good();
    assert_eq!(ada.get("/v1/connectors/fresh").await.good()["require_second_factor"], false, "{open}");
    ada.vended("fresh", &json!({})).await;
    root.put("/v1/admin/connectors/fresh", &guarded).await.good();
    ada.vend("fresh", &json!({})).await.problem("403 second_factor_required");
    let changes: Vec<Value> =
        world.trail().iter().map(|record| record["changes"]["require_second_factor"].clone()).collect();
    let changes: Vec<&Value> = changes.iter().filter(|change| !change.is_null()).collect();
    assert_eq!(json!(changes), json!([{ "to": true }, { "from": true }, { "to": true }]));

    let mut of_jobs = wanted("job");
    of_jobs["scope"] = json!("system");
    of_jobs["require_second_factor"] = json!(true);
    of_jobs.as_object_mut().unwrap().remove("groups");
    let problem = root.post("/v1/admin/connectors", &of_jobs).await.problem("400 invalid_request");
    assert!(problem["detail"].as_str().unwrap().contains("take `require_second_factor` away"), "{problem}");
}

#[tokio::test]
async fn what_may_not_be_meant_is_said_to_whoever_makes_it() {
    let (_world, root) = world().await;
    let mut broad = wanted("broad");
    broad["principal"]["assume_role"]["policy"] = json!({ "Version": "2012-10-17",
        "Statement": [{ "Effect": "Allow", "Action": "*", "Resource": "*" }] });
    let mut whole = wanted("whole");
    whole["principal"] = json!({ "session_token": {} });
    for (connector, word) in [(broad, "statement 1"), (whole, "the full power of the key's owner")] {
        let made = root.post("/v1/admin/connectors", &connector).await;
        assert_eq!(made.status, 201, "{}", made.text);
        let warnings = made.json()["warnings"].clone();
        assert!(warnings[0].as_str().unwrap().contains(word) && warnings[1] == Value::Null, "{warnings}");
        let path = format!("/v1/admin/connectors/{}", connector["name"].as_str().unwrap());
        let shown = root.get(&path).await.good();
        assert_eq!(root.put(&path, &shown).await.good()["warnings"], warnings, "what GET shows, PUT takes");
    }
}

#[tokio::test]
async fn a_policy_for_another_partition_is_refused_with_its_place() {
    let (_world, root) = world().await;
    let body = |resource: &str| {
        let policy = format!(
            "{{\n \"Version\": \"2012-10-17\",\n \"Statement\": {{ \"Effect\": \"Allow\", \"Action\": \"s3:*\",\n  \"Resource\": \"{resource}\" }} }}"
        );
        let mut body = wanted("abroad");
        body["principal"]["assume_role"]["policy"] = json!(policy);
        body
    };
    let refused = root.post("/v1/admin/connectors", &body("arn:aws-us-gov:s3:::b")).await.problem("400 invalid_policy");
    assert_eq!((&refused["line"], &refused["column"]), (&json!(4), &json!(15)), "{refused}");
    assert!(refused["detail"].as_str().unwrap().contains("lies in the partition aws-us-gov"), "{refused}");
    assert_eq!(root.post("/v1/admin/connectors", &body("arn:aws:s3:::b")).await.status, 201);
    let refused = root.put("/v1/admin/connectors/abroad", &body("arn:aws-cn:s3:::b")).await;
    assert_eq!(refused.problem("400 invalid_policy")["line"], 4);
}

#[tokio::test]
async fn what_the_file_owns_is_left_to_it() {
    let (world, root) = world().await;
    let shown = root.get("/v1/admin/connectors/deploy").await.good();
    assert_eq!(shown["managed_by"], "file");
    let mut body = shown.clone();
    body["managed_by"] = json!("api");
    root.put("/v1/admin/connectors/deploy", &body).await.problem("409 read_only");
    root.delete("/v1/admin/connectors/deploy").await.problem("409 read_only");
    body["access_key"] = json!("spare");
    root.post("/v1/admin/connectors", &body).await.problem("409 conflict");
    // Nor may the file's key be behind a connector of the API.
    let mut borrowed = wanted("fresh");
    borrowed["access_key"] = json!("main");
    let problem = root.post("/v1/admin/connectors", &borrowed).await.problem("400 invalid_request");
    assert_eq!(problem["field"], "access_key");
    assert!(problem["detail"].as_str().unwrap().contains("belongs to the connectors file"), "{problem}");
    assert!(!world.trail().iter().any(|it| it["actor"] == "person:corp/root" && it["action"] != "sign_in"));
}

#[tokio::test]
async fn what_the_file_would_refuse_is_refused_here_by_the_field() {
    let (_world, root) = world().await;
    let role = |change: fn(&mut Value)| {
        let mut body = wanted("fresh");
        change(&mut body["principal"]["assume_role"]);
        body
    };
    let body = |change: fn(&mut Value)| {
        let mut body = wanted("fresh");
        change(&mut body);
        body
    };
    let refusals = [
        (body(|it| it["name"] = json!("Not A Name")), "name"),
        (body(|it| drop(it.as_object_mut().unwrap().remove("name"))), "name"),
        (body(|it| it["managed_by"] = json!("file")), "managed_by"),
        (body(|it| it["access_key"] = json!("none")), "access_key"),
        (body(|it| it["access_key"] = json!({ "file": "/etc/passwd" })), "access_key"),
        (body(|it| it["groups"] = json!(["nowhere/release"])), "groups[0]"),
        (body(|it| it["scope"] = json!("system")), ""),
        (body(|it| it["colour"] = json!("red")), "colour"),
        (body(|it| it["principal"] = json!({ "session_token": { "policy": "{}" } })), "policy"),
        (body(|it| it["principal"] = json!({ "federated_user": {} })), "principal.federated_user"),
        (role(|it| it["role_arn"] = json!("deploy")), "principal.assume_role.role_arn"),
        (role(|it| it["policy_file"] = json!("/etc/passwd")), "policy_file"),
        (role(|it| it["max_duration_seconds"] = json!(43_201)), "principal.assume_role.max_duration_seconds"),
        (role(|it| it["policy"] = json!(7)), "policy"),
        (role(|it| it["external_id"] = json!({ "env": "BROKERD_SECRET_X" })), "principal.assume_role.external_id"),
        (role(|it| it["tags"] = json!({ "team": {} })), "principal.assume_role"),
    ];
    for (body, field) in refusals {
        let problem = root.post("/v1/admin/connectors", &body).await.problem("400 invalid_request");
        assert_eq!(problem["field"].as_str().unwrap_or_default(), field, "{body}: {problem}");
    }
    let bad_policy = "{\n  \"Version\": \"2012-10-17\",\n  \"Statement\": [{ \"Effect\": \"Perhaps\", \"Action\": \"*\", \"Resource\": \"*\" }]\n}";
    let body = wanted("fresh");
    let text = body.to_string().replace("\"role_arn\"", &format!("\"policy\":{bad_policy},\"role_arn\""));
    let request = root.request(Method::POST, "/v1/admin/connectors").header("content-type", "application/json");
    let problem = Answer::of(request.body(text)).await.problem("400 invalid_policy");
    assert_eq!(problem["line"], 3, "{problem}");
    for rubbish in ["", "null", "[]", "{", "\u{0}", "{\"name\":\"a\"}"] {
        let request = root.request(Method::POST, "/v1/admin/connectors").header("content-type", "application/json");
        Answer::of(request.body(rubbish)).await.problem("400 invalid_request");
    }
    root.get("/v1/admin/connectors/fresh").await.problem("404 not_found");
}

#[tokio::test]
async fn names_that_two_directories_share_are_told_apart() {
    let world = World::prepare().await.with_branch().serve();
    let add = ["key", "add", "spare", "--access-key-id", SECOND, "--region", "eu-central-1", "--skip-validation"];
    world.run(&add, SECOND_SECRET).succeeded();
    let root = world.person("root").await;
    let mut body = wanted("fresh");
    let problem = root.post("/v1/admin/connectors", &body).await.problem("400 invalid_request");
    assert_eq!(problem["field"], "groups[0]", "a bare name is of no directory where there are two");
    body["groups"] = json!(["corp/release"]);
    let problem = root.post("/v1/admin/connectors", &body).await.problem("400 invalid_request");
    assert_eq!(problem["field"], "principal.assume_role.session_name");
    body["principal"]["assume_role"]["session_name"] = json!("{directory}.{username}");
    assert_eq!(root.post("/v1/admin/connectors", &body).await.status, 201);
}

#[tokio::test]
async fn a_name_that_the_file_claims_later_is_told_and_stays_with_the_api() {
    let (world, root) = world().await;
    assert_eq!(root.post("/v1/admin/connectors", &wanted("fresh")).await.status, 201);
    let installation = world.brokerd.installation();
    let file = installation.read("connectors.toml");
    installation.write("connectors.toml", &file.replace("name = \"brief\"", "name = \"fresh\""));
    let ended = world.run(&["apply", "--yes"], "");
    assert!(ended.stderr.contains("`fresh` exists already and is managed by the API"), "{}", ended.stderr);
    soon("the API's own", async || {
        let shown = root.get("/v1/admin/connectors/fresh").await;
        (shown.status == 200 && shown.json()["managed_by"] == "api").then_some(())
    })
    .await;
}

fn conditional(asker: &Asker, method: Method, tag: Option<&str>) -> reqwest::RequestBuilder {
    let request = asker.request(method, "/v1/admin/connectors/fresh");
    match tag {
        Some(tag) => request.header("if-match", tag),
        None => request,
    }
}
