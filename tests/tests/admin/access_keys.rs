//! Access keys of the API: a secret goes in, AWS is asked whose it is, and no answer ever has it.

use aws_sim::{AccessKey, Calls, Fault};
use reqwest::Method;
use serde_json::{Value, json};
use tests::postgres::{self, psql};
use tests::stage::{Door, Stage};
use tests::world::{ACCOUNT, Answer, Asker, SECOND, SECOND_SECRET, SECRET, World, soon};

const KEYS: &str = "/v1/admin/access-keys";
const SPARE: &str = "/v1/admin/access-keys/spare";

/// A world whose user `second` has two keys, and its administrator.
async fn world() -> (World, Asker) {
    let world = World::open().await;
    let root = furnished(&world).await;
    (world, root)
}

/// Gives that user the keys. The administrator.
async fn furnished(world: &World) -> Asker {
    let second = format!("arn:aws:iam::{ACCOUNT}:user/second");
    world.sim.world().add_key(&second, AccessKey::new(THIRD, THIRD_SECRET)).unwrap();
    world.person("root").await
}

fn wanted(name: &str, id: &str, secret: &str) -> Value {
    json!({ "name": name, "region": "eu-central-1", "access_key_id": id, "secret_access_key": secret })
}

/// What PUT takes.
fn other(id: &str, secret: &str) -> Value {
    json!({ "region": "eu-central-1", "access_key_id": id, "secret_access_key": secret, "serves": {} })
}

on_both_engines! {
    async fn a_key_comes_is_used_changes_and_goes(world: World) {
        let root = furnished(&world).await;
        let made = root.post(KEYS, &wanted("spare", SECOND, SECOND_SECRET)).await;
        assert_eq!(made.status, 201, "{}", made.text);
        let shown = json!({
            "name": "spare", "managed_by": "api", "access_key_id": SECOND, "region": "eu-central-1", "partition": "aws",
            "serves": {}, "state": "proved", "account_id": ACCOUNT, "arn": format!("arn:aws:iam::{ACCOUNT}:user/second"),
            "generation": 1, "connectors": [], "etag": made.header("etag"),
        });
        assert_eq!(made.json(), shown);
        let first = made.header("etag").unwrap().to_owned();
        let got = root.get(SPARE).await;
        assert_eq!((got.header("etag"), got.good()), (Some(first.as_str()), shown));
        root.post(KEYS, &wanted("spare", SECOND, SECOND_SECRET)).await.problem("409 conflict");

        let connector = json!({ "name": "fresh", "access_key": "spare", "groups": ["release"],
            "principal": { "assume_role": { "role_arn": format!("arn:aws:iam::{ACCOUNT}:role/deploy") } } });
        assert_eq!(root.post("/v1/admin/connectors", &connector).await.status, 201);
        let ada = world.person("ada").await;
        ada.vended("fresh", &json!({})).await;
        let problem = root.delete(SPARE).await.problem("409 conflict");
        assert!(problem["detail"].as_str().unwrap().contains("`fresh`"), "{problem}");

        // Its connectors follow at once.
        let mut change = other(THIRD, THIRD_SECRET);
        change["serves"] = json!({ "principals": ["assume_role"], "connectors": ["fresh"] });
        let put = conditional(&root, Method::PUT, Some(&first)).json(&change);
        let put = Answer::of(put).await;
        let changed = put.good();
        assert_ne!(put.header("etag"), Some(first.as_str()));
        assert_eq!((&changed["access_key_id"], &changed["generation"]), (&json!(THIRD), &json!(2)));
        assert_eq!((&changed["serves"], &changed["connectors"]), (&change["serves"], &json!(["fresh"])));
        ada.vended("fresh", &json!({ "fresh": true })).await;
        assert_eq!(world.calls("AssumeRole").last().unwrap().access_key_id.as_deref(), Some(THIRD));

        change["serves"] = json!({ "connectors": ["another"] });
        root.put(SPARE, &change).await.problem("409 conflict");
        assert_eq!(root.delete("/v1/admin/connectors/fresh").await.status, 204);
        Answer::of(conditional(&root, Method::DELETE, Some(&first))).await.problem("412 precondition_failed");
        Answer::of(conditional(&root, Method::DELETE, Some("spare"))).await.problem("400 invalid_request");
        let tag = put.header("etag");
        assert_eq!(Answer::of(conditional(&root, Method::DELETE, tag)).await.status, 204);
        root.get(SPARE).await.problem("404 not_found");
        root.put(SPARE, &other(THIRD, THIRD_SECRET)).await.problem("404 not_found");
        root.delete(SPARE).await.problem("404 not_found");

        // The same name again is another key: what was seen of the old one is not good for it.
        assert_eq!(root.post(KEYS, &wanted("spare", SECOND, SECOND_SECRET)).await.status, 201);
        let put = conditional(&root, Method::PUT, Some(&first)).json(&other(SECOND, SECOND_SECRET));
        Answer::of(put).await.problem("412 precondition_failed");

        let records = records(&world);
        let actions: Vec<&str> = records.iter().map(|it| it["action"].as_str().unwrap()).collect();
        assert_eq!(actions, ["access_key_added", "access_key_changed", "access_key_removed", "access_key_added"]);
        assert!(records.iter().all(|it| it["actor"] == "person:corp/root" && it["outcome"] == "success"));
        let (coming, difference) = (&records[0]["changes"], &records[1]["changes"]);
        assert_eq!((&coming["access_key"], &coming["aws_key_id"]), (&json!("spare"), &json!({ "to": SECOND })));
        assert_eq!(difference["aws_key_id"], json!({ "from": SECOND, "to": THIRD }));
        assert_eq!(
            (&coming["secret_access_key"], &difference["secret_access_key"]),
            (&json!("changed"), &json!("changed"))
        );
        assert_eq!(difference["serves.connectors"], json!({ "to": ["fresh"] }));
        assert_eq!(records[2]["changes"]["aws_key_id"], json!({ "from": THIRD }));
        for secret in [SECOND_SECRET, THIRD_SECRET] {
            assert!(!world.brokerd.log().contains(secret) && !format!("{records:?}").contains(secret));
        }
    }

    async fn of_many_who_saw_the_same_one_wins(world: World) {
        let root = furnished(&world).await;
        let made = root.post(KEYS, &wanted("spare", SECOND, SECOND_SECRET)).await;
        let tag = made.header("etag").unwrap().to_owned();
        let mut puts = Vec::new();
        for _ in 0..6 {
            let request = conditional(&root, Method::PUT, Some(&tag)).json(&other(THIRD, THIRD_SECRET));
            puts.push(tokio::spawn(Answer::of(request)));
        }
        puts.push(tokio::spawn(Answer::of(conditional(&root, Method::DELETE, Some(&tag)))));
        let mut statuses = Vec::new();
        for put in puts {
            statuses.push(put.await.unwrap().status);
        }
        let won = statuses.iter().filter(|status| [200, 204].contains(*status)).count();
        // Where the removal won, the others may find nothing there at all.
        assert!(won == 1 && statuses.iter().all(|status| [200, 204, 412, 404].contains(status)), "{statuses:?}");
    }
}

#[tokio::test]
async fn what_aws_does_not_vouch_for_is_not_stored() {
    let (world, root) = world().await;
    let problem = root.post(KEYS, &wanted("spare", SECOND, THIRD_SECRET)).await.problem("502 aws_refused");
    assert_eq!(problem["aws"]["code"], "SignatureDoesNotMatch");
    let hasty = root.request(Method::POST, KEYS).header("prefer", "wait=2");
    let hasty = hasty.json(&wanted("spare", NOBODYS, THIRD_SECRET));
    let problem = Answer::of(hasty).await.problem("502 aws_refused");
    assert_eq!(problem["aws"]["code"], "InvalidClientTokenId");
    world.sim.world().change(|it| *it = std::mem::take(it).root_key(ACCOUNT, AccessKey::new(ROOTS, SECRET))).unwrap();
    let problem = root.post(KEYS, &wanted("spare", ROOTS, SECRET)).await.problem("400 invalid_request");
    assert_eq!(problem["field"], "access_key_id");
    world.sim.faults().always(Calls::of("GetCallerIdentity"), Fault::ServiceUnavailable);
    let answer = root.post(KEYS, &wanted("spare", SECOND, SECOND_SECRET)).await;
    let problem = answer.problem("503 aws_unavailable");
    assert!(problem["detail"].as_str().unwrap().contains("?skip_validation=true"), "{problem}");
    assert!(answer.header("retry-after").is_some());
    world.sim.faults().clear();
    world.sim.faults().times(1, Calls::of("GetCallerIdentity"), Fault::NotXml);
    root.post(KEYS, &wanted("spare", SECOND, SECOND_SECRET)).await.problem("503 aws_unavailable");
    root.get(SPARE).await.problem("404 not_found");

    // The same for what would take a key's place.
    assert_eq!(root.post(KEYS, &wanted("spare", SECOND, SECOND_SECRET)).await.status, 201);
    root.put(SPARE, &other(THIRD, SECRET)).await.problem("502 aws_refused");
    world.sim.faults().always(Calls::of("GetCallerIdentity"), Fault::DroppedConnection);
    root.put(SPARE, &other(THIRD, THIRD_SECRET)).await.problem("503 aws_unavailable");
    assert_eq!(root.get(SPARE).await.good()["generation"], 1);
    assert_eq!(records(&world).len(), 1);
}

#[tokio::test]
async fn a_key_of_somebody_else_takes_no_keys_place() {
    let (world, root) = world().await;
    world.sim.world().add_key(&format!("arn:aws:iam::{ACCOUNT}:user/broker"), AccessKey::new(NOBODYS, SECRET)).unwrap();
    assert_eq!(root.post(KEYS, &wanted("spare", SECOND, SECOND_SECRET)).await.status, 201);
    let problem = root.put(SPARE, &other(NOBODYS, SECRET)).await.problem("409 conflict");
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.contains("user/broker") && detail.contains("user/second"), "{detail}");
    assert_eq!(root.get(SPARE).await.good()["access_key_id"], SECOND);

    // Unproved it comes in, and signs nothing; when AWS has said whose it is, everybody can see why.
    let path = format!("{SPARE}?skip_validation=true");
    let shown = root.put(&path, &other(NOBODYS, SECRET)).await.good();
    assert_eq!(shown.get("arn"), None);
    assert_eq!(shown["expected_arn"], format!("arn:aws:iam::{ACCOUNT}:user/second"));
    let shown = soon("that it is another owner's", async || {
        let shown = root.get(SPARE).await.good();
        (shown["state"] == "other_owner").then_some(shown)
    })
    .await;
    assert_eq!(shown["arn"], format!("arn:aws:iam::{ACCOUNT}:user/broker"));
    root.put(SPARE, &other(NOBODYS, SECRET)).await.problem("409 conflict");
    let shown = root.put(SPARE, &other(THIRD, THIRD_SECRET)).await.good();
    assert_eq!((&shown["state"], shown.get("expected_arn")), (&json!("proved"), None));
}

#[tokio::test]
async fn a_key_may_come_in_unproved_and_the_list_says_what_becomes_of_it() {
    let (world, root) = world().await;
    world.sim.faults().always(Calls::of("GetCallerIdentity"), Fault::ServiceUnavailable);
    let path = format!("{KEYS}?skip_validation=true");
    let made = root.post(&path, &wanted("spare", SECOND, SECOND_SECRET)).await;
    assert_eq!((made.status, &made.json()["state"]), (201, &json!("unproved")), "{}", made.text);
    assert_eq!(root.post(&path, &wanted("wrong", THIRD, SECRET)).await.status, 201);
    world.sim.faults().clear();
    soon("what AWS says of both", async || {
        let list = root.get(KEYS).await.good();
        let of = |name| list["items"].as_array().unwrap().iter().find(|it| it["name"] == name).unwrap().clone();
        let (spare, wrong) = (of("spare"), of("wrong"));
        let settled = spare["state"] == "proved" && wrong["state"] == "refused";
        settled.then(|| assert_eq!(wrong["refused"]["code"], "SignatureDoesNotMatch"))
    })
    .await;
    for bad in ["skip_validation=yes", "skip_validation=", "skip=true", "skip_validation=true&skip_validation=true"] {
        root.post(&format!("{KEYS}?{bad}"), &wanted("third", THIRD, SECRET)).await.problem("400 invalid_request");
    }
}

#[tokio::test]
async fn what_the_file_owns_is_left_to_it() {
    let (world, root) = world().await;
    let path = format!("{KEYS}/main");
    let shown = root.get(&path).await.good();
    assert_eq!((&shown["managed_by"], &shown["serves"]), (&json!("file"), &json!({})));
    assert!(shown["connectors"].as_array().unwrap().contains(&json!("deploy")));
    let calls = world.sim.count("GetCallerIdentity");
    root.put(&path, &other(SECOND, SECOND_SECRET)).await.problem("409 read_only");
    root.delete(&path).await.problem("409 read_only");
    root.post(KEYS, &wanted("main", SECOND, SECOND_SECRET)).await.problem("409 conflict");
    assert!(world.sim.count("GetCallerIdentity") <= calls + 2, "AWS is not asked for what cannot be done");
    assert!(records(&world).iter().all(|it| it["actor"] != "person:corp/root"));
}

#[tokio::test]
async fn what_is_wrong_is_named_and_nothing_that_was_sent_is_repeated() {
    let (world, root) = world().await;
    let body = |change: &dyn Fn(&mut Value)| {
        let mut body = wanted("spare", SECOND, SECOND_SECRET);
        change(&mut body);
        body
    };
    let astray = json!(SECOND_SECRET);
    for (body, field) in [
        (body(&|it| it["name"] = astray.clone()), "name"),
        (body(&|it| it["name"] = json!("")), "name"),
        (body(&|it| drop(it.as_object_mut().unwrap().remove("name"))), "name"),
        (body(&|it| drop(it.as_object_mut().unwrap().remove("secret_access_key"))), "secret_access_key"),
        (body(&|it| it["region"] = astray.clone()), "region"),
        (body(&|it| it["access_key_id"] = astray.clone()), "access_key_id"),
        (body(&|it| it["access_key_id"] = json!("ASIAIOSFODNN7EXAMPLE")), "access_key_id"),
        (body(&|it| it["secret_access_key"] = json!("")), "secret_access_key"),
        (body(&|it| it["secret_access_key"] = json!(format!("{SECOND_SECRET} "))), "secret_access_key"),
        (body(&|it| it["secret_access_key"] = json!("x".repeat(257))), "secret_access_key"),
        (body(&|it| it["secret_access_key"] = json!({ "file": "keys/main" })), "secret_access_key"),
        (body(&|it| it["secret_access_key"] = json!({ "env": "BROKERD_SECRET_KEY" })), "secret_access_key"),
        (body(&|it| it["serves"] = astray.clone()), "serves"),
        (body(&|it| it["serves"] = json!({ "principals": [SECOND_SECRET] })), "serves.principals[0]"),
        (body(&|it| it["serves"] = json!({ "role_arns": [SECOND_SECRET] })), "serves.role_arns[0]"),
        (body(&|it| it["serves"] = json!({ "role_arns": [CHINESE] })), "serves.role_arns[0]"),
        (body(&|it| it["serves"] = json!({ "connectors": ["a", SECOND_SECRET] })), "serves.connectors[1]"),
        (body(&|it| it["source"] = json!({ "ambient": {} })), ""),
        (body(&|it| it["endpoint_url"] = json!("https://evil.example")), ""),
        (body(&|it| it["managed_by"] = json!("file")), ""),
        (body(&|it| it["owner"] = json!({ "account": ACCOUNT, "arn": "x" })), ""),
        (body(&|it| it[SECOND_SECRET] = json!(1)), ""),
    ] {
        let answer = root.post(KEYS, &body).await;
        let problem = answer.problem("400 invalid_request");
        let named = problem["field"].as_str().unwrap_or_default();
        assert!(named == field || (field.is_empty() && !named.contains(SECOND_SECRET)), "{field}: {problem}");
        assert!(!answer.text.contains(SECOND_SECRET), "{}", answer.text);
    }
    let whole = wanted("spare", SECOND, SECOND_SECRET).to_string();
    let (cut, nested) = (&whole[..whole.len() - 2], format!("{{\"serves\":{}", "[".repeat(10_000)));
    for rubbish in ["", "null", "[]", "{", "\u{0}", cut, &nested, &format!("{whole} x"), &format!("[{whole}]")] {
        let request = root.request(Method::POST, KEYS).header("content-type", "application/json");
        let answer = Answer::of(request.body(rubbish.to_owned())).await;
        answer.problem("400 invalid_request");
        assert!(!answer.text.contains("je7MtGb"), "{}", answer.text);
    }
    let bytes = vec![b' '; 2_000_000];
    let request = root.request(Method::POST, KEYS).header("content-type", "application/json");
    Answer::of(request.body(bytes)).await.problem("413 too_large");
    let request = root.request(Method::POST, KEYS).header("content-type", "text/plain");
    Answer::of(request.body(whole.clone())).await.problem("415 unsupported_media_type");
    // PUT says the whole: no restriction goes because somebody forgot it.
    let mut forgotten = other(SECOND, SECOND_SECRET);
    forgotten.as_object_mut().unwrap().remove("serves");
    assert_eq!(root.put(SPARE, &forgotten).await.problem("400 invalid_request")["field"], "serves");
    for name in ["x!", "%00", "..%2Fmain", &"a".repeat(64)] {
        root.get(&format!("{KEYS}/{name}")).await.problem("404 not_found");
    }
    root.get(SPARE).await.problem("404 not_found");
    assert!(!world.brokerd.log().contains(SECOND_SECRET));
    assert!(records(&world).iter().all(|it| it["actor"] != "person:corp/root"));
}

#[tokio::test]
async fn a_row_that_somebody_else_wrote_is_shown_and_put_right() {
    let stage = Stage::set().await;
    let url = postgres::database("damaged_access_keys");
    let broker = stage.on_postgres(&url).serve();
    let door = Door::of(&broker.url());
    let root = door.sign_in("root", stage.password_of("root")).await;
    let spare = wanted("spare", stage.spare.id(), stage.spare.secret());
    let ask = async |method: Method, path: &str, body: Option<&Value>| door.ask(method, path, Some(&root), body).await;
    let made = ask(Method::POST, KEYS, Some(&spare)).await;
    assert_eq!(made.status, 201, "{}", made.body);
    let forge =
        "UPDATE access_keys SET generation = 7 WHERE name = 'spare'; UPDATE installation SET revision = revision + 1";
    drop(psql(&url, forge).succeeded());
    soon("the damage", async || {
        let shown = ask(Method::GET, SPARE, None).await;
        (shown.status == 200 && shown.json()["state"] == "damaged").then_some(())
    })
    .await;
    // The file's own key is proved in the background.
    soon("both in the list", async || {
        let list = ask(Method::GET, KEYS, None).await.json();
        let states = list["items"].as_array().unwrap().iter().map(|it| it["state"].as_str().unwrap());
        states.eq(["proved", "damaged"]).then_some(())
    })
    .await;
    let next = ask(Method::GET, &format!("{KEYS}?limit=1"), None).await.json()["next"].as_str().unwrap().to_owned();
    let rest = ask(Method::GET, &format!("{KEYS}?limit=1&after={next}"), None).await.json();
    assert_eq!((&rest["items"][0]["state"], rest.get("next")), (&json!("damaged"), None));
    let replaced = ask(Method::PUT, SPARE, Some(&other(stage.spare.id(), stage.spare.secret()))).await;
    assert_eq!(replaced.status, 409, "{}", replaced.body);
    assert_eq!(ask(Method::DELETE, SPARE, None).await.status, 409);
    assert_eq!(ask(Method::POST, KEYS, Some(&spare)).await.status, 201);
    assert_eq!(ask(Method::GET, SPARE, None).await.json()["state"], "proved");
    assert_eq!(ask(Method::DELETE, SPARE, None).await.status, 204);
}

/// What the trail says of keys, since people may change them.
fn records(world: &World) -> Vec<Value> {
    let about_keys = |it: &Value| it["action"].as_str().unwrap().starts_with("access_key_");
    let by_people = |it: &Value| it["actor"].as_str().unwrap().starts_with("person:");
    world.trail().into_iter().filter(|it| about_keys(it) && by_people(it)).collect()
}

fn conditional(asker: &Asker, method: Method, tag: Option<&str>) -> reqwest::RequestBuilder {
    let request = asker.request(method, SPARE);
    match tag {
        Some(tag) => request.header("if-match", tag),
        None => request,
    }
}

const THIRD: &str = "AKIATHIRDTHIRD000003";
const THIRD_SECRET: &str = "Th1rdKEYwJalrXUtnFEMI/K7MDENG/EXAMPLEKEY";
const NOBODYS: &str = "AKIANOBODYNOBODY0001";
const ROOTS: &str = "AKIAROOTROOTROOT0001";
const CHINESE: &str = "arn:aws-cn:iam::123456789012:role/deploy";
