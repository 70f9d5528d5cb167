//! Whom the company's directory takes something from: what their browser shows them the next time that they look.

use reqwest::Method;
use tests::company::Company;
use tests::world::{Answer, Asker, password_of};

/// Ada's browser, signed in.
struct Browser<'a> {
    company: &'a Company,
    asker: Asker,
    cookie: String,
}

impl<'a> Browser<'a> {
    async fn of_ada(company: &'a Company) -> Self {
        let asker = company.world.stranger();
        let cookie = asker.cookie("ada", &password_of("ada")).await;
        Self { company, asker, cookie }
    }

    /// As if the address had been typed.
    async fn go(&self, path: &str) -> Answer {
        let request = self.asker.request(Method::GET, path).header("sec-fetch-site", "none");
        Answer::of(request.header("cookie", &self.cookie)).await
    }

    /// As if one of our own pages had sent the form.
    async fn post(&self, path: &str, csrf: &str) -> Answer {
        let request = self.asker.request(Method::POST, path).form(&[("csrf", csrf)]);
        Answer::of(request.header("origin", self.company.world.brokerd.url()).header("cookie", &self.cookie)).await
    }
}

fn is_link(answer: &Answer) -> bool {
    answer.status == 303 && answer.header("location").is_some_and(|link| link.contains("SigninToken="))
}

#[tokio::test(flavor = "multi_thread")]
async fn who_leaves_a_group_sees_its_connectors_no_more_and_opens_none_of_their_consoles() {
    let company = Company::open().await;
    let ada = Browser::of_ada(&company).await;
    let home = ada.go("/").await;
    let csrf = home.field("csrf");
    let shows = |home: &Answer, name: &str| home.text.contains(&format!("href=\"/console/{name}\""));
    assert!(shows(&home, "deploy") && shows(&home, "treasury"), "{}", home.text);
    assert!(is_link(&ada.go("/console/deploy").await) && is_link(&ada.post("/console/deploy", &csrf).await));

    company.ada_leaves();
    company.next_look().await;
    let links = company.world.calls("getSigninToken").len();
    let home = ada.go("/").await;
    assert!(home.status == 200 && !shows(&home, "deploy") && shows(&home, "treasury"), "{}", home.text);
    for refused in [
        ada.go("/console/deploy").await,
        ada.go("/console/deploy?ask=yes").await,
        ada.post("/console/deploy", &csrf).await,
    ] {
        assert_eq!(refused.status, 404, "{}", refused.text);
        assert!(refused.text.contains("not_found") && !refused.text.contains("role/deploy"), "{}", refused.text);
    }
    assert_eq!(company.world.calls("getSigninToken").len(), links);
    assert!(is_link(&ada.post("/console/treasury", &csrf).await), "hers goes on, in the same session");

    company.ada_returns();
    company.next_look().await;
    assert!(shows(&ada.go("/").await, "deploy") && is_link(&ada.post("/console/deploy", &csrf).await));
}

#[tokio::test(flavor = "multi_thread")]
async fn whose_account_is_disabled_is_told_so_once_by_whatever_page_and_then_led_to_the_sign_in_page() {
    let company = Company::open().await;
    let mut browsers = Vec::new();
    for path in ["/", "/console/deploy", "/account", "POST /console/deploy", "/sign-in"] {
        let browser = Browser::of_ada(&company).await;
        let csrf = browser.go("/").await.field("csrf");
        browsers.push((path, browser, csrf));
    }
    company.ada_is_disabled();
    company.next_look().await;
    for (path, browser, csrf) in browsers {
        let ask = async || match path.strip_prefix("POST ") {
            Some(path) => browser.post(path, &csrf).await,
            None => browser.go(path).await,
        };
        let told = ask().await;
        assert_eq!((told.status, told.header("cache-control")), (403, Some("no-store")), "{path}: {}", told.text);
        assert!(told.header("content-type").unwrap().starts_with("text/html"), "{path}");
        assert!(told.text.contains("the account has been disabled or removed"), "{path}: {}", told.text);
        let led = ask().await;
        if path == "/sign-in" {
            assert!(told.text.contains("name=\"password\"") && led.status == 200, "{path}: {}", told.text);
            assert!(!led.text.contains("disabled"), "once: {}", led.text);
            continue;
        }
        for said in ["account_disabled", "Ask whoever runs the directory"] {
            assert!(told.text.contains(said), "{path}: {}", told.text);
        }
        assert_eq!(led.status, 303, "{path}: {}", led.text);
        let form = led.header("location").unwrap();
        assert!(form.starts_with("/sign-in"), "{path}: {form}");
        assert!(browser.go(form).await.text.contains("name=\"password\""), "{path}");
    }
    assert!(company.world.calls("AssumeRole").is_empty());
    let again = company.world.stranger().by_form("ada", &password_of("ada")).await;
    assert_eq!(again.status, 401, "as anybody: {}", again.text);
    company.ada_is_enabled();
    Browser::of_ada(&company).await.go("/").await.field("csrf");
}
