//! A password that was changed ends what AWS's own clients got by the old one, each told so once and the trail each time.

use reqwest::Method;
use serde_json::{Value, json};
use tests::world::{Answer, World, password_of, soon};

use crate::login::{self, Login};
use crate::program::{Program, Tokens, refused};

#[tokio::test(flavor = "multi_thread")]
async fn whoever_signed_in_by_the_old_password_is_told_and_has_to_sign_in_again() {
    let world = World::prepare().await.with("sessions = { recheck_seconds = 1 }").serve();
    let (renewing, by_refresh) = Program::signed_in(&world, "ada").await;
    let (login, by_login) = Login::logged_in(&world, "ada", "deploy").await;
    let (cookie, api) = (world.stranger().cookie("ada", &password_of("ada")).await, world.person("ada").await);
    let (of_eve, eve) = Program::signed_in(&world, "eve").await;
    // The last of hers: once its second is over, so is everybody else's.
    let (program, by_token) = Program::signed_in(&world, "ada").await;
    assert_eq!(program.credentials(&by_token.access, "deploy").await.status, 200);

    // Whoever writes the file gives ada the hash of another password: hers is eve's from now on.
    let World { sim, brokerd } = world;
    let installation = brokerd.stop();
    let text = installation.read("brokerd.toml");
    let hash_of = |username: &str| {
        let (_, of_them) = text.split_once(&format!("username = \"{username}\"\npassword_hash = '")).unwrap();
        of_them.split('\'').next().unwrap().to_owned()
    };
    installation.write("brokerd.toml", &text.replacen(&hash_of("ada"), &hash_of("eve"), 1));
    let world = World { sim, brokerd: installation.serve() };

    let told = soon("the next look at the directory", async || {
        let answer = program.credentials(&by_token.access, "deploy").await;
        (answer.status != 200).then_some(answer)
    });
    assert_eq!(
        refused(&told.await, "401 UnauthorizedException"),
        "the password was changed after this sign-in, which is over: sign in again. Run `aws sso login`"
    );
    refused(&program.refresh(&by_token.refresh).await, "400 InvalidGrantException");
    assert_eq!(
        refused(&renewing.refresh(&by_refresh.refresh).await, "400 InvalidGrantException"),
        "the password was changed after this sign-in, which is over. Run `aws sso login` again"
    );
    let renewed = login.renew(&by_login.refresh).await;
    assert_eq!(
        login::refused(&renewed, "401 AccessDeniedException USER_CREDENTIALS_CHANGED"),
        "the password was changed after this sign-in, which is over. Run `aws login` again"
    );
    login::refused(&login.renew(&by_login.refresh).await, login::OVER);
    let told = api.vend("deploy", &json!({})).await.problem("401 unauthenticated");
    assert_eq!(told["detail"], "the password was changed after this sign-in, which is over: sign in again");
    assert_eq!(program.page(&cookie, &program.query()).await.status, 303, "her browser is led to sign in");
    Tokens::of(&of_eve.refresh(&eve.refresh).await);

    let ended: Vec<Value> = world.trail().into_iter().filter(|it| it["action"] == "session_ended").collect();
    assert_eq!(ended.len(), 5, "{ended:?}");
    for record in &ended {
        assert_eq!((&record["actor"], &record["about"]), (&json!("brokerd"), &json!("corp/ada")), "{record}");
        assert_eq!(record["reason"], "the password was changed after the sign-in");
    }
    let again = world.stranger().signed_in_with("ada", &password_of("eve")).await;
    assert_eq!(again.vend("deploy", &json!({})).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_changes_their_own_password_stays_signed_in_and_no_client_of_theirs_does() {
    let world = World::open().await;
    let (old, new) = ("four quite ordinary words", "five other quite ordinary words");
    let lena = json!({ "name": "lena", "password": old });
    assert_eq!(world.person("root").await.post("/v1/admin/users", &lena).await.status, 201);
    let cookie = world.stranger().cookie("lena", old).await;
    let (program, tokens) = Program::signed_in_by(&world, &cookie).await;
    assert_eq!(program.portal(&tokens.access, "/assignment/accounts").await.status, 200);
    let csrf = program.page(&cookie, &program.query()).await.field("csrf");
    let change = program.http.request(Method::POST, "/v1/session/password");
    let change = change.header("cookie", &cookie).header("origin", &program.url).header("x-csrf-token", csrf);
    let changed = Answer::of(change.json(&json!({ "current_password": old, "new_password": new }))).await;
    assert_eq!(changed.status, 204, "{}", changed.text);
    // The session goes on under another cookie.
    let next = changed.header("set-cookie").unwrap().split(';').next().unwrap();
    assert_eq!(program.page(next, &program.query()).await.status, 200, "still signed in");
    assert_eq!(program.page(&cookie, &program.query()).await.status, 303, "by the old one nobody is");
    refused(&program.portal(&tokens.access, "/assignment/accounts").await, "401 UnauthorizedException");
    refused(&program.refresh(&tokens.refresh).await, "400 InvalidGrantException");
}
