//! `aws configure sso`: at a terminal somebody picks an account and a role out of lists, and the profile that the AWS CLI writes works.

use serde_json::Value;
use tests::installed;
use tests::python::Client;
use tests::terminal::{self, Terminal};
use tests::world::{World, soon};

use crate::command_line::with_browser;
use crate::portal::two_thousand_connectors;
use crate::program::ACCOUNT;

#[tokio::test(flavor = "multi_thread")]
async fn among_two_thousand_connectors_one_is_picked_and_its_profile_works() {
    let names = "aws_clients = { account_names = { \"111111111111\" = \"Production\" } }";
    let world = World::prepare().await.with(names).connectors(&two_thousand_connectors(111_111_111_000)).serve();
    let ada = world.person("ada").await;
    // Whose the keys are AWS says a moment after the start.
    let in_account: Vec<String> = soon("the accounts of all of her connectors", async || {
        let list = ada.get("/v1/connectors").await.good();
        let all = list["connectors"].as_array().unwrap();
        let of_it = |it: &&Value| it["account_id"] == ACCOUNT;
        let names = all.iter().filter(of_it).map(|it| it["name"].as_str().unwrap().to_owned());
        all.iter().all(|it| !it["account_id"].is_null()).then(|| names.collect())
    })
    .await;

    let client = desk(&world).await;
    let mut command = client.command(&installed::aws());
    command.args(["configure", "sso"]);
    let mut terminal = Terminal::with("aws configure sso", &terminal::named(&command));
    let answer = |question: &str, keys: &str| {
        terminal.wait_for(question);
        terminal.typed(keys);
    };
    answer("SSO session name (Recommended):", "corp\r");
    answer("SSO start URL [None]:", "https://identitycenter.amazonaws.com/brokerd\r");
    answer("SSO region [None]:", "brokerd\r");
    answer("SSO registration scopes [sso:account:access]:", "\r");
    terminal.wait_for("There are 250 AWS accounts available to you.");
    // The CLI sorts accounts by their names: the one that has a name comes last.
    answer("> 111111111000", &DOWN.repeat(249));
    answer("Production", "\r");
    terminal.wait_for("Using the account ID 111111111111");
    terminal.wait_for(&format!("There are {} roles available to you.", in_account.len()));
    let picked = in_account.iter().position(|name| name == "many-1611").unwrap();
    answer(&format!("> {}", in_account[0]), &format!("{}\r", DOWN.repeat(picked)));
    terminal.wait_for("Using the role name \"many-1611\"");
    answer("Default client Region [None]:", "eu-central-1\r");
    answer("CLI default output format (json if not specified) [None]:", "\r");
    answer("Profile name [many-1611-111111111111]:", "work\r");
    assert!(terminal.ended().success(), "{}", terminal.shown());

    client.aws(&["configure", "set", "services", "brokerd", "--profile", "work"]).succeeded();
    let identity = client.aws(&["sts", "get-caller-identity", "--profile", "work"]).json();
    let arn = identity["Arn"].as_str().unwrap();
    assert!(arn.starts_with(&format!("arn:aws:sts::{ACCOUNT}:assumed-role/deploy/ada")), "{arn}");
    assert_eq!(world.trail_of("many-1611"), ["person:corp/ada vend success"]);
}

/// Ada's machine, where the configuration says where the broker and AWS are, and no more; with a browser that says yes.
async fn desk(world: &World) -> Client {
    // The terminal does not say where its cursor is, and the CLI need not ask.
    let client = Client::new().with("PROMPT_TOOLKIT_NO_CPR", "1");
    let folder = client.home().join(".aws");
    let config = format!(
        "[default]\nservices = brokerd\n\n[services brokerd]\nsso =\n  endpoint_url = {0}\nsso_oidc =\n  endpoint_url = {0}\n\
         sts =\n  endpoint_url = {1}\n",
        world.brokerd.url(),
        world.sim.endpoint(),
    );
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("config"), config).unwrap();
    with_browser(world, "ada", client).await
}

const DOWN: &str = "\u{1b}[B";
