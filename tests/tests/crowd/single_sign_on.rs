//! Crowd's own sign-on in a browser: it lets people in where that is switched on, from their own address, by their own coming, and for nothing that
//! wants a password of just now.

use reqwest::Method;
use serde_json::{Value, json};
use tests::crowd::{Crowd, Deed, Shape};
use tests::phone::Phone;
use tests::world::{Answer, Asker, now, seconds_until, soon};

use crate::Scene;

const ON: &str = "single_sign_on = true";
const STRICT: &str = "admin_groups = [\"corp/staff\"]\nsessions = { recheck_seconds = 1 }";
/// From where the tests come.
const HERE: &str = "127.0.0.1";

/// A browser with cookies, which follows nothing by itself.
#[derive(Clone)]
struct Browser {
    door: Asker,
    cookies: Vec<String>,
}

impl Browser {
    fn with(scene: &Scene, token: &str) -> Self {
        Self { door: scene.stranger(), cookies: vec![format!("crowd.token_key={token}")] }
    }

    async fn goes(&mut self, method: Method, path: &str, headers: &[(&str, &str)], form: &[(&str, &str)]) -> Answer {
        let posts = method == Method::POST;
        let mut request = self.door.request(method, path).header("cookie", self.cookies.join("; "));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if posts {
            request = request.form(form);
        }
        let answer = Answer::of(request).await;
        for cookie in answer.headers.get_all("set-cookie") {
            let cookie = cookie.to_str().unwrap();
            let (name, _) = cookie.split_once('=').unwrap();
            self.cookies.retain(|kept| !kept.starts_with(&format!("{name}=")));
            if !cookie.contains("Max-Age=0") {
                self.cookies.push(cookie.split(';').next().unwrap().to_owned());
            }
        }
        answer
    }

    async fn get(&mut self, path: &str) -> Answer {
        self.goes(Method::GET, path, &[], &[]).await
    }

    /// Opens a page and goes where it is led; the page at the end.
    async fn opens(&mut self, path: &str) -> Answer {
        let mut answer = self.get(path).await;
        for _ in 0..5 {
            let Some(next) = answer.header("location").map(str::to_owned) else { return answer };
            answer = self.get(&next).await;
        }
        panic!("led in circles: {answer:?}");
    }

    async fn is_let_in(&mut self) -> bool {
        let answer = self.opens("/").await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.text.contains("Signed in as")
    }
}

fn long_ago() -> i64 {
    (now().as_second() - 3_600) * 1_000
}

fn sign_ins(scene: &Scene) -> Vec<Value> {
    scene.trail().into_iter().filter(|record| record["action"] == "sign_in").collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_signed_in_to_crowd_is_let_in_from_where_they_are() {
    let scene = Scene::set(ON).await;
    let token = scene.crowd.session_of("ada", HERE, long_ago());
    let mut ada = Browser::with(&scene, &token);
    let home = ada.opens("/").await;
    assert!(home.text.contains("<strong>corp/ada</strong>"), "{}", home.text);
    let [record] = sign_ins(&scene).try_into().unwrap();
    assert_eq!((&record["actor"], &record["outcome"]), (&json!("person:corp/ada"), &json!("success")));
    assert!(record["reason"].as_str().unwrap().contains("single sign-on"), "{record}");
    assert!(!scene.trail().iter().any(|record| record.to_string().contains(&token)));
    assert!(!scene.brokerd.log().contains(&token), "{}", scene.brokerd.log());
    // The session is ours: Crowd is not asked for the next page, and its token opens nothing but pages.
    let asked = scene.crowd.asked().len();
    ada.get("/").await;
    assert_eq!(scene.crowd.asked().len(), asked);
    scene.stranger().with_token(&token).get("/v1/session").await.problem("401 unauthenticated");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_of_another_address_is_nobodys() {
    let scene = Scene::set(ON).await;
    let mut thief = Browser::with(&scene, &scene.crowd.session_of("ada", "203.0.113.9", long_ago()));
    assert!(!thief.is_let_in().await);
    scene.has_refused("not from this address").await;
    let [record] = sign_ins(&scene).try_into().unwrap();
    assert_eq!(record["actor"], "anonymous", "{record}");
}

#[tokio::test(flavor = "multi_thread")]
async fn behind_a_proxy_the_address_is_the_last_that_no_proxy_of_ours_wrote() {
    let scene = Scene::set(ON).await;
    let Scene { crowd, brokerd, _sim: sim } = scene;
    let installation = brokerd.stop();
    let before = installation.read("brokerd.toml");
    let listen = before.lines().find(|line| line.starts_with("listen")).unwrap();
    let trusting = listen.replace(" }", ", trusted_proxies = [\"127.0.0.1\"] }");
    installation.edit("brokerd.toml", listen, &trusting);
    let scene = Scene { crowd, brokerd: installation.serve(), _sim: sim };
    let token = scene.crowd.session_of("ada", "203.0.113.9", long_ago());
    for (forwarded, welcome) in
        [("203.0.113.9, 198.51.100.1", false), ("198.51.100.1", false), ("198.51.100.1, 203.0.113.9", true)]
    {
        let mut browser = Browser::with(&scene, &token);
        let answer = browser.goes(Method::GET, "/sign-in", &[("x-forwarded-for", forwarded)], &[]).await;
        assert_eq!(answer.status, if welcome { 303 } else { 200 }, "{forwarded}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_switch_crowds_sessions_open_nothing() {
    let scene = Scene::set("").await;
    let mut ada = Browser::with(&scene, &scene.crowd.session_of("ada", HERE, long_ago()));
    assert!(!ada.is_let_in().await);
    assert!(!ada.get("/sign-in").await.text.contains("single sign-on"));
    assert_eq!(scene.crowd.asked(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_no_sign_in_of_just_now() {
    let scene = Scene::before(Crowd::start().await, "admin_groups = [\"corp/staff\"]", ON).await;
    for since in [now().as_millisecond(), long_ago(), now().as_millisecond() + 86_400_000] {
        let mut ada = Browser::with(&scene, &scene.crowd.session_of("ada", HERE, since));
        let csrf = ada.opens("/").await.field("csrf");
        let url = scene.brokerd.url();
        let own = [("origin", url.as_str()), ("x-csrf-token", csrf.as_str())];
        let sessions = ada.goes(Method::GET, "/v1/admin/sessions", &own, &[]).await.good();
        let began = seconds_until(&sessions["items"][0]["created_at"]);
        assert!(began <= -900 && (since > long_ago() || began <= -3_600), "{began}");
        let id = sessions["items"][0]["id"].as_str().unwrap();
        let path = format!("/v1/admin/sessions/{id}");
        let refused = ada.goes(Method::DELETE, &path, &own, &[]).await;
        assert!(
            refused.problem("403 forbidden")["detail"].as_str().unwrap().contains("sign in again"),
            "{}",
            refused.text
        );
    }
    // Older versions of Crowd do not say when.
    let token = scene.crowd.session_of("ada", HERE, long_ago());
    let user = Shape::user("ada", Some("32769:ada-0000"), true);
    let mut told: Value = serde_json::from_str(&Shape::session(&token, &user, long_ago()).body).unwrap();
    told.as_object_mut().unwrap().remove("created-date").unwrap();
    scene.crowd.does("session", Deed::Answers(Shape::new(200, tests::crowd::JSON, told.to_string())));
    let mut ada = Browser::with(&scene, &token);
    let csrf = ada.opens("/").await.field("csrf");
    let url = scene.brokerd.url();
    let own = [("origin", url.as_str()), ("x-csrf-token", csrf.as_str())];
    let refused = ada.goes(Method::DELETE, "/v1/admin/sessions?person=bob&directory=corp", &own, &[]).await;
    assert!(refused.problem("403 forbidden")["detail"].as_str().unwrap().contains("sign in again"), "{}", refused.text);
    scene.crowd.is_itself_again();

    let typed = scene.person("ada").await;
    let sessions = typed.get("/v1/admin/sessions").await.good();
    let oldest = sessions["items"].as_array().unwrap().last().unwrap()["id"].as_str().unwrap().to_owned();
    assert_eq!(typed.delete(&format!("/v1/admin/sessions/{oldest}")).await.status, 204);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_signs_out_stays_out_until_they_say_otherwise() {
    let scene = Scene::set(ON).await;
    let mut ada = Browser::with(&scene, &scene.crowd.session_of("ada", HERE, long_ago()));
    let csrf = ada.opens("/").await.field("csrf");
    let url = scene.brokerd.url();
    let left = ada.goes(Method::POST, "/sign-out", &[("origin", &url)], &[("csrf", &csrf)]).await;
    assert_eq!((left.status, left.header("location")), (303, Some("/sign-in")));
    let asked = scene.crowd.asked().len();
    assert!(!ada.is_let_in().await);
    assert_eq!(scene.crowd.asked().len(), asked, "nobody asks meanwhile");
    let form = ada.get("/sign-in").await;
    let link = form.text.split("href=\"").find(|link| link.contains("single_sign_on=yes")).unwrap();
    let link = link.split('"').next().unwrap().replace("&amp;", "&").replace("&#38;", "&");
    assert_eq!(ada.opens(&link).await.status, 200);
    assert!(ada.is_let_in().await);
    // They are back: the next time nobody has to click.
    ada.cookies.retain(|cookie| !cookie.starts_with("brokerd="));
    assert!(ada.is_let_in().await);

    // By the API it is the same.
    let csrf = ada.opens("/").await.field("csrf");
    let own = [("origin", url.as_str()), ("x-csrf-token", csrf.as_str())];
    assert_eq!(ada.goes(Method::DELETE, "/v1/session", &own, &[]).await.status, 204);
    assert!(!ada.is_let_in().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cookie_of_ours_is_shown_to_nobody_whatever_crowd_calls_its_own() {
    for ours in ["brokerd", "brokerd-form", "__Host-brokerd"] {
        let scene = Scene::set(ON).await;
        let called = json!({ "domain": ".corp.example", "name": ours, "secure": true }).to_string();
        scene.crowd.does("config/cookie", Deed::Answers(Shape::new(200, tests::crowd::JSON, called)));
        let mut ada = Browser::with(&scene, "whatever");
        ada.cookies = vec![format!("{ours}={}", scene.crowd.session_of("ada", HERE, long_ago()))];
        assert!(!ada.is_let_in().await, "{ours}");
        assert_eq!(scene.crowd.asked(), ["GET config/cookie"], "{ours}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_sites_link_lets_nobody_in_without_a_click() {
    let scene = Scene::set(ON).await;
    let token = scene.crowd.session_of("ada", HERE, long_ago());
    for site in ["cross-site", "same-site"] {
        for path in ["/sign-in", "/sign-in?next=/&single_sign_on=yes"] {
            let mut ada = Browser::with(&scene, &token);
            let answer = ada.goes(Method::GET, path, &[("sec-fetch-site", site)], &[]).await;
            assert!(
                answer.status == 200 && answer.text.contains("single_sign_on=yes"),
                "{site} {path}: {}",
                answer.text
            );
        }
    }
    assert_eq!(scene.crowd.asked(), Vec::<String>::new());
    assert_eq!(sign_ins(&scene), Vec::<Value>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_planted_session_takes_nobodys_place() {
    let scene = Scene::set(ON).await;
    let mut bob = Browser::with(&scene, &scene.crowd.session_of("bob", HERE, long_ago()));
    assert!(bob.is_let_in().await);
    bob.cookies.retain(|cookie| !cookie.starts_with("crowd."));
    bob.cookies.push(format!("crowd.token_key={}", scene.crowd.session_of("ada", HERE, long_ago())));
    assert!(bob.opens("/").await.text.contains("<strong>corp/bob</strong>"));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_a_second_factor_shows_password_and_code_whatever_crowd_knows() {
    let scene = Scene::set(ON).await;
    let phone = Phone::enrol(&scene.person("ada").await).await;
    let mut ada = Browser::with(&scene, &scene.crowd.session_of("ada", HERE, long_ago()));
    assert!(!ada.is_let_in().await);
    let why = "by single sign-on: the person has a second factor, which is asked for after their password";
    scene.has_refused(why).await;
    let password = json!({ "username": "ada", "password": "ada secret" });
    scene.stranger().sign_in(&password).await.problem("401 otp_required");
    let both = json!({ "username": "ada", "password": "ada secret", "otp": phone.recovery_codes[0] });
    assert_eq!(scene.stranger().sign_in(&both).await.status, 201);
    // Nobody else is kept out by it.
    assert!(Browser::with(&scene, &scene.crowd.session_of("bob", HERE, long_ago())).is_let_in().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn rubbish_and_accounts_that_are_switched_off_open_nothing() {
    let scene = Scene::set(ON).await;
    for rubbish in
        ["", "..", "../user", "..%2Fuser%3Fusername%3Dada", "nobodys-token-0000", "a\u{20}b", &"a".repeat(4_000)]
    {
        assert!(!Browser::with(&scene, rubbish).is_let_in().await, "{rubbish}");
    }
    let asked = scene.crowd.asked();
    assert!(
        asked.iter().all(|asked| asked == "GET config/cookie" || asked == "POST session/nobodys-token-0000"),
        "{asked:?}"
    );
    let token = scene.crowd.session_of("dora", HERE, long_ago());
    assert!(!Browser::with(&scene, &token).is_let_in().await);
    scene.has_refused("disabled").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_it_lets_in_signs_in_by_password_before_they_set_anything_up() {
    let scene = Scene::set(ON).await;
    let mut ada = Browser::with(&scene, &scene.crowd.session_of("ada", HERE, long_ago()));
    assert!(ada.is_let_in().await);
    let page = ada.get("/account").await;
    assert!(!page.text.contains("Set up an authenticator"), "{}", page.text);
    let (_, link) = page.text.split_once("class=\"button\" href=\"/sign-in").expect("a link to sign in by");
    let link = format!("/sign-in{}", link.split('"').next().unwrap().replace("&#38;", "&").replace("&amp;", "&"));
    let form = ada.get(&link).await;
    assert_eq!(form.status, 200, "the form, though somebody is signed in: {}", form.text);
    let fields =
        [("username", "ada"), ("password", "ada secret"), ("csrf", &form.field("csrf")), ("next", &form.field("next"))];
    let url = scene.brokerd.url();
    let signed_in = ada.goes(Method::POST, "/sign-in", &[("origin", url.as_str())], &fields).await;
    assert_eq!((signed_in.status, signed_in.header("location")), (303, Some("/account")), "{}", signed_in.text);
    assert!(ada.get("/account").await.text.contains("Set up an authenticator"));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_who_open_the_page_one_waits_for_a_crowd_that_hangs() {
    let quick = "connect_timeout_seconds = 1\noperation_timeout_seconds = 2\ndeadline_seconds = 2";
    let scene = Scene::set(&format!("{ON}\n{quick}")).await;
    let token = scene.crowd.session_of("ada", HERE, long_ago());
    scene.crowd.does("config/cookie", Deed::Hangs);
    assert!(!Browser::with(&scene, &token).is_let_in().await);
    let asked = scene.crowd.asked();
    for _ in 0..5 {
        assert!(!Browser::with(&scene, &token).is_let_in().await);
    }
    assert_eq!(scene.crowd.asked(), asked, "nobody else waits");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crowd_that_fails_or_lies_leaves_the_form() {
    let scene = Scene::set(ON).await;
    let token = scene.crowd.session_of("ada", HERE, long_ago());
    for (resource, deed) in [
        ("config/cookie", Deed::Answers(Shape::application_failed())),
        ("session", Deed::Answers(Shape::address_forbidden())),
        ("session", Deed::Answers(Shape::new(200, tests::crowd::JSON, "{}"))),
        ("session", Deed::Sends(Vec::new())),
    ] {
        scene.crowd.does(resource, deed);
        assert!(!Browser::with(&scene, &token).is_let_in().await, "{resource}");
        scene.crowd.is_itself_again();
    }
    soon("a record of each", async || {
        let sign_ins = sign_ins(&scene);
        assert!(sign_ins.iter().all(|record| record["outcome"] == "failed"), "nobody was refused: {sign_ins:?}");
        (sign_ins.len() == 4).then_some(())
    })
    .await;
    for (shape, why) in [
        (Shape::inactive("ada"), "disabled"),
        (Shape::expired("ada"), "expired"),
        (Shape::refusal(403, "APPLICATION_ACCESS_DENIED", "…"), "does not let this person use the broker"),
        (Shape::no_such_session(), "knows no such session"),
    ] {
        scene.crowd.does("session", Deed::Answers(shape));
        assert!(!Browser::with(&scene, &token).is_let_in().await, "{why}");
        scene.has_refused(why).await;
        scene.crowd.is_itself_again();
    }
    scene.crowd.change("ada", |ada| ada.key = None);
    assert!(!Browser::with(&scene, &token).is_let_in().await, "who has no key is nobody for good");
    scene.has_refused("says no key").await;
    scene.crowd.change("ada", |ada| ada.key = Some("32769:ada-0000".to_owned()));
    scene.person("ada").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_removed_in_crowd_is_out_however_they_came_in() {
    let scene = Scene::before(Crowd::start().await, STRICT, ON).await;
    let mut ada = Browser::with(&scene, &scene.crowd.session_of("ada", HERE, long_ago()));
    assert!(ada.is_let_in().await);
    scene.crowd.removes("ada");
    soon("the end of the bound", async || (ada.get("/").await.status != 200).then_some(())).await;
}
