//! What every page says to browsers, and the pages that explain problems.

use std::collections::BTreeSet;

use reqwest::{Method, header};
use tests::house::House;

use crate::tab::Tab;

#[tokio::test]
async fn pages_let_nothing_in_and_are_kept_nowhere() {
    let house = House::known_as("https://broker.example").await;
    let mut ada = Tab::of(&house, "ada").await;
    let mut stranger = Tab::new(&house);
    let aws = "https://*.aws.amazon.com";
    // The stand-in for AWS's federation endpoint is configured; forms may lead there too.
    let sim = format!("http://{}", house.sim.address());
    let everywhere = format!("'self' {aws} https://*.amazonaws-us-gov.com https://*.amazonaws.cn {sim}");
    for (signed_in, path, forms) in [
        (false, "/sign-in", "'self'"),
        (false, "/sign-in?next=/console/deploy", &everywhere),
        (true, "/", "'self'"),
        (true, "/console/raw", "'self'"),
        (false, "/problems/internal", "'self'"),
        (false, "/docs", "'self'"),
    ] {
        let tab = if signed_in { &mut ada } else { &mut stranger };
        let page = tab.go(path).await;
        let expected = format!(
            "default-src 'none'; style-src 'self'; img-src 'self'; form-action {forms}; frame-ancestors 'none'; base-uri 'none'"
        );
        assert_eq!(page.header("content-security-policy"), expected, "{path}");
        assert_eq!(page.header("cache-control"), "no-store", "{path}");
        assert_eq!(page.header("x-frame-options"), "DENY", "{path}");
        assert_eq!(page.header("x-content-type-options"), "nosniff", "{path}");
        assert!(
            !page.body.contains("<script") && !page.body.contains("style=") && !page.body.contains("://"),
            "{path}"
        );
        let head = tab.request(Method::HEAD, path).header("sec-fetch-site", "none");
        let head = tab.send(head).await;
        assert_eq!((head.status, head.body.as_str()), (page.status, ""), "{path}");
    }
    let request = ada.request(Method::GET, "/console/deploy").header("sec-fetch-site", "cross-site");
    let page = ada.send(request).await;
    assert!(page.header("content-security-policy").contains(&format!("form-action 'self' {aws} {sim};")));
}

#[tokio::test]
async fn another_host_gets_nothing() {
    let house = House::known_as("https://broker.example").await;
    for path in ["/", "/sign-in", "/console/deploy", "/problems/internal"] {
        let foreign = reqwest::Client::builder().no_proxy().build().unwrap().get(house.url(path)).send().await.unwrap();
        assert_eq!(foreign.status(), 421, "{path}");
        assert!(foreign.headers().get(header::SET_COOKIE).is_none(), "{path}");
    }
}

#[tokio::test]
async fn no_route_lets_another_sites_scripts_read_its_answers() {
    let house = House::build().await;
    let token = house.sign_in("root").await;
    // The table of what each route takes; beside it those that take nothing.
    let table = include_str!("../../../brokerd/src/access.rs");
    let listed = table.lines().filter_map(|line| line.trim().strip_prefix("(\"")?.split('"').nth(2));
    let paths: BTreeSet<&str> = listed.filter(|path| path.starts_with('/')).collect();
    assert!(paths.len() > 15, "{paths:?}");
    let beside = ["/v1/sessions", "/healthz", "/readyz", "/metrics", "/problems/internal", "/assets/x.css", "/nowhere"];
    for path in paths.into_iter().chain(beside) {
        let path = path.replace("{name}", "deploy").replace("{id}", "0190a5c8-7f4e-7b3a-9d2c-1e5f6a7b8c9d");
        for method in [Method::OPTIONS, Method::GET, Method::POST, Method::PUT, Method::DELETE] {
            for origin in ["https://evil.example", "null", house.origin()] {
                let request = house.request(method.clone(), &path).header(header::ORIGIN, origin);
                let request = request.header("access-control-request-method", "GET");
                let request = request.header("access-control-request-headers", "authorization");
                let request = if method == Method::GET { request.bearer_auth(&token) } else { request };
                let answer = request.send().await.unwrap();
                let cors = answer.headers().keys().find(|name| name.as_str().starts_with("access-control-"));
                assert_eq!(cors, None, "{method} {path} for {origin}");
            }
        }
    }
}

#[tokio::test]
async fn assets_may_be_kept_for_good() {
    let house = House::build().await;
    let mut tab = Tab::new(&house);
    let page = tab.go("/sign-in").await.body;
    let paths: Vec<&str> = page.split('"').filter(|part| part.starts_with("/assets/")).collect();
    assert!(paths.len() >= 2, "{page}");
    for path in paths {
        let asset = tab.go(path).await;
        assert_eq!(asset.status, 200, "{path}");
        assert_eq!(asset.header("cache-control"), "public, max-age=31536000, immutable");
        let kind = if path.contains("/style.") { "text/css; charset=utf-8" } else { "image/svg+xml" };
        assert_eq!(asset.header("content-type"), kind);
    }
    for nothing in ["/assets/style.css", "/assets/", "/assets/..%2f..%2fetc%2fpasswd", "/assets/style.0000.css"] {
        assert_eq!(tab.go(nothing).await.status, 404, "{nothing}");
    }
}

#[tokio::test]
async fn each_problem_has_a_page_that_says_what_to_do() {
    let house = House::build().await;
    let mut tab = Tab::new(&house);
    let problem = house.request(Method::GET, "/v1/session").send().await.unwrap();
    let problem: serde_json::Value = problem.json().await.unwrap();
    let page = tab.go(problem["type"].as_str().unwrap()).await;
    assert_eq!(page.status, 200);
    assert!(page.body.contains("Sign in first") && page.body.contains("<code>Authorization: Bearer TOKEN</code>"));
    assert_eq!(tab.go("/problems/no-such-problem").await.status, 404);
}

#[tokio::test]
async fn browsers_get_pages_and_programs_get_json_where_nothing_is() {
    let house = House::build().await;
    let ask = async |path: &str, accept: &str| {
        house.request(Method::GET, path).header(header::ACCEPT, accept).send().await.unwrap()
    };
    for (path, accept, kind) in [
        ("/nowhere", "text/html,application/xhtml+xml,*/*;q=0.8", "text/html"),
        ("/nowhere", "*/*", "application/problem+json"),
        ("/v1/session", "text/html", "application/problem+json"),
        ("/sign-out", "*/*", "text/html"),
    ] {
        let answer = ask(path, accept).await;
        assert!(answer.headers()[header::CONTENT_TYPE].to_str().unwrap().starts_with(kind), "{path} {accept}");
        assert_eq!(
            answer.status(),
            if path == "/sign-out" {
                405
            } else if path == "/nowhere" {
                404
            } else {
                401
            }
        );
    }
}

#[tokio::test]
async fn the_bearer_token_of_the_api_opens_no_page() {
    let house = House::build().await;
    let token = house.sign_in("ada").await;
    let page = house.request(Method::GET, "/").bearer_auth(&token).send().await.unwrap();
    assert_eq!(page.status(), 303);
}
