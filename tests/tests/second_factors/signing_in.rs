//! The second factor at the door: asked for once the password is proved, good once, and guessed at for nothing by nobody.

use serde_json::{Value, json};
use tests::world::{World, password_of, soon};

use crate::timed::Timed;

/// What the trail says of one action: outcome, and what was written down with it.
fn records(world: &World, action: &str) -> Vec<Value> {
    world.trail().into_iter().filter(|record| record["action"] == action).collect()
}

fn by(username: &str, otp: &str) -> Value {
    json!({ "username": username, "password": password_of(username), "otp": otp })
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_enrolled_is_asked_and_let_in_by_each_code_once() {
    let timed = Timed::open().await;
    let world = &timed.world;
    let (ada, elsewhere) = (world.person("ada").await, world.person("ada").await);
    let phone = timed.enrol(&ada).await;
    assert_eq!(phone.recovery_codes.len(), 10);
    elsewhere.get("/v1/session").await.problem("401 unauthenticated");
    assert_eq!(ada.get("/v1/session").await.good()["second_factor"]["by"], "totp", "this session goes on, and counts");

    let stranger = world.stranger();
    let password = json!({ "username": "ada", "password": password_of("ada") });
    stranger.sign_in(&password).await.problem("401 otp_required");
    let wrong = json!({ "username": "ada", "password": "wrong" });
    stranger.sign_in(&wrong).await.problem("401 invalid_credentials");

    let code = timed.code(&phone);
    let wrong = json!({ "username": "ada", "password": "wrong", "otp": code });
    stranger.sign_in(&wrong).await.problem("401 invalid_credentials");
    let signed_in = stranger.sign_in(&by("ada", &code)).await;
    assert_eq!(signed_in.status, 201, "{}", signed_in.text);
    let session = stranger.with_token(signed_in.json()["token"].as_str().unwrap());
    assert_eq!(session.get("/v1/session").await.good()["second_factor"]["by"], "totp");
    stranger.sign_in(&by("ada", &code)).await.problem("401 invalid_credentials");

    let code = phone.recovery_codes[0].to_uppercase().replace('-', " ");
    assert_eq!(stranger.sign_in(&by("ada", &code)).await.status, 201);
    stranger.sign_in(&by("ada", &code)).await.problem("401 invalid_credentials");
    assert_eq!(session.get("/v1/account/second-factors").await.good()["recovery_codes_left"], 9);

    let used = "the password was right, and the code had been used before";
    soon("the trail", async || {
        let refused = records(world, "sign_in").into_iter().filter(|record| record["outcome"] == "refused");
        let reasons: Vec<String> = refused.map(|record| record["reason"].as_str().unwrap().to_owned()).collect();
        let has = |reason: &str| reasons.iter().any(|it| it == reason);
        (has(used) && has("the password was right, and the code was wrong")).then_some(())
    })
    .await;
    let by_codes: Vec<Value> =
        records(world, "sign_in").into_iter().map(|record| record["changes"]["second_factor"].clone()).collect();
    assert!(by_codes.contains(&json!("totp")) && by_codes.contains(&json!("recovery_code")), "{by_codes:?}");
    let all = format!("{:?}\n{}", world.trail(), world.brokerd.log());
    let secret = phone.secret();
    for hidden in phone.recovery_codes.iter().chain([&secret]) {
        assert!(!all.contains(hidden.as_str()), "a secret is written down");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_of_somebody_who_has_enrolled_nothing_is_refused_and_never_ignored() {
    let world = World::open().await;
    let problem = world.stranger().sign_in(&by("ada", "123456")).await.problem("400 invalid_request");
    assert_eq!(problem["field"], "otp", "{problem}");
    let wrong = json!({ "username": "ada", "password": "wrong", "otp": "123456" });
    world.stranger().sign_in(&wrong).await.problem("401 invalid_credentials");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_knows_a_password_guesses_no_code_for_nothing() {
    let timed = Timed::open().await;
    let ada = timed.world.person("ada").await;
    let phone = timed.enrol(&ada).await;
    let stranger = timed.world.stranger();
    let right = timed.code(&phone);
    let mut last = None;
    for guess in 0..12 {
        let answer = stranger.sign_in(&by("ada", &format!("00000{}", guess % 10))).await;
        // The password alone is right each time, and takes nothing back.
        let asked = stranger.sign_in(&json!({ "username": "ada", "password": password_of("ada") })).await;
        last = Some((answer, asked));
        if last.as_ref().is_some_and(|(answer, _)| answer.status == 429) {
            break;
        }
    }
    let (answer, asked) = last.unwrap();
    answer.problem("429 too_many_attempts");
    asked.problem("429 too_many_attempts");
    stranger.sign_in(&by("ada", &right)).await.problem("429 too_many_attempts");
}

#[tokio::test(flavor = "multi_thread")]
async fn nor_does_whoever_has_a_session_or_is_half_way_in() {
    let timed = Timed::open().await;
    let ada = timed.world.person("ada").await;
    let phone = timed.enrol(&ada).await;
    let (guess, right) = (json!({ "otp": "000000" }), json!({ "otp": timed.code(&phone) }));
    let mut answers = Vec::new();
    while answers.len() < 12 && answers.last().is_none_or(|answer: &tests::world::Answer| answer.status != 429) {
        answers.push(ada.post("/v1/session/second-factor", &guess).await);
    }
    let told = answers.pop().unwrap();
    told.problem("429 too_many_attempts");
    assert!(told.header("retry-after").unwrap().parse::<u64>().is_ok_and(|seconds| seconds > 0));
    assert!(answers.len() >= 5, "people mistype");
    for answer in answers {
        answer.problem("401 invalid_credentials");
    }
    ada.post("/v1/session/second-factor", &right).await.problem("429 too_many_attempts");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_with_each_request_is_no_way_around_it() {
    let timed = Timed::open().await;
    let ada = timed.world.person("ada").await;
    timed.enrol(&ada).await;
    let path = "/rest/identity-federation-for-aws/2.2/connectors";
    let request = timed.world.stranger().request(reqwest::Method::GET, path);
    let answer = tests::world::Answer::of(request.basic_auth("ada", Some(password_of("ada")))).await;
    answer.problem("401 otp_required");
}
