//! `aws sso login` by the AWS CLI as it comes, and the pages that it leads to in a real browser: on this computer and with a code from another,
//! without scripts and with them, and what is shown to whoever is refused.

use serde_json::json;
use tests::browser::Browser;
use tests::house::{House, password_of};
use tests::installed;
use tests::patience::soon;
use tests::process::Process;
use tests::python::Client;

use crate::aws_login::{fits_a_narrow_window, lets_in_nothing_of_others, read_line, scripts, sets_one_up, shows};
use crate::chromium::{quiet, sign_in};

#[tokio::test(flavor = "multi_thread")]
async fn a_program_on_this_computer_is_let_in_or_refused_with_scripts_and_without() {
    let (house, browser) = (House::build().await, Browser::open().await);
    for with_scripts in [false, true] {
        let mut cli = Cli::begin(&house, &[]);
        let address = cli.address().await;
        open(&browser, &address, with_scripts).await;
        let shown = shows(&browser, "Let a program sign in as you?").await;
        for expected in
            ["botocore-client-corp", "(nobody has checked that)", "http://127.0.0.1:", "on this computer", "corp/ada"]
        {
            assert!(shown.contains(expected), "{expected}: {shown}");
        }
        fits_a_narrow_window(&browser, "authorize").await;
        quiet(&browser, &[]).await;
        lets_in_nothing_of_others(&browser).await;
        open(&browser, &address, with_scripts).await;
        browser.click("button[value=allow]").await;
        assert!(cli.login.wait().success(), "{}", cli.login.stderr());
        cli.was_told(&browser, "?code=").await;
        cli.is_ada();

        let mut cli = Cli::begin(&house, &[]);
        open(&browser, &cli.address().await, with_scripts).await;
        browser.click("button[value=deny]").await;
        assert!(!cli.login.wait().success());
        cli.was_told(&browser, "?error=access_denied").await;
        assert!(cli.machine.aws(&["sts", "get-caller-identity", "--profile", "work"]).failed().contains("corp"));
        // The CLI listens for one answer alone, and not for its page's icon.
        let said = browser.console().await;
        assert!(!said.iter().any(|line| line.contains("Content Security Policy")), "{said:?}");

        // Whoever asks what no client may is told on our own page, and led nowhere.
        for (from, to, why) in [
            ("redirect_uri=http%3A%2F%2F127.0.0.1", "redirect_uri=https%3A%2F%2Fevil.example", "redirect_uri"),
            ("client_id=", "client_id=x", "client_id"),
        ] {
            assert!(address.contains(from), "{address}");
            open(&browser, &address.replace(from, to), with_scripts).await;
            let shown = shows(&browser, "What to do").await;
            assert!(shown.contains("invalid_request") && shown.contains("400"), "{why}: {shown}");
            assert!(browser.url().await.starts_with(&house.url("/authorize?")), "{why}");
            quiet(&browser, &["400"]).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_on_another_machine_is_let_in_or_refused_with_scripts_and_without() {
    let (house, browser) = (House::build().await, Browser::open().await);
    for with_scripts in [false, true] {
        let mut cli = Cli::begin(&house, &["--use-device-code"]);
        let address = cli.address().await;
        let code = address.split_once("user_code=").unwrap().1.to_owned();
        cli.login.wait_for_line(&code);
        open(&browser, &address, with_scripts).await;
        let shown = shows(&browser, "It asked from").await;
        for expected in [code.as_str(), "127.0.0.1", "botocore-client-corp", "(nobody has checked that)", "corp/ada"] {
            assert!(shown.contains(expected), "{expected}: {shown}");
        }
        fits_a_narrow_window(&browser, "device").await;
        quiet(&browser, &[]).await;
        lets_in_nothing_of_others(&browser).await;
        open(&browser, &address, with_scripts).await;
        browser.click("button[value=allow]").await;
        shows(&browser, "It is signed in").await;
        assert!(cli.login.wait().success(), "{}", cli.login.stderr());
        cli.is_ada();
        quiet(&browser, &[]).await;

        // The code is typed, and the answer is no.
        let mut cli = Cli::begin(&house, &["--use-device-code"]);
        let code = cli.address().await.split_once("user_code=").unwrap().1.to_owned();
        open(&browser, &house.url("/device"), with_scripts).await;
        shows(&browser, "The code that it shows").await;
        browser.fill("#user_code", &code.to_lowercase()).await;
        browser.click("button[type=submit]:not(.quiet)").await;
        shows(&browser, "It asked from").await;
        browser.click("button[value=deny]").await;
        shows(&browser, "It was refused").await;
        assert!(!cli.login.wait().success());
        assert!(cli.login.stderr().contains("AccessDenied"), "{}", cli.login.stderr());
        quiet(&browser, &[]).await;

        open(&browser, &house.url("/device"), with_scripts).await;
        browser.fill("#user_code", "BCDF-GHJK").await;
        browser.click("button[type=submit]:not(.quiet)").await;
        shows(&browser, "there is no such code, or it is over").await;
        quiet(&browser, &["404"]).await;
    }
    // Somebody whose groups may not let such programs in.
    scripts(&browser, false).await;
    browser.go(&house.url("/")).await;
    browser.click("form[action='/sign-out'] button").await;
    // A browser that goes on at once takes its form back.
    shows(&browser, "Password").await;
    browser.go(&house.url("/device")).await;
    sign_in(&browser, "bob", &password_of("bob")).await;
    let shown = shows(&browser, "What to do").await;
    assert!(shown.contains("403") && shown.contains("aws_clients.device_groups"), "{shown}");
    quiet(&browser, &["403"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_would_let_in_a_program_in_vain_sets_up_a_second_factor_first_and_comes_back() {
    let (house, browser) = (House::build().await, Browser::open().await);
    let spec = json!({
        "access_key": "main", "groups": ["corp/release"], "require_second_factor": true,
        "principal": { "assume_role": { "role_arn": "arn:aws:iam::111111111111:role/deploy" } },
    });
    house.connector("twofold", spec).await;
    let mut cli = Cli::begin(&house, &[]);
    open(&browser, &cli.address().await, false).await;
    shows(&browser, "One connector of yours wants a second factor, which you have not shown").await;
    fits_a_narrow_window(&browser, "authorize-second-factor").await;
    browser.click("#factor-first a").await;
    shows(&browser, "A connector for the program that signs in wants a second factor: set one up.").await;
    sets_one_up(&browser).await;
    let shown = shows(&browser, "Let a program sign in as you?").await;
    assert!(!shown.contains("a second factor"), "{shown}");
    quiet(&browser, &[]).await;
    browser.click("button[value=allow]").await;
    assert!(cli.login.wait().success(), "{}", cli.login.stderr());
    let config = cli.machine.home().join("config");
    let text = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, text.replace("sso_role_name = deploy", "sso_role_name = twofold")).unwrap();
    cli.is_ada();
}

/// A run of `aws sso login`, on the machine of somebody whose only browser writes down where it was sent.
struct Cli {
    machine: Client,
    login: Process,
}

impl Cli {
    /// On a machine set up as docs/aws-cli.md says.
    fn begin(house: &House, more: &[&str]) -> Self {
        let machine = Client::new();
        let (config, notes) = (machine.home().join("config"), machine.home().join("address"));
        let text = format!(
            "[default]\nservices = brokerd\n\n[sso-session corp]\nsso_start_url = https://identitycenter.amazonaws.com/brokerd\n\
             sso_region = brokerd\nsso_registration_scopes = sso:account:access\n\n\
             [profile work]\nsso_session = corp\nsso_account_id = 111111111111\nsso_role_name = deploy\nregion = eu-central-1\nservices = brokerd\n\n\
             [services brokerd]\nsso =\n  endpoint_url = {0}\nsso_oidc =\n  endpoint_url = {0}\nsts =\n  endpoint_url = {1}\n",
            house.origin(),
            house.sim.endpoint(),
        );
        std::fs::write(&config, text).unwrap();
        let machine = machine.with("AWS_CONFIG_FILE", config.to_str().unwrap());
        let mut command = machine.command(&installed::aws());
        let browser = format!("/bin/sh -c 'echo \"$0\" > {}' %s &", notes.display());
        command.args(["sso", "login", "--sso-session", "corp"]).args(more).env("BROWSER", browser);
        Self { login: Process::start("aws sso login", command), machine }
    }

    /// Where it sends the browser.
    async fn address(&self) -> String {
        let notes = self.machine.home().join("address");
        soon("the address", async || read_line(&notes)).await
    }

    /// What the page that it shows in the end was asked with.
    async fn was_told(&self, browser: &Browser, told: &str) {
        let url = soon("the listener's page", async || {
            Some(browser.url().await).filter(|url| url.contains("/oauth/callback"))
        });
        let url = url.await;
        assert!(url.starts_with("http://127.0.0.1:") && url.contains(told), "{url}");
    }

    fn is_ada(&self) {
        let identity = self.machine.aws(&["sts", "get-caller-identity", "--profile", "work"]).json();
        assert_eq!(identity["Arn"], json!("arn:aws:sts::111111111111:assumed-role/deploy/ada"));
    }
}

/// Goes there, through the sign-in page if it comes between.
async fn open(browser: &Browser, address: &str, with_scripts: bool) {
    scripts(browser, with_scripts).await;
    browser.go(address).await;
    if browser.url().await.contains("/sign-in") {
        sign_in(browser, "ada", &password_of("ada")).await;
        soon("the page behind the sign-in", async || (!browser.url().await.contains("/sign-in")).then_some(())).await;
        scripts(browser, with_scripts).await;
    }
}
