//! Passkeys in a real browser, with an authenticator of Chromium's own: made on *My account*, asked for after the password and where something is to be
//! changed; and what is there for whoever has no script, and no name.

use serde_json::{Value, json};
use tests::browser::Browser;
use tests::house::{House, password_of};
use tests::world::soon;

use crate::chromium::{looks_right, quiet, sign_in};

/// A browser with something to keep passkeys in, and the page of the broker.
struct Scene {
    house: House,
    browser: Browser,
    /// As the browser's tools call what keeps the passkeys.
    device: Value,
}

/// A device that keeps passkeys. The browser has one of its sort at a time.
async fn plugged_in(browser: &Browser) -> Value {
    let options = json!({ "options": {
        "protocol": "ctap2", "transport": "internal", "hasResidentKey": true, "hasUserVerification": true, "isUserVerified": true,
    } });
    browser.tools("WebAuthn.addVirtualAuthenticator", options).await["authenticatorId"].clone()
}

impl Scene {
    async fn open() -> Self {
        let (house, browser) = (House::at_localhost().await, Browser::open().await);
        let spec = json!({
            "description": "Wants two", "access_key": "main", "groups": ["corp/release"], "require_second_factor": true,
            "principal": { "assume_role": { "role_arn": "arn:aws:iam::111111111111:role/deploy" } },
        });
        house.connector("twofold", spec).await;
        browser.tools("WebAuthn.enable", json!({})).await;
        let device = plugged_in(&browser).await;
        Self { house, browser, device }
    }

    async fn go(&self, path: &str) {
        self.browser.go(&format!("{}{path}", self.house.origin())).await;
    }

    async fn enrols(&self, label: &str) {
        self.browser.click("form:has(input[value=begin-passkey]) button").await;
        self.browser.wait_for("Set up a passkey").await;
        self.browser.fill("#passkey-label", label).await;
        self.browser.click("form[data-passkey] button").await;
    }

    async fn signs_in(&self, path: &str) {
        self.go(path).await;
        self.browser.wait_for("Password").await;
        sign_in(&self.browser, "ada", &password_of("ada")).await;
        self.browser.wait_for("Your second factor").await;
    }

    async fn signs_out(&self) {
        self.go("/").await;
        self.browser.click("form[action='/sign-out'] button").await;
        self.browser.wait_for("Password").await;
    }

    async fn has_enrolled() -> Self {
        let scene = Self::open().await;
        scene.go("/account").await;
        scene.browser.wait_for("Password").await;
        sign_in(&scene.browser, "ada", &password_of("ada")).await;
        scene.browser.wait_for("your password alone lets you in").await;
        scene.enrols("laptop").await;
        scene.browser.wait_for("Your recovery codes").await;
        scene
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_passkey_is_made_and_opens_what_wants_a_second_factor() {
    let scene = Scene::has_enrolled().await;
    let browser = &scene.browser;
    scene.go("/account").await;
    browser.wait_for("laptop").await;
    let shown = browser.text().await;
    assert!(shown.contains("Passkey, enrolled") && shown.contains("10 recovery codes are left"), "{shown}");

    scene.signs_out().await;
    let program = json!({ "username": "ada", "password": password_of("ada") });
    let told = scene.house.request(reqwest::Method::POST, "/v1/sessions").json(&program).send().await.unwrap();
    assert_eq!(told.status(), 401);
    let told: Value = told.json().await.unwrap();
    assert_eq!(told["code"], "passkey_required");
    assert!(told["detail"].as_str().unwrap().contains("`broker login`"), "{told}");
    scene.signs_in("/console/twofold").await;
    let page = browser.text().await;
    assert!(page.contains("Use a passkey") && page.contains("Recovery code") && !page.contains("JavaScript"), "{page}");
    browser.click("form[data-passkey] button").await;
    browser.wait_for("Signed in to the simulated AWS console").await;
    assert_eq!(scene.house.sim.count("AssumeRole"), 1);
    scene.go("/account").await;
    browser.wait_for("used 2").await;
    browser.click("form:has(input[value=remove]) button").await;
    browser.wait_for("your password alone lets you in").await;
    quiet(browser, &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_device_is_not_enrolled_twice_and_another_is() {
    let scene = Scene::has_enrolled().await;
    scene.go("/account").await;
    scene.enrols("again").await;
    scene.browser.wait_for("enrolled already").await;
    let gone = json!({ "authenticatorId": scene.device });
    scene.browser.tools("WebAuthn.removeVirtualAuthenticator", gone).await;
    plugged_in(&scene.browser).await;
    scene.go("/account").await;
    scene.enrols("second").await;
    soon("the second passkey", async || scene.browser.text().await.contains("second\n").then_some(())).await;
    assert!(scene.browser.text().await.contains("laptop"));
    quiet(&scene.browser, &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_refuses_is_told_and_may_try_again_and_a_recovery_code_needs_no_script() {
    let scene = Scene::has_enrolled().await;
    let browser = &scene.browser;
    let code = browser.script("return document.querySelector('#recovery-codes code').textContent", &[]).await;
    scene.signs_out().await;
    scene.signs_in("/").await;
    let broken = "navigator.credentials.get = () => Promise.reject(new DOMException('no', 'NotAllowedError'))";
    browser.script(broken, &[]).await;
    browser.click("form[data-passkey] button").await;
    browser.wait_for("No passkey came").await;
    // What another page's question was answered with is no answer to this one's.
    browser
        .script("delete navigator.credentials.get; document.querySelector('[name=question]').value += 'A'", &[])
        .await;
    browser.click("form[data-passkey] button").await;
    browser.wait_for("That passkey was not taken").await;

    browser.tools("Emulation.setScriptExecutionDisabled", json!({ "value": true })).await;
    scene.go("/sign-in").await;
    sign_in(browser, "ada", &password_of("ada")).await;
    // On the next page already, which has come without scripts.
    browser.fill("#otp", code.as_str().unwrap()).await;
    browser.tools("Emulation.setScriptExecutionDisabled", json!({ "value": false })).await;
    browser.wait_for("Your passkey needs a browser that knows passkeys").await;
    assert!(!browser.text().await.contains("Use a passkey"), "a button that does nothing");
    browser.click("form:not([data-passkey]) button").await;
    browser.wait_for("Deploys to production").await;
    quiet(browser, &["401"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_that_ask_for_one_let_their_own_script_in_and_nothing_else_and_fit_a_narrow_window() {
    let scene = Scene::has_enrolled().await;
    let browser = &scene.browser;
    scene.signs_out().await;
    let narrow = json!({ "width": 360, "height": 740, "deviceScaleFactor": 1, "mobile": true });
    browser.tools("Emulation.setDeviceMetricsOverride", narrow).await;
    for scheme in ["light", "dark"] {
        let features = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        browser.tools("Emulation.setEmulatedMedia", features).await;
        scene.signs_in("/").await;
        looks_right(browser, scheme, "passkey").await;
    }
    let inline = "const script = document.createElement('script'); script.textContent = 'document.title = \"inline\"'; document.head.append(script)";
    browser.script(inline, &[]).await;
    assert_ne!(browser.script("return document.title", &[]).await, "inline");
    let said = browser.console().await;
    assert!(said.iter().any(|line| line.contains("script-src 'self'")), "{said:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_is_known_by_an_address_offers_none() {
    let (house, browser) = (House::build().await, Browser::open().await);
    browser.go(&house.url("/account")).await;
    browser.wait_for("Password").await;
    sign_in(&browser, "ada", &password_of("ada")).await;
    browser.wait_for("Set up an authenticator").await;
    assert!(!browser.text().await.contains("asskey"));
    let begin = "document.querySelector('[value=begin]').value = 'begin-passkey'; document.querySelector('form:has([value=begin-passkey]) button').click()";
    browser.script(begin, &[]).await;
    browser.wait_for("browsers make them for names").await;
    quiet(&browser, &["409"]).await;
}
