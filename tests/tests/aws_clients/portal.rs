//! The SSO portal API: accounts, roles and credentials for whoever shows an access token in AWS's own header.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};
use tests::python::Client;
use tests::world::{Answer, World, password_of, seconds_until, soon};

use crate::program::{ACCOUNT, HEADER, Program, refused};

#[tokio::test(flavor = "multi_thread")]
async fn credentials_are_of_the_connector_that_the_role_names_and_recorded() {
    let world = World::open().await;
    let (program, tokens) = Program::signed_in(&world, "ada").await;
    let answer = program.credentials(&tokens.access, "limited").await;
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let given = answer.good()["roleCredentials"].clone();
    let expiration = given["expiration"].as_i64().unwrap();
    let expires_at = jiff::Timestamp::from_millisecond(expiration).unwrap();
    assert!(seconds_until(&json!(expires_at)) > 3_000, "milliseconds: {expiration}");
    let vended = json!({
        "access_key_id": given["accessKeyId"], "secret_access_key": given["secretAccessKey"],
        "session_token": given["sessionToken"],
    });
    assert_eq!(world.read(&vended, &["monthly"]), ["profits"]);
    assert_eq!(world.trail_of("limited"), ["person:corp/ada vend success"]);
    let either_order = format!("/federation/credentials?account_id={ACCOUNT}&role_name=limited");
    assert_eq!(program.portal(&tokens.access, &either_order).await.good()["roleCredentials"], given, "given again");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_missing_and_what_is_not_granted_are_told_alike_with_whom_to_ask() {
    let world = World::prepare().await.with("aws_clients = { access_help = \"Ask in #cloud-access.\" }").serve();
    let (program, tokens) = Program::signed_in(&world, "ada").await;
    let mut said = BTreeSet::new();
    for (role, account) in [
        ("treasury", ACCOUNT),
        ("vault", ACCOUNT),
        ("ci", ACCOUNT),
        ("nothing", ACCOUNT),
        ("No%20Name", ACCOUNT),
        ("", ACCOUNT),
        ("deploy", "222222222222"),
        ("deploy", ""),
        ("deploy", "x"),
    ] {
        let path = format!("/federation/credentials?role_name={role}&account_id={account}");
        said.insert(refused(&program.portal(&tokens.access, &path).await, "403 ForbiddenException"));
    }
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said.first().unwrap().ends_with(" Ask in #cloud-access."), "{said:?}");
    soon("each refusal stands in the trail", async || {
        let trail = world.trail();
        (trail.iter().filter(|it| it["action"] == "vend" && it["outcome"] == "refused").count() == 9).then_some(())
    })
    .await;
    for query in ["", "?role_name=deploy", "?account_id=111111111111", "?role_name=a&role_name=b&account_id=1"] {
        let answer = program.portal(&tokens.access, &format!("/federation/credentials{query}")).await;
        refused(&answer, "400 InvalidRequestException");
    }
    // AWS's own no: the CLI would ask again and again if it were told as ours to mend.
    let message = refused(&program.credentials(&tokens.access, "closed").await, "403 ForbiddenException");
    assert!(message.contains("AccessDenied"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn accounts_and_roles_are_those_of_ones_own_connectors() {
    let names = "aws_clients = { account_names = { \"111111111111\" = \"Production\" } }";
    let world = World::prepare().await.with(names).serve();
    let (program, tokens) = Program::signed_in(&world, "ada").await;
    let accounts = program.portal(&tokens.access, "/assignment/accounts").await.good();
    let production = json!([{ "accountId": ACCOUNT, "accountName": "Production" }]);
    assert_eq!(accounts, json!({ "accountList": production, "nextToken": null }));
    let own = world.person("ada").await.get("/v1/connectors").await.good();
    let own = own["connectors"].as_array().unwrap().iter().map(|it| it["name"].as_str().unwrap().to_owned());
    let own: Vec<String> = own.collect();
    // Whose the keys are AWS says a moment after the start.
    soon("all of her connectors", async || (roles_of(&program, &tokens.access, 5).await == own).then_some(())).await;
    let elsewhere = program.portal(&tokens.access, "/assignment/roles?account_id=222222222222").await.good();
    assert_eq!(elsewhere, json!({ "roleList": [], "nextToken": null }));

    let (bob, of_bob) = Program::signed_in(&world, "bob").await;
    let nothing = bob.portal(&of_bob.access, "/assignment/accounts").await.good();
    assert_eq!(nothing, json!({ "accountList": [], "nextToken": null }));
    for query in ["max_result=0", "max_result=101", "max_result=x"] {
        let path = format!("/assignment/roles?account_id={ACCOUNT}&{query}");
        refused(&program.portal(&tokens.access, &path).await, "400 InvalidRequestException");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_thousand_connectors_come_in_pages() {
    let world = World::prepare().await.connectors(&two_thousand_connectors(222_222_220_000)).serve();
    let (program, tokens) = Program::signed_in(&world, "ada").await;
    let (mut accounts, mut next) = (Vec::new(), String::new());
    loop {
        let path = format!("/assignment/accounts?max_result=100&next_token={next}");
        let page = program.portal(&tokens.access, &path).await.good();
        let list = page["accountList"].as_array().unwrap();
        assert!(list.len() <= 100);
        accounts.extend(list.iter().map(|account| account["accountId"].as_str().unwrap().to_owned()));
        let Some(token) = page["nextToken"].as_str() else { break };
        token.clone_into(&mut next);
    }
    assert_eq!(accounts.len(), 251, "with the one that was there before");
    assert!(accounts.is_sorted(), "{accounts:?}");
    let roles = program.portal(&tokens.access, "/assignment/roles?account_id=222222220007").await.good();
    assert_eq!(roles["roleList"].as_array().unwrap().len(), 8);

    // AWS's own clients turn the pages by themselves, of whatever length: what `aws configure sso` lets one pick from.
    let client = Client::new().with("AWS_ENDPOINT_URL_SSO", &world.brokerd.url()).with("TOKEN", &tokens.access);
    let lists = "import os\nsso, token = boto3.client('sso', region_name='brokerd'), os.environ['TOKEN']\n\
                 def every(operation, key, **more):\n    pages = sso.get_paginator(operation).paginate(accessToken=token, **more)\n    \
                 return [item for page in pages for item in page[key]]\n\
                 accounts = [it['accountId'] for it in every('list_accounts', 'accountList')]\n\
                 roles = every('list_account_roles', 'roleList', accountId='222222220007', PaginationConfig={'PageSize': 3})\n\
                 print(json.dumps([accounts, [it['roleName'] for it in roles]]))";
    let listed = client.boto3(lists).json();
    assert_eq!(listed[0], json!(accounts));
    let names: Vec<_> = roles["roleList"].as_array().unwrap().iter().map(|role| &role["roleName"]).collect();
    assert_eq!(listed[1], json!(names));
    let by_cli = ["sso", "list-accounts", "--region", "brokerd", "--access-token", &tokens.access];
    assert_eq!(client.aws(&by_cli).json()["accountList"].as_array().unwrap().len(), accounts.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn only_an_access_token_in_its_own_header_opens_the_portal_and_no_other_opens_more() {
    let world = World::open().await;
    let (program, tokens) = Program::signed_in(&world, "root").await;
    let stranger = world.stranger();
    let cookie = stranger.cookie("root", &password_of("root")).await;
    let api = world.person("root").await.token.unwrap();
    for path in ["/assignment/accounts", "/federation/credentials?role_name=deploy&account_id=111111111111"] {
        for token in ["", "x", &api, &tokens.refresh, cookie.split_once('=').unwrap().1] {
            refused(&program.portal(token, path).await, "401 UnauthorizedException");
        }
        let none = refused(&stranger.get(path).await, "401 UnauthorizedException");
        assert!(none.contains("a proxy on the way may drop headers with underscores"), "{none}");
        refused(&stranger.with_token(&tokens.access).get(path).await, "401 UnauthorizedException");
        let by_cookie =
            stranger.request(Method::GET, path).header("cookie", &cookie).header("origin", world.brokerd.url());
        refused(&Answer::of(by_cookie).await, "401 UnauthorizedException");
        let twice = stranger.request(Method::GET, path).header(HEADER, &tokens.access).header(HEADER, &tokens.access);
        refused(&Answer::of(twice).await, "401 UnauthorizedException");
    }

    // It vends elsewhere, and administrates nowhere, whoever allowed it.
    let client = stranger.with_token(&tokens.access);
    let session = client.get("/v1/session").await.good();
    assert_eq!((&session["identity"]["name"], &session["identity"]["admin"]), (&json!("root"), &json!(false)));
    assert!(seconds_until(&session["expires_at"]) <= 3_600, "{session}");
    for path in ["/v1/admin/sessions", "/v1/admin/audit", "/v1/admin/connectors", "/v1/admin/access-keys"] {
        client.get(path).await.problem("403 forbidden");
    }
    client.post("/v1/admin/service-tokens", &json!({})).await.problem("403 forbidden");
    client.delete("/v1/session").await.problem("403 forbidden");
    client.vend("treasury", &json!({})).await.problem("404 not_found");
    stranger.with_token(&tokens.refresh).get("/v1/session").await.problem("401 unauthenticated");
    let page =
        Answer::of(stranger.request(Method::GET, "/").header("cookie", format!("brokerd={}", tokens.access))).await;
    assert_eq!(page.status, 303, "to the sign-in page");

    let (_, of_ada) = Program::signed_in(&world, "ada").await;
    let ada = stranger.with_token(&of_ada.access);
    ada.vended("deploy", &json!({})).await;
    assert_eq!(ada.get("/v1/connectors").await.good()["connectors"].as_array().unwrap().len(), 12);
    let link = ada.post("/v1/connectors/deploy/console-url", &json!({})).await.good();
    assert!(link["url"].as_str().unwrap().starts_with("http"));
}

/// `many-0000` to `many-1999`, in 250 accounts from this one on.
pub(crate) fn two_thousand_connectors(first_account: u64) -> String {
    let connector = |number: u64| {
        format!(
            "[[connector]]\nname = \"many-{number:04}\"\naccess_key = \"main\"\ngroups = [\"corp/release\"]\n\
             principal.assume_role = {{ role_arn = \"arn:aws:iam::{:012}:role/deploy\" }}\n\n",
            first_account + number % 250,
        )
    };
    (0..2_000).map(connector).collect()
}

/// All of them, in pages of so many.
async fn roles_of(program: &Program, token: &str, of: usize) -> Vec<String> {
    let (mut roles, mut next) = (Vec::new(), String::new());
    loop {
        let path = format!("/assignment/roles?account_id={ACCOUNT}&max_result={of}&next_token={next}");
        let page: Value = program.portal(token, &path).await.good();
        let list = page["roleList"].as_array().unwrap();
        assert!(list.len() <= of && list.iter().all(|role| role["accountId"] == ACCOUNT), "{page}");
        roles.extend(list.iter().map(|role| role["roleName"].as_str().unwrap().to_owned()));
        match page["nextToken"].as_str() {
            Some(token) => token.clone_into(&mut next),
            None => return roles,
        }
    }
}
