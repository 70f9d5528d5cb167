//! People of a domain who are inside already, and what happens to them there: by REST, at `broker` and in their browser it counts within the bound.

use std::net::SocketAddr;
use std::time::Duration;

use broker_core::directory::Refusal;
use reqwest::Method;
use serde_json::json;
use tests::barrier::Barrier;
use tests::brokerd::program;
use tests::ended::{self, Ended};
use tests::python::Client;
use tests::samba::{GROUPS, PEOPLE, Samba};
use tests::world::{Answer, Asker, World, soon};

use crate::groups::ways;
use crate::tested::{directory, write_references};
use crate::{Config, refusal};

#[tokio::test(flavor = "multi_thread")]
async fn whose_account_is_switched_off_or_ends_is_told_so_once_wherever_they_are_inside() {
    let world = before(&Config::new()).await;
    for (name, entry, attribute, over, good) in [
        ("hal", "Hal", "userAccountControl", "66050", "66048"),
        ("ivy", "Ivy", "accountExpires", "133801632000000000", "0"),
    ] {
        let inside = Inside::of(&world, name).await;
        inside.uses("near").await;
        Samba::shared().set(entry, attribute, over);
        next_look().await;
        inside.program.vend("near", &json!({})).await.problem("403 account_disabled");
        let (code, said) = inside.is_refused(&["process", "near", "--fresh"]);
        assert!(code == 4 && said.contains("your account is disabled, or gone"), "{name}: {said}");
        let page = inside.sees("/").await;
        assert!(page.status == 403 && page.text.contains("account_disabled"), "{name}: {}", page.text);

        inside.is_outside().await;
        let ends = world.trail().into_iter().filter(|it| it["actor"] == format!("person:corp/{name}"));
        let ends = ends.filter(|it| it["reason"] == "the account has been disabled or removed; its session is over");
        assert_eq!(ends.count(), 3, "{name}: each session has its record");
        tries(&world, name).await.problem("401 invalid_credentials");

        Samba::shared().set(entry, attribute, good);
        Inside::of(&world, name).await.uses("near").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_taken_out_of_a_group_three_deep_loses_what_it_grants_and_nothing_else() {
    let (person, group) = (format!("CN=Kay,{PEOPLE}"), format!("CN=hall-2,{GROUPS}"));
    for groups in ways(GROUPS) {
        let world = before(&Config::new().groups(&groups)).await;
        let kay = Inside::of(&world, "kay").await;
        // Out of the innermost; and still in that, which is taken out of the outermost.
        for (of, member) in [("hall-1", &person), ("hall-3", &group)] {
            kay.uses("deep").await;
            change("delete", of, member);
            next_look().await;
            kay.program.vend("deep", &json!({})).await.problem("404 not_found");
            for asking in [&["process", "deep", "--fresh"][..], &["process", "deep"]] {
                let (code, said) = kay.is_refused(asking);
                let expected = code == 4 && said.contains("there is no connector `deep` that you may use");
                assert!(expected, "{groups}, {of}: {said}");
            }
            assert!(!shows(&kay.sees("/").await, "deep"), "{groups}, {of}");
            assert_eq!(kay.sees("/console/deep").await.status, 404, "{groups}, {of}");
            kay.uses("near").await;
            change("add", of, member);
            next_look().await;
        }
        kay.uses("deep").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whom_others_lock_out_by_wrong_passwords_stays_inside_and_gets_in_nowhere_anew() {
    let world = before(&Config::new()).await;
    let jay = Inside::of(&world, "jay").await;
    let elsewhere = Config::new().open();
    for _ in 0..5 {
        assert_eq!(refusal(&elsewhere, "jay", "a guess").await, Refusal::WrongPassword);
    }
    assert_eq!(refusal(&elsewhere, "jay", "jay Secret 1").await, Refusal::Locked);
    next_look().await;
    jay.uses("near").await;
    tries(&world, "jay").await.problem("401 invalid_credentials");
    Samba::shared().set("Jay", "lockoutTime", "0");
    assert_eq!(tries(&world, "jay").await.status, 201);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_to_choose_another_password_is_inside_no_longer_and_told_where_they_sign_in() {
    let world = before(&Config::new()).await;
    let lea = Inside::of(&world, "lea").await;
    lea.uses("near").await;
    // An account whose password stays need not change it.
    Samba::shared().set("Lea", "userAccountControl", "512");
    Samba::shared().set("Lea", "pwdLastSet", "0");
    next_look().await;
    let told = lea.program.vend("near", &json!({})).await.problem("401 unauthenticated");
    assert!(told["detail"].as_str().unwrap().contains("the password was changed after this sign-in"), "{told}");
    let (code, said) = lea.is_refused(&["process", "near", "--fresh"]);
    assert!(code == 3 && said.contains("is over: run `broker login`"), "{said}");
    lea.is_outside().await;
    tries(&world, "lea").await.problem("403 password_expired");
    Samba::shared().set("Lea", "pwdLastSet", "-1");
    Samba::shared().set("Lea", "userAccountControl", "66048");
    Inside::of(&world, "lea").await.uses("near").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_no_domain_controller_answers_nobody_gets_anything_and_nobody_has_to_sign_in() {
    let mut door = Barrier::before_address(SocketAddr::from(Samba::shared().address())).await;
    let world = before(&Config::new().by(&format!("ldap://127.0.0.1:{}", door.port()))).await;
    let ada = Inside::of(&world, "ada").await;
    ada.uses("level").await;
    door.shut().await;
    next_look().await;
    ada.program.vend("level", &json!({})).await.problem("503 directory_unavailable");
    let (code, said) = ada.is_refused(&["process", "level", "--fresh"]);
    assert!(code == 5 && said.contains("The company's directory does not answer: try again later"), "{said}");
    let page = ada.sees("/").await;
    assert!(page.status == 503 && page.text.contains("directory_unavailable"), "{}", page.text);
    tries(&world, "ada").await.problem("503 directory_unavailable");
    door.open().await;
    soon("its return", async || Some(()).filter(|()| ada.broker(&["process", "level", "--fresh"]).status.success()))
        .await;
    ada.uses("level").await;
}

/// A world whose directory is this one, which it looks into again each second.
async fn before(config: &Config) -> World {
    let prepared = World::prepare().await.with("sessions = { recheck_seconds = 1 }").connectors(CONNECTORS);
    let here = &prepared.installation;
    let text = here.read("brokerd.toml");
    let (before, _) = text.split_once("[[directory]]").unwrap();
    here.write("brokerd.toml", &format!("{before}{}", directory(config, "rest_seconds = 1")));
    write_references(here);
    prepared.serve()
}

/// Whoever asks after this is looked up anew.
async fn next_look() {
    tokio::time::sleep(Duration::from_millis(1_100)).await;
}

/// Adds a member to a group, or deletes one.
fn change(how: &str, group: &str, member: &str) {
    Samba::shared().modify(&format!("dn: CN={group},{GROUPS}\nchangetype: modify\n{how}: member\nmember: {member}\n"));
}

/// By the right password.
async fn tries(world: &World, name: &str) -> Answer {
    world.stranger().sign_in(&json!({ "username": name, "password": password(name) })).await
}

fn password(name: &str) -> String {
    format!("{name} Secret 1")
}

fn shows(home: &Answer, connector: &str) -> bool {
    home.status == 200 && home.text.contains(&format!("href=\"/console/{connector}\""))
}

/// Somebody who has signed in by each way, in a session of its own: a program by REST, `broker` on their machine, and a browser.
struct Inside {
    program: Asker,
    machine: Client,
    browser: Asker,
    cookie: String,
}

impl Inside {
    async fn of(world: &World, name: &str) -> Self {
        let browser = world.stranger();
        let inside = Self {
            program: world.stranger().signed_in_with(name, &password(name)).await,
            machine: Client::at(&world.sim.endpoint()).with("BROKER_URL", &world.brokerd.url()),
            cookie: browser.cookie(name, &password(name)).await,
            browser,
        };
        inside.broker_with(&["login", "--username", name], &password(name)).succeeded();
        inside
    }

    fn broker(&self, arguments: &[&str]) -> Ended {
        self.broker_with(arguments, "")
    }

    fn broker_with(&self, arguments: &[&str], input: &str) -> Ended {
        let mut command = self.machine.command(&program("broker"));
        command.args(arguments);
        ended::run("broker", command, input)
    }

    /// The exit code of `broker`, and what it says, where it hands out nothing.
    fn is_refused(&self, asking: &[&str]) -> (i32, String) {
        let ended = self.broker(asking);
        assert_eq!(ended.stdout, "", "{asking:?}");
        (ended.status.code().unwrap(), ended.failed())
    }

    /// A page, as if its address had been typed.
    async fn sees(&self, path: &str) -> Answer {
        let request = self.browser.request(Method::GET, path).header("sec-fetch-site", "none");
        Answer::of(request.header("cookie", &self.cookie)).await
    }

    /// Everywhere.
    async fn uses(&self, connector: &str) {
        self.program.vended(connector, &json!({})).await;
        self.broker(&["process", connector, "--fresh"]).succeeded();
        let home = self.sees("/").await;
        assert!(shows(&home, connector), "{}", home.text);
    }

    /// Has to sign in, everywhere, and `broker` has nothing left of what it kept.
    async fn is_outside(&self) {
        self.program.vend("near", &json!({})).await.problem("401 unauthenticated");
        let (code, said) = self.is_refused(&["process", "near"]);
        assert!(code == 3 && said.contains("is over: run `broker login`"), "{said}");
        let page = self.sees("/").await;
        let form = page.header("location").unwrap_or_default();
        assert!(page.status == 303 && form.starts_with("/sign-in"), "{} {}", page.status, page.text);
    }
}

const CONNECTORS: &str = r#"
[[connector]]
name = "near"
access_key = "main"
groups = ["corp/neighbours"]
[connector.principal.assume_role]
role_arn = "arn:aws:iam::111111111111:role/deploy"

[[connector]]
name = "deep"
access_key = "main"
groups = ["corp/hall-3"]
[connector.principal.assume_role]
role_arn = "arn:aws:iam::111111111111:role/deploy"

[[connector]]
name = "level"
access_key = "main"
groups = ["corp/level-3"]
[connector.principal.assume_role]
role_arn = "arn:aws:iam::111111111111:role/deploy"
"#;
