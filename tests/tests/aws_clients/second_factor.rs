//! A connector that wants a second factor, before AWS's own clients: they cannot show one, so that what their person showed at the broker counts.

use broker_core::second_factor::Seed;
use reqwest::Method;
use secrecy::SecretString;
use serde_json::{Value, json};
use tests::phone::Phone;
use tests::python::Client;
use tests::world::{Answer, Asker, World, now, password_of, soon};

use crate::devices::Device;
use crate::login::{self, FORBIDDEN, Got, Login};
use crate::program::{ACCOUNT, Program, Tokens, refused};

/// A broker whose connector `deploy` wants one.
async fn world() -> World {
    let prepared = World::prepare().await;
    prepared.installation.edit("connectors.toml", OPEN, GUARDED);
    prepared.serve()
}

/// Says what `deploy` wants from now on, beside the daemon.
fn wants(world: &World, from: &str, to: &str) {
    world.brokerd.installation().edit("connectors.toml", from, to);
    world.run(&["apply", "--yes"], "").succeeded();
}

/// The sentence that sends people where they can help themselves.
fn names_the_page(told: &str) -> bool {
    told.contains("this needs a second factor") && told.contains("/account")
}

/// What AWS's clients fetch by themselves, by a token of the person's own.
async fn container(asker: &Asker) -> Answer {
    asker.get("/v1/container-credentials/deploy").await
}

/// A machine whose clients do so.
fn fetching(world: &World, asker: &Asker) -> Client {
    let address = format!("{}/v1/container-credentials/deploy", world.brokerd.url());
    Client::at(&world.sim.endpoint())
        .with("AWS_CONTAINER_CREDENTIALS_FULL_URI", &address)
        .with("AWS_CONTAINER_AUTHORIZATION_TOKEN", asker.token.as_ref().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_has_shown_none_is_refused_by_each_way_and_told_the_page() {
    let world = world().await;
    let cookie = world.stranger().cookie("ada", &password_of("ada")).await;
    let (program, tokens) = Program::signed_in_by(&world, &cookie).await;
    let told = refused(&program.credentials(&tokens.access, "deploy").await, "403 ForbiddenException");
    assert!(names_the_page(&told), "{told}");
    let tokens = Tokens::of(&program.refresh(&tokens.refresh).await);
    refused(&program.credentials(&tokens.access, "deploy").await, "403 ForbiddenException");
    let ada = world.person("ada").await;
    let told = container(&ada).await.problem("403 second_factor_required");
    assert!(names_the_page(told["Message"].as_str().unwrap()), "{told}");

    let asked =
        ["sso", "get-role-credentials", "--region", "brokerd", "--role-name", "deploy", "--account-id", ACCOUNT];
    let by_cli = Client::new().with("AWS_ENDPOINT_URL_SSO", &world.brokerd.url());
    let said = by_cli.aws(&[&asked[..], &["--access-token", &tokens.access]].concat()).failed();
    assert!(said.contains("ForbiddenException") && names_the_page(&said), "{said}");
    let said = fetching(&world, &ada).aws(&["sts", "get-caller-identity"]).failed();
    assert!(names_the_page(&said), "{said}");

    let login = Login::begin(&world);
    let led = login.decide(&cookie, &[("connector", "deploy"), ("decision", "allow")]).await;
    let place = led.header("location").unwrap_or_default().to_owned();
    assert!(led.status == 303 && place.starts_with("/account?next=/v1/authorize%3F"), "{} {place}", led.status);
    let page = Answer::of(login.http.request(Method::GET, &place).header("cookie", &cookie)).await;
    assert!(page.text.contains("The connector for <code>aws login</code> wants a second factor: set one up."));
    assert!(page.field("next").starts_with("/v1/authorize?response_type=code"), "and back from there");
    assert!(world.calls("AssumeRole").is_empty());
    soon("each in the trail", async || {
        let trail = world.trail();
        let refusals = trail.iter().filter(|record| record["connector"] == "deploy" && record["action"] == "vend");
        let refusals: Vec<&Value> = refusals.collect();
        assert!(refusals.iter().all(|record| record["outcome"] == "refused"), "{refusals:?}");
        (refusals.len() >= 6).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_lets_in_a_program_hears_before_how_many_connectors_it_would_be_refused() {
    const MORE: &str = "\n[[connector]]\nname = 'twofold'\naccess_key = 'main'\ngroups = ['corp/release']\n\
                        require_second_factor = true\n[connector.principal.assume_role]\n\
                        role_arn = 'arn:aws:iam::111111111111:role/brief'\n";
    let devices = "aws_clients = { device_groups = [\"corp/release\"] }";
    let world = World::prepare().await.with(devices).connectors(MORE).serve();
    let cookie = world.stranger().cookie("ada", &password_of("ada")).await;
    let program = Program::registered(&world).await;
    let device = Device::waiting(&world).await;
    let here = [("sec-fetch-site", "none")];
    let told = "a second factor, which you have not shown: the program would be refused there.";
    let one = format!("One connector of yours wants {told}");
    let page = program.page(&cookie, &program.query()).await.text;
    assert!(page.contains(&one) && page.contains("href=\"/account?next=/authorize%3Fresponse_type"), "{page}");
    let page = device.page_by(&cookie, &here).await.text;
    assert!(page.contains(&one) && page.contains("href=\"/account?next=/device\""), "{page}");
    assert!(page.contains(&device.user_code));

    wants(&world, OPEN, GUARDED);
    let two = format!("2 connectors of yours want {told}");
    soon("both", async || program.page(&cookie, &program.query()).await.text.contains(&two).then_some(())).await;
    let ada = world.person("ada").await;
    let phone = Phone::enrol(&ada).await;
    let cookie = world.stranger().cookie_with("ada", &password_of("ada"), &phone.recovery_codes[0]).await;
    for page in [program.page(&cookie, &program.query()).await, device.page_by(&cookie, &here).await] {
        assert!(page.status == 200 && !page.text.contains("second factor"), "{}", page.text);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_whoever_has_shown_one_lets_in_gets_credentials_by_each_way() {
    let world = world().await;
    let ada = world.person("ada").await;
    let phone = Phone::enrol(&ada).await;
    let cookie = world.stranger().cookie_with("ada", &password_of("ada"), &phone.recovery_codes[0]).await;
    let (program, tokens) = Program::signed_in_by(&world, &cookie).await;
    for tokens in [tokens.clone(), Tokens::of(&program.refresh(&tokens.refresh).await)] {
        // Once more, as somebody who is remembered.
        for _ in 0..2 {
            program.credentials(&tokens.access, "deploy").await.good();
        }
        let bearer = program.http.with_token(&tokens.access);
        bearer.vended("deploy", &json!({ "fresh": true })).await;
    }
    container(&ada).await.good();
    let identity = fetching(&world, &ada).aws(&["sts", "get-caller-identity"]).json();
    assert!(identity["Arn"].as_str().unwrap().ends_with(":assumed-role/deploy/ada"), "{identity}");

    let (login, got) = Login::logged_in_by(&world, &cookie, "deploy").await;
    Got::of(&login.renew(&got.refresh).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connector_that_wants_one_from_now_on_ends_what_was_let_in_without() {
    let world = World::open().await;
    let (program, tokens) = Program::signed_in(&world, "ada").await;
    let (login, got) = Login::logged_in(&world, "ada", "deploy").await;
    let ada = world.person("ada").await;
    for _ in 0..2 {
        program.credentials(&tokens.access, "deploy").await.good();
        container(&ada).await.good();
    }
    let asked = async || program.credentials(&tokens.access, "deploy").await;
    wants(&world, OPEN, GUARDED);
    let answer = soon("a refusal", async || Some(asked().await).filter(|answer| answer.status != 200)).await;
    let told = refused(&answer, "403 ForbiddenException");
    assert!(names_the_page(&told), "{told}");
    container(&ada).await.problem("403 second_factor_required");
    let told = login::refused(&login.renew(&got.refresh).await, FORBIDDEN);
    assert!(names_the_page(&told), "{told}");
    wants(&world, GUARDED, OPEN);
    soon("credentials", async || Some(asked().await).filter(|answer| answer.status == 200)).await;
    container(&ada).await.good();
    Got::of(&login.renew(&got.refresh).await);
}

const OPEN: &str = "name = \"deploy\"\n";
const GUARDED: &str = "name = \"deploy\"\nrequire_second_factor = true\n";

/// A browser's session, by which somebody changes their second factors.
struct Tab<'a> {
    program: &'a Program,
    cookie: String,
}

impl Tab<'_> {
    async fn sends(&self, method: Method, path: &str, body: Option<Value>) -> Answer {
        let csrf = self.program.page(&self.cookie, &self.program.query()).await.field("csrf");
        let request = self.program.http.request(method, path).header("cookie", &self.cookie);
        let request = request.header("origin", &self.program.url).header("x-csrf-token", csrf);
        Answer::of(match body {
            Some(body) => request.json(&body),
            None => request,
        })
        .await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_changes_a_second_factor_stays_signed_in_and_no_client_or_other_session_of_theirs_does() {
    let world = world().await;
    let cookie = world.stranger().cookie("ada", &password_of("ada")).await;
    let (program, tokens) = Program::signed_in_by(&world, &cookie).await;
    let mut tab = Tab { program: &program, cookie };
    let begun = tab.sends(Method::POST, "/v1/account/enrolments", Some(json!({}))).await.good();
    let seed = Seed::read(SecretString::from(begun["secret"].as_str().unwrap())).unwrap();
    let body = json!({ "enrolment": begun["enrolment"], "otp": seed.code_at(now()).unwrap(), "label": "phone" });
    let added = tab.sends(Method::POST, "/v1/account/second-factors", Some(body)).await;
    assert_eq!(added.status, 201, "{}", added.text);
    // Let in by the password alone, it must not count as proved by what came after it.
    refused(&program.credentials(&tokens.access, "deploy").await, "401 UnauthorizedException");
    refused(&program.refresh(&tokens.refresh).await, "400 InvalidGrantException");
    tab.cookie = added.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    let (_, tokens) = Program::signed_in_by(&world, &tab.cookie).await;
    assert_eq!(program.credentials(&tokens.access, "deploy").await.status, 200);

    let added = added.json();
    let code = added["recovery_codes"][0].as_str().unwrap();
    let elsewhere = world.stranger().cookie_with("ada", &password_of("ada"), code).await;
    assert_eq!(program.page(&elsewhere, &program.query()).await.status, 200);
    let path = format!("/v1/account/second-factors/{}", added["second_factor"]["id"].as_str().unwrap());
    let removed = tab.sends(Method::DELETE, &path, None).await;
    assert_eq!(removed.status, 204, "{}", removed.text);
    refused(&program.credentials(&tokens.access, "deploy").await, "401 UnauthorizedException");
    refused(&program.refresh(&tokens.refresh).await, "400 InvalidGrantException");
    assert_eq!(program.page(&elsewhere, &program.query()).await.status, 303, "the other session is over");
    // Nor does the one that goes on count as proved by what is no more.
    let vend = tab.sends(Method::POST, "/v1/connectors/deploy/credentials", Some(json!({}))).await;
    vend.problem("403 second_factor_required");
}
