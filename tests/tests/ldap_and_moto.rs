//! The whole way: people of an OpenLDAP directory over TLS, brokerd as a process, and moto as an AWS that enforces IAM's rules.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::time::{Duration, Instant};

use aws_sim::{AccessKey, Calls, Fault, Role, Sim, User, World as SimWorld};
use serde_json::{Value, json};
use tests::brokerd::{Brokerd, Installation};
use tests::moto::Moto;
use tests::process::Signal;
use tests::slapd::{GROUPS, SERVICE, SERVICE_PASSWORD, Slapd, USERS};
use tests::world::{self, Asker, soon};

#[tokio::test(flavor = "multi_thread")]
async fn a_member_gets_credentials_that_aws_knows_by_name_and_limits_and_others_get_nothing() {
    let (slapd, moto) = (Slapd::start(), Moto::start());
    let account = account(&moto);
    let brokerd = installation(&slapd, moto.url(), &account, &account.secret).serve();
    let ada = person(&brokerd, "ada").await;
    let identity = ada.get("/v1/session").await.good()["identity"].clone();
    assert_eq!(identity["groups"], json!(["corp/Release, Team", "corp/staff"]));
    assert_eq!((&identity["directory"], &identity["email"]), (&json!("corp"), &json!("ada@corp.example")));

    let vended = ada.vended("reader", &json!({})).await;
    let client = world::client(moto.url(), &vended);
    let caller = client.aws(&["sts", "get-caller-identity"]).json();
    assert!(caller["Arn"].as_str().unwrap().ends_with(":assumed-role/reader/ada"), "{caller}");
    assert_eq!(caller["Arn"], vended["arn"]);
    let asked = ada.get("/v1/connectors/reader/caller-identity").await.good();
    assert_eq!((&asked["arn"], &asked["account"]), (&caller["Arn"], &caller["Account"]));
    client.aws(&["s3api", "list-buckets"]).succeeded();
    assert!(client.aws(&["iam", "list-users"]).failed().contains("AccessDenied"), "the role may not");

    let refused = ada.vend("untouchable", &json!({})).await.problem("502 aws_refused");
    assert_eq!(refused["aws"]["code"], "AccessDenied");
    assert!(refused["aws"]["message"].as_str().unwrap().contains("sts:AssumeRole"), "{refused}");

    leave(&slapd, "staff", "bob");
    let bob = person(&brokerd, "bob").await;
    assert_eq!(bob.get("/v1/session").await.good()["identity"]["groups"], json!([]), "in no group at all");
    let hidden = bob.vend("reader", &json!({})).await;
    let missing = bob.vend("nowhere", &json!({})).await;
    hidden.problem("404 not_found");
    assert_eq!(hidden.but_for_the_request_id(), missing.but_for_the_request_id());
    let trail = world::trail(brokerd.installation());
    assert_eq!(
        world::used(&trail, "reader"),
        ["person:corp/ada vend success", "person:corp/ada caller_identity success", "person:corp/bob vend refused"]
    );
    let record = trail.iter().find(|record| record["id"] == vended["vend_id"]).unwrap();
    assert_eq!(record["access_key_id"], vended["access_key_id"]);
    assert!(record["actor_id"].as_str().is_some_and(|id| id.len() == 36), "the directory's own id: {record}");
    brokerd.run(&["audit", "verify"], "").succeeded();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_secret_is_awss_refusal_and_marks_the_key() {
    let (slapd, moto) = (Slapd::start(), Moto::start());
    let account = account(&moto);
    let brokerd = installation(&slapd, moto.url(), &account, &"w".repeat(40)).serve();
    let ada = person(&brokerd, "ada").await;
    let problem = ada.vend("reader", &json!({})).await.problem("502 aws_refused");
    assert_eq!(problem["aws"]["code"], "SignatureDoesNotMatch");
    let key = &brokerd.run(&["key", "list", "--json"], "").json()[0];
    assert_eq!((&key["name"], &key["refused_code"]), (&json!("main"), &json!("SignatureDoesNotMatch")));
    assert!(!brokerd.log().contains(&"w".repeat(40)));
    assert_eq!(world::used(&world::trail(brokerd.installation()), "reader"), ["person:corp/ada vend failed"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_leaves_the_group_stops_getting_credentials_and_who_is_disabled_stops_at_all() {
    let slapd = Slapd::start();
    let (_sim, brokerd) = before_the_sim(&slapd, "").await;
    let ada = person(&brokerd, "ada").await;
    ada.vended("reader", &json!({})).await;
    assert_eq!(ada.vended("reader", &json!({})).await["reused"], true);

    leave(&slapd, "Release\\, Team", "ada");
    soon("the check", async || (ada.vend("reader", &json!({})).await.status == 404).then_some(())).await;
    assert_eq!(ada.get("/v1/session").await.good()["identity"]["groups"], json!(["corp/staff"]), "still herself");
    assert_eq!(ada.get("/v1/connectors").await.good()["connectors"], json!([]));
    join(&slapd, "Release\\, Team", "ada");
    soon("the check", async || (ada.vend("reader", &json!({})).await.status == 200).then_some(())).await;

    slapd.set("ada", "employeeType", "Left");
    let answer = soon("the check", async || {
        let answer = ada.vend("reader", &json!({})).await;
        (answer.status != 200).then_some(answer)
    })
    .await;
    answer.problem("403 account_disabled");
    ada.get("/v1/session").await.problem("401 unauthenticated");
    let again = json!({ "username": "ada", "password": "ada secret" });
    Asker::at(&brokerd.url()).sign_in(&again).await.problem("401 invalid_credentials");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_deleted_is_gone() {
    let slapd = Slapd::start();
    let (_sim, brokerd) = before_the_sim(&slapd, "").await;
    let ada = person(&brokerd, "ada").await;
    ada.vended("reader", &json!({})).await;
    slapd.modify(&format!("dn: uid=ada,{USERS}\nchangetype: delete\n"));
    let answer = soon("the check", async || {
        let answer = ada.get("/v1/session").await;
        (answer.status != 200).then_some(answer)
    })
    .await;
    answer.problem("403 account_disabled");
    ada.vend("reader", &json!({})).await.problem("401 unauthenticated");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_leaves_the_group_while_aws_is_asked_gets_nothing() {
    let slapd = Slapd::start();
    let (sim, brokerd) = before_the_sim(&slapd, "").await;
    let ada = person(&brokerd, "ada").await;
    sim.faults().once(Calls::of("AssumeRole"), Fault::Stall(Duration::from_secs(6)));
    let asking = ada.clone();
    let waiting = tokio::spawn(async move { asking.vend("reader", &json!({})).await });
    soon("the call", async || (sim.faults().pending() == 0).then_some(())).await;
    leave(&slapd, "Release\\, Team", "ada");
    let answer = waiting.await.unwrap();
    answer.problem("404 not_found");
    assert!(!answer.text.contains("ASIA"));
    assert_eq!(sim.count("AssumeRole"), 1, "AWS gave some");
    let said = world::used(&world::trail(brokerd.installation()), "reader");
    assert_eq!(said, ["person:corp/ada vend refused"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_directory_lets_nobody_in_and_soon_stops_those_who_are() {
    let mut slapd = Slapd::start();
    let (_sim, brokerd) = before_the_sim(&slapd, "").await;
    let ada = person(&brokerd, "ada").await;
    ada.vended("reader", &json!({})).await;
    slapd.process().signal(Signal::STOP);
    let asked = Instant::now();
    let answer = soon("the end of the bound", async || {
        let answer = ada.vend("reader", &json!({})).await;
        (answer.status != 200).then_some(answer)
    })
    .await;
    answer.problem("503 directory_unavailable");
    let body = json!({ "username": "ada", "password": "ada secret" });
    Asker::at(&brokerd.url()).sign_in(&body).await.problem("503 directory_unavailable");
    assert!(asked.elapsed() < Duration::from_secs(20), "{:?}", asked.elapsed());
    assert!(!answer.text.contains("127.0.0.1"), "what the directory is, is nobody's business: {}", answer.text);

    slapd.process().signal(Signal::CONT);
    soon("its return", async || (ada.vend("reader", &json!({})).await.status == 200).then_some(())).await;
    person(&brokerd, "bob").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_directory_is_asked_only_after_a_definite_no_such_user() {
    let mut slapd = Slapd::start();
    let hash = {
        use broker_core::directory::{Password, local::hash_password};
        hash_password(&Password::parse("local secret".to_owned().into()).unwrap()).unwrap()
    };
    let local: String = ["ada", "twin", "una"]
        .map(|name| format!("[[directory.backend.local.people]]\nusername = '{name}'\ngroups = ['staff']\npassword_hash = '{hash}'\n"))
        .concat();
    let second = format!("[[directory]]\nname = 'emergency'\n[directory.backend.local]\n{local}");
    let (_sim, brokerd) = before_the_sim(&slapd, &second).await;
    let stranger = Asker::at(&brokerd.url());
    let sign_in = async |username: &str, more: Value| {
        let mut body = json!({ "username": username, "password": "local secret" });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        stranger.sign_in(&body).await
    };
    assert_eq!(sign_in("una", json!({})).await.json()["identity"]["directory"], "emergency");
    sign_in("ada", json!({})).await.problem("401 invalid_credentials");
    sign_in("twin", json!({})).await.problem("401 invalid_credentials");
    let named = sign_in("ada", json!({ "directory": "emergency" })).await;
    assert_eq!(named.json()["identity"]["groups"], json!(["emergency/staff"]));
    let other_ada = stranger.with_token(named.json()["token"].as_str().unwrap());
    other_ada.vend("reader", &json!({})).await.problem("404 not_found");

    slapd.process().stop();
    sign_in("una", json!({})).await.problem("503 directory_unavailable");
    assert_eq!(
        sign_in("una", json!({ "directory": "emergency" })).await.status,
        201,
        "for the day when the other is down"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_password_never_reaches_the_directory() {
    let slapd = Slapd::start();
    let (_sim, brokerd) = before_the_sim(&slapd, "").await;
    let stranger = Asker::at(&brokerd.url());
    let binds = slapd.logged(" BIND ");
    for password in ["", "\u{0}", "\u{0}ada secret"] {
        stranger.sign_in(&json!({ "username": "ada", "password": password })).await.problem("401 invalid_credentials");
    }
    assert_eq!(slapd.logged(" BIND "), binds);
    stranger
        .sign_in(&json!({ "username": "ada)(uid=*", "password": "ada secret" }))
        .await
        .problem("401 invalid_credentials");
    person(&brokerd, "ada").await;
}

/// The user and the roles that moto has.
struct Account {
    id: String,
    key_id: String,
    secret: String,
}

/// A user who may take on `reader` but not `untouchable`; `reader` may look at buckets and nothing else. From now on it counts.
fn account(moto: &Moto) -> Account {
    let allow = |action: &str, resource: &str| json!({ "Version": "2012-10-17", "Statement": [{ "Effect": "Allow", "Action": action, "Resource": resource }] });
    let trust = json!({ "Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Action": "sts:AssumeRole", "Principal": { "AWS": "arn:aws:iam::{account}:user/broker" },
    }] });
    let made = moto.populate(&json!({
        "users": { "broker": allow("sts:AssumeRole", "arn:aws:iam::{account}:role/reader") },
        "roles": {
            "reader": { "trust": trust, "policy": allow("s3:ListAllMyBuckets", "*") },
            "untouchable": { "trust": trust },
        },
    }));
    moto.enforce();
    let user = &made.users["broker"];
    Account { id: made.account, key_id: user.access_key_id.clone(), secret: user.secret_access_key.clone() }
}

/// The same account in a stand-in that can be told to stall, and brokerd before it; `more` are further directories.
async fn before_the_sim(slapd: &Slapd, more: &str) -> (Sim, Brokerd) {
    let account =
        Account { id: world::ACCOUNT.to_owned(), key_id: world::KEY.to_owned(), secret: world::SECRET.to_owned() };
    let all = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;
    let trust = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"111111111111"},"Action":"sts:AssumeRole"}]}"#;
    let key = AccessKey::new(&account.key_id, &account.secret);
    let made = SimWorld::new()
        .user(User::new(&account.id, "broker").inline_policy("all", all).key(key))
        .role(Role::new(&account.id, "reader", trust).inline_policy("all", all));
    let sim = Sim::start(made, ([127, 0, 0, 1], 0).into()).await.unwrap();
    let installation = installation(slapd, &sim.endpoint(), &account, &account.secret);
    let text = installation.read("brokerd.toml");
    installation.write("brokerd.toml", &format!("{text}{more}"));
    if !more.is_empty() {
        let text = installation.read("connectors.toml");
        let named = "session_name = \"{directory}.{username}\"\nrole_arn";
        installation.write("connectors.toml", &text.replace("role_arn", named));
    }
    (sim, installation.serve())
}

/// brokerd as the documentation has it: LDAPS by a private authority, groups by `memberOf`, and here checked every second.
fn installation(slapd: &Slapd, endpoint: &str, account: &Account, secret: &str) -> Installation {
    let more = format!(
        "aws = {{ endpoint_url = \"{endpoint}\", retries = 2 }}\nsessions = {{ recheck_seconds = 1 }}\n\
         [[directory]]\nname = \"corp\"\n[directory.backend.ldap]\nurls = [\"{}\"]\nca_file = \"ca.pem\"\n\
         bind_dn = \"{SERVICE}\"\nbind_password = {{ file = \"ldap.pw\" }}\n\
         users = {{ base = \"{USERS}\", disabled = {{ attribute = \"employeeType\", value = \"Left\" }} }}\n\
         groups = {{ member_of = {{ base = \"{GROUPS}\" }} }}\n\
         connect_timeout_seconds = 1\noperation_timeout_seconds = 2\ndeadline_seconds = 4\nrest_seconds = 1\n",
        slapd.ldaps_url(),
    );
    let connector = |name: &str, group: &str| {
        format!(
            "[[connector]]\nname = \"{name}\"\naccess_key = \"main\"\ngroups = [\"{group}\"]\n[connector.principal.assume_role]\n\
             role_arn = \"arn:aws:iam::{}:role/{name}\"\n",
            account.id
        )
    };
    let connectors = format!(
        "[[access_key]]\nname = \"main\"\nregion = \"us-east-1\"\n[access_key.source.stored]\naccess_key_id = \"{}\"\n\
         secret_access_key = {{ file = \"keys/main\" }}\n{}{}",
        account.key_id,
        connector("reader", "corp/Release, Team"),
        connector("untouchable", "corp/Release, Team"),
    );
    let installation = Installation::new(&more, &connectors);
    installation.write("ca.pem", slapd.ca_pem());
    installation.write("ldap.pw", SERVICE_PASSWORD);
    installation.write("keys/main", secret);
    installation
}

async fn person(brokerd: &Brokerd, username: &str) -> Asker {
    Asker::at(&brokerd.url()).signed_in_with(username, &format!("{username} secret")).await
}

fn leave(slapd: &Slapd, group: &str, uid: &str) {
    change(slapd, group, uid, "delete");
}

fn join(slapd: &Slapd, group: &str, uid: &str) {
    change(slapd, group, uid, "add");
}

fn change(slapd: &Slapd, group: &str, uid: &str, how: &str) {
    // A group is never empty: the service stays in it.
    let keep = format!("dn: cn={group},{GROUPS}\nchangetype: modify\nadd: member\nmember: {SERVICE}\n");
    if how == "delete" {
        slapd.modify(&keep);
    }
    slapd.modify(&format!("dn: cn={group},{GROUPS}\nchangetype: modify\n{how}: member\nmember: uid={uid},{USERS}\n"));
}
