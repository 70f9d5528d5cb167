//! The page that asks for a code after the password, without scripts; and the cookie, which is another one once somebody has shown more.

use reqwest::Method;
use serde_json::{Value, json};
use tests::world::{Answer, Asker, World, password_of, soon};

use crate::timed::Timed;

/// A browser on the sign-in page: its cookie, and the page's form.
struct Browser {
    asker: Asker,
    url: String,
    cookie: String,
}

impl Browser {
    async fn open(timed: &Timed) -> (Self, Answer) {
        let (asker, url) = (timed.world.stranger(), timed.world.brokerd.url());
        let form = Answer::of(asker.request(Method::GET, "/sign-in")).await;
        let cookie = form.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
        (Self { asker, url, cookie }, form)
    }

    async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let request = self.asker.request(Method::POST, path).header("origin", &self.url).header("cookie", &self.cookie);
        Answer::of(request.form(fields)).await
    }

    /// As far as the page that asks for a code.
    async fn half_way(timed: &Timed) -> (Self, Answer) {
        let (browser, form) = Self::open(timed).await;
        let password = password_of("ada");
        let fields = [
            ("csrf", form.field("csrf")),
            ("next", "/console/deploy".to_owned()),
            ("username", "ada".to_owned()),
            ("password", password),
        ];
        let fields = fields.each_ref().map(|(name, value)| (*name, value.as_str()));
        let page = browser.post("/sign-in", &fields).await;
        assert_eq!(page.status, 200, "{}", page.text);
        (browser, page)
    }

    async fn code(&self, page: &Answer, otp: &str) -> Answer {
        let fields = [
            ("csrf", page.field("csrf")),
            ("next", page.field("next")),
            ("half_way", page.field("half_way")),
            ("otp", otp.to_owned()),
        ];
        let fields = fields.each_ref().map(|(name, value)| (*name, value.as_str()));
        self.post("/sign-in/second-factor", &fields).await
    }
}

fn session_cookie(answer: &Answer) -> String {
    let mut cookies = answer.headers.get_all("set-cookie").iter().map(|cookie| cookie.to_str().unwrap());
    let kept = cookies.find(|cookie| cookie.contains("bkb_")).unwrap_or_else(|| panic!("no session: {}", answer.text));
    kept.split(';').next().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn after_the_password_a_page_asks_for_the_code_and_leads_on_where_the_person_meant_to_go() {
    let timed = Timed::open().await;
    let phone = timed.enrol(&timed.world.person("ada").await).await;
    let (browser, page) = Browser::half_way(&timed).await;
    assert!(page.text.contains("name=\"otp\"") && !page.text.contains(&password_of("ada")), "{}", page.text);
    assert!(page.headers.get_all("set-cookie").iter().all(|cookie| !cookie.to_str().unwrap().contains("bkb_")));

    let wrong = browser.code(&page, "000000").await;
    assert!(wrong.status == 401 && wrong.text.contains("not the right code"), "{}", wrong.text);
    let (other, _) = Browser::open(&timed).await;
    let stolen = other.code(&page, &timed.code(&phone)).await;
    assert!(stolen.status == 403 && stolen.text.contains("name=\"password\""), "of another browser: {}", stolen.text);
    let forged = [
        ("csrf", page.field("csrf")),
        ("next", "/".to_owned()),
        ("half_way", "e30.AAAA".to_owned()),
        ("otp", "000000".to_owned()),
    ];
    let forged = forged.each_ref().map(|(name, value)| (*name, value.as_str()));
    assert_eq!(browser.post("/sign-in/second-factor", &forged).await.status, 403);

    let welcome = browser.code(&wrong, &timed.code(&phone)).await;
    assert_eq!(
        (welcome.status, welcome.header("location")),
        (303, Some("/console/deploy?ask=yes")),
        "{}",
        welcome.text
    );
    let cookie = session_cookie(&welcome);
    let session = browser.asker.request(Method::GET, "/v1/session").header("cookie", cookie);
    assert_eq!(Answer::of(session).await.good()["second_factor"]["by"], "totp");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_that_shows_more_goes_on_under_another_cookie() {
    let timed = Timed::open().await;
    let phone = timed.enrol(&timed.world.person("ada").await).await;
    let (browser, page) = Browser::half_way(&timed).await;
    let before = session_cookie(&browser.code(&page, &timed.code(&phone)).await);
    let home = Answer::of(browser.asker.request(Method::GET, "/").header("cookie", &before)).await;
    let csrf = home.field("csrf");
    let step_up = |cookie: &str, otp: &str| {
        let request = browser.asker.request(Method::POST, "/v1/session/second-factor").header("cookie", cookie);
        request.header("origin", &browser.url).header("x-csrf-token", &csrf).json(&json!({ "otp": otp }))
    };
    Answer::of(step_up(&before, "000000")).await.problem("401 invalid_credentials");
    let raised = Answer::of(step_up(&before, &timed.code(&phone))).await;
    raised.good();
    let after = session_cookie(&raised);
    assert_ne!(before, after);
    let with = |cookie: String| browser.asker.request(Method::GET, "/v1/session").header("cookie", cookie);
    Answer::of(with(before)).await.problem("401 unauthenticated");
    Answer::of(with(after)).await.good();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_code_of_a_break_glass_account_is_heard_at_the_second_step_and_at_a_step_up_too() {
    let emergency = "username = \"ada\"\nbreak_glass = true";
    let timed = Timed::serve(World::prepare().await.configured("username = \"ada\"", emergency));
    let ada = timed.world.person("ada").await;
    let phone = timed.enrol(&ada).await;
    let alarms = || timed.world.brokerd.log().matches("somebody was not let in by a break-glass account").count();
    assert_eq!(alarms(), 0);
    let (browser, page) = Browser::half_way(&timed).await;
    assert_eq!(alarms(), 1, "whoever knows the password is heard");
    let page = browser.code(&page, "000000").await;
    assert_eq!((page.status, alarms()), (401, 2));
    ada.post("/v1/session/second-factor", &json!({ "otp": "000000" })).await.problem("401 invalid_credentials");
    assert_eq!(alarms(), 3);
    assert_eq!(browser.code(&page, &timed.code(&phone)).await.status, 303);
    soon("their records", async || {
        let records = timed.world.trail();
        let wrong = "the password was right, and the code was wrong";
        let is =
            |record: &Value, outcome: &str| record["action"] == "break_glass_sign_in" && record["outcome"] == outcome;
        let refused = records.iter().any(|record| is(record, "refused") && record["reason"] == wrong);
        (refused && records.iter().filter(|record| is(record, "success")).count() == 2).then_some(())
    })
    .await;
}
