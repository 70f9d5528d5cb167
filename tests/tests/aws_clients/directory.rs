//! People of an OpenLDAP directory with the AWS CLI in hand, signed in by SSO: what is taken from them there is over within the bound, and the CLI
//! says why.

use serde_json::{Value, json};
use tests::company::Company;
use tests::python::Client;
use tests::world::{World, soon};

use crate::command_line::at_a_desk;
use crate::login::{self, Got, Login};
use crate::program::{Program, Tokens, refused};

#[tokio::test(flavor = "multi_thread")]
async fn who_leaves_the_group_is_refused_at_the_next_fetch_and_told_whom_to_ask() {
    let company = Company::open_with(HELP).await;
    let world = &company.world;
    let client = signed_in(world).await;
    company.ada_leaves();
    let said = soon("the end of her rights", async || fetched(&client).err()).await;
    assert!(
        said.contains("ForbiddenException")
            && said.contains(
                "There is no such role in that account, or none of your groups is granted it. Ask in #cloud-access."
            ),
        "{said}"
    );
    assert_eq!(world.trail_of("deploy").last().unwrap(), "person:corp/ada vend refused");
    // She is still herself: once she is in it again, nobody has to sign in.
    company.ada_returns();
    soon("her rights", async || fetched(&client).ok()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whose_account_is_disabled_is_told_so_once_and_then_to_sign_in() {
    let company = Company::open().await;
    let world = &company.world;
    let client = signed_in(world).await;
    company.ada_is_disabled();
    let said = soon("the end of her account", async || fetched(&client).err()).await;
    assert!(said.contains("ForbiddenException") && said.contains("the account has been disabled or removed"), "{said}");
    let said = fetched(&client).unwrap_err();
    assert!(said.contains("aws sso login"), "{said}");
    let reason = "the account has been disabled or removed; its session is over";
    let refused = soon("its record", async || world.trail().into_iter().find(|it| it["reason"] == reason)).await;
    assert_eq!((&refused["actor"], &refused["action"]), (&json!("person:corp/ada"), &json!("token_refused")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_that_is_changed_in_the_directory_ends_what_began_by_the_old_one() {
    let company = Company::open().await;
    let world = &company.world;
    let client = signed_in(world).await;
    let (login, got) = Login::logged_in(world, "ada", "deploy").await;
    // The directory knows the time of a change to the second.
    tokio::time::sleep(std::time::Duration::from_millis(1_100)).await;
    let new = "another pässwörd of ada's";
    company.ada_changes_her_password(new);

    let said = soon("the end of her session", async || fetched(&client).err()).await;
    assert!(said.contains("aws sso login"), "the CLI has a sentence of its own for it: {said}");
    let told = login::refused(&login.renew(&got.refresh).await, "401 AccessDeniedException USER_CREDENTIALS_CHANGED");
    assert_eq!(told, "the password was changed after this sign-in, which is over. Run `aws login` again");
    let ended: Vec<Value> = world.trail().into_iter().filter(|it| it["action"] == "session_ended").collect();
    let reasons: Vec<&Value> = ended.iter().map(|it| &it["reason"]).collect();
    assert_eq!(reasons, ["the password was changed after the sign-in"; 2], "{ended:?}");
    let again = world.stranger().signed_in_with("ada", new).await;
    assert_eq!(again.vend("deploy", &json!({})).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn while_it_does_not_answer_clients_are_told_to_try_again_and_nobody_has_to_sign_in() {
    let mut company = Company::open().await;
    let client = signed_in(&company.world).await;
    let (program, tokens) = Program::signed_in(&company.world, "ada").await;
    let (login, got) = Login::logged_in(&company.world, "ada", "deploy").await;
    let (bearer, container) = (company.world.person("ada").await, "/v1/container-credentials/deploy");
    bearer.get(container).await.good();
    company.directory_goes_down().await;
    company.next_look().await;

    let silent = "The company's directory does not answer";
    for answer in [program.credentials(&tokens.access, "deploy").await, program.refresh(&tokens.refresh).await] {
        let told = refused(&answer, "503 InternalServerException");
        assert!(told.starts_with(silent), "{told}");
    }
    let told = login::refused(&login.renew(&got.refresh).await, "503 InternalServerException server_error");
    assert!(told.starts_with(silent), "{told}");
    let told = bearer.get(container).await.problem("503 directory_unavailable");
    assert!(told["Message"].as_str().unwrap().contains("Try again"), "{told}");
    let said = fetched(&client).unwrap_err();
    assert!(said.contains("InternalServerException") && said.contains(silent), "{said}");

    company.directory_comes_back().await;
    soon("her credentials", async || fetched(&client).ok()).await;
    bearer.get(container).await.good();
    assert_eq!(program.credentials(&tokens.access, "deploy").await.status, 200);
    Tokens::of(&program.refresh(&tokens.refresh).await);
    Got::of(&login.renew(&got.refresh).await);
}

/// Ada's machine, where the CLI works.
async fn signed_in(world: &World) -> Client {
    let client = at_a_desk(world, "ada").await;
    client.aws(&["sso", "login", "--sso-session", "corp"]).succeeded();
    fetched(&client).unwrap();
    client
}

/// What comes of one more fetch: the CLI would use what it has kept of the one before for as long as that lives.
fn fetched(client: &Client) -> Result<(), String> {
    let kept = client.home().join(".aws/cli/cache");
    if kept.exists() {
        std::fs::remove_dir_all(kept).unwrap();
    }
    let ended = client.aws(&["sts", "get-caller-identity", "--profile", "deploy"]);
    if ended.status.success() { Ok(()) } else { Err(ended.stderr) }
}

const HELP: &str = "aws_clients = { access_help = \"Ask in #cloud-access.\" }";
