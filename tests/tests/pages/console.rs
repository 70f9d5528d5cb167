//! The way on to AWS: when it is taken, when it is asked about first, and how it is refused.

use aws_sim::{Calls, Fault};
use reqwest::Method;
use serde_json::json;
use tests::house::{House, MFA_SERIAL};

use crate::tab::Tab;

#[tokio::test]
async fn signed_out_it_leads_by_way_of_the_sign_in_page() {
    let house = House::build().await;
    let mut tab = Tab::new(&house);
    for name in ["deploy", "no-such-thing"] {
        let path = format!("/console/{name}");
        let led = tab.request(Method::GET, &path).header("sec-fetch-site", "cross-site");
        let sign_in = format!("/sign-in?next={path}");
        assert_eq!(tab.send(led).await.leads(), (303, sign_in.as_str()), "strangers learn of no connector");
        let asked = tab.go(&path).await;
        assert!(asked.status == 303 && asked.header("location").starts_with(&format!("{sign_in}&asked=")));
    }
    let page = tab.go("/console/deploy?destination=https%3A%2F%2Fconsole.aws.amazon.com%2Fecs%3Fa%3Db%26c").await;
    let sign_in = page.header("location").to_owned();
    assert_eq!(
        tab.go(&sign_in).await.field("next"),
        "/console/deploy?destination=https%3A//console.aws.amazon.com/ecs%3Fa%3Db%26c"
    );
}

#[tokio::test]
async fn whoever_was_led_there_signed_out_sees_where_it_goes_before_it_goes() {
    let house = House::build().await;
    for headers in
        [&[][..], &[("sec-fetch-site", "cross-site")], &[("sec-fetch-site", "none"), ("sec-purpose", "prefetch")]]
    {
        let mut ada = Tab::new(&house);
        let request = ada.request(Method::GET, "/console/deploy?destination=https://console.aws.amazon.com/iam");
        let led = ada.send(headers.iter().fold(request, |request, (name, value)| request.header(*name, *value))).await;
        let welcome = ada.sign_in_at(led.header("location"), "ada").await;
        let (status, next) = welcome.leads();
        assert_eq!((status, next), (303, "/console/deploy?destination=https%3A//console.aws.amazon.com/iam&ask=yes"));
        let page = ada.go(next).await;
        assert_eq!(page.status, 200, "{headers:?}");
        for shown in ["deploy", "111111111111", "https://console.aws.amazon.com/iam"] {
            assert!(page.body.contains(shown), "{shown}: {}", page.body);
        }
        assert_eq!(house.sim.count("getSigninToken"), 0, "{headers:?}");
        let fields = [("csrf", page.field("csrf")), ("destination", page.field("destination"))];
        let fields = fields.each_ref().map(|(name, value)| (*name, value.as_str()));
        let opened = ada.post("/console/deploy", &fields).await;
        assert!(opened.status == 303 && opened.header("location").contains("SigninToken="));
        house.sim.forget_calls();
    }
}

#[tokio::test]
async fn whoever_typed_it_signed_out_goes_on_but_only_there_and_only_in_that_browser() {
    let house = House::build().await;
    let mut ada = Tab::new(&house);
    let sign_in = ada.go("/console/deploy").await.header("location").to_owned();
    let mut other = Tab::new(&house);
    other.go("/sign-in").await;
    let elsewhere = sign_in.replace("/console/deploy", "/console/reports");
    assert_eq!(ada.sign_in_at(&elsewhere, "ada").await.leads(), (303, "/console/reports?ask=yes"), "for another page");
    assert_eq!(other.sign_in_at(&sign_in, "ada").await.leads(), (303, "/console/deploy?ask=yes"), "of another browser");

    let mut ada = Tab::new(&house);
    let sign_in = ada.go("/console/deploy").await.header("location").to_owned();
    let csrf = ada.go(&sign_in).await.field("csrf");
    let proof = sign_in.split_once("asked=").unwrap().1;
    let wrong = [
        ("csrf", csrf.as_str()),
        ("next", "/console/deploy"),
        ("asked", proof),
        ("username", "ada"),
        ("password", "no"),
    ];
    assert_eq!(ada.post("/sign-in", &wrong).await.field("asked"), proof, "a wrong password forgets nothing");
    assert_eq!(ada.sign_in_at(&sign_in, "ada").await.leads(), (303, "/console/deploy"));
    let link = ada.go("/console/deploy").await;
    assert!(link.status == 303 && link.header("location").contains("SigninToken="));
}

#[tokio::test]
async fn typed_or_from_our_own_page_it_goes_on_by_itself_and_tells_nobody() {
    let house = House::build().await;
    let mut ada = Tab::of(&house, "ada").await;
    for site in ["none", "same-origin"] {
        let request = ada.request(Method::GET, "/console/deploy").header("sec-fetch-site", site);
        let page = ada.send(request).await;
        let (status, link) = page.leads();
        assert_eq!(status, 303);
        assert!(link.starts_with(&house.sim.federation_endpoint()) && link.contains("SigninToken="), "{link}");
        assert_eq!((page.header("cache-control"), page.header("referrer-policy")), ("no-store", "no-referrer"));
        assert!(page.body.is_empty());
    }
    let trail = house.trail().await;
    assert_eq!(trail.iter().filter(|line| *line == "console_url success deploy").count(), 2, "{trail:?}");
}

#[tokio::test]
async fn anything_else_is_asked_about_and_makes_no_link() {
    let house = House::build().await;
    let mut ada = Tab::of(&house, "ada").await;
    let destination = "https://eu-central-1.console.aws.amazon.com/ecs?a=b&c=d";
    let path = "/console/deploy?destination=https://eu-central-1.console.aws.amazon.com/ecs?a%3Db%26c%3Dd";
    for headers in [
        &[][..],
        &[("sec-fetch-site", "cross-site")],
        &[("sec-fetch-site", "same-site")],
        &[("sec-fetch-site", "none"), ("sec-purpose", "prefetch")],
        &[("sec-fetch-site", "same-origin"), ("sec-purpose", "prefetch;prerender")],
        &[("sec-fetch-site", "same-origin"), ("purpose", "prefetch")],
    ] {
        let request = ada.request(Method::GET, path);
        let page = ada.send(headers.iter().fold(request, |request, (name, value)| request.header(*name, *value))).await;
        assert_eq!(page.status, 200, "{headers:?}");
        for shown in
            ["deploy", "111111111111", "role/deploy", "https://eu-central-1.console.aws.amazon.com/ecs?a=b&#38;c=d"]
        {
            assert!(page.body.contains(shown), "{shown}: {}", page.body);
        }
    }
    let head = ada.request(Method::HEAD, path).header("sec-fetch-site", "none");
    assert_eq!(ada.send(head).await.leads(), (200, ""));
    for asks in ["/console/deploy?ask=yes", &format!("{path}&ask=yes")] {
        assert_eq!(ada.go(asks).await.status, 200, "by way of the sign-in page, already signed in: {asks}");
    }
    assert_eq!((house.sim.count("AssumeRole"), house.sim.count("getSigninToken")), (0, 0));

    let csrf = ada.go("/").await.field("csrf");
    let page = ada.post("/console/deploy", &[("csrf", &csrf), ("destination", destination)]).await;
    assert_eq!(page.status, 303);
    assert!(
        page.header("location")
            .contains("Destination=https%3A%2F%2Feu-central-1.console.aws.amazon.com%2Fecs%3Fa%3Db%26c%3Dd")
    );
    assert_eq!((page.header("cache-control"), page.header("referrer-policy")), ("no-store", "no-referrer"));
}

#[tokio::test]
async fn refusals_are_pages_and_missing_looks_like_not_granted() {
    let house = House::build().await;
    let mut ada = Tab::of(&house, "ada").await;
    let without_id = |body: &str| body.lines().filter(|line| !line.contains("Request")).collect::<String>();
    let missing = ada.go("/console/no-such-thing").await;
    let not_granted = ada.go("/console/treasury").await;
    assert_eq!((missing.status, not_granted.status), (404, 404));
    assert_eq!(without_id(&missing.body), without_id(&not_granted.body));
    for (path, status, word) in [
        ("/console/raw", 400, "console_not_supported"),
        ("/console/deploy?destination=https://evil.example/", 400, "destination_not_allowed"),
        ("/console/deploy?destination=https://console.amazonaws.cn/", 400, "destination_not_allowed"),
        ("/console/deploy?destination=%ff", 400, "invalid_request"),
        ("/console/deploy?destination=a&destination=b", 400, "invalid_request"),
        ("/console/deploy?region=eu-central-1", 400, "invalid_request"),
        ("/console/%2fx", 404, "not_found"),
    ] {
        for site in ["none", "cross-site"] {
            let request = ada.request(Method::GET, path).header("sec-fetch-site", site);
            let page = ada.send(request).await;
            assert_eq!(page.status, status, "{path}");
            assert!(page.header("content-type").starts_with("text/html"), "{path}");
            assert!(
                page.body.contains(word) && page.body.contains(page.header("x-request-id")),
                "{path} {}",
                page.body
            );
        }
    }
    let (code, message) = ("AccessDenied", "not <you>".to_owned());
    house.sim.faults().once(Calls::of("AssumeRole"), Fault::Refusal { status: 403, code, message });
    let refused = ada.go("/console/deploy").await;
    assert_eq!(refused.status, 502);
    assert!(refused.body.contains("AccessDenied: not &#60;you&#62;"), "{}", refused.body);
}

#[tokio::test]
async fn a_session_that_ended_meanwhile_leads_to_the_sign_in_page_and_on() {
    let house = House::build().await;
    let mut tab = Tab::new(&house);
    let page = tab.post("/console/deploy", &[("csrf", "of a session that is over")]).await;
    assert_eq!(page.leads(), (303, "/sign-in?next=/console/deploy"));
}

#[tokio::test]
async fn a_connector_that_wants_to_know_why_asks_in_its_form() {
    let house = House::build().await;
    let role = json!({ "assume_role": { "role_arn": "arn:aws:iam::111111111111:role/deploy" } });
    let spec = json!({ "access_key": "main", "groups": ["corp/release"], "require_reason": true, "principal": role });
    house.connector("emergency", spec).await;
    let mut ada = Tab::of(&house, "ada").await;
    let page = ada.go("/console/emergency?destination=https://console.aws.amazon.com/ecs").await;
    assert_eq!(page.status, 200, "it does not go on by itself");
    assert!(page.body.contains("name=\"reason\"") && page.body.contains("required"), "{}", page.body);
    assert!(!page.body.contains("Nothing shows"), "the person did ask for it: {}", page.body);
    let (csrf, destination) = (page.field("csrf"), page.field("destination"));

    for (bad, said) in
        [("", "wants to know why"), (" \u{a0}", "wants to know why"), ("a\u{7}<b>", "no control characters")]
    {
        let fields = [("csrf", csrf.as_str()), ("destination", destination.as_str()), ("reason", bad)];
        let again = ada.post("/console/emergency", &fields).await;
        assert_eq!(again.status, 400, "{bad:?}");
        assert!(again.body.contains(said) && !again.body.contains("<b>"), "{}", again.body);
        assert_eq!(again.field("destination"), destination);
    }
    assert_eq!(house.sim.count("AssumeRole"), 0);

    let fields = [("csrf", csrf.as_str()), ("destination", destination.as_str()), ("reason", "ticket 4711")];
    let page = ada.post("/console/emergency", &fields).await;
    assert_eq!(page.status, 303);
    assert!(page.header("location").contains("SigninToken="));
    assert_eq!(house.trail().await[0], "console_url success emergency");
    assert!(!ada.go("/console/deploy?ask=yes").await.body.contains("name=\"reason\""));
    assert_eq!(ada.go("/console/emergency?reason=because").await.status, 400, "a link does not say it for somebody");
}

#[tokio::test]
async fn the_list_says_what_a_connector_wants_of_whoever_asks() {
    let house = House::build().await;
    let spec = |of_role: serde_json::Value, more: serde_json::Value| {
        let mut spec =
            json!({ "access_key": "main", "groups": ["corp/release"], "principal": { "assume_role": of_role } });
        spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        spec
    };
    let role = || json!({ "role_arn": "arn:aws:iam::111111111111:role/deploy" });
    let mut ada = Tab::of(&house, "ada").await;
    assert!(!ada.go("/").await.body.contains("<dt>Wants</dt>"), "none wants anything");
    house.connector("twofold", spec(role(), json!({ "require_second_factor": true }))).await;
    let tried = json!({ "role_arn": "arn:aws:iam::111111111111:role/deploy", "mfa_serial": MFA_SERIAL });
    let both = json!({ "require_reason": true, "require_second_factor": true });
    house.connector("all", spec(tried, both)).await;
    let page = ada.go("/").await.body;
    let of =
        |name: &str| page.split_once(&format!("<h2>{name}</h2>")).unwrap().1.split_once("</li>").unwrap().0.to_owned();
    assert!(of("twofold").contains("<dt>Wants</dt><dd>a second factor</dd>"), "{page}");
    assert!(of("all").contains("<dt>Wants</dt><dd>a reason, a second factor, a code of an MFA device</dd>"), "{page}");
    assert!(!of("deploy").contains("Wants"), "{page}");
}

#[tokio::test]
async fn a_connector_with_an_mfa_device_asks_for_its_code_in_its_form() {
    let house = House::build().await;
    let role = json!({ "role_arn": "arn:aws:iam::111111111111:role/deploy", "mfa_serial": MFA_SERIAL });
    let spec = |require_reason: bool| {
        let principal = json!({ "assume_role": role });
        json!({ "access_key": "main", "groups": ["corp/release"], "require_reason": require_reason, "principal": principal })
    };
    house.connector("tried", spec(false)).await;
    house.connector("tried-and-why", spec(true)).await;
    let mut ada = Tab::of(&house, "ada").await;
    let request = ada.request(Method::GET, "/console/tried").header("sec-fetch-site", "same-origin");
    let page = ada.send(request).await;
    assert_eq!(page.status, 200, "it does not go on by itself");
    for shown in ["name=\"mfa_code\"", "one-time-code", "required", MFA_SERIAL] {
        assert!(page.body.contains(shown), "{shown}: {}", page.body);
    }
    let csrf = page.field("csrf");
    for (typed, status, said) in [
        ("", 403, "wants the code"),
        ("12345", 400, "the six digits"),
        ("<b>123456", 400, "the six digits"),
        ("999999", 403, "AWS refused the code"),
    ] {
        let again = ada.post("/console/tried", &[("csrf", &csrf), ("mfa_code", typed)]).await;
        assert_eq!(again.status, status, "{typed:?}");
        assert!(again.body.contains(said) && again.body.contains("name=\"mfa_code\""), "{}", again.body);
        assert!(typed.is_empty() || !again.body.contains(typed), "a code is not repeated");
    }
    let opened = ada.post("/console/tried", &[("csrf", &csrf), ("mfa_code", "271 828")]).await;
    assert!(opened.status == 303 && opened.header("location").contains("SigninToken="), "{}", opened.body);
    let used = ada.post("/console/tried", &[("csrf", &csrf), ("mfa_code", "271828")]).await;
    assert!(used.status == 403 && used.body.contains("was used before"), "{}", used.body);
    assert_eq!(ada.go("/console/tried?mfa_code=314159").await.status, 400, "never in a URL");
    assert_eq!(ada.post("/console/deploy", &[("csrf", &csrf), ("mfa_code", "314159")]).await.status, 400);

    let half =
        ada.post("/console/tried-and-why", &[("csrf", &csrf), ("mfa_code", "999999"), ("reason", "ticket 4711")]).await;
    assert_eq!((half.status, half.field("reason").as_str()), (403, "ticket 4711"), "the reason is kept");
    let both = [("csrf", csrf.as_str()), ("mfa_code", "314159"), ("reason", "ticket 4711")];
    assert_eq!(ada.post("/console/tried-and-why", &both).await.status, 303);
}
