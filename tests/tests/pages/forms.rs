//! Forms that are not ours, and forms that are rubbish.

use reqwest::{Method, header};
use tests::house::{House, password_of};

use crate::tab::Tab;

#[tokio::test]
async fn without_the_forms_own_token_or_its_cookie_nobody_is_signed_in() {
    let house = House::build().await;
    let mut tab = Tab::new(&house);
    let csrf = tab.go("/sign-in").await.field("csrf");
    let password = password_of("ada");
    let typed = [("next", "/"), ("username", "ada"), ("password", password.as_str())];
    let with =
        |csrf: Option<&'static str>| csrf.into_iter().map(|csrf| ("csrf", csrf)).chain(typed).collect::<Vec<_>>();
    let good: &'static str = csrf.leak();
    let session = house.sign_in("bob").await;

    for bad in [None, Some(""), Some("x"), Some("0000000000000000000000000000000000000000000000000000000000000000")] {
        let page = tab.post("/sign-in", &with(bad)).await;
        assert_eq!(page.status, 403, "{bad:?}");
        assert!(page.body.contains("no longer good") && page.body.contains("type=\"password\""));
    }
    for cookie in [None, Some("A".repeat(43)), Some(session)] {
        let mut other = Tab::new(&house);
        other.cookies.extend(cookie.map(|cookie| ("brokerd-form".to_owned(), cookie)));
        assert_eq!(other.post("/sign-in", &with(Some(good))).await.status, 403, "another browser's token");
    }
    assert_eq!(tab.post("/sign-in", &with(Some(good))).await.status, 303);
}

#[tokio::test]
async fn a_form_that_shows_no_own_page_does_nothing() {
    let house = House::build().await;
    let mut stranger = Tab::new(&house);
    let sign_in_token = stranger.go("/sign-in").await.field("csrf");
    let password = password_of("ada");
    let typed = [("csrf", sign_in_token.as_str()), ("next", "/"), ("username", "ada"), ("password", &password)];
    let mut ada = Tab::of(&house, "ada").await;
    let token = ada.go("/").await.field("csrf");
    let signed = [("csrf", token.as_str())];

    for evidence in [
        &[][..],
        &[("origin", "https://evil.example")],
        &[("origin", "null")],
        &[("origin", "null"), ("sec-fetch-site", "same-origin")],
        &[("origin", "https://evil.example"), ("sec-fetch-site", "same-origin")],
        &[("sec-fetch-site", "cross-site")],
        &[("sec-fetch-site", "same-site")],
        &[("sec-fetch-site", "none")],
    ] {
        let forged = |tab: &Tab<'_>, path: &str, fields: &[(&str, &str)]| {
            let request = tab.request(Method::POST, path).form(fields);
            evidence.iter().fold(request, |request, (name, value)| request.header(*name, *value))
        };
        let request = forged(&stranger, "/sign-in", &typed);
        assert_eq!(stranger.send(request).await.status, 403, "{evidence:?}");
        for path in ["/sign-out", "/console/deploy"] {
            let request = forged(&ada, path, &signed);
            let page = ada.send(request).await;
            assert_eq!(page.status, 403, "{path} {evidence:?}");
            assert!(page.body.contains("<h1>") && page.body.contains("forbidden"));
        }
    }
    assert_eq!(house.sim.count("AssumeRole"), 0);
    assert_eq!(ada.go("/").await.status, 200, "still signed in");
}

#[tokio::test]
async fn a_console_form_wants_this_sessions_token() {
    let house = House::build().await;
    let mut ada = Tab::of(&house, "ada").await;
    let mut elsewhere = Tab::of(&house, "ada").await;
    let other = elsewhere.go("/").await.field("csrf");
    let stranger = Tab::new(&house).go("/sign-in").await.field("csrf");
    for fields in [&[][..], &[("csrf", "")], &[("csrf", &other)], &[("csrf", &stranger)], &[("csrf", "zz")]] {
        assert_eq!(ada.post("/console/deploy", fields).await.status, 403, "{fields:?}");
    }
    assert_eq!(house.sim.count("AssumeRole"), 0);
    let token = ada.go("/").await.field("csrf");
    assert_eq!(ada.post("/console/deploy", &[("csrf", &token)]).await.status, 303);
    assert_eq!(house.sim.count("AssumeRole"), 1);
}

#[tokio::test]
async fn rubbish_is_refused_politely() {
    let house = House::build().await;
    let mut tab = Tab::new(&house);
    tab.go("/sign-in").await;
    let form = "application/x-www-form-urlencoded";
    let long = format!("username={}", "x".repeat(1 << 20)).into_bytes();
    for (content_type, body, status) in [
        (form, b"username=%ff&password=b".to_vec(), 400),
        (form, b"username=\xff\xfe&password=b".to_vec(), 400),
        (form, b"username=a&username=b&password=c".to_vec(), 400),
        (form, b"username=a&password=b&%75sername=c".to_vec(), 400),
        (form, b"username=a&password=b&admin=true".to_vec(), 400),
        (form, b"username=a".to_vec(), 400),
        (form, Vec::new(), 400),
        (form, b"&&&===".to_vec(), 400),
        (form, long, 413),
        ("application/json", br#"{"username":"a","password":"b"}"#.to_vec(), 400),
        ("text/plain", b"username=a&password=b".to_vec(), 400),
        ("multipart/form-data; boundary=x", b"--x--".to_vec(), 400),
    ] {
        let shown = String::from_utf8_lossy(body.get(..40).unwrap_or(&body)).into_owned();
        let request = tab.request(Method::POST, "/sign-in").header(header::ORIGIN, house.origin());
        let request = request.header(header::CONTENT_TYPE, content_type).body(body);
        let page = tab.send(request).await;
        assert_eq!(page.status, status, "{content_type} {shown}");
        assert!(page.header("content-type").starts_with("text/html") && page.body.contains("What to do"), "{shown}");
    }
}
