//! Signing in and out by the form, as any client can be told to.

use tests::house::{House, password_of};

use crate::tab::Tab;

#[tokio::test]
async fn over_https_the_cookie_is_for_this_host_alone_and_out_of_reach_of_scripts() {
    let house = House::known_as("https://broker.example").await;
    let mut tab = Tab::new(&house);
    let form = tab.go("/sign-in").await;
    let before = form.cookies()[0].to_owned();
    assert!(before.starts_with("__Host-brokerd-form="), "{before}");
    let csrf = form.field("csrf");
    let fields =
        [("csrf", csrf.as_str()), ("next", "/console/deploy"), ("username", "ada"), ("password", &password_of("ada"))];
    let welcome = tab.post("/sign-in", &fields).await;
    assert_eq!(welcome.leads(), (303, "/console/deploy?ask=yes"), "nothing shows that ada asked for it");
    assert_eq!(welcome.header("cache-control"), "no-store");
    let session = welcome.cookies().into_iter().find(|cookie| cookie.starts_with("__Host-brokerd=bkb_")).unwrap();
    for cookie in [session, before.as_str()] {
        for attribute in ["; HttpOnly", "; SameSite=Lax", "; Secure", "; Path=/"] {
            assert!(cookie.contains(attribute), "{attribute}: {cookie}");
        }
        assert!(!cookie.contains("Domain") && !cookie.contains("Max-Age") && !cookie.contains("Expires"), "{cookie}");
    }
    assert_eq!(tab.cookies.keys().collect::<Vec<_>>(), ["__Host-brokerd"], "the form's own cookie is gone");
    assert_eq!(tab.go("/").await.status, 200);
}

#[tokio::test]
async fn a_session_that_was_planted_is_not_the_one_that_is_signed_in() {
    let house = House::build().await;
    let mut elsewhere = Tab::of(&house, "bob").await;
    let planted = elsewhere.cookies["brokerd"].clone();
    let mut tab = Tab::new(&house);
    tab.cookies.insert("brokerd".to_owned(), planted.clone());
    let mut form = Tab::new(&house);
    let csrf = form.go("/sign-in").await.field("csrf");
    tab.cookies.extend(form.cookies);
    let fields = [("csrf", csrf.as_str()), ("next", "/"), ("username", "ada"), ("password", &password_of("ada"))];
    assert_eq!(tab.post("/sign-in", &fields).await.leads(), (303, "/"));
    assert_ne!(tab.cookies["brokerd"], planted);
    assert!(tab.go("/").await.body.contains("corp/ada"));

    assert_eq!(elsewhere.go("/").await.leads(), (303, "/sign-in?next=/"), "what was there before is over");
}

#[tokio::test]
async fn a_made_up_session_cookie_is_replaced_and_never_taken_over() {
    let house = House::build().await;
    let mut tab = Tab::new(&house);
    let made_up = format!("bkb_{}", "A".repeat(43));
    tab.cookies.insert("brokerd".to_owned(), made_up.clone());
    tab.sign_in_well("ada").await;
    assert_ne!(tab.cookies["brokerd"], made_up);
}

#[tokio::test]
async fn a_wrong_password_brings_the_form_again_with_the_name_and_without_the_password() {
    let house = House::build().await;
    let mut tab = Tab::new(&house);
    let hostile = "ada\"><script>alert(1)</script>";
    for name in ["ada", hostile, "nobody"] {
        let page = tab.sign_in(name, "hunter2-wrong", "/console/deploy").await;
        assert_eq!(page.status, 401, "{name}");
        assert!(page.body.contains("Unknown user name or wrong password."));
        assert!(!page.body.contains("hunter2-wrong") && !page.body.contains("<script>"));
        assert_eq!(page.field("next"), "/console/deploy");
        assert_eq!(page.header("www-authenticate"), "", "no browser is to ask by itself");
        assert!(page.cookies().iter().all(|cookie| !cookie.starts_with("brokerd=")));
    }
    assert!(tab.sign_in("ada", "wrong", "/").await.body.contains("name=\"username\" value=\"ada\""));
}

#[tokio::test]
async fn each_trouble_has_its_sentence_and_its_status() {
    let house = House::build().await;
    let mut tab = Tab::new(&house);
    let page = tab.sign_in("late", "any", "/").await;
    assert_eq!(page.status, 403);
    assert!(page.body.contains("Your password has expired or must be changed."));

    let page = tab.sign_in("lost", "any", "/").await;
    assert_eq!(page.status, 503);
    assert!(page.body.contains("The company&#39;s directory does not answer"), "{}", page.body);
    assert!(!page.body.contains("10.1.2.3"));

    let mut last = tab.sign_in("ada", "wrong", "/").await;
    for _ in 0..20 {
        if last.status == 429 {
            break;
        }
        last = tab.sign_in("ada", "wrong", "/").await;
    }
    assert_eq!(last.status, 429);
    let wait: u64 = last.header("retry-after").parse().unwrap();
    assert!(wait >= 1 && last.body.contains("Too many attempts. Wait "), "{}", last.body);
}

#[tokio::test]
async fn next_leads_to_our_own_pages_only() {
    let house = House::build().await;
    for (next, leads) in [
        ("/", "/"),
        (
            "/console/deploy?destination=https://console.aws.amazon.com/ecs",
            "/console/deploy?destination=https%3A//console.aws.amazon.com/ecs",
        ),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        ("https://evil.example", "/"),
        ("/console/deploy\r\nX-Evil: 1", "/"),
        ("/%2fevil.example", "/"),
    ] {
        let mut tab = Tab::new(&house);
        let page = tab.sign_in("ada", &password_of("ada"), next).await;
        let asks = if leads == "/" { leads.to_owned() } else { format!("{leads}&ask=yes") };
        assert_eq!(page.leads(), (303, asks.as_str()), "nothing shows that ada asked for it: {next:?}");
        assert_eq!(page.header("x-evil"), "");
        let mut encoded = url::form_urlencoded::Serializer::new("/sign-in?".to_owned());
        let again = tab.go(&encoded.append_pair("next", next).finish()).await;
        assert_eq!(again.leads(), (303, asks.as_str()), "who is signed in already goes on, and is asked: {next:?}");
    }
}

#[tokio::test]
async fn signing_out_ends_the_session_for_good() {
    let house = House::build().await;
    let mut tab = Tab::new(&house);
    tab.sign_in_well("ada").await;
    let token = tab.cookies["brokerd"].clone();
    let csrf = tab.go("/").await.field("csrf");

    let forged = tab.post("/sign-out", &[("csrf", &"0".repeat(64))]).await;
    assert_eq!(forged.status, 403);
    assert_eq!(tab.go("/").await.status, 200);

    let page = tab.post("/sign-out", &[("csrf", &csrf)]).await;
    assert_eq!(page.leads(), (303, "/sign-in"));
    assert!(!tab.cookies.contains_key("brokerd"), "the cookie is taken away");
    tab.cookies.insert("brokerd".to_owned(), token);
    assert_eq!(tab.go("/").await.leads(), (303, "/sign-in?next=/"));
    assert_eq!(tab.post("/sign-out", &[("csrf", &csrf)]).await.leads(), (303, "/sign-in"), "once more does no harm");
}

#[tokio::test]
async fn everybody_sees_what_they_may_use_and_no_more() {
    let house = House::build().await;
    let ada = Tab::of(&house, "ada").await.go("/").await.body;
    for shown in
        ["Ada Lovelace", "corp/ada", "Deploys to production", "111111111111", "role/deploy", "/console/reports"]
    {
        assert!(ada.contains(shown), "{shown}: {ada}");
    }
    assert!(ada.contains("Reads &#60;the&#62; reports") && !ada.contains("treasury") && !ada.contains("/console/raw"));
    let bob = Tab::of(&house, "bob").await.go("/").await.body;
    assert!(bob.contains("None of your groups") && !bob.contains("deploy"));
    assert!(Tab::of(&house, "root").await.go("/").await.body.contains("treasury"));
}
