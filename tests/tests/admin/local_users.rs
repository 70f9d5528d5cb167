//! Users and groups of a local directory through the front door: made, used, and gone at once.

use std::time::Duration;

use aws_sim::{Calls, Fault};
use jiff::SignedDuration;
use reqwest::Method;
use serde_json::{Value, json};
use tests::brokerd::free_port;
use tests::phone::Phone;
use tests::stores::Hands;
use tests::wall_clock::WallClock;
use tests::world::{Answer, Asker, HOSTILE, World, password_of, soon};

const PASSWORD: &str = "four quite ordinary words";
const OTHER: &str = "five other quite ordinary words";

fn new(name: &str) -> Value {
    json!({ "name": name, "password": PASSWORD })
}

async fn in_as(world: &World, name: &str, password: &str) -> Answer {
    world.stranger().sign_in(&json!({ "username": name, "password": password })).await
}

async fn added(by: &Asker, body: &Value) -> Value {
    let answer = by.post("/v1/admin/users", body).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    answer.json()
}

fn actions(world: &World) -> Vec<String> {
    let mut records = world.trail();
    records.retain(|record| record["action"].as_str().unwrap().starts_with("local_"));
    let words = |record: &Value| ["actor", "action", "outcome"].map(|field| record[field].as_str().unwrap().to_owned());
    records.iter().map(|record| words(record).join(" ")).collect()
}

on_both_engines! {
    async fn a_user_is_added_gets_a_group_uses_it_and_is_disabled_at_once(world: World) {
        let otto = world.person("otto").await;
        let answer = otto.post("/v1/admin/users", &new("Lena")).await;
        assert_eq!(answer.status, 201, "{}", answer.text);
        assert!(answer.header("etag").is_some() && !answer.text.contains("four"), "{}", answer.text);
        let lena = answer.json();
        assert_eq!((&lena["directory"], &lena["managed_by"], &lena["groups"]), (&json!("corp"), &json!("api"), &json!([])));

        let asker = world.stranger().signed_in_with("lena", PASSWORD).await;
        assert_eq!(asker.get("/v1/session").await.good()["identity"]["name"], "Lena");
        asker.vend("deploy", &json!({})).await.problem("404 not_found");
        let group = otto.post("/v1/admin/groups", &json!({ "name": "release", "members": ["LENA"] })).await;
        assert_eq!(group.status, 201, "{}", group.text);
        assert_eq!(group.json()["members"], json!(["Lena"]));
        assert_eq!(group.json()["file_members"], json!([HOSTILE, "ada", "dora", "eve", "vera"]));
        assert_eq!(asker.get("/v1/session").await.good()["identity"]["groups"], json!(["corp/release"]));
        for _ in 0..2 {
            asker.vended("deploy", &json!({})).await;
        }

        // What GET gives, PUT takes.
        let path = "/v1/admin/users/lena";
        let mut form = otto.get(path).await.good();
        form["groups"] = json!([]);
        assert_eq!(otto.put(path, &form).await.good()["groups"], json!([]));
        // Whoever asked a moment ago is known, and what they were lent is there.
        asker.vend("deploy", &json!({})).await.problem("404 not_found");
        asker.vend("deploy", &json!({ "fresh": true })).await.problem("404 not_found");
        let mut form = otto.get(path).await.good();
        form["groups"] = json!(["corp/release"]);
        otto.put(path, &form).await.good();
        asker.vended("deploy", &json!({ "fresh": true })).await;

        form["disabled"] = json!(true);
        form["groups"] = json!(["release"]);
        assert_eq!(otto.put(path, &form).await.good()["disabled"], true);
        asker.get("/v1/session").await.problem("401 unauthenticated");
        in_as(&world, "lena", PASSWORD).await.problem("401 invalid_credentials");
        form["disabled"] = json!(false);
        otto.put(path, &form).await.good();
        asker.get("/v1/session").await.problem("401 unauthenticated");
        let again = world.stranger().signed_in_with("lena", PASSWORD).await;
        assert_eq!(otto.delete(path).await.status, 204);
        again.get("/v1/session").await.problem("401 unauthenticated");
        in_as(&world, "lena", PASSWORD).await.problem("401 invalid_credentials");

        let next = added(&otto, &new("lena")).await;
        assert_ne!(next["id"], lena["id"], "whoever gets the name is somebody else");
        assert_eq!(next["groups"], json!([]), "and inherits nothing");
        assert_eq!(otto.delete("/v1/admin/groups/release").await.status, 204);
        let group = otto.get("/v1/admin/groups/release").await.good();
        assert_eq!(group["managed_by"], "file", "the configuration's members are in it as ever");

        let done = actions(&world);
        let expected = ["user_added", "group_added", "user_changed", "user_changed", "user_changed", "user_changed",
            "user_removed", "user_added", "group_removed"];
        assert_eq!(done, expected.map(|action| format!("person:corp/otto local_{action} success")));
        let records = world.trail();
        let of_lena = records.iter().find(|record| record["action"] == "local_user_added").unwrap();
        assert_eq!(of_lena["changes"]["user"], "corp/Lena");
        assert_eq!(of_lena["about"], json!(format!("corp/{}", lena["id"].as_str().unwrap())));
        let told = format!("{records:?}");
        assert!(!told.contains("ordinary") && !told.contains("argon2"), "no secret");
    }

    async fn of_two_who_change_a_user_or_a_group_the_second_is_told(world: World) {
        let otto = world.person("otto").await;
        added(&otto, &new("lena")).await;
        added(&otto, &new("mia")).await;
        otto.post("/v1/admin/groups", &json!({ "name": "team" })).await;
        for (path, field, value) in [
            ("/v1/admin/users/lena", "groups", json!(["team"])),
            ("/v1/admin/groups/team", "members", json!(["lena", "mia"])),
        ] {
            let seen = otto.get(path).await;
            let (tag, mut form) = (seen.header("etag").unwrap().to_owned(), seen.json());
            let put = async |form: &Value| {
                Answer::of(otto.request(Method::PUT, path).header("if-match", &tag).json(form)).await
            };
            form[field] = value;
            assert_ne!(put(&form).await.header("etag").unwrap(), tag);
            put(&form).await.problem("412 precondition_failed");
            let delete = Answer::of(otto.request(Method::DELETE, path).header("if-match", &tag)).await;
            delete.problem("412 precondition_failed");
        }
        // A group is another one, too, when a user says so from their own side.
        let seen = otto.get("/v1/admin/groups/team").await;
        otto.delete("/v1/admin/users/mia").await;
        let late = otto.request(Method::PUT, "/v1/admin/groups/team").header("if-match", seen.header("etag").unwrap());
        Answer::of(late.json(&seen.json())).await.problem("412 precondition_failed");
    }
}

#[tokio::test]
async fn a_forged_user_is_out_of_service_and_can_be_taken_away() {
    let world = World::open().await;
    let root = world.person("root").await;
    added(&root, &new("lena")).await;
    assert_eq!(in_as(&world, "lena", PASSWORD).await.status, 201);
    let mut hands = Hands::of_sqlite(&world.brokerd.installation().path("brokerd.db")).await;
    assert_eq!(hands.run("UPDATE local_users SET password_changed_at = 1 WHERE name = 'lena'").await, 1);
    in_as(&world, "lena", PASSWORD).await.problem("401 invalid_credentials");
    let log = world.brokerd.log();
    assert!(log.contains("forged_row") && log.contains("local_users"), "{log}");
    root.get("/v1/admin/users/lena").await.problem("404 not_found");
}

#[tokio::test]
async fn an_operator_cannot_become_an_administrator_by_managing_users() {
    let world = World::open().await;
    let (root, otto) = (world.person("root").await, world.person("otto").await);
    added(&root, &new("chief")).await;
    let group = root.post("/v1/admin/groups", &json!({ "name": "admins", "members": ["chief"] })).await;
    assert_eq!((group.status, &group.json()["role"]), (201, &json!("administrator")));
    added(&otto, &new("lena")).await;
    otto.post("/v1/admin/groups", &json!({ "name": "team" })).await;

    let with = |name: &str, change: &dyn Fn(&mut Value)| {
        let mut body = new(name);
        change(&mut body);
        body
    };
    let form =
        |groups: Value, break_glass: bool| json!({ "groups": groups, "disabled": false, "break_glass": break_glass });
    let mut with_mail = form(json!([]), false);
    with_mail["email"] = json!("chief@corp.example");
    let attempts = [
        ("POST", "/v1/admin/users", with("mine", &|body| body["groups"] = json!(["admins"]))),
        ("POST", "/v1/admin/users", with("mine", &|body| body["break_glass"] = json!(true))),
        ("PUT", "/v1/admin/users/lena", form(json!(["corp/admins"]), false)),
        ("PUT", "/v1/admin/users/lena", form(json!([]), true)),
        // What AWS is told by a connector that trusts it.
        ("POST", "/v1/admin/users", with("mine", &|body| body["email"] = json!("chief@corp.example"))),
        ("PUT", "/v1/admin/users/lena", with_mail),
        ("PUT", "/v1/admin/users/chief/password", json!({ "password": OTHER })),
        ("PUT", "/v1/admin/users/chief", form(json!([]), false)),
        ("DELETE", "/v1/admin/users/chief", json!({})),
        ("PUT", "/v1/admin/groups/admins", json!({ "members": ["chief", "lena"] })),
        ("PUT", "/v1/admin/groups/admins", json!({ "members": [] })),
        ("PUT", "/v1/admin/groups/team", json!({ "members": ["chief"] })),
        ("DELETE", "/v1/admin/groups/admins", json!({})),
        // Of roles below theirs as well: nobody makes auditors, or other operators, but administrators.
        ("POST", "/v1/admin/groups", json!({ "name": "operators", "members": ["lena"] })),
        ("POST", "/v1/admin/groups", json!({ "name": "auditors" })),
    ];
    for (method, path, body) in &attempts {
        let answer = Answer::of(otto.request(method.parse().unwrap(), path).json(body)).await;
        let detail = answer.problem("403 forbidden")["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains("needs the role of administrator"), "{method} {path} {body}: {detail}");
    }
    assert_eq!(in_as(&world, "chief", PASSWORD).await.status, 201, "nothing has changed");
    let lena = world.stranger().signed_in_with("lena", PASSWORD).await;
    assert_eq!(lena.get("/v1/session").await.good()["identity"]["role"], Value::Null);
    soon("refusals in the trail", async || {
        let mut records = world.trail();
        records.retain(|record| record["action"] == "administration_refused" && record["actor"] == "person:corp/otto");
        (!records.is_empty()).then_some(())
    })
    .await;
    // An administrator may.
    let made = added(&root, &with("deputy", &|body| body["groups"] = json!(["admins"]))).await;
    assert_eq!(made["role"], "administrator");
    let deputy = world.stranger().signed_in_with("deputy", PASSWORD).await;
    assert_eq!(deputy.get("/v1/session").await.good()["identity"]["admin"], true);
    assert_eq!(root.put("/v1/admin/groups/admins", &json!({ "members": ["chief"] })).await.status, 200);
    deputy.get("/v1/admin/users").await.problem("403 forbidden");
}

#[tokio::test]
async fn an_operator_takes_no_protection_away_from_whoever_is_more() {
    let guarded = "second_factor_groups = [\"corp/guarded\"]";
    let world = World::prepare().await.with(guarded).serve();
    let (root, otto) = (world.person("root").await, world.person("otto").await);
    for name in ["admins", "guarded", "team"] {
        assert_eq!(root.post("/v1/admin/groups", &json!({ "name": name })).await.status, 201);
    }
    let with = |name: &str, groups: Value, break_glass: bool| {
        let mut body = new(name);
        (body["groups"], body["break_glass"]) = (groups, json!(break_glass));
        body
    };
    added(&root, &with("chief", json!(["admins", "team"]), false)).await;
    added(&root, &with("emergency", json!(["team"]), true)).await;
    added(&root, &with("lena", json!(["guarded"]), false)).await;
    otto.delete("/v1/admin/groups/team").await.problem("403 forbidden");
    otto.delete("/v1/admin/groups/guarded").await.problem("403 forbidden");
    otto.put("/v1/admin/groups/guarded", &json!({ "members": [] })).await.problem("403 forbidden");
    let out = json!({ "groups": [], "disabled": false, "break_glass": false });
    otto.put("/v1/admin/users/lena", &out).await.problem("403 forbidden");
    otto.post("/v1/admin/users", &with("mia", json!(["guarded"]), false)).await.problem("403 forbidden");
    assert_eq!(root.put("/v1/admin/groups/team", &json!({ "members": [] })).await.status, 200);
    assert_eq!(otto.delete("/v1/admin/groups/team").await.status, 204, "nobody of weight is in it any more");

    // With the row of the group spoilt nobody knows who has a role: then it is for administrators.
    let mut hands = Hands::of_sqlite(&world.brokerd.installation().path("brokerd.db")).await;
    assert_eq!(hands.run("UPDATE local_groups SET mac = x'00' WHERE name = 'admins'").await, 1);
    otto.put("/v1/admin/users/chief/password", &json!({ "password": OTHER })).await.problem("403 forbidden");
    assert_eq!(in_as(&world, "chief", PASSWORD).await.status, 201);
}

#[tokio::test]
async fn whoever_has_a_second_factor_has_shown_it_before_they_change_their_password() {
    let clock = WallClock::new();
    let world = World::prepare().await.serve_by(&clock);
    added(&world.person("root").await, &new("lena")).await;
    let lena = world.stranger().signed_in_with("lena", PASSWORD).await;
    let phone = Phone::enrol(&lena).await;
    clock.set(SignedDuration::from_secs(16 * 60));
    let change = json!({ "current_password": PASSWORD, "new_password": OTHER });
    lena.post("/v1/session/password", &change).await.problem("403 second_factor_required");
    let code = json!({ "otp": phone.recovery_codes[0] });
    lena.post("/v1/session/second-factor", &code).await.good();
    let weak = json!({ "current_password": PASSWORD, "new_password": "short" });
    lena.post("/v1/session/password", &weak).await.problem("400 invalid_request");
    assert_eq!(lena.post("/v1/session/password", &change).await.status, 204);
}

#[tokio::test]
async fn a_right_password_with_a_needless_code_is_written_down() {
    let world = World::open().await;
    let needless = json!({ "username": "ada", "password": password_of("ada"), "otp": "123456" });
    world.stranger().sign_in(&needless).await.problem("400 invalid_request");
    let reason = "the password was right, and a code was shown where nothing is enrolled";
    soon("the record", async || {
        world.trail().into_iter().find(|record| record["action"] == "sign_in" && record["reason"] == reason)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_leaves_a_group_while_aws_is_asked_gets_nothing_by_it() {
    let world = World::open().await;
    let otto = world.person("otto").await;
    added(&otto, &new("lena")).await;
    let group = json!({ "name": "release", "members": ["lena"] });
    assert_eq!(otto.post("/v1/admin/groups", &group).await.status, 201);
    let lena = world.stranger().signed_in_with("lena", PASSWORD).await;
    world.sim.faults().once(Calls::of("AssumeRole"), Fault::Stall(Duration::from_secs(4)));
    let asking = tokio::spawn(async move { lena.vend("deploy", &json!({})).await });
    soon("the call", async || (world.sim.faults().pending() == 0).then_some(())).await;
    assert_eq!(otto.put("/v1/admin/groups/release", &json!({ "members": [] })).await.status, 200);
    asking.await.unwrap().problem("404 not_found");
}

#[tokio::test]
async fn only_administrators_add_people_who_would_stand_before_those_of_another_directory() {
    let prepared = World::prepare().await.with_branch();
    prepared.installation.write("ldap.pw", "whatever");
    let text = prepared.installation.read("brokerd.toml");
    let behind = format!(
        "{text}\n[[directory]]\nname = 'behind'\n[directory.backend.ldap]\nurls = ['ldaps://127.0.0.1:{}']\n\
         bind_dn = 'cn=brokerd,dc=corp'\nbind_password = {{ file = 'ldap.pw' }}\nusers = {{ base = 'ou=people,dc=corp' }}\n\
         groups = {{ member_of = {{ base = 'dc=corp' }} }}\n",
        free_port()
    );
    prepared.installation.write("brokerd.toml", &behind);
    let world = prepared.serve();
    let by_corp = async |name: &str| {
        let body = json!({ "username": name, "password": password_of(name), "directory": "corp" });
        world.stranger().with_token(world.stranger().sign_in(&body).await.json()["token"].as_str().unwrap())
    };
    let (root, otto) = (by_corp("root").await, by_corp("otto").await);
    let mut lena = new("lena");
    lena["directory"] = json!("corp");
    let told = otto.post("/v1/admin/users", &lena).await.problem("403 forbidden");
    assert!(told["detail"].as_str().unwrap().contains("other directories are asked after this one"), "{told}");
    added(&root, &lena).await;
    let form = json!({ "groups": [], "disabled": true, "break_glass": false });
    assert_eq!(otto.put("/v1/admin/users/lena", &form).await.status, 200, "she is there by an administrator's will");
}

#[tokio::test]
async fn the_configurations_people_are_shown_and_changed_by_nobody() {
    let world = World::open().await;
    let root = world.person("root").await;
    let ada = root.get("/v1/admin/users/ADA").await;
    assert_eq!(ada.header("etag"), None);
    let ada = ada.good();
    assert_eq!(
        (&ada["managed_by"], &ada["id"], &ada["email"]),
        (&json!("file"), &json!("ada"), &json!("ada@corp.example"))
    );
    let form = json!({ "groups": [], "disabled": true, "break_glass": false });
    root.put("/v1/admin/users/ada", &form).await.problem("409 read_only");
    root.put("/v1/admin/users/ada/password", &json!({ "password": OTHER })).await.problem("409 read_only");
    root.delete("/v1/admin/users/ada").await.problem("409 read_only");
    root.put("/v1/admin/groups/finance", &json!({ "members": [] })).await.problem("409 read_only");
    root.delete("/v1/admin/groups/finance").await.problem("409 read_only");
    let taken = root.post("/v1/admin/users", &new("Ada")).await.problem("409 conflict");
    assert!(taken["detail"].as_str().unwrap().contains("configuration"), "{taken}");
    let group = root.post("/v1/admin/groups", &json!({ "name": "team", "members": ["ada"] })).await;
    group.problem("409 read_only");
    world
        .person("ada")
        .await
        .post("/v1/session/password", &json!({ "current_password": "x", "new_password": OTHER }))
        .await
        .problem("409 read_only");

    // Page by page, all of both.
    added(&root, &new("lena")).await;
    let (mut names, mut after) = (Vec::new(), String::new());
    loop {
        let page = root.get(&format!("/v1/admin/users?limit=3{after}")).await.good();
        names.extend(page["items"].as_array().unwrap().iter().map(|user| user["name"].as_str().unwrap().to_owned()));
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => break,
        }
    }
    assert_eq!(names.len(), 10, "{names:?}");
    assert!(names.contains(&"lena".to_owned()) && names.contains(&HOSTILE.to_owned()));
    let groups = root.get("/v1/admin/groups").await.good();
    let groups: Vec<&str> = groups["items"].as_array().unwrap().iter().map(|it| it["name"].as_str().unwrap()).collect();
    assert_eq!(groups, ["admins", "auditors", "finance", "operators", "release"]);
}

#[tokio::test]
async fn somebody_changes_their_own_password_and_their_other_sessions_end() {
    let world = World::prepare().await.with("sessions = { recheck_seconds = 1 }").serve();
    let root = world.person("root").await;
    added(&root, &new("lena")).await;
    let (here, there) = (
        world.stranger().signed_in_with("lena", PASSWORD).await,
        world.stranger().signed_in_with("lena", PASSWORD).await,
    );
    let change = async |current: &str, new: &str| {
        here.post("/v1/session/password", &json!({ "current_password": current, "new_password": new })).await
    };
    change("not this", OTHER).await.problem("401 invalid_credentials");
    let weak = change(PASSWORD, "lena lena lena").await.problem("400 invalid_request");
    assert_eq!(weak["field"], "new_password");
    there.get("/v1/session").await.good();
    assert_eq!(change(PASSWORD, OTHER).await.status, 204);
    here.get("/v1/session").await.good();
    there.get("/v1/session").await.problem("401 unauthenticated");
    in_as(&world, "lena", PASSWORD).await.problem("401 invalid_credentials");
    assert_eq!(in_as(&world, "lena", OTHER).await.status, 201);
    // Her session is one of the new password: it outlives the next look at the directory.
    tokio::time::sleep(Duration::from_millis(1_200)).await;
    here.get("/v1/session").await.good();

    // By somebody else, all of them end.
    let answer = root.put("/v1/admin/users/lena/password", &json!({ "password": PASSWORD })).await;
    assert_eq!((answer.status, answer.text.as_str()), (204, ""));
    here.get("/v1/session").await.problem("401 unauthenticated");
    let mut records = world.trail();
    records.retain(|record| record["action"] == "local_user_password_changed");
    let done: Vec<_> =
        records.iter().map(|it| (it["actor"].as_str().unwrap(), it["outcome"].as_str().unwrap())).collect();
    assert!(
        done.contains(&("person:corp/lena", "success")) && done.contains(&("person:corp/root", "success")),
        "{done:?}"
    );
    assert!(done.contains(&("person:corp/lena", "refused")), "{done:?}");
    assert!(!format!("{records:?}").contains("ordinary"));
}

#[tokio::test]
async fn whoever_is_taken_away_takes_their_second_factor_along() {
    let world = World::open().await;
    let root = world.person("root").await;
    let lena = added(&root, &new("lena")).await;
    let phone = Phone::enrol(&world.stranger().signed_in_with("lena", PASSWORD).await).await;
    let mut hands = Hands::of_sqlite(&world.brokerd.installation().path("brokerd.db")).await;
    assert_eq!(hands.run("UPDATE second_factors SET label = label").await, 1);
    in_as(&world, "lena", PASSWORD).await.problem("401 otp_required");
    let code = json!({ "username": "lena", "password": PASSWORD, "otp": phone.recovery_codes[0] });
    let held = world.stranger().sign_in(&code).await.json()["token"].as_str().unwrap().to_owned();
    let change = json!({ "current_password": PASSWORD, "new_password": OTHER });
    let held = world.stranger().with_token(&held);
    assert_eq!(held.post("/v1/session/password", &change).await.status, 204);
    let identity = held.get("/v1/session").await.good();
    assert_eq!(identity["second_factor"]["by"], "recovery_code", "the session goes on as it was: {identity}");

    assert_eq!(root.delete("/v1/admin/users/lena").await.status, 204);
    assert_eq!(hands.run("UPDATE second_factors SET label = label").await, 0);
    assert_eq!(hands.run("UPDATE recovery_codes SET subject = subject").await, 0);
    assert_ne!(added(&root, &new("lena")).await["id"], lena["id"]);
    assert_eq!(in_as(&world, "lena", PASSWORD).await.status, 201);
}

#[tokio::test]
async fn guesses_at_ones_own_password_are_counted_as_at_a_sign_in() {
    let world = World::open().await;
    added(&world.person("root").await, &new("lena")).await;
    let lena = world.stranger().signed_in_with("lena", PASSWORD).await;
    let guess = json!({ "current_password": "not this", "new_password": OTHER });
    let mut last = 0;
    for _ in 0..12 {
        last = lena.post("/v1/session/password", &guess).await.status;
        if last == 429 {
            break;
        }
    }
    assert_eq!(last, 429);
    in_as(&world, "lena", PASSWORD).await.problem("429 too_many_attempts");
}

#[tokio::test]
async fn a_right_password_takes_back_what_was_guessed_at_it_and_no_guess_at_a_code() {
    let world = World::open().await;
    added(&world.person("root").await, &new("lena")).await;
    let lena = world.stranger().signed_in_with("lena", PASSWORD).await;
    let change = async |current: &str, new: &str| {
        lena.post("/v1/session/password", &json!({ "current_password": current, "new_password": new })).await
    };
    for (current, new) in [(PASSWORD, OTHER), (OTHER, PASSWORD)] {
        for _ in 0..4 {
            change("not this", OTHER).await.problem("401 invalid_credentials");
        }
        assert_eq!(change(current, new).await.status, 204);
    }

    Phone::enrol(&lena).await;
    let guess = async |password: &str| {
        let body = json!({ "username": "lena", "password": password, "otp": "abcd-efgh-jkmn-pqrs" });
        world.stranger().sign_in(&body).await.status
    };
    for _ in 0..4 {
        assert_eq!(guess(PASSWORD).await, 401);
    }
    assert_eq!(change(PASSWORD, OTHER).await.status, 204);
    // One, and on a slow machine a few for which the wait was over; five if all had been forgotten.
    let mut more = 0;
    while guess(OTHER).await == 401 {
        more += 1;
    }
    assert!((1..=4).contains(&more), "{more} more guesses");
}

#[tokio::test]
async fn somebody_whose_name_another_directory_has_as_well_changes_their_own_password() {
    let world = World::prepare().await.with_branch().serve();
    let root = world.person("root").await;
    for (directory, password) in [("corp", PASSWORD), ("branch", OTHER)] {
        let mut lena = new("lena");
        (lena["directory"], lena["password"]) = (json!(directory), json!(password));
        added(&root, &lena).await;
    }
    let signed_in = async |directory: &str, password: &str| {
        let body = json!({ "username": "lena", "password": password, "directory": directory });
        world.stranger().sign_in(&body).await
    };
    let token = signed_in("branch", OTHER).await.json()["token"].as_str().unwrap().to_owned();
    let third = "six more quite ordinary words";
    let change = json!({ "current_password": OTHER, "new_password": third });
    let changed = world.stranger().with_token(&token).post("/v1/session/password", &change).await;
    assert_eq!(changed.status, 204, "{}", changed.text);
    assert_eq!((signed_in("branch", third).await.status, signed_in("corp", PASSWORD).await.status), (201, 201));
}

#[tokio::test]
async fn what_is_no_user_or_group_is_refused_by_the_field() {
    let world = World::open().await;
    let root = world.person("root").await;
    let long = "x".repeat(65);
    let wrong: [(&str, Value, &str); 14] = [
        ("name", json!(""), "name"),
        ("name", json!("a b"), "name"),
        ("name", json!("\u{430}da"), "name"),
        ("name", json!(long), "name"),
        ("name", json!("0190a5c8-7f4e-7b3a-9d2c-1e5f6a7b8c9d"), "name"),
        ("name", json!(7), "name"),
        ("password", json!("short"), "password"),
        ("password", json!("password1234"), "password"),
        ("password", json!("lena lena lena"), "password"),
        ("password", json!("x y ".repeat(300)), "password"),
        ("email", json!("nowhere"), "email"),
        ("display_name", json!("\u{202e}anel"), "display_name"),
        ("groups", json!(["none"]), "groups"),
        ("directory", json!("elsewhere"), "directory"),
    ];
    for (field, value, named) in wrong {
        let mut body = new("lena");
        body[field] = value;
        let answer = root.post("/v1/admin/users", &body).await;
        let problem = answer.problem("400 invalid_request");
        assert_eq!(problem["field"], named, "{body}: {problem}");
        assert!(!answer.text.contains("quite ordinary"), "{}", answer.text);
    }
    let mut body = new("lena");
    body["admin"] = json!(true);
    root.post("/v1/admin/users", &body).await.problem("400 invalid_request");
    for bad in ["", "a/b", "a b", "0190a5c8-7f4e-7b3a-9d2c-1e5f6a7b8c9d"] {
        let problem = root.post("/v1/admin/groups", &json!({ "name": bad })).await.problem("400 invalid_request");
        assert_eq!(problem["field"], "name", "{bad}");
    }
    let problem = root.post("/v1/admin/groups", &json!({ "name": "team", "members": ["nobody"] })).await;
    assert_eq!(problem.problem("400 invalid_request")["field"], "members");
    // What is left out of a user's form would be taken away in silence.
    added(&root, &new("lena")).await;
    for missing in ["groups", "disabled", "break_glass"] {
        let mut form = json!({ "groups": [], "disabled": false, "break_glass": false });
        form.as_object_mut().unwrap().remove(missing);
        let problem = root.put("/v1/admin/users/lena", &form).await.problem("400 invalid_request");
        assert_eq!(problem["field"], missing);
    }
    root.put("/v1/admin/users/none", &json!({ "groups": [], "disabled": false, "break_glass": false }))
        .await
        .problem("404 not_found");
    let problem = root.post("/v1/admin/users", &new("LENA")).await.problem("409 conflict");
    assert!(problem["detail"].as_str().unwrap().contains("LENA"));
}
