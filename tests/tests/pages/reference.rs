//! The document of the API: it has every route that is served and no other, and what it says is what is answered.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use broker_core::second_factor::Seed;
use reqwest::Method;
use secrecy::SecretString;
use serde_json::{Value, json};
use tests::dpop::DpopKey;
use tests::house::House;
use tests::phone::Phone;
use tests::python::Client;
use tests::world::{Answer, Asker, SECOND, SECOND_SECRET, World, now, password_of};

/// Calls, each noted as the document would have it.
struct Noted {
    answers: Vec<Value>,
    good: BTreeSet<(String, String)>,
}

impl Noted {
    /// Asks for `path`, which is `pattern` filled in.
    async fn ask(&mut self, asker: &Asker, method: &str, pattern: &str, path: &str, body: Option<Value>) -> Answer {
        let request = asker.request(method.to_uppercase().parse().unwrap(), path);
        let request = match body {
            Some(body) => request.json(&body),
            None => request,
        };
        self.note(method, pattern, Answer::of(request).await)
    }

    /// Asks as AWS's clients do, with a token in the header that they have for it.
    async fn ask_portal(&mut self, asker: &Asker, method: &str, path: &str, token: &str) {
        let request = asker.request(method.to_uppercase().parse().unwrap(), path);
        let answer = Answer::of(request.header("x-amz-sso_bearer_token", token)).await;
        self.note(method, path.split('?').next().unwrap(), answer);
    }

    /// Asks as `aws login` does, with a proof of a key.
    async fn ask_login(&mut self, asker: &Asker, proof: &str, body: &Value) -> Answer {
        let request = asker.request(Method::POST, "/v1/token").header("DPoP", proof).json(body);
        self.note("post", "/v1/token", Answer::of(request).await)
    }

    fn note(&mut self, method: &str, pattern: &str, answer: Answer) -> Answer {
        let kind = answer.header("content-type").map(|kind| kind.split(';').next().unwrap().to_owned());
        let shown = match kind.as_deref() {
            Some("application/json" | "application/problem+json") => answer.json(),
            _ => json!(answer.text),
        };
        if answer.status < 300 {
            self.good.insert((method.to_owned(), pattern.to_owned()));
        }
        self.answers
            .push(json!({ "method": method, "path": pattern, "status": answer.status, "type": kind, "body": shown }));
        answer
    }
}

/// Each operation of the document: its path, its methods, and which tag it has.
fn operations(document: &Value) -> BTreeMap<String, BTreeMap<String, String>> {
    let paths = document["paths"].as_object().unwrap().iter();
    paths
        .map(|(path, item)| {
            let methods = item.as_object().unwrap().iter();
            let tag = |it: &Value| it["tags"][0].as_str().unwrap().to_owned();
            (path.clone(), methods.map(|(method, it)| (method.clone(), tag(it))).collect())
        })
        .collect()
}

#[tokio::test]
async fn the_document_has_every_route_that_is_served_and_no_other() {
    let house = House::build().await;
    assert!(house.paths.contains("/v1/connectors/{name}/credentials"), "{:?}", house.paths);
    let answer = house.request(Method::GET, "/openapi.json").send().await.unwrap();
    assert_eq!(answer.headers()["content-type"], "application/json");
    let document: Value = answer.json().await.unwrap();
    let documented = operations(&document);
    assert_eq!(house.paths, documented.keys().cloned().collect());
    // The methods, too, as a route itself says them to whoever takes another one.
    for (path, methods) in documented {
        let path = path
            .replace("{name}", "x")
            .replace("{directory}", "x")
            .replace("{id}", "x")
            .replace("{code}", "internal")
            .replace("{file}", "x");
        let other = Method::from_bytes(b"OTHER").unwrap();
        let refused = house.request(other, &path).send().await.unwrap();
        assert_eq!(refused.status(), 405, "{path}");
        let allowed = refused.headers()["allow"].to_str().unwrap().to_lowercase();
        let allowed: BTreeSet<String> =
            allowed.split(',').map(|it| it.trim().to_owned()).filter(|it| it != "head").collect();
        assert_eq!(allowed, methods.into_keys().collect(), "{path}");
    }
}

#[tokio::test]
async fn what_is_answered_is_what_the_document_says() {
    let world = World::prepare().await.with("aws_clients = { device_groups = [\"corp/release\"] }").serve();
    let document = world.stranger().get("/openapi.json").await.good();
    let mut noted = Noted { answers: Vec::new(), good: BTreeSet::new() };
    let (ada, root) = (world.person("ada").await, world.person("root").await);
    vending(&mut noted, &world, &ada).await;
    administering(&mut noted, &world, &root).await;
    signing_in_as_the_aws_cli(&mut noted, &world).await;
    logging_in_as_the_aws_cli(&mut noted, &world).await;
    keeping_an_account(&mut noted, &world, &root).await;
    for (path, asker) in [("/healthz", &ada), ("/readyz", &ada), ("/metrics", &ada), ("/openapi.json", &ada)] {
        noted.ask(asker, "get", path, path, None).await;
    }
    noted.ask(&ada, "delete", "/v1/session", "/v1/session", None).await;

    // Whatever has no page of its own has been asked for, and has answered well.
    let mut missing = Vec::new();
    for (path, methods) in operations(&document) {
        let programs = methods.into_iter().filter(|(_, tag)| tag != "Pages");
        missing.extend(programs.map(|(method, _)| (method, path.clone())));
    }
    missing.retain(|operation| !noted.good.contains(operation) && !BROWSERS.contains(&operation.1.as_str()));
    assert_eq!(missing, []);

    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/pages/validate.py");
    let given = json!({ "document": document, "answers": noted.answers });
    Client::new().python(&program, &given.to_string()).succeeded();
}

/// What people do with their second factors, and an administrator with somebody else's.
async fn keeping_an_account(noted: &mut Noted, world: &World, root: &Asker) {
    let (all, one) = ("/v1/account/second-factors", "/v1/account/second-factors/{id}");
    let fred = world.person("fred").await;
    let begun = noted.ask(&fred, "post", "/v1/account/enrolments", "/v1/account/enrolments", None).await.good();
    let seed = Seed::read(SecretString::from(begun["secret"].as_str().unwrap())).unwrap();
    let otp = seed.code_at(now()).unwrap();
    let body = json!({ "enrolment": begun["enrolment"], "otp": otp, "label": "phone" });
    let added = noted.ask(&fred, "post", all, all, Some(body.clone())).await.json();
    noted.ask(&fred, "post", all, all, Some(body)).await.problem("409 conflict");
    noted.ask(&fred, "get", all, all, None).await.good();
    let path = one.replace("{id}", added["second_factor"]["id"].as_str().unwrap());
    noted.ask(&fred, "put", one, &path, Some(json!({ "label": "blue phone" }))).await.good();
    let (codes, proving) = ("/v1/account/recovery-codes", "/v1/session/second-factor");
    let shown = json!({ "otp": added["recovery_codes"][0] });
    noted.ask(&fred, "post", proving, proving, Some(shown.clone())).await.good();
    noted.ask(&fred, "post", proving, proving, Some(shown)).await.problem("401 invalid_credentials");
    let fresh = noted.ask(&fred, "post", codes, codes, None).await.good();
    assert_eq!(fresh["recovery_codes"].as_array().unwrap().len(), 10);
    noted.ask(&fred, "delete", one, &path, None).await;

    Phone::enrol(&world.person("bob").await).await;
    let records = world.trail();
    let id = records.iter().find(|record| record["actor"] == "person:corp/bob").unwrap()["actor_id"].as_str().unwrap();
    let reset = "/v1/admin/second-factors/{directory}/{id}";
    let path = format!("/v1/admin/second-factors/corp/{id}");
    noted.ask(root, "delete", reset, &path, None).await;
    noted.ask(root, "delete", reset, &path, None).await.problem("404 not_found");
}

/// What the AWS CLI asks from its sign-in to its end.
async fn signing_in_as_the_aws_cli(noted: &mut Noted, world: &World) {
    let stranger = world.stranger();
    let registration = json!({
        "clientName": "aws", "clientType": "public", "redirectUris": ["http://127.0.0.1/oauth/callback"],
    });
    let pattern = "/client/register";
    let client = noted.ask(&stranger, "post", pattern, pattern, Some(registration)).await.good();
    noted.ask(&stranger, "post", pattern, pattern, Some(json!({}))).await;
    let callback = "http://127.0.0.1:7/oauth/callback";
    let mut fields = vec![
        ("response_type", "code"),
        ("client_id", client["clientId"].as_str().unwrap()),
        ("redirect_uri", callback),
        ("state", "x"),
        ("code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"),
        ("code_challenge_method", "S256"),
    ];
    let cookie = stranger.cookie("ada", &password_of("ada")).await;
    let page = stranger.request(Method::GET, "/authorize").query(&fields).header("cookie", &cookie);
    let csrf = Answer::of(page).await.field("csrf");
    fields.extend([("csrf", csrf.as_str()), ("decision", "allow")]);
    let yes = stranger.request(Method::POST, "/authorize").form(&fields).header("cookie", &cookie);
    let yes = Answer::of(yes.header("origin", world.brokerd.url())).await;
    let code = yes.header("location").unwrap().split(['=', '&']).nth(1).unwrap().to_owned();
    let mut body = json!({
        "grantType": "authorization_code", "clientId": client["clientId"], "clientSecret": client["clientSecret"],
        "redirectUri": callback, "code": code, "codeVerifier": "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
    });
    let tokens = noted.ask(&stranger, "post", "/token", "/token", Some(body.clone())).await.good();
    body["code"] = json!("nonsense");
    noted.ask(&stranger, "post", "/token", "/token", Some(body)).await;
    let asks = json!({ "clientId": client["clientId"], "clientSecret": client["clientSecret"] });
    let pattern = "/device_authorization";
    noted.ask(&stranger, "post", pattern, pattern, Some(asks)).await;
    let token = tokens["accessToken"].as_str().unwrap();
    let credentials = "/federation/credentials?account_id=111111111111&role_name=";
    for (method, path) in [
        ("get", "/assignment/accounts".to_owned()),
        ("get", "/assignment/roles?account_id=111111111111".to_owned()),
        ("get", format!("{credentials}deploy")),
        ("get", format!("{credentials}treasury")),
        ("post", "/logout".to_owned()),
        ("post", "/logout".to_owned()),
    ] {
        noted.ask_portal(&stranger, method, &path, token).await;
    }
}

/// What `aws login` asks.
async fn logging_in_as_the_aws_cli(noted: &mut Noted, world: &World) {
    let (stranger, key, url) = (world.stranger(), DpopKey::new(), world.brokerd.url());
    let callback = "http://127.0.0.1:7/oauth/callback";
    let mut fields = vec![
        ("response_type", "code"),
        ("client_id", "arn:aws:signin:::devtools/same-device"),
        ("redirect_uri", callback),
        ("state", "x"),
        ("code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"),
        ("code_challenge_method", "SHA-256"),
    ];
    let cookie = stranger.cookie("ada", &password_of("ada")).await;
    let page = stranger.request(Method::GET, "/v1/authorize").query(&fields).header("cookie", &cookie);
    let csrf = Answer::of(page).await.field("csrf");
    fields.extend([("csrf", csrf.as_str()), ("connector", "deploy"), ("decision", "allow")]);
    let yes = stranger.request(Method::POST, "/v1/authorize").form(&fields).header("cookie", &cookie);
    let yes = Answer::of(yes.header("origin", &url)).await;
    let code = yes.header("location").unwrap().split(['=', '&']).nth(1).unwrap().to_owned();
    let mut body = json!({
        "clientId": "arn:aws:signin:::devtools/same-device", "grantType": "authorization_code", "redirectUri": callback,
        "code": code, "codeVerifier": "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
    });
    let given = noted.ask_login(&stranger, &key.proof(&url), &body).await.good();
    body["grantType"] = json!("refresh_token");
    body["refreshToken"] = given["refreshToken"].clone();
    noted.ask_login(&stranger, &key.proof(&url), &body).await.good();
    noted.ask_login(&stranger, &DpopKey::new().proof(&url), &body).await;
    noted.ask_login(&stranger, "x", &body).await;
}

async fn vending(noted: &mut Noted, world: &World, ada: &Asker) {
    let sign_in = json!({ "username": "ada", "password": password_of("ada") });
    noted.ask(&world.stranger(), "post", "/v1/sessions", "/v1/sessions", Some(sign_in)).await;
    let wrong = json!({ "username": "ada", "password": "wrong" });
    noted
        .ask(&world.stranger(), "post", "/v1/sessions", "/v1/sessions", Some(wrong))
        .await
        .problem("401 invalid_credentials");
    noted.ask(ada, "get", "/v1/session", "/v1/session", None).await;
    noted.ask(&world.stranger(), "get", "/v1/session", "/v1/session", None).await.problem("401 unauthenticated");
    noted.ask(ada, "get", "/v1/connectors", "/v1/connectors", None).await;
    for name in ["deploy", "reports", "raw", "none"] {
        noted.ask(ada, "get", "/v1/connectors/{name}", &format!("/v1/connectors/{name}"), None).await;
        let pattern = "/v1/connectors/{name}/credentials";
        for format in ["json", "process", "env"] {
            let path = format!("/v1/connectors/{name}/credentials?format={format}");
            noted.ask(ada, "post", pattern, &path, Some(json!({ "reason": "ticket 4711" }))).await;
        }
        for bad in [json!({ "duration_seconds": 1 }), json!({ "policy": { "Version": 1 } }), json!({ "x": 1 })] {
            noted.ask(ada, "post", pattern, &format!("/v1/connectors/{name}/credentials"), Some(bad)).await;
        }
        let who = "/v1/connectors/{name}/caller-identity";
        noted.ask(ada, "get", who, &who.replace("{name}", name), None).await;
        let container = "/v1/container-credentials/{name}";
        noted.ask(ada, "get", container, &container.replace("{name}", name), None).await;
        noted.ask(ada, "get", container, "/v1/container-credentials/nowhere", None).await.problem("404 not_found");
        let link = "/v1/connectors/{name}/console-url";
        noted.ask(ada, "post", link, &link.replace("{name}", name), Some(json!({}))).await;
        for registry in ["ecr", "codeartifact"] {
            let pattern = format!("/v1/connectors/{{name}}/{registry}-credentials");
            for body in [json!({ "domain": "corp" }), json!({})] {
                noted.ask(ada, "post", &pattern, &pattern.replace("{name}", name), Some(body)).await;
            }
        }
    }
    let deploy = ada.get("/v1/connectors/deploy").await.good();
    for rest in ["", "/{id}", "/{id}/credentials", "/{id}/caller-identity", "/{id}/console/url"] {
        let pattern = format!("/rest/identity-federation-for-aws/2.2/connectors{rest}");
        noted.ask(ada, "get", &pattern, &pattern.replace("{id}", deploy["id"].as_str().unwrap()), None).await;
    }
    let refused = "/v1/connectors/closed/credentials";
    noted.ask(ada, "post", "/v1/connectors/{name}/credentials", refused, None).await.problem("502 aws_refused");
}

async fn administering(noted: &mut Noted, world: &World, root: &Asker) {
    let keys = "/v1/admin/access-keys";
    let key = "/v1/admin/access-keys/{name}";
    let secret =
        json!({ "region": "eu-central-1", "access_key_id": SECOND, "secret_access_key": SECOND_SECRET, "serves": {} });
    let mut new = secret.clone();
    new["name"] = json!("spare");
    noted.ask(root, "post", keys, keys, Some(new.clone())).await;
    noted.ask(root, "post", keys, keys, Some(new)).await.problem("409 conflict");
    noted.ask(root, "put", key, "/v1/admin/access-keys/spare", Some(secret)).await;
    for path in ["/v1/admin/access-keys/spare", "/v1/admin/access-keys/main", "/v1/admin/access-keys/none"] {
        noted.ask(root, "get", key, path, None).await;
    }
    noted.ask(root, "get", keys, "/v1/admin/access-keys?limit=1", None).await;

    let (connectors, connector) = ("/v1/admin/connectors", "/v1/admin/connectors/{name}");
    let role = json!({ "role_arn": "arn:aws:iam::111111111111:role/deploy", "tags": { "team": { "value": "x", "transitive": true } } });
    let wanted = json!({ "name": "fresh", "access_key": "spare", "groups": ["release"], "reuse": { "minimum_share": 0.5 },
        "principal": { "assume_role": role } });
    noted.ask(root, "post", connectors, connectors, Some(wanted.clone())).await;
    noted.ask(root, "put", connector, "/v1/admin/connectors/fresh", Some(wanted)).await;
    noted.ask(root, "get", connectors, "/v1/admin/connectors?limit=200", None).await;
    for name in ["fresh", "deploy", "reports", "raw", "anew", "limited", "none"] {
        noted.ask(root, "get", connector, &format!("/v1/admin/connectors/{name}"), None).await;
    }
    let trial = "/v1/admin/connectors/{name}/try";
    noted.ask(root, "post", trial, "/v1/admin/connectors/fresh/try", None).await;
    noted.ask(root, "post", trial, "/v1/admin/connectors/closed/try", None).await;
    noted.ask(root, "delete", connector, "/v1/admin/connectors/deploy", None).await.problem("409 read_only");
    noted.ask(root, "delete", connector, "/v1/admin/connectors/fresh", None).await;
    noted.ask(root, "delete", key, "/v1/admin/access-keys/spare", None).await;

    let test = "/v1/admin/directories/{name}/test";
    for who in ["ada", "root", "dora", "nobody"] {
        let body = json!({ "username": who, "password": password_of(who) });
        noted.ask(root, "post", test, "/v1/admin/directories/corp/test", Some(body)).await;
    }

    let tokens = "/v1/admin/service-tokens";
    let new = json!({ "name": "nightly", "connectors": ["ci"], "networks": ["203.0.113.0/24"] });
    let made = noted.ask(root, "post", tokens, tokens, Some(new)).await;
    noted.ask(root, "get", tokens, tokens, None).await;
    let id = made.json()["id"].as_str().unwrap().to_owned();
    let confirm = "/v1/admin/service-tokens/{id}/confirm";
    noted.ask(root, "post", confirm, &confirm.replace("{id}", &id), None).await;
    let token = "/v1/admin/service-tokens/{id}";
    noted.ask(root, "delete", token, &token.replace("{id}", &id), None).await;

    let (users, user) = ("/v1/admin/users", "/v1/admin/users/{name}");
    let new = json!({ "name": "lena", "password": "four quite ordinary words", "email": "lena@corp.example" });
    noted.ask(root, "post", users, users, Some(new)).await;
    noted.ask(root, "get", users, users, None).await;
    for path in ["/v1/admin/users/lena", "/v1/admin/users/ada", "/v1/admin/users/none"] {
        noted.ask(root, "get", user, path, None).await;
    }
    let lena = root.get("/v1/admin/users/lena").await.good();
    noted.ask(root, "put", user, "/v1/admin/users/lena", Some(lena)).await;
    let asker = world.stranger().signed_in_with("lena", "four quite ordinary words").await;
    let own = json!({ "current_password": "four quite ordinary words", "new_password": "five other ordinary words" });
    noted.ask(&asker, "post", "/v1/session/password", "/v1/session/password", Some(own)).await;
    let (groups, group) = ("/v1/admin/groups", "/v1/admin/groups/{name}");
    let new = json!({ "name": "team", "members": ["lena"] });
    noted.ask(root, "post", groups, groups, Some(new)).await;
    noted.ask(root, "get", groups, groups, None).await;
    let team = noted.ask(root, "get", group, "/v1/admin/groups/team", None).await.good();
    noted.ask(root, "put", group, "/v1/admin/groups/team", Some(team)).await;
    noted.ask(root, "delete", group, "/v1/admin/groups/team", None).await;
    let password = "/v1/admin/users/{name}/password";
    let new = json!({ "password": "six more quite ordinary words" });
    noted.ask(root, "put", password, "/v1/admin/users/lena/password", Some(new)).await;
    noted.ask(root, "delete", user, "/v1/admin/users/lena", None).await;

    let (sessions, session) = ("/v1/admin/sessions", "/v1/admin/sessions/{id}");
    world.person("bob").await;
    noted.ask(root, "delete", sessions, &format!("{sessions}?directory=corp&person=bob"), None).await;
    world.person("bob").await;
    let list = noted.ask(root, "get", sessions, sessions, None).await.good();
    let id = list["items"][0]["id"].as_str().unwrap();
    noted.ask(root, "delete", session, &session.replace("{id}", id), None).await;
    noted.ask(root, "get", "/v1/admin/audit", "/v1/admin/audit?limit=200", None).await;
    noted
        .ask(root, "get", "/v1/admin/audit", "/v1/admin/audit?action=nothing", None)
        .await
        .problem("400 invalid_request");
}

/// For browsers, though the tag is another one.
const BROWSERS: [&str; 2] = ["/console/{name}", "/docs"];
