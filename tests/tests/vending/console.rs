//! Links that open AWS's console signed in.

use std::time::{Duration, Instant};

use aws_sim::{Calls, Fault};
use reqwest::{Method, Url};
use serde_json::{Value, json};
use tests::world::{Answer, Asker, World, seconds_until};

#[tokio::test(flavor = "multi_thread")]
async fn a_link_opens_the_console_as_the_person_and_says_nothing_of_itself_elsewhere() {
    let world = World::open().await;
    let ada = world.person("ada").await;
    let home = "https://console.aws.amazon.com/";
    let reports = "https://eu-central-1.console.aws.amazon.com/s3/buckets/reports";
    for (connector, arn, destination) in [
        ("deploy", "arn:aws:sts::111111111111:assumed-role/deploy/ada", home),
        ("reports", "arn:aws:sts::111111111111:federated-user/ada", reports),
    ] {
        let answer = link(&ada, connector, &json!({})).await;
        let made = answer.good();
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        assert_eq!(made.as_object().unwrap().len(), 2);
        let left = seconds_until(&made["expires_at"]);
        assert!((840..=900).contains(&left), "a quarter of an hour at most: {left}");

        let url: Url = made["url"].as_str().unwrap().parse().unwrap();
        let page = visit(&url).await;
        assert!(page.contains(arn) && page.contains(destination), "{page}");
        assert!(page.contains(&world.brokerd.url()), "AWS sends people back to us: {page}");
        let token = url.query_pairs().find(|(name, _)| name == "SigninToken").unwrap().1.into_owned();
        assert!(!world.brokerd.log().contains(&token) && !format!("{:?}", world.trail()).contains(&token));
        assert_eq!(world.trail_of(connector), ["person:corp/ada console_url success"]);
        let records = world.trail();
        let record = records.iter().rfind(|record| record["connector"] == connector).unwrap();
        assert!(record["access_key_id"].as_str().unwrap().starts_with("ASIA"), "{record}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_duration_goes_to_aws_for_roles_only() {
    let world = World::open().await;
    let ada = world.person("ada").await;
    let asked = json!({ "session_duration_seconds": 7_200 });
    let url: Url = link(&ada, "deploy", &asked).await.good()["url"].as_str().unwrap().parse().unwrap();
    assert_eq!(world.sent("getSigninToken", "SessionDuration").as_deref(), Some("7200"));
    assert!(visit(&url).await.contains("signed in as"));

    link(&ada, "reports", &asked).await.good();
    assert_eq!(world.sent("getSigninToken", "SessionDuration"), None, "AWS refuses it for federated users");
    assert_eq!(world.calls("getSigninToken").len(), 2, "and it is not even tried");
    link(&ada, "deploy", &json!({})).await.good();
    assert_eq!(world.sent("getSigninToken", "SessionDuration"), None);

    for outside in [0, 899, 43_201] {
        let problem = link(&ada, "deploy", &json!({ "session_duration_seconds": outside }))
            .await
            .problem("400 duration_out_of_range");
        assert_eq!((&problem["minimum_seconds"], &problem["maximum_seconds"]), (&json!(900), &json!(43_200)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_duration_that_aws_refuses_is_left_out_once() {
    let world = World::open().await;
    let ada = world.person("ada").await;
    let refusal =
        || Fault::Refusal { status: 400, code: "BadRequest", message: "SessionDuration is not valid".to_owned() };
    world.sim.faults().once(Calls::of("getSigninToken"), refusal());
    link(&ada, "deploy", &json!({ "session_duration_seconds": 7_200 })).await.good();
    let calls = world.calls("getSigninToken");
    for call in &calls {
        assert_eq!((call.method.as_str(), &call.in_url), ("POST", &Vec::new()), "no log of URLs has the credentials");
    }
    let sent: Vec<Option<String>> =
        calls.into_iter().map(|mut call| call.parameters.remove("SessionDuration")).collect();
    assert_eq!(sent, [Some("7200".to_owned()), None]);

    world.sim.forget_calls();
    world.sim.faults().times(5, Calls::of("getSigninToken"), refusal());
    let asked = json!({ "session_duration_seconds": 7_200 });
    let problem = link(&ada, "deploy", &asked).await.problem("502 aws_refused");
    assert_eq!(problem["aws"]["code"], "HTTP 400", "{problem}");
    let calls = world.calls("getSigninToken");
    assert_eq!(calls.len(), 2, "once, not for ever");
    assert_eq!(problem["aws"]["request_id"], calls[1].request_id);
    world.sim.faults().clear();
    world.sim.faults().times(5, Calls::of("getSigninToken"), refusal());
    link(&ada, "deploy", &json!({})).await.problem("502 aws_refused");
    assert_eq!(world.calls("getSigninToken").len(), 3, "nothing to leave out, nothing to try");
    assert_eq!(world.trail_of("deploy")[1..], ["person:corp/ada console_url failed"; 2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_leads_to_the_console_of_the_partition_and_nowhere_else() {
    let world = World::open().await;
    let ada = world.person("ada").await;
    let wanted = "https://us-east-1.console.aws.amazon.com/cloudwatch/home?region=us-east-1#logs:";
    let url: Url =
        link(&ada, "deploy", &json!({ "destination": wanted })).await.good()["url"].as_str().unwrap().parse().unwrap();
    assert!(visit(&url).await.contains("us-east-1.console.aws.amazon.com/cloudwatch"));
    world.sim.forget_calls();
    for elsewhere in [
        "http://console.aws.amazon.com/",
        "https://console.aws.amazon.com.evil.example/",
        "https://evilconsole.aws.amazon.com/",
        "https://console.aws.amazon.com@evil.example/",
        "https://user@console.aws.amazon.com/",
        "https://console.aws.amazon.com:8443/",
        "https://console.amazonaws.cn/",
        "https://console.amazonaws-us-gov.com/",
        "https://signin.aws.amazon.com/federation",
        "//evil.example/",
        "/s3",
        "javascript:alert(1)",
        "",
    ] {
        link(&ada, "deploy", &json!({ "destination": elsewhere })).await.problem("400 destination_not_allowed");
    }
    assert_eq!((world.calls("AssumeRole").len(), world.calls("getSigninToken").len()), (0, 0), "AWS is not asked");
}

#[tokio::test(flavor = "multi_thread")]
async fn session_tokens_have_no_console() {
    let world = World::open().await;
    let ada = world.person("ada").await;
    assert_eq!(ada.get("/v1/connectors/raw").await.good()["console"], false);
    link(&ada, "raw", &json!({})).await.problem("400 console_not_supported");
    assert_eq!(world.calls("GetSessionToken").len(), 0);
    link(&world.person("bob").await, "raw", &json!({})).await.problem("404 not_found");
}

#[tokio::test(flavor = "multi_thread")]
async fn passing_trouble_at_the_federation_endpoint_is_tried_again_and_nobody_hears_of_it() {
    let world = World::open().await;
    let ada = world.person("ada").await;
    for fault in trouble() {
        world.sim.forget_calls();
        world.sim.faults().once(Calls::of("getSigninToken"), fault.clone());
        let made = link(&ada, "deploy", &json!({ "session_duration_seconds": 7_200 })).await.good();
        assert!(visit(&made["url"].as_str().unwrap().parse().unwrap()).await.contains("signed in as"));
        let sent = world.calls("getSigninToken").into_iter().map(|mut call| call.parameters.remove("SessionDuration"));
        assert_eq!(sent.collect::<Vec<_>>(), [Some("7200".to_owned()), Some("7200".to_owned())], "{fault:?}");
    }
    assert!(world.trail_of("deploy").iter().all(|told| told == "person:corp/ada console_url success"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_deadline_ends_the_retries_of_a_link() {
    let world = World::prepare().await.configured("retries = 2", "retries = 20").serve();
    let ada = world.person("ada").await;
    ada.vended("deploy", &json!({})).await;
    world.sim.faults().always(Calls::of("getSigninToken"), Fault::ServiceUnavailable);
    let asked = Instant::now();
    let hasty = ada.request(Method::POST, "/v1/connectors/deploy/console-url").header("prefer", "wait=2");
    Answer::of(hasty.json(&json!({}))).await.problem("503 aws_unavailable");
    assert!((1_500..15_000).contains(&asked.elapsed().as_millis()), "{:?}", asked.elapsed());
    assert!(world.calls("getSigninToken").len() >= 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn trouble_at_the_federation_endpoint_that_stays_is_said_and_recorded() {
    let world = World::prepare().await.configured("retries = 2", "retries = 1").serve();
    let ada = world.person("ada").await;
    for fault in trouble() {
        world.sim.forget_calls();
        world.sim.faults().times(2, Calls::of("getSigninToken"), fault.clone());
        let answer = link(&ada, "deploy", &json!({})).await;
        answer.problem("503 aws_unavailable");
        assert!(answer.header("retry-after").is_some(), "{fault:?}");
        assert!(!answer.text.contains("doctype"), "{}", answer.text);
        assert_eq!((world.calls("getSigninToken").len(), world.sim.faults().pending()), (2, 0), "{fault:?}");
    }
    assert_eq!(world.trail_of("deploy"), vec!["person:corp/ada console_url failed"; trouble().len()]);
}

/// Each of the ways in which it is silent: callers hear that it did not answer, the log says how.
#[tokio::test(flavor = "multi_thread")]
async fn the_log_says_why_the_federation_endpoint_gave_no_answer() {
    const LINE: &str = "AWS's federation endpoint does not answer";
    let set = "retries = 0, attempt_timeout_seconds = 2";
    let world = World::prepare().await.configured("retries = 2", set).serve();
    let ada = world.person("ada").await;
    ada.vended("deploy", &json!({})).await;
    let stalled = Fault::Stall(Duration::from_secs(30));
    for (fault, why) in [
        (stalled, "no answer to an attempt in time"),
        (Fault::ServiceUnavailable, "it asks for patience, or is out of order: HTTP 503"),
        (Fault::CutConnection, "an answer that was cut off"),
        (Fault::DroppedConnection, "no connection, or one that broke"),
    ] {
        world.sim.faults().once(Calls::of("getSigninToken"), fault.clone());
        let before = world.brokerd.log().len();
        let answer = link(&ada, "deploy", &json!({})).await;
        answer.problem("503 aws_unavailable");
        assert!(!answer.text.contains("127.0.0.1"), "{}", answer.text);
        let log = world.brokerd.log().split_off(before);
        let line = log.lines().find(|line| line.contains(LINE)).unwrap_or_else(|| panic!("{fault:?}: {log}"));
        assert!(line.contains(&format!("aws.failure=\"{why}\"")), "{fault:?}: {line}");
        assert!(line.contains("aws.host=\"127.0.0.1\""), "{line}");
    }

    // The deadline comes before the attempt's own limit.
    world.sim.faults().once(Calls::of("getSigninToken"), Fault::Stall(Duration::from_secs(30)));
    let hasty = ada.request(Method::POST, "/v1/connectors/deploy/console-url").header("prefer", "wait=1");
    Answer::of(hasty.json(&json!({}))).await.problem("503 aws_unavailable");
    let log = world.brokerd.log();
    assert!(log.contains("aws.failure=\"the deadline came, retries included\""), "{log}");

    let prepared = World::prepare().await;
    let here = format!("federation_url = \"http://127.0.0.1:{}", prepared.sim.address().port());
    let world = prepared.configured(&here, "federation_url = \"http://127.0.0.1:1").serve();
    link(&world.person("ada").await, "deploy", &json!({})).await.problem("503 aws_unavailable");
    let log = world.brokerd.log();
    assert!(log.contains(LINE) && log.contains("aws.cause=") && log.contains("Connection refused"), "{log}");
}

/// What may be over in a moment.
fn trouble() -> Vec<Fault> {
    let too_many = Fault::Refusal { status: 429, code: "TooManyRequestsException", message: "Slow down".to_owned() };
    vec![
        Fault::ServiceUnavailable,
        Fault::InternalFailure,
        Fault::Throttle,
        too_many,
        Fault::NotXml,
        Fault::Truncated,
        Fault::DroppedConnection,
        Fault::CutConnection,
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_federation_endpoint_refuses_comes_back_in_its_own_words_but_never_with_the_credentials() {
    let world = World::open().await;
    let ada = world.person("ada").await;
    let vended = ada.vended("deploy", &json!({})).await;
    // By AWS's clock what is lent again has expired.
    world.sim.clock().advance(Duration::from_hours(2));
    let problem = link(&ada, "deploy", &json!({})).await.problem("502 aws_refused");
    assert!(problem["aws"]["message"].as_str().unwrap().contains("The credentials are not valid"), "{problem}");
    world.sim.clock().reset();
    let secret = vended["secret_access_key"].as_str().unwrap();
    let token = vended["session_token"].as_str().unwrap();
    let long = format!("<p>{}\u{1b}[2J\r\nX-Evil: 1</p>", "m ".repeat(2_000));
    for (status, message, shown) in [
        (400, "Session is not valid".to_owned(), "Session is not valid"),
        (403, long, "m m m"),
        (418, format!("I do not like {{\"sessionKey\":\"{secret}\"}}"), "is not shown"),
        (400, format!("I do not like &quot;{}", &token[..token.len() / 2]), "is not shown"),
        (400, String::new(), "Sign-in failed"),
    ] {
        world.sim.faults().once(Calls::of("getSigninToken"), Fault::Refusal { status, code: "BadRequest", message });
        let answer = link(&ada, "deploy", &json!({})).await;
        let problem = answer.problem("502 aws_refused");
        assert_eq!(problem["aws"]["code"], format!("HTTP {status}"));
        let said = problem["aws"]["message"].as_str().unwrap();
        assert!(said.contains(shown) && said.chars().count() <= 512 && !said.contains(char::is_control), "{said:?}");
        assert_eq!(problem["aws"]["request_id"], world.calls("getSigninToken").last().unwrap().request_id);
        assert!(problem["detail"].as_str().unwrap().contains(said), "{problem}");
        let told = format!("{}{:?}{}", answer.text, world.trail(), world.brokerd.log());
        assert!(!told.contains(secret) && !told.contains(&token[..token.len() / 2]));
    }
    let records = world.trail();
    let reasons = records.iter().filter_map(|record| record["reason"].as_str()).collect::<Vec<_>>();
    assert!(
        reasons.iter().any(|reason| reason.contains("HTTP status 400: ") && reason.contains("is not valid")),
        "{reasons:?}"
    );
}

async fn link(asker: &Asker, connector: &str, body: &Value) -> Answer {
    asker.post(&format!("/v1/connectors/{connector}/console-url"), body).await
}

/// What AWS shows to whoever follows the link.
async fn visit(url: &Url) -> String {
    let (origin, path) = (url.origin().ascii_serialization(), format!("{}?{}", url.path(), url.query().unwrap()));
    let answer = Asker::at(&origin).get(&path).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.text
}
