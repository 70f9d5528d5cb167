//! *My account* in a real browser: an authenticator is set up and asked for, and a recovery code lets in whoever lost it.

use broker_core::second_factor::Seed;
use secrecy::SecretString;
use serde_json::json;
use tests::browser::Browser;
use tests::house::{House, password_of};
use tests::world::now;

use crate::chromium::{quiet, sign_in};

async fn said(browser: &Browser, selector: &str) -> String {
    let script = "return document.querySelector(arguments[0]).textContent";
    browser.script(script, &[selector.into()]).await.as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_wants_a_console_without_the_second_factor_sets_one_up_and_goes_on() {
    let (house, browser) = (House::build().await, Browser::open().await);
    let spec = json!({
        "description": "Wants two", "access_key": "main", "groups": ["corp/release"], "require_second_factor": true,
        "principal": { "assume_role": { "role_arn": "arn:aws:iam::111111111111:role/deploy" } },
    });
    house.connector("twofold", spec.clone()).await;
    let why = [spec.as_object().unwrap().clone(), json!({ "require_reason": true }).as_object().unwrap().clone()];
    house.connector("explained", why.into_iter().flatten().collect::<serde_json::Map<_, _>>().into()).await;
    browser.go(&house.url("/console/twofold")).await;
    browser.wait_for("Password").await;
    sign_in(&browser, "ada", &password_of("ada")).await;
    browser.wait_for("The console of twofold wants a second factor: set one up.").await;
    // Also where the page would have asked before.
    for (path, name) in [("explained", "explained"), ("twofold?ask=yes", "twofold"), ("twofold", "twofold")] {
        browser.go(&house.url(&format!("/console/{path}"))).await;
        browser.wait_for(&format!("The console of {name} wants a second factor: set one up.")).await;
    }
    browser.click("form:has(input[value=begin]) button").await;
    browser.wait_for("Point your authenticator's camera").await;
    let seed = Seed::read(SecretString::from(said(&browser, "#secret").await)).unwrap();
    browser.fill("#otp", &seed.code_at(now()).unwrap()).await;
    browser.click("form:has(input[value=add]) button").await;
    browser.wait_for("Your recovery codes").await;
    browser.click("#recovery-codes ~ p a.button").await;
    browser.wait_for("Open the AWS console?").await;
    assert_eq!(house.sim.count("AssumeRole"), 0, "it asks once more");
    browser.click("button[type=submit]").await;
    browser.wait_for("Signed in to the simulated AWS console").await;
    quiet(&browser, &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_authenticator_is_set_up_and_from_then_on_asked_for() {
    let (house, browser) = (House::build().await, Browser::open().await);
    browser.go(&house.url("/account")).await;
    browser.wait_for("Password").await;
    sign_in(&browser, "ada", &password_of("ada")).await;
    browser.wait_for("your password alone lets you in").await;

    browser.click("form:has(input[value=begin]) button").await;
    browser.wait_for("Point your authenticator's camera").await;
    let drawn = "return document.querySelector('svg path').getBoundingClientRect().width";
    assert!(browser.script(drawn, &[]).await.as_f64().is_some_and(|width| width > 100.0), "the picture is there");
    let seed = Seed::read(SecretString::from(said(&browser, "#secret").await)).unwrap();
    browser.fill("#otp", "000000").await;
    browser.click("form:has(input[value=add]) button").await;
    browser.wait_for("the code is not the one").await;
    assert_eq!(said(&browser, "#secret").await, *secrecy::ExposeSecret::expose_secret(seed.text()), "the same goes on");
    browser.fill("#otp", &seed.code_at(now()).unwrap()).await;
    browser.click("form:has(input[value=add]) button").await;
    browser.wait_for("Your recovery codes").await;
    let code = said(&browser, "#recovery-codes li code").await;
    browser.click("a.button[href='/account']").await;
    browser.wait_until_gone("I have written them down").await;
    browser.wait_for("10 recovery codes are left").await;
    assert!(!browser.text().await.contains(&code), "shown once");

    browser.click("form[action='/sign-out'] button").await;
    browser.wait_for("Password").await;
    sign_in(&browser, "ada", &password_of("ada")).await;
    browser.wait_for("Your second factor").await;
    browser.fill("#otp", "000000").await;
    browser.click("button[type=submit]").await;
    browser.wait_for("That is not the right code").await;
    browser.fill("#otp", &code).await;
    browser.click("button[type=submit]").await;
    browser.wait_for("Deploys to production").await;

    browser.go(&house.url("/account")).await;
    browser.wait_for("9 recovery codes are left").await;
    browser.click("form:has(input[value=codes]) button").await;
    browser.wait_for("Your recovery codes").await;
    assert_ne!(said(&browser, "#recovery-codes li code").await, code);
    browser.click("a.button[href='/account']").await;
    browser.wait_until_gone("I have written them down").await;
    browser.click("form:has(input[value=remove]) button").await;
    browser.wait_for("your password alone lets you in").await;
    quiet(&browser, &["400", "401"]).await;
}
