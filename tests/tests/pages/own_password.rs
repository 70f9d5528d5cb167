//! People whom the broker keeps change their own password on a page, in a real browser; others are told where theirs is kept.

use reqwest::Method;
use serde_json::json;
use tests::browser::Browser;
use tests::world::{Answer, World, password_of};

use crate::chromium::{quiet, sign_in};

const BEFORE: &str = "four quite ordinary words";
const AFTER: &str = "five other rather ordinary words";

async fn types(browser: &Browser, [current, new, again]: [&str; 3]) {
    for (field, text) in [("#current", current), ("#new", new), ("#again", again)] {
        browser.fill(field, text).await;
    }
    browser.click("form[action='/account/password'] button").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_kept_by_the_broker_changes_the_password_and_every_other_session_ends() {
    let (world, browser) = (World::open().await, Browser::open().await);
    let root = world.person("root").await;
    let grace = json!({ "name": "grace", "password": BEFORE });
    assert_eq!(root.post("/v1/admin/users", &grace).await.status, 201);
    let elsewhere = world.stranger().signed_in_with("grace", BEFORE).await;

    browser.go(&format!("{}/account/password", world.brokerd.url())).await;
    browser.wait_for("Password").await;
    sign_in(&browser, "grace", BEFORE).await;
    browser.wait_for("My account").await;
    browser.click("a[href='/account/password']").await;
    browser.wait_for("12 characters at least").await;
    for (typed, told) in [
        ([BEFORE, "short", "short"], "12 characters at least: take several words"),
        ([BEFORE, AFTER, "five other ordinary words"], "the new password does not stand there twice"),
        ([BEFORE, BEFORE, BEFORE], "this is your present password"),
        (["not my password at all", AFTER, AFTER], "that is not your present password"),
    ] {
        types(&browser, typed).await;
        browser.wait_for(told).await;
        let values = "return [...document.querySelectorAll('input[type=password]')].map(field => field.value).join('')";
        assert_eq!(browser.script(values, &[]).await, "", "a page shows no password");
    }
    elsewhere.get("/v1/session").await.good();
    types(&browser, [BEFORE, AFTER, AFTER]).await;
    browser.wait_for("Your password is changed").await;
    let told = browser.url().await;
    browser.go(&told).await;
    browser.wait_for("Your password is changed").await;
    // A link that somebody else wrote says nothing, and neither does that of another session.
    let other = stranger_who_changed(&world).await;
    for link in ["yes", "1.00", &other] {
        browser.go(&format!("{}/account/password?changed={link}", world.brokerd.url())).await;
        browser.wait_for("12 characters at least").await;
        assert!(!browser.text().await.contains("is changed"), "{link}");
    }
    browser.go(&told).await;
    elsewhere.get("/v1/session").await.problem("401 unauthenticated");
    world
        .stranger()
        .sign_in(&json!({ "username": "grace", "password": BEFORE }))
        .await
        .problem("401 invalid_credentials");
    world.stranger().signed_in_with("grace", AFTER).await;
    browser.click("a[href='/account']").await;
    browser.wait_for("Second factors").await;
    quiet(&browser, &["400", "401"]).await;
}

/// What the page was told of somebody else's new password.
async fn stranger_who_changed(world: &World) -> String {
    let root = world.person("root").await;
    assert_eq!(root.post("/v1/admin/users", &json!({ "name": "eve-of-here", "password": BEFORE })).await.status, 201);
    let stranger = world.stranger();
    let cookie = stranger.cookie("eve-of-here", BEFORE).await;
    let with = |method| {
        let request = stranger.request(method, "/account/password").header("cookie", &cookie);
        request.header("origin", world.brokerd.url())
    };
    let csrf = Answer::of(with(Method::GET)).await.field("csrf");
    let typed =
        [("csrf", csrf.as_str()), ("current_password", BEFORE), ("new_password", AFTER), ("new_password_again", AFTER)];
    let changed = Answer::of(with(Method::POST).form(&typed)).await;
    changed.header("location").unwrap().strip_prefix("/account/password?changed=").unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cookie_that_was_taken_before_dies_with_the_password_and_the_session_goes_on_under_another() {
    let world = World::open().await;
    let (root, stranger) = (world.person("root").await, world.stranger());
    assert_eq!(root.post("/v1/admin/users", &json!({ "name": "grace", "password": BEFORE })).await.status, 201);
    let first = stranger.cookie("grace", BEFORE).await;
    let with = |method, path, cookie: &str| {
        stranger.request(method, path).header("cookie", cookie).header("origin", world.brokerd.url())
    };
    let given = |answer: &Answer| answer.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    let csrf = Answer::of(with(Method::GET, "/account/password", &first)).await.field("csrf");
    let typed = |current, new| {
        [("csrf", csrf.as_str()), ("current_password", current), ("new_password", new), ("new_password_again", new)]
    };
    let wrong = Answer::of(with(Method::POST, "/account/password", &first).form(&typed("not it at all", AFTER))).await;
    assert_eq!((wrong.status, wrong.header("set-cookie")), (401, None), "{}", wrong.text);
    let changed = Answer::of(with(Method::POST, "/account/password", &first).form(&typed(BEFORE, AFTER))).await;
    assert_eq!(changed.status, 303, "{}", changed.text);
    let second = given(&changed);
    Answer::of(with(Method::GET, "/v1/session", &first)).await.problem("401 unauthenticated");
    assert_eq!(Answer::of(with(Method::GET, "/v1/session", &second)).await.good()["identity"]["name"], "grace");
    assert!(changed.header("set-cookie").unwrap().contains("HttpOnly"));

    // By the API as well; the form's token is the session's, which is the same.
    let body = json!({ "current_password": AFTER, "new_password": BEFORE });
    let by_program = with(Method::POST, "/v1/session/password", &second).header("x-csrf-token", &csrf).json(&body);
    let changed = Answer::of(by_program).await;
    assert_eq!(changed.status, 204, "{}", changed.text);
    Answer::of(with(Method::GET, "/v1/session", &second)).await.problem("401 unauthenticated");
    Answer::of(with(Method::GET, "/v1/session", &given(&changed))).await.good();

    // A program's token stays what it is: nothing keeps another for it.
    let program = stranger.signed_in_with("grace", BEFORE).await;
    let body = json!({ "current_password": BEFORE, "new_password": AFTER });
    let changed = program.post("/v1/session/password", &body).await;
    assert_eq!((changed.status, changed.header("set-cookie")), (204, None), "{}", changed.text);
    program.get("/v1/session").await.good();
}

#[tokio::test(flavor = "multi_thread")]
async fn whose_password_is_kept_elsewhere_is_told_where() {
    let (world, browser) = (World::open().await, Browser::open().await);
    browser.go(&format!("{}/account", world.brokerd.url())).await;
    browser.wait_for("Password").await;
    sign_in(&browser, "ada", &password_of("ada")).await;
    browser.wait_for("Second factors").await;
    assert!(!browser.text().await.contains("Change your password"));
    browser.go(&format!("{}/account/password", world.brokerd.url())).await;
    browser.wait_for("your password is not kept here").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_of_another_site_changes_no_password() {
    let world = World::open().await;
    let root = world.person("root").await;
    assert_eq!(root.post("/v1/admin/users", &json!({ "name": "grace", "password": BEFORE })).await.status, 201);
    let stranger = world.stranger();
    let cookie = stranger.cookie("grace", BEFORE).await;
    let fields = [("current_password", BEFORE), ("new_password", AFTER), ("new_password_again", AFTER)];
    for origin in ["https://evil.example", &world.brokerd.url()] {
        let form = stranger.request(reqwest::Method::POST, "/account/password").header("cookie", &cookie);
        let answer = form.header("origin", origin).form(&fields).send().await.unwrap();
        assert_eq!(answer.status(), 403, "{origin}: without the token of the page's form");
    }
    stranger.signed_in_with("grace", BEFORE).await;
}
