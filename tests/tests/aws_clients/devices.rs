//! Signing in on a machine without a browser: the code that is compared, who may say yes, and what the program hears meanwhile.

use reqwest::Method;
use serde_json::{Value, json};
use tests::world::{Answer, World, password_of, soon};

use crate::program::{Program, Tokens, refused};

/// A program that shows a code.
pub(crate) struct Device {
    pub(crate) program: Program,
    code: String,
    pub(crate) user_code: String,
}

impl Device {
    pub(crate) async fn waiting(world: &World) -> Self {
        let program = Program::registered(world).await;
        let answer = program.http.post("/device_authorization", &asked(&program)).await;
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        let given = answer.good();
        let text = |name: &str| given[name].as_str().unwrap().to_owned();
        let (code, user_code) = (text("deviceCode"), text("userCode"));
        assert_eq!(text("verificationUri"), format!("{}/device", world.brokerd.url()));
        assert_eq!(text("verificationUriComplete"), format!("{}/device?user_code={user_code}", world.brokerd.url()));
        assert_eq!((&given["expiresIn"], &given["interval"]), (&json!(600), &json!(5)));
        Self { program, code, user_code }
    }

    fn question(&self) -> Value {
        json!({
            "grantType": "urn:ietf:params:oauth:grant-type:device_code", "clientId": self.program.id,
            "clientSecret": self.program.secret, "deviceCode": self.code,
        })
    }

    pub(crate) async fn asks(&self) -> Answer {
        self.program.token(&self.question()).await
    }

    /// As if the program had opened the address itself.
    async fn page(&self, cookie: &str) -> Answer {
        self.page_by(cookie, &[("sec-fetch-site", "none")]).await
    }

    /// The page, with what a browser says of how it got there.
    pub(crate) async fn page_by(&self, cookie: &str, said: &[(&str, &str)]) -> Answer {
        let path = format!("/device?user_code={}", self.user_code);
        let request = self.program.http.request(Method::GET, &path).header("cookie", cookie);
        Answer::of(said.iter().fold(request, |request, (name, value)| request.header(*name, *value))).await
    }

    /// What the page's form sends.
    pub(crate) async fn send(&self, cookie: &str, fields: &[(&str, &str)]) -> Answer {
        let form = self.program.http.request(Method::POST, "/device").form(fields);
        Answer::of(form.header("cookie", cookie).header("origin", &self.program.url)).await
    }

    pub(crate) async fn decide(&self, cookie: &str, decision: &str) -> Answer {
        let page = self.page(cookie).await;
        assert_eq!(page.status, 200, "{}", page.text);
        let (csrf, code) = (page.field("csrf"), page.field("user_code"));
        self.send(cookie, &[("csrf", &csrf), ("user_code", &code), ("decision", decision)]).await
    }
}

pub(crate) async fn world() -> World {
    World::prepare().await.with("aws_clients = { device_groups = [\"corp/release\"] }").serve()
}

fn asked(program: &Program) -> Value {
    json!({ "clientId": program.id, "clientSecret": program.secret, "startUrl": "https://identitycenter.amazonaws.com/brokerd" })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_is_let_in_by_whoever_compares_its_code_and_says_yes() {
    let world = world().await;
    let device = Device::waiting(&world).await;
    // The AWS CLI asks before it shows the code, and at once after.
    for _ in 0..2 {
        refused(&device.asks().await, "400 AuthorizationPendingException");
    }
    refused(&device.asks().await, "400 SlowDownException");
    let cookie = world.stranger().cookie("ada", &password_of("ada")).await;
    let page = device.page(&cookie).await;
    for shown in [device.user_code.as_str(), "127.0.0.1", "botocore-client-corp", "nobody has checked that", "corp/ada"]
    {
        assert!(page.text.contains(shown), "{shown}: {}", page.text);
    }
    assert_eq!(device.decide(&cookie, "allow").await.status, 200);
    let tokens = Tokens::of(&device.asks().await);
    assert_eq!(device.program.credentials(&tokens.access, "deploy").await.status, 200);
    let tokens = Tokens::of(&device.program.refresh(&tokens.refresh).await);
    assert_eq!(device.page(&cookie).await.status, 404, "the code has been used");
    let allowed = world.trail().into_iter().find(|record| record["action"] == "client_authorized").unwrap();
    assert_eq!(
        (&allowed["actor"], &allowed["changes"]["device_address"]),
        (&json!("person:corp/ada"), &json!("127.0.0.1"))
    );

    // One that comes back ends what came of it.
    refused(&device.asks().await, "400 InvalidGrantException");
    refused(&device.program.credentials(&tokens.access, "deploy").await, "401 UnauthorizedException");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_no_is_heard_and_final() {
    let world = world().await;
    let device = Device::waiting(&world).await;
    let cookie = world.stranger().cookie("ada", &password_of("ada")).await;
    assert_eq!(device.decide(&cookie, "deny").await.status, 200);
    refused(&device.asks().await, "400 AccessDeniedException");
    assert_eq!(device.page(&cookie).await.status, 404);
    refused(&device.asks().await, "400 AccessDeniedException");
}

#[tokio::test(flavor = "multi_thread")]
async fn codes_are_for_those_groups_alone_that_the_configuration_names() {
    let world = world().await;
    let device = Device::waiting(&world).await;
    for outsider in ["fred", "root"] {
        let cookie = world.stranger().cookie(outsider, &password_of(outsider)).await;
        assert_eq!(device.page(&cookie).await.status, 403, "{outsider}");
    }
    let first = device.page("").await.header("location").unwrap().to_owned();
    let expected = format!("/sign-in?next=/device%3Fuser_code%3D{}&asked=", device.user_code);
    assert!(first.starts_with(&expected), "{first}");
    refused(&device.asks().await, "400 AuthorizationPendingException");

    let off = World::open().await;
    let program = Program::registered(&off).await;
    refused(&program.http.post("/device_authorization", &asked(&program)).await, "400 UnauthorizedClientException");
    let cookie = off.stranger().cookie("ada", &password_of("ada")).await;
    let page = Answer::of(off.stranger().request(Method::GET, "/device").header("cookie", cookie)).await;
    assert_eq!(page.status, 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_code_is_good_for_its_own_client_and_a_guess_for_nothing() {
    let world = world().await;
    let (device, other) = (Device::waiting(&world).await, Device::waiting(&world).await);
    let cookie = world.stranger().cookie("ada", &password_of("ada")).await;
    assert_eq!(device.decide(&cookie, "allow").await.status, 200);
    let mut body = other.question();
    body["deviceCode"] = json!(device.code);
    refused(&other.program.token(&body).await, "400 InvalidGrantException");
    body["deviceCode"] = json!("A".repeat(43));
    refused(&other.program.token(&body).await, "400 InvalidGrantException");
    refused(&device.program.token(&device.program.redemption(&device.code)).await, "400 InvalidGrantException");
    Tokens::of(&device.asks().await);
    refused(&other.asks().await, "400 AuthorizationPendingException");
    let forged = program_with(&other.program, "bkc_x");
    refused(&forged.http.post("/device_authorization", &asked(&forged)).await, "401 InvalidClientException");

    // Whoever tries codes is told to wait, and the trail has them.
    let mut statuses = Vec::new();
    for number in 0..30 {
        let path = format!("/device?user_code=BCDF-GH{}J", ["B", "C", "D"][number % 3]);
        let request = device.program.http.request(Method::GET, &path).header("cookie", &cookie);
        statuses.push(Answer::of(request.header("sec-fetch-site", "same-origin")).await.status);
    }
    assert!(statuses.contains(&404) && statuses.last() == Some(&429), "{statuses:?}");
    refused(&device.asks().await, "400 InvalidGrantException");
    soon("each in the trail, with why", async || {
        let refusals = world.trail().into_iter().filter(|it| it["outcome"] == "refused");
        let whys: Vec<_> = refusals.map(|it| [it["action"].clone(), it["reason"].clone()]).collect();
        let guessed = ["the code was given to another client", "there is no such device code, or it is over"]
            .map(|why| [json!("client_refused"), json!(why)]);
        let replayed = [json!("client_ended"), json!("the code was shown again")];
        (guessed.iter().chain([&replayed]).all(|why| whys.contains(why))).then_some(())
    })
    .await;
}

fn program_with(program: &Program, secret: &str) -> Program {
    Program { secret: secret.to_owned(), ..program.clone() }
}
