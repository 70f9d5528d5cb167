//! Who may speak at all: signatures, keys, clocks, session tokens.

use std::time::Duration;

use crate::kit::{KEY, SECRET, code, refusal, start, sts, sts_as, sts_in, world};
use aws_sim::Outcome;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::context::BeforeTransmitInterceptorContextMut;
use aws_smithy_runtime_api::client::interceptors::{Intercept, dyn_dispatch_hint};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::config_bag::ConfigBag;
use jiff::SignedDuration;

#[tokio::test]
async fn a_good_signature_is_accepted() {
    let sim = start(world()).await;
    let identity = sts(&sim).get_caller_identity().send().await.unwrap();
    assert_eq!(identity.arn(), Some("arn:aws:iam::111111111111:user/ci/broker"));
    assert_eq!(identity.account(), Some("111111111111"));
    assert!(identity.user_id().unwrap().starts_with("AIDA"));
    let calls = sim.calls();
    let [call] = &calls[..] else { panic!("{calls:?}") };
    assert_eq!(call.action, "GetCallerIdentity");
    assert_eq!(call.access_key_id.as_deref(), Some(KEY));
    assert_eq!(call.outcome, Outcome::Ok);
}

#[tokio::test]
async fn a_wrong_secret_does_not_match() {
    let sim = start(world()).await;
    let wrong = SECRET.replace('w', "W");
    assert_eq!(code(sts_as(&sim, KEY, &wrong, None).get_caller_identity().send().await), "SignatureDoesNotMatch");
    assert_eq!(sim.calls()[0].outcome, Outcome::Error("SignatureDoesNotMatch".to_owned()));
}

#[tokio::test]
async fn unknown_inactive_and_deleted_keys_are_invalid() {
    let sim = start(world()).await;
    let ask = async || code(sts(&sim).get_caller_identity().send().await);
    let stranger = sts_as(&sim, "AKIAUNKNOWNUNKNOWN00", SECRET, None);
    assert_eq!(code(stranger.get_caller_identity().send().await), "InvalidClientTokenId");
    sim.world().deactivate_key(KEY).unwrap();
    assert_eq!(ask().await, "InvalidClientTokenId");
    sim.world().activate_key(KEY).unwrap();
    sts(&sim).get_caller_identity().send().await.unwrap();
    sim.world().delete_key(KEY).unwrap();
    assert_eq!(ask().await, "InvalidClientTokenId");
}

#[tokio::test]
async fn a_clock_may_be_fourteen_minutes_wrong_but_not_sixteen() {
    let sim = start(world()).await;
    for (skew, fine) in [(14, true), (-14, true), (16, false), (-16, false)] {
        sim.clock().set_skew(SignedDuration::from_mins(skew));
        let result = sts(&sim).get_caller_identity().send().await;
        if fine {
            result.unwrap();
            continue;
        }
        let (code, message) = refusal(result);
        assert_eq!(code, "SignatureDoesNotMatch");
        let wanted = if skew > 0 { "Signature expired" } else { "Signature not yet current" };
        assert!(message.starts_with(wanted), "{message}");
    }
}

#[tokio::test]
async fn temporary_credentials_need_their_own_token() {
    let sim = start(world()).await;
    let vended = sts(&sim).get_session_token().send().await.unwrap().credentials.unwrap();
    let other = sts(&sim).get_session_token().send().await.unwrap().credentials.unwrap();
    let ask = async |token: Option<&str>| {
        let client = sts_as(&sim, vended.access_key_id(), vended.secret_access_key(), token);
        client.get_caller_identity().send().await
    };
    ask(Some(vended.session_token())).await.unwrap();
    assert_eq!(code(ask(None).await), "InvalidClientTokenId");
    assert_eq!(code(ask(Some(other.session_token())).await), "InvalidClientTokenId");
    assert_eq!(code(ask(Some("IQoJb3JpZ2luX2Vjnonsense")).await), "InvalidClientTokenId");
    let long_term = sts_as(&sim, KEY, SECRET, Some(vended.session_token()));
    assert_eq!(code(long_term.get_caller_identity().send().await), "InvalidClientTokenId");
}

#[tokio::test]
async fn expired_credentials_are_expired() {
    let sim = start(world()).await;
    let vended = sts(&sim).get_session_token().duration_seconds(900).send().await.unwrap().credentials.unwrap();
    let client = crate::kit::sts_with(&sim, &vended);
    sim.clock().advance(Duration::from_secs(890));
    client.get_caller_identity().send().await.unwrap();
    sim.clock().advance(Duration::from_secs(11));
    assert_eq!(code(client.get_caller_identity().send().await), "ExpiredToken");
}

#[tokio::test]
async fn a_region_of_another_partition_is_no_region() {
    let sim = start(world()).await;
    let (code, message) = refusal(sts_in(&sim, "cn-north-1", KEY, SECRET, None).get_caller_identity().send().await);
    assert_eq!(code, "SignatureDoesNotMatch");
    assert!(message.contains("Credential should be scoped to a valid region"), "{message}");
}

#[tokio::test]
async fn without_a_signature_there_is_nothing_to_be_had() {
    let sim = start(world()).await;
    let ask = async |authorization: Option<&str>, body: &'static str| {
        let mut headers =
            vec![("content-type", "application/x-www-form-urlencoded"), ("x-amz-date", "20260101T000000Z")];
        headers.extend(authorization.map(|value| ("authorization", value)));
        crate::kit::http(&sim, "POST", "/", &headers, body).await
    };
    let form = "Action=GetCallerIdentity&Version=2011-06-15";
    let (status, body) = ask(None, form).await;
    assert_eq!(status, 403);
    assert!(body.contains("<Code>MissingAuthenticationToken</Code>"), "{body}");
    assert!(
        body.starts_with(r#"<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender"#)
    );
    for half in [
        "AWS4-HMAC-SHA256",
        "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20260101/eu-central-1/sts/aws4_request",
        "Basic YTpi",
    ] {
        let (status, body) = ask(Some(half), form).await;
        assert_eq!(status, 400);
        assert!(body.contains("<Code>IncompleteSignature</Code>"), "{half}: {body}");
    }
}

#[tokio::test]
async fn a_tampered_byte_is_noticed() {
    let sim = start(world()).await;
    let send = async |change: Change| {
        let call = sts(&sim).get_session_token().duration_seconds(900).customize().interceptor(Tamper(change));
        call.send().await
    };
    send(|_| {}).await.unwrap();
    let tampered: [(&str, Change); 5] = [
        ("body", |request| {
            let body = String::from_utf8(request.body().bytes().unwrap().to_vec()).unwrap();
            *request.body_mut() = SdkBody::from(body.replace("900", "901"));
        }),
        ("date", |request| {
            let date = request.headers().get("x-amz-date").unwrap().to_owned();
            let last = date.replace('Z', "").chars().last().unwrap();
            let other = if last == '0' { "1Z" } else { "0Z" };
            let changed = format!("{}{other}", &date[..date.len() - 2]);
            request.headers_mut().insert("x-amz-date", changed);
        }),
        ("query", |request| {
            let uri = format!("{}?x=y", request.uri());
            request.set_uri(uri).unwrap();
        }),
        ("unsigned header", |request| {
            request.headers_mut().insert("x-amz-extra", "1");
        }),
        ("signature", |request| {
            let header = request.headers().get("authorization").unwrap().to_owned();
            let last = if header.ends_with('0') { '1' } else { '0' };
            request.headers_mut().insert("authorization", format!("{}{last}", &header[..header.len() - 1]));
        }),
    ];
    for (what, change) in tampered {
        assert_eq!(code(send(change).await), "SignatureDoesNotMatch", "{what}");
    }
}

/// Changes a request after it was signed.
#[derive(Debug)]
struct Tamper(Change);

type Change = fn(&mut HttpRequest);

#[dyn_dispatch_hint]
impl Intercept for Tamper {
    fn name(&self) -> &'static str {
        "Tamper"
    }

    fn modify_before_transmit(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        self.0(context.request_mut());
        Ok(())
    }
}
