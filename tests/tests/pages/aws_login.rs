//! `aws login` by the AWS CLI as it comes, and the pages that it opens in a real browser: which needs no script, and lets in nobody else's.

use std::path::Path;

use broker_core::second_factor::Seed;
use secrecy::SecretString;
use serde_json::json;
use tests::browser::Browser;
use tests::house::{House, password_of};
use tests::installed;
use tests::patience::soon;
use tests::process::Process;
use tests::python::Client;
use tests::world::now;

use crate::chromium::{looks_right, quiet, sign_in, site};

/// The CLI, and the address that it has sent the browser to.
async fn waiting(machine: &Client) -> (Process, String) {
    let address = machine.home().join("address");
    // The only browser that it knows writes down where it was sent.
    let notes = format!("/bin/sh -c 'echo \"$0\" > {}' %s &", address.display());
    let mut command = machine.command(&installed::aws());
    command.args(["login", "--profile", "work"]).env("BROWSER", notes);
    let login = Process::start("aws", command);
    (login, soon("the address", async || read_line(&address)).await)
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_picks_a_connector_and_the_cli_that_listens_has_its_credentials() {
    let (house, browser) = (House::build().await, Browser::open().await);
    let machine = machine(&house);
    let (mut login, address) = waiting(&machine).await;

    scripts(&browser, false).await;
    browser.go(&address).await;
    sign_in(&browser, "ada", &password_of("ada")).await;
    let shown = shows(&browser, "Deploys to production").await;
    for expected in ["aws login", "on this computer", "deploy", "Deploys to production", "111111111111", "corp/ada"] {
        assert!(shown.contains(expected), "{expected}: {shown}");
    }
    assert!(!shown.contains("treasury"), "{shown}");
    fits_a_narrow_window(&browser, "aws-login").await;
    quiet(&browser, &[]).await;
    browser.click("#pick-reports").await;
    browser.click("button[value=allow]").await;
    assert!(login.wait().success());
    let listened = soon("the listener's page", async || {
        Some(browser.url().await).filter(|url| url.contains("/oauth/callback?code="))
    });
    assert!(listened.await.starts_with("http://127.0.0.1:"), "the form may lead to the listener");
    let identity = machine.aws(&["sts", "get-caller-identity", "--profile", "work"]).json();
    assert_eq!(
        identity["Arn"].as_str().unwrap().rsplit_once('/').unwrap().0,
        "arn:aws:sts::111111111111:federated-user"
    );
    // The CLI listens for one answer alone, and not for its page's icon.
    let said = browser.console().await;
    assert!(!said.iter().any(|line| line.contains("Content Security Policy")), "{said:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_picks_a_connector_that_wants_a_second_factor_sets_one_up_and_comes_back_to_the_choice() {
    let (house, browser) = (House::build().await, Browser::open().await);
    let spec = json!({
        "description": "Wants two", "access_key": "main", "groups": ["corp/release"], "require_second_factor": true,
        "principal": { "assume_role": { "role_arn": "arn:aws:iam::111111111111:role/deploy" } },
    });
    house.connector("twofold", spec).await;
    let machine = machine(&house);
    let (mut login, address) = waiting(&machine).await;

    scripts(&browser, false).await;
    browser.go(&address).await;
    sign_in(&browser, "ada", &password_of("ada")).await;
    let shown = shows(&browser, "Wants two").await;
    assert!(shown.contains("role/deploy; wants a second factor"), "{shown}");
    browser.click("#pick-twofold").await;
    browser.click("button[value=allow]").await;
    shows(&browser, "The connector for aws login wants a second factor: set one up.").await;
    fits_a_narrow_window(&browser, "aws-login-second-factor").await;
    assert_eq!(house.sim.count("AssumeRole"), 0);
    sets_one_up(&browser).await;
    shows(&browser, "Credentials for aws login").await;
    quiet(&browser, &[]).await;
    browser.click("#pick-twofold").await;
    browser.click("button[value=allow]").await;
    assert!(login.wait().success(), "{}", login.stderr());
    let identity = machine.aws(&["sts", "get-caller-identity", "--profile", "work"]).json();
    assert_eq!(identity["Arn"], "arn:aws:sts::111111111111:assumed-role/deploy/ada");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_is_carried_over_from_the_page_to_the_terminal() {
    let (house, browser) = (House::build().await, Browser::open().await);
    let machine = machine(&house);
    let typed = machine.home().join("typed");
    assert!(machine.command(Path::new("mkfifo")).arg(&typed).status().unwrap().success());
    // Open at both ends, so that it starts before anybody has typed.
    let mut command = machine.command(Path::new("/bin/sh"));
    command.args(["-c", &format!("exec \"$0\" \"$@\" 0<>{}", typed.display())]).arg(installed::aws());
    command.args(["login", "--remote", "--profile", "work"]);
    let mut login = Process::start("aws", command);
    let line = login.wait_for_line("/v1/authorize");
    let address = line.split_whitespace().find(|word| word.contains("/v1/authorize")).unwrap();

    scripts(&browser, false).await;
    browser.go(address).await;
    sign_in(&browser, "ada", &password_of("ada")).await;
    shows(&browser, "aws login --remote").await;
    quiet(&browser, &[]).await;
    lets_in_nothing_of_others(&browser).await;
    browser.go(address).await;
    browser.click("#pick-deploy").await;
    browser.click("button[value=allow]").await;
    let shown = shows(&browser, "Paste this into the terminal").await;
    assert!(shown.contains("Give it to nobody"), "{shown}");
    assert!(browser.url().await.starts_with(&house.url("/v1/sessions/confirmation?code=")));
    fits_a_narrow_window(&browser, "confirmation").await;
    quiet(&browser, &[]).await;

    let code = with_scripts(&browser, "return document.querySelector('#code').innerText").await;
    std::fs::write(&typed, format!("{}\n", code.as_str().unwrap())).unwrap();
    assert!(login.wait().success());
    let identity = machine.aws(&["sts", "get-caller-identity", "--profile", "work"]).json();
    assert_eq!(identity["Arn"], "arn:aws:sts::111111111111:assumed-role/deploy/ada");
    browser.go(&browser.url().await).await;
    shows(&browser, "there is no such code for you, or it is over").await;
}

/// Neither a script that got into the page does anything, nor does the page's form go anywhere else.
pub(crate) async fn lets_in_nothing_of_others(browser: &Browser) {
    let elsewhere = site("<p>caught</p>".to_owned()).await;
    scripts(browser, true).await;
    let inline = "const script = document.createElement('script'); script.textContent = 'window.hit = 1';
                  document.head.append(script); return window.hit === undefined";
    assert_eq!(browser.script(inline, &[]).await, true);
    let leads = "const form = document.querySelector('form[method=post]'); form.action = arguments[0]; form.submit()";
    browser.script(leads, &[elsewhere.into()]).await;
    let said = soon("what the browser says of that", async || {
        let said = browser.console().await.join("\n");
        said.contains("form-action").then_some(said)
    });
    assert!(said.await.contains("Content Security Policy"));
    assert!(!browser.text().await.contains("caught"));
    scripts(browser, false).await;
}

/// A machine set up as docs/aws-cli.md says.
fn machine(house: &House) -> Client {
    let client = Client::new();
    let config = client.home().join("config");
    let text = format!(
        "[profile work]\nregion = eu-central-1\nservices = brokerd\n\n[services brokerd]\nsignin =\n  endpoint_url = {}\nsts =\n  endpoint_url = {}\n",
        house.origin(),
        house.sim.endpoint(),
    );
    std::fs::write(&config, text).unwrap();
    let config = config.to_str().unwrap().to_owned();
    client.with("AWS_CONFIG_FILE", &config)
}

pub(crate) fn read_line(file: &Path) -> Option<String> {
    std::fs::read_to_string(file).ok()?.strip_suffix('\n').map(str::to_owned)
}

pub(crate) async fn fits_a_narrow_window(browser: &Browser, name: &str) {
    scripts(browser, true).await;
    let narrow = json!({ "width": 360, "height": 740, "deviceScaleFactor": 1, "mobile": true });
    browser.tools("Emulation.setDeviceMetricsOverride", narrow).await;
    for scheme in ["light", "dark"] {
        let features = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        browser.tools("Emulation.setEmulatedMedia", features).await;
        looks_right(browser, scheme, name).await;
    }
    browser.tools("Emulation.clearDeviceMetricsOverride", json!({})).await;
    scripts(browser, false).await;
}

/// Waits until the page shows this; all that it shows, which only a script can say.
pub(crate) async fn shows(browser: &Browser, expected: &str) -> String {
    soon(expected, async || {
        let shown = with_scripts(browser, "return document.body ? document.body.innerText : ''").await;
        shown.as_str().filter(|shown| shown.contains(expected)).map(str::to_owned)
    })
    .await
}

/// Sets up an authenticator on *My account*, and goes on to where they came from.
pub(crate) async fn sets_one_up(browser: &Browser) {
    browser.click("form:has(input[value=begin]) button").await;
    shows(browser, "Point your authenticator's camera").await;
    let secret = with_scripts(browser, "return document.querySelector('#secret').innerText").await;
    let seed = Seed::read(SecretString::from(secret.as_str().unwrap())).unwrap();
    browser.fill("#otp", &seed.code_at(now()).unwrap()).await;
    browser.click("form:has(input[value=add]) button").await;
    shows(browser, "Your recovery codes").await;
    browser.click("#recovery-codes ~ p a.button").await;
}

pub(crate) async fn with_scripts(browser: &Browser, script: &str) -> serde_json::Value {
    scripts(browser, true).await;
    let said = browser.script(script, &[]).await;
    scripts(browser, false).await;
    said
}

pub(crate) async fn scripts(browser: &Browser, run: bool) {
    browser.tools("Emulation.setScriptExecutionDisabled", json!({ "value": !run })).await;
}
