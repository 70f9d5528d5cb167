//! The AWS CLI, the newest and an old one, signing in through a browser and asking AWS with what it then gets.

use std::path::PathBuf;

use tests::certificates::Authority;
use tests::installed;
use tests::process::Process;
use tests::python::Client;
use tests::world::{World, password_of, soon};

use crate::program::ACCOUNT;

#[tokio::test(flavor = "multi_thread")]
async fn the_newest_aws_cli_signs_in_asks_and_leaves() {
    signs_in_asks_and_leaves(installed::aws()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_aws_cli_of_2024_signs_in_by_a_code_asks_and_leaves() {
    signs_in_asks_and_leaves(installed::older_aws()).await;
}

async fn signs_in_asks_and_leaves(cli: PathBuf) {
    let world = World::prepare().await.with(SETTINGS).serve();
    let client = at_a_desk(&world, "ada").await.by(cli);
    let login = client.aws(&["sso", "login", "--sso-session", "corp"]);
    let log = std::fs::read_to_string(client.home().join("cookie.log"));
    assert!(login.status.success(), "{login:?}\n{log:?}");

    let identity = client.aws(&["sts", "get-caller-identity", "--profile", "deploy"]).json();
    let arn = identity["Arn"].as_str().unwrap();
    assert!(arn.starts_with(&format!("arn:aws:sts::{ACCOUNT}:assumed-role/deploy/ada")), "{arn}");
    let object = client.home().join("object");
    let get = ["s3api", "get-object", "--profile", "limited", "--bucket", "reports", "--key", "monthly"];
    client.aws(&[&get[..], &[object.to_str().unwrap()]].concat()).succeeded();
    assert_eq!(std::fs::read_to_string(&object).unwrap(), "profits");

    let accounts =
        client.aws(&["sso", "list-accounts", "--access-token", &access_token(&client), "--profile", "deploy"]);
    assert_eq!(accounts.json()["accountList"][0]["accountId"], ACCOUNT);
    let refused = client.aws(&["sts", "get-caller-identity", "--profile", "treasury"]).failed();
    assert!(refused.contains("ForbiddenException") && refused.contains("Ask in #cloud-access."), "{refused}");

    client.aws(&["sso", "logout"]).succeeded();
    let after = client.aws(&["sts", "get-caller-identity", "--profile", "deploy"]).failed();
    assert!(after.contains("Token for corp does not exist"), "{after}");
    let ended = soon("the end of the client in the trail", async || {
        world.trail().into_iter().find(|record| record["action"] == "client_ended")
    });
    assert_eq!(ended.await["actor"], "person:corp/ada");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_newest_aws_cli_takes_the_brokers_own_start_url() {
    let authority = Authority::new();
    let signed = authority.sign("127.0.0.1");
    let prepared = World::prepare()
        .await
        .configured("public_url = \"http:", "public_url = \"https:")
        .configured("listen = { ", "listen = { tls = { certificate = \"tls/chain.pem\", key = \"tls/key.pem\" }, ");
    prepared.installation.write("tls/chain.pem", &signed.certificate);
    prepared.installation.write("tls/key.pem", &signed.key);
    let world = prepared.serve();
    let url = world.brokerd.url().replace("http:", "https:");
    let login = |start: &str| {
        let client = Client::new();
        let file = |name: &str| client.home().join(name);
        let config = format!(
            "[default]\nservices = brokerd\n\n[sso-session corp]\nsso_start_url = {url}{start}\nsso_region = brokerd\n\
             sso_registration_scopes = sso:account:access\n\n\
             [services brokerd]\nsso =\n  endpoint_url = {url}\nsso_oidc =\n  endpoint_url = {url}\n"
        );
        std::fs::write(file("config"), config).unwrap();
        std::fs::write(file("authority.pem"), authority.pem()).unwrap();
        let mut command = client.command(&installed::aws());
        command.env("AWS_CONFIG_FILE", file("config")).env("AWS_CA_BUNDLE", file("authority.pem"));
        command.args(["sso", "login", "--sso-session", "corp", "--no-browser"]);
        (Process::start("aws sso login", command), client)
    };
    // It asks that address where it leads, and goes on only if that is AWS's; then it waits for the browser.
    let (asking, _machine) = login("/start");
    asking.wait_for_line(&format!("{url}/authorize?response_type=code"));
    let (mut refused, _machine) = login("/sign-in");
    assert!(!refused.wait().success());
    assert!(refused.stderr().contains("to an AWS-owned endpoint"), "{}", refused.stderr());
}

const SETTINGS: &str = "aws_clients = { access_help = \"Ask in #cloud-access.\", device_groups = [\"corp/release\"] }";

/// A person's machine, set up as the documentation says, whose browser says yes.
pub(crate) async fn at_a_desk(world: &World, username: &str) -> Client {
    let client = Client::new();
    let home = client.home().to_owned();
    let url = world.brokerd.url();
    let profile = |name: &str| {
        format!(
            "[profile {name}]\nsso_session = corp\nsso_account_id = {ACCOUNT}\nsso_role_name = {name}\nregion = eu-central-1\nservices = brokerd\n\n"
        )
    };
    let config = format!(
        "[default]\nservices = brokerd\n\n[sso-session corp]\nsso_start_url = https://identitycenter.amazonaws.com/brokerd\nsso_region = brokerd\n\
         sso_registration_scopes = sso:account:access\n\n{}\
         [services brokerd]\nsso =\n  endpoint_url = {url}\nsso_oidc =\n  endpoint_url = {url}\nsts =\n  endpoint_url = {}\ns3 =\n  endpoint_url = {}\n",
        ["deploy", "limited", "treasury"].map(profile).concat(),
        world.sim.endpoint(),
        world.sim.endpoint(),
    );
    std::fs::write(home.join("config"), config).unwrap();
    with_browser(world, username, client.with("AWS_CONFIG_FILE", home.join("config").to_str().unwrap())).await
}

/// The same machine with a browser, in which somebody is signed in who says yes.
pub(crate) async fn with_browser(world: &World, username: &str, client: Client) -> Client {
    let cookie = client.home().join("cookie");
    std::fs::write(&cookie, world.stranger().cookie(username, &password_of(username)).await).unwrap();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/say_yes.py");
    // In the background: the CLI answers it only once it has been started.
    let browser = format!("{} {script} {} %s &", installed::python().display(), cookie.display());
    client.with("BROWSER", &browser)
}

fn token_cache(client: &Client) -> PathBuf {
    let folder = client.home().join(".aws/sso/cache");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut tokens = files.filter(|file| std::fs::read_to_string(file).unwrap().contains("accessToken"));
    tokens.next().unwrap_or_else(|| panic!("the CLI has kept no token"))
}

fn access_token(client: &Client) -> String {
    let token: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(token_cache(client)).unwrap()).unwrap();
    token["accessToken"].as_str().unwrap().to_owned()
}
