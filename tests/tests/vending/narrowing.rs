//! A caller's policy can only narrow: what may be sent, what AWS makes of it, and the attempts to widen.

use serde_json::{Value, json};
use tests::world::World;

#[tokio::test(flavor = "multi_thread")]
async fn a_request_cannot_widen_a_connector_that_has_a_session_policy() {
    let world = World::open().await;
    let ada = world.person("ada").await;
    // Inline and managed session policies are a union at AWS: this Allow, let through, would give everything.
    let everything = policy("Allow", "*", "*");
    for connector in ["limited", "managed", "reports", "federated-managed", "federated-bare"] {
        for sent in [everything.clone(), json!(everything.to_string()), both_ways()] {
            let problem = ada.vend(connector, &json!({ "policy": sent })).await.problem("400 invalid_policy");
            assert!(problem["line"].is_u64() && problem["column"].is_u64(), "{problem}");
        }
        assert_eq!(world.trail_of(connector), ["person:corp/ada vend refused"; 3]);
    }
    for anything in [everything, policy("Deny", "s3:*", "*")] {
        ada.vend("raw", &json!({ "policy": anything })).await.problem("400 invalid_policy");
    }
    let asked = |action: &str| world.calls(action).len();
    assert_eq!((asked("AssumeRole"), asked("GetFederationToken"), asked("GetSessionToken")), (0, 0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn denials_are_appended_and_really_deny() {
    let world = World::open().await;
    let ada = world.person("ada").await;
    let deny = policy("Deny", "s3:GetObject", "arn:aws:s3:::reports/salaries");
    for connector in ["limited", "managed", "reports", "federated-managed"] {
        let before = ada.vended(connector, &json!({})).await;
        assert_eq!(world.read(&before, &["monthly", "salaries"]), ["profits", "too much"], "{connector}");
        let after = ada.vended(connector, &json!({ "policy": deny })).await;
        assert_eq!(after["reused"], false);
        assert_eq!(
            world.read(&after, &["monthly", "salaries"]),
            ["profits", "AccessDenied"],
            "{connector}: the connector's own policy stays, the caller's is added"
        );
        let as_text = ada.vended(connector, &json!({ "policy": deny.to_string() })).await;
        assert_eq!(as_text["access_key_id"], after["access_key_id"], "{connector}: a string that holds it is the same");
    }
    // What has no session policy at all may be denied, too; nothing is granted by that.
    let bare = ada.vended("federated-bare", &json!({ "policy": deny })).await;
    assert_eq!(world.read(&bare, &["monthly", "salaries"]), ["AccessDenied", "AccessDenied"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn where_the_connector_has_no_session_policy_the_callers_becomes_it() {
    let world = World::open().await;
    let ada = world.person("ada").await;
    let monthly = policy("Allow", "s3:GetObject", "arn:aws:s3:::reports/monthly");
    let vended = ada.vended("deploy", &json!({ "policy": monthly })).await;
    assert_eq!(world.read(&vended, &["monthly", "salaries"]), ["profits", "AccessDenied"]);
    let sent: Value = serde_json::from_str(&world.sent("AssumeRole", "Policy").unwrap()).unwrap();
    assert_eq!(sent, monthly);
    assert!(vended["packed_policy_size"].as_u64().is_some_and(|percent| percent > 0), "{vended}");

    let vended = ada.vended("deploy", &json!({ "policy": Value::Null })).await;
    assert_eq!((world.sent("AssumeRole", "Policy"), &vended["reused"]), (None, &json!(false)));
}

#[tokio::test(flavor = "multi_thread")]
async fn mistakes_in_a_policy_are_shown_by_line_and_column() {
    let world = World::open().await;
    let ada = world.person("ada").await;
    let place = async |policy: &str| {
        let answer = ada
            .request(reqwest::Method::POST, "/v1/connectors/deploy/credentials")
            .header("content-type", "application/json")
            .body(format!("{{\"reason\": \"x\",\n \"policy\": {policy}}}"));
        let problem = tests::world::Answer::of(answer).await.problem("400 invalid_policy");
        assert!(problem.get("aws").is_none(), "AWS was not asked: {problem}");
        (problem["line"].as_u64().unwrap(), problem["column"].as_u64().unwrap())
    };
    let written = "{\n  \"Version\": \"2012-10-17\",\n  \"Statement\": [{\n    \"Effect\": \"Perhaps\",\n    \"Action\": \"s3:*\", \"Resource\": \"*\"\n  }]\n}";
    assert_eq!(place(written).await, (4, 15), "of the policy's own text");
    assert_eq!(place(&json!(written).to_string()).await, (4, 15), "in a string as well");
    for (policy, said) in [
        (json!({}), "Statement"),
        (json!({ "Version": "2012-10-17", "Statement": [] }), "Statement"),
        (
            json!({ "Version": "2012-10-17", "Statement": [{ "Effect": "Allow", "Action": "s3:*", "Resource": "*", "Principal": "*" }] }),
            "Principal",
        ),
        (
            json!({ "Version": "2012-10-17", "Statement": [{ "Effect": "Allow", "Action": "s3:*", "Resource": "漢*" }] }),
            "漢",
        ),
        (
            json!({ "Version": "2012-10-17", "Statement": [{ "Effect": "Allow", "Action": "s3:*", "Resource": format!("arn:aws:s3:::{}", "x".repeat(2_048)) }] }),
            "2048",
        ),
        (json!("not a policy"), ""),
        (json!(""), ""),
    ] {
        let problem = ada.vend("deploy", &json!({ "policy": policy })).await.problem("400 invalid_policy");
        assert!(problem["detail"].as_str().unwrap().contains(said), "{problem}");
        assert!(problem["line"].is_u64() && problem["column"].is_u64(), "{problem}");
    }
    for policy in [json!(7), json!([]), json!(true)] {
        let problem = ada.vend("deploy", &json!({ "policy": policy })).await.problem("400 invalid_request");
        assert_eq!(problem["field"], "policy");
    }
    assert_eq!(world.calls("AssumeRole").len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_for_another_partition_is_refused_where_it_says_so() {
    let world = World::open().await;
    let ada = world.person("ada").await;
    let written = "{\n  \"Version\": \"2012-10-17\",\n  \"Statement\": [{\n    \"Effect\": \"Deny\", \"Action\": \"s3:*\",\n    \"Resource\": [\"arn:aws:s3:::a\", \"arn:aws-cn:s3:::b/*\"]\n  }]\n}";
    for (connector, policy) in [("deploy", written.to_owned()), ("reports", json!(written).to_string())] {
        let answer = ada
            .request(reqwest::Method::POST, &format!("/v1/connectors/{connector}/credentials"))
            .header("content-type", "application/json")
            .body(format!("{{\"policy\": {policy}}}"));
        let problem = tests::world::Answer::of(answer).await.problem("400 invalid_policy");
        assert_eq!((&problem["line"], &problem["column"]), (&json!(5), &json!(36)), "{problem}");
        assert!(problem["detail"].as_str().unwrap().contains("lies in the partition aws-cn"), "{problem}");
    }
    assert_eq!((world.calls("AssumeRole").len(), world.calls("GetFederationToken").len()), (0, 0), "AWS is not asked");
    for anywhere in ["arn:*:s3:::b", "arn:aws:s3:::b"] {
        ada.vended("deploy", &json!({ "policy": policy("Deny", "s3:*", anywhere) })).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_aws_refuses_of_a_policy_comes_back_in_awss_own_words() {
    // Policies and tags share one space, whose size only AWS knows.
    let filler = |n: usize| format!("tags.filler{n} = {{ value = \"{}\" }}\n", "x".repeat(250));
    let long = (0..9).map(filler).collect::<Vec<_>>().concat();
    let world = World::prepare().await.connectors(&format!(
        "[[connector]]\nname = \"stuffed\"\naccess_key = \"main\"\ngroups = [\"corp/release\"]\n[connector.principal.assume_role]\n\
         role_arn = \"arn:aws:iam::111111111111:role/deploy\"\n{long}"
    ));
    let world = world.serve();
    let ada = world.person("ada").await;
    let full = policy("Deny", "s3:*", &format!("arn:aws:s3:::{}", "x".repeat(1_500)));
    let problem = ada.vend("stuffed", &json!({ "policy": full })).await.problem("400 invalid_policy");
    assert_eq!(problem["aws"]["code"], "PackedPolicyTooLarge");
    assert!(problem["aws"]["message"].as_str().unwrap().contains('%'), "{problem}");
    assert_eq!(problem["aws"]["request_id"], world.calls("AssumeRole").pop().unwrap().request_id);

    let malformed = aws_sim::Fault::Refusal {
        status: 400,
        code: "MalformedPolicyDocument",
        message: "Syntax errors in policy.".to_owned(),
    };
    world.sim.faults().once(aws_sim::Calls::of("AssumeRole"), malformed);
    let problem =
        ada.vend("deploy", &json!({ "policy": policy("Allow", "s3:*", "*") })).await.problem("400 invalid_policy");
    assert_eq!(problem["aws"]["code"], "MalformedPolicyDocument");
    assert_eq!(problem["aws"]["message"], "Syntax errors in policy.");
    assert_eq!(world.trail_of("deploy"), ["person:corp/ada vend failed"]);
}

fn policy(effect: &str, action: &str, resource: &str) -> Value {
    json!({ "Version": "2012-10-17", "Statement": [{ "Effect": effect, "Action": action, "Resource": resource }] })
}

/// A denial in front, and the Allow behind it.
fn both_ways() -> Value {
    json!({ "Version": "2012-10-17", "Statement": [
        { "Effect": "Deny", "Action": "s3:DeleteObject", "Resource": "*" },
        { "Effect": "Allow", "Action": "*", "Resource": "*" },
    ] })
}
