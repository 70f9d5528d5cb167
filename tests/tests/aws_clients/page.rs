//! The page that asks whether a client may sign in: always a click, by its own form, and never a way to anywhere else.

use reqwest::Method;
use tests::world::{Answer, World, password_of, soon};

use crate::program::{CALLBACK, Program, STATE};

#[tokio::test(flavor = "multi_thread")]
async fn the_page_says_who_asks_and_goes_on_only_by_a_click_on_it() {
    let world = World::open().await;
    let program = Program::registered(&world).await;
    let cookie = world.stranger().cookie("ada", &password_of("ada")).await;
    let page = program.page(&cookie, &program.query()).await;
    assert_eq!((page.status, page.header("location")), (200, None));
    for shown in
        ["botocore-client-corp", "nobody has checked that", "http://127.0.0.1:49152", "corp/ada", "the 12 connectors"]
    {
        assert!(page.text.contains(shown), "{shown}: {}", page.text);
    }
    let policy = page.header("content-security-policy").unwrap();
    assert!(
        policy.contains("form-action 'self' http://127.0.0.1:49152;") && policy.contains("frame-ancestors 'none'"),
        "{policy}"
    );

    // Neither a page of somebody else's nor one of another session clicks for her.
    let mut fields = program.query();
    fields.extend([("csrf", page.field("csrf")), ("decision", "allow".to_owned())]);
    let foreign = program.http.request(Method::POST, "/authorize").form(&fields).header("cookie", &cookie);
    for request in [foreign.try_clone().unwrap(), foreign.header("origin", "https://evil.example")] {
        assert_eq!(Answer::of(request).await.status, 403);
    }
    let eve = world.stranger().cookie("eve", &password_of("eve")).await;
    assert_eq!(program.send(&eve, &fields).await.status, 403, "the token is another session's");
    for (wrong, status) in [("csrf", 403), ("decision", 400)] {
        let without: Vec<_> = fields.iter().filter(|(name, _)| *name != wrong).cloned().collect();
        assert_eq!(program.send(&cookie, &without).await.status, status, "{wrong}");
    }
    let none_yet = world.trail();
    assert!(!none_yet.iter().any(|record| record["action"] == "client_authorized"), "{none_yet:?}");
    assert_eq!(program.send(&cookie, &fields).await.status, 303);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_not_signed_in_signs_in_first_and_is_asked_then() {
    let world = World::open().await;
    let program = Program::registered(&world).await;
    let page = program.page("", &program.query()).await;
    let location = page.header("location").unwrap().to_owned();
    assert!(page.status == 303 && location.starts_with("/sign-in?next=/authorize%3F"), "{location}");
    let cookie = world.stranger().cookie("ada", &password_of("ada")).await;
    let signed_in = Answer::of(program.http.request(Method::GET, &location).header("cookie", &cookie)).await;
    let back = signed_in.header("location").unwrap();
    let page = Answer::of(program.http.request(Method::GET, back).header("cookie", &cookie)).await;
    assert_eq!(page.status, 200, "{back}: {}", page.text);
    assert!(page.text.contains("botocore-client-corp"));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_says_no_is_obeyed_and_the_trail_knows() {
    let world = World::open().await;
    let program = Program::registered(&world).await;
    let cookie = world.stranger().cookie("ada", &password_of("ada")).await;
    let answer = program.decide(&cookie, "deny").await;
    let expected = format!("{CALLBACK}?error=access_denied&state={STATE}");
    assert_eq!((answer.status, answer.header("location")), (303, Some(expected.as_str())));
    let trail =
        soon("her no", async || world.trail().into_iter().find(|record| record["action"] == "client_refused")).await;
    assert_eq!((&trail["actor"], &trail["outcome"]), (&"person:corp/ada".into(), &"refused".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_client_of_ours_may_ask_is_told_on_the_page_and_leads_nowhere() {
    let world = World::open().await;
    let program = Program::registered(&world).await;
    let cookie = world.stranger().cookie("ada", &password_of("ada")).await;
    for (field, values) in [
        ("response_type", &["", "token", "code token"][..]),
        ("client_id", &["", "botocore-client-corp", "AAAA.AAAA"]),
        (
            "redirect_uri",
            &[
                "",
                "https://evil.example/oauth/callback",
                "http://evil.example/oauth/callback",
                "http://localhost:49152/oauth/callback",
                "http://127.0.0.1:49152/oauth/callback/..",
                "http://127.0.0.1:49152/other",
                "http://127.0.0.1:49152@evil.example/oauth/callback",
                "http://[::1]:49152/oauth/callback",
                "http://127.0.0.1:49152/oauth/callback?x=y",
            ],
        ),
        ("code_challenge_method", &["", "plain"]),
        ("code_challenge", &["", "short", "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk="]),
        ("scopes", &["sso:account:access admin", "codewhisperer:completions"]),
    ] {
        for value in values {
            let mut query = program.query();
            query.iter_mut().find(|(name, _)| name == &field).unwrap().1 = (*value).to_owned();
            let page = program.page(&cookie, &query).await;
            assert_eq!((page.status, page.header("location")), (400, None), "{field}={value}: {}", page.text);
            assert!(page.header("content-type").unwrap().starts_with("text/html"));
            query.extend([("csrf", "0".repeat(64)), ("decision", "allow".to_owned())]);
            let posted = program.send(&cookie, &query).await;
            assert!(posted.status >= 400 && posted.header("location").is_none(), "{field}={value}: {}", posted.status);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_start_url_is_a_page_for_people_and_a_label_for_programs() {
    let world = World::open().await;
    let stranger = world.stranger();
    let head = Answer::of(stranger.request(Method::HEAD, "/start")).await;
    assert_eq!(head.status, 302);
    assert_eq!(head.header("location"), Some("https://identitycenter.amazonaws.com/brokerd"));
    assert_eq!(stranger.get("/start").await.header("location"), Some("/sign-in?next=/"));
    let cookie = stranger.cookie("ada", &password_of("ada")).await;
    let page = Answer::of(stranger.request(Method::GET, "/start").header("cookie", cookie)).await;
    assert!(page.status == 200 && page.text.contains("Deploys to production"), "{}", page.text);
}
