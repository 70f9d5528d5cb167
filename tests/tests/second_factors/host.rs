//! `brokerd second-factors` on the host, beside the daemon: whoever lost all that they had enrolled begins anew, be they the only
//! administrator.

use base64::Engine;
use reqwest::Method;
use serde_json::{Value, json};
use tests::authenticator::Authenticator;
use tests::brokerd::Installation;
use tests::ended::Ended;
use tests::slapd::{GROUPS, SERVICE, SERVICE_PASSWORD, Slapd, USERS};
use tests::stores::Hands;
use tests::terminal::{Terminal, named};
use tests::world::{Answer, Asker, World, password_of};

use crate::timed::Timed;

fn listed(world: &World) -> Value {
    world.run(&["second-factors", "list", "--json"], "").json()
}

fn reset(world: &World, arguments: &[&str]) -> Ended {
    world.run(&[&["second-factors", "reset"], arguments].concat(), "")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_only_administrator_who_lost_the_phone_is_let_in_again_from_the_host() {
    let timed = Timed::open().await;
    let world = &timed.world;
    assert_eq!(listed(world), json!([]));
    let (ada, root) = (world.person("ada").await, world.person("root").await);
    let (of_ada, of_root) = (timed.enrol(&ada).await, timed.enrol(&root).await);
    let shown = listed(world);
    assert_eq!((&shown[0]["username"], &shown[1]["username"]), (&json!("ada"), &json!("root")), "{shown}");
    assert_eq!((&shown[1]["id"], &shown[1]["recovery_codes"]), (&json!("corp/root"), &json!(10)));
    assert_eq!((&shown[1]["factors"][0]["label"], &shown[1]["factors"][0]["id"]), (&json!("phone"), &of_root.id));
    let table = world.run(&["second-factors", "list"], "").succeeded();
    for text in [shown.to_string(), table.clone()] {
        assert!(!text.contains(&of_root.secret()) && !text.contains(&of_root.recovery_codes[0]), "{text}");
    }
    assert!(table.starts_with("PERSON     ENROLLED") && table.contains("corp/root  phone (totp)"), "{table}");

    // To look at it changes nothing, nor does asking nobody.
    let looked = reset(world, &["corp/root", "--dry-run"]).succeeded();
    assert!(looked.contains("person          corp/root") && looked.contains("phone (totp), enrolled "), "{looked}");
    let unasked = reset(world, &["corp/root"]);
    assert_eq!(unasked.status.code(), Some(2), "{unasked:?}");
    assert!(unasked.stderr.contains("give --yes"), "{}", unasked.stderr);
    assert_eq!(listed(world), shown);
    root.get("/v1/admin/sessions").await.good();

    let done = reset(world, &["corp/root", "--yes"]);
    let said = done.stderr.clone();
    done.succeeded();
    assert!(said.contains("corp/root has no second factor any more, and no session"), "{said}");
    root.get("/v1/session").await.problem("401 unauthenticated");
    let with_a_code = json!({ "username": "root", "password": password_of("root"), "otp": of_root.recovery_codes[0] });
    assert_eq!(world.stranger().sign_in(&with_a_code).await.problem("400 invalid_request")["field"], "otp");
    let root = world.person("root").await;
    root.get("/v1/admin/sessions").await.good();
    assert_eq!(root.get("/v1/account/second-factors").await.good()["recovery_codes_left"], 0);

    // Nobody else's.
    ada.get("/v1/session").await.good();
    let without = json!({ "username": "ada", "password": password_of("ada") });
    world.stranger().sign_in(&without).await.problem("401 otp_required");
    assert_eq!((listed(world).as_array().unwrap().len(), &listed(world)[0]["factors"][0]["id"]), (1, &of_ada.id));

    let records: Vec<Value> =
        world.trail().into_iter().filter(|record| record["action"] == "second_factors_reset").collect();
    let [record] = &records[..] else { panic!("{records:?}") };
    assert!(record["actor"].as_str().unwrap().starts_with("operator:"), "{record}");
    assert_eq!((&record["about"], &record["outcome"]), (&json!("corp/root"), &json!("success")));
    assert_eq!(record["changes"]["second_factor_ids"], json!([of_root.id]));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_cannot_be_found_is_told_apart_and_nothing_changes() {
    let timed = Timed::serve(World::prepare().await.with_branch());
    let world = &timed.world;
    timed.enrol(&world.person("root").await).await;
    let before = listed(world);
    for (arguments, expected, text) in [
        (&["corp/nobody", "--yes"][..], 1, "directory `corp` knows nobody called `corp/nobody`"),
        (&["corp/bob", "--yes"], 1, "corp/bob has nothing enrolled"),
        (&["branch/ada", "--yes"], 1, "branch/ada has nothing enrolled"),
        (&["nowhere/root", "--yes"], 1, "of no directory of the configuration"),
        (&["root", "--yes"], 1, "names no directory: write DIRECTORY/NAME"),
        (&["corp/", "--yes"], 1, "cannot be a user name"),
        (&["corp/a\u{1b}[2J", "--yes"], 1, "cannot be a user name"),
        (&[], 2, "<DIRECTORY/NAME|ID>"),
        (&["corp/root", "--yes", "--dry-run"], 2, "cannot be used with"),
    ] {
        let ended = reset(world, arguments);
        assert_eq!(ended.status.code(), Some(expected), "{ended:?}");
        assert!(ended.stderr.contains(text) && !ended.stderr.contains('\u{1b}'), "{arguments:?}: {}", ended.stderr);
    }
    assert_eq!(listed(world), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_terminal_it_shows_whose_it_is_and_asks() {
    let timed = Timed::open().await;
    let world = &timed.world;
    timed.enrol(&world.person("root").await).await;
    for (answer, left, said) in [("no\n", 1, "nothing was changed"), ("yes\n", 0, "has no second factor any more")] {
        // The directory need not be named where there is but one.
        let command = named(&world.brokerd.installation().command(&["second-factors", "reset", "root"]));
        let terminal = Terminal::with("second-factors reset", &command);
        terminal.wait_for("Take away all of it, of corp/root? [y/N]");
        terminal.typed(answer);
        terminal.wait_for(said);
        drop(terminal);
        assert_eq!(listed(world).as_array().unwrap().len(), left);
    }
}

/// Ada, on *My account*.
async fn enrol_passkey(stranger: &Asker, url: &str) {
    let cookie = stranger.cookie("ada", &password_of("ada")).await;
    let asks = |method| stranger.request(method, "/account").header("origin", url).header("cookie", &cookie);
    let csrf = Answer::of(asks(Method::GET)).await.field("csrf");
    let begun = Answer::of(asks(Method::POST).form(&[("csrf", csrf.as_str()), ("what", "begin-passkey")])).await;
    let options = begun.text.split("data-options=\"").nth(1).unwrap().split('"').next().unwrap().replace("&#34;", "\"");
    let (question, credential) = (begun.field("question"), Authenticator::at(url).made(&options));
    let fields = [("csrf", csrf), ("what", "add-passkey".to_owned()), ("label", "laptop".to_owned())];
    let fields = fields.into_iter().chain([("question", question), ("credential", credential)]);
    let added = Answer::of(asks(Method::POST).form(&fields.collect::<Vec<_>>())).await;
    assert!(added.status == 200 && added.text.contains("Your recovery codes"), "{}", added.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_passkey_its_site_is_told_and_of_what_does_not_open_that_it_is_out_of_service() {
    let by_name =
        World::prepare().await.configured("public_url = \"http://127.0.0.1:", "public_url = \"http://localhost:");
    let timed = Timed::serve(by_name);
    let url = timed.world.brokerd.url().replace("127.0.0.1", "localhost");
    let stranger = Asker::at(&url);
    timed.enrol(&stranger.signed_in("root").await).await;
    enrol_passkey(&stranger, &url).await;
    let factors = |here: &Installation| {
        let shown = here.run(&["second-factors", "list", "--json"], "").json();
        [0, 1].map(|person: usize| {
            let factor = shown[person]["factors"][0].clone();
            (shown[person]["username"].clone(), factor["site"].clone(), factor["opens"].clone())
        })
    };
    let table = |here: &Installation| here.run(&["second-factors", "list"], "").succeeded();
    let here = timed.world.brokerd.stop();
    let ada = (json!("ada"), json!("localhost"), json!(true));
    assert_eq!(factors(&here), [ada.clone(), (json!("root"), Value::Null, json!(true))]);
    assert!(table(&here).contains("laptop (passkey of localhost)"), "{}", table(&here));

    // Of the authenticator comes back what the old master key sealed, which nobody has any more.
    let mut hands = Hands::of_sqlite(&here.path("brokerd.db")).await;
    hands.run("CREATE TABLE kept AS SELECT id, sealed, mac FROM second_factors WHERE kind = 'totp'").await;
    here.write("new.key", "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=\n");
    let of = |id: &str, file: &str, seals: &str| {
        format!("[[master_key]]\nid = \"{id}\"\n{seals}source = {{ file = \"{file}\" }}\n")
    };
    let (old, new) = (of("test", "master.key", ""), of("new", "new.key", "seals = true\n"));
    here.edit("brokerd.toml", &of("test", "master.key", "seals = true\n"), &format!("{old}{new}"));
    here.run(&["rekey", "--yes"], "").succeeded();
    let back = "UPDATE second_factors SET sealed = (SELECT sealed FROM kept), mac = (SELECT mac FROM kept) WHERE kind = 'totp'";
    assert_eq!(hands.run(back).await, 1);
    hands.run("DROP TABLE kept").await;
    here.edit("brokerd.toml", &old, "");

    assert_eq!(factors(&here), [ada, (json!("root"), Value::Null, json!(false))]);
    let shown = table(&here);
    assert!(shown.contains("phone (totp) OUT OF SERVICE") && shown.matches("OUT OF SERVICE").count() == 1, "{shown}");
    let asked = here.run(&["second-factors", "reset", "corp/root", "--dry-run"], "").succeeded();
    assert!(asked.contains("phone (totp) OUT OF SERVICE, enrolled "), "{asked}");
    let asked = here.run(&["second-factors", "reset", "corp/ada", "--dry-run"], "").succeeded();
    assert!(asked.contains("laptop (passkey of localhost), enrolled "), "{asked}");
}

#[tokio::test(flavor = "multi_thread")]
async fn people_of_ldap_are_named_as_they_sign_in_and_by_their_id_where_it_is_silent() {
    let slapd = Slapd::start();
    let password = base64::engine::general_purpose::STANDARD.encode(password_of("ada"));
    slapd.modify(&format!(
        "dn: uid=ada,{USERS}\nchangetype: modify\nreplace: userPassword\nuserPassword:: {password}\n\n\
         dn: uid=ada,{USERS}\nchangetype: modify\ndelete: pwdReset\n"
    ));
    let prepared = World::prepare().await.with_branch();
    let text = prepared.installation.read("brokerd.toml");
    let ldap = format!(
        "[[directory]]\nname = 'lab'\n[directory.backend.ldap]\nurls = ['{}']\nca_file = 'lab.pem'\nbind_dn = '{SERVICE}'\n\
         bind_password = {{ file = 'lab.password' }}\nconnect_timeout_seconds = 1\nusers = {{ base = '{USERS}' }}\n\
         groups = {{ member_of = {{ base = '{GROUPS}' }} }}\n",
        slapd.ldaps_url(),
    );
    prepared.installation.write("brokerd.toml", &format!("{text}{ldap}"));
    prepared.installation.write("lab.pem", slapd.ca_pem());
    prepared.installation.write("lab.password", SERVICE_PASSWORD);
    let timed = Timed::serve(prepared);
    let world = &timed.world;
    let signed_in = async || {
        let body = json!({ "username": "ada", "password": password_of("ada"), "directory": "lab" });
        let token = world.stranger().sign_in(&body).await.json()["token"].as_str().unwrap().to_owned();
        world.stranger().with_token(&token)
    };
    timed.enrol(&signed_in().await).await;
    let shown = listed(world);
    let id = shown[0]["id"].as_str().unwrap().to_owned();
    assert_eq!(shown[0]["username"], "ada", "{shown}");
    assert!(id.starts_with("lab/") && id.len() == "lab/".len() + 36, "an entryUUID: {id}");
    reset(world, &["lab/ada", "--yes"]).succeeded();
    let again = signed_in().await;
    timed.enrol(&again).await;

    drop(slapd);
    let silent = world.run(&["second-factors", "list", "--json"], "");
    assert!(silent.stderr.contains("directory `lab` is unavailable"), "{}", silent.stderr);
    let silent = silent.json();
    assert_eq!((&silent[0]["username"], &silent[0]["id"]), (&Value::Null, &json!(id)));
    let by_name = reset(world, &["lab/ada", "--yes"]).failed();
    assert!(by_name.contains("name them by the ID"), "{by_name}");
    reset(world, &[&id, "--yes"]).succeeded();
    assert_eq!(listed(world), json!([]));
    again.get("/v1/session").await.problem("401 unauthenticated");
}
