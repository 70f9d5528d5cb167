//! How long credentials live: the connector's limits, and AWS's behind them.

use serde_json::json;
use tests::world::{World, seconds_until};

#[tokio::test(flavor = "multi_thread")]
async fn credentials_live_as_long_as_was_asked_within_the_connectors_limits() {
    let world = World::open().await;
    let ada = world.person("ada").await;
    let kinds = [
        ("deploy", "AssumeRole", 14_400),
        ("reports", "GetFederationToken", 43_200),
        ("raw", "GetSessionToken", 7_200),
    ];
    for (connector, action, maximum) in kinds {
        let shown = ada.get(&format!("/v1/connectors/{connector}")).await.good();
        assert_eq!(shown["default_duration_seconds"], 3_600, "{connector}");
        assert_eq!(shown["max_duration_seconds"], maximum, "{connector}");
        for (asked, seconds) in [(json!({}), 3_600), (json!(900), 900), (json!(maximum), maximum)] {
            let body = if asked.is_number() { json!({ "duration_seconds": asked }) } else { asked };
            let vended = ada.vended(connector, &body).await;
            assert_eq!(
                world.sent(action, "DurationSeconds"),
                Some(seconds.to_string()),
                "AWS's own default never counts"
            );
            let left = seconds_until(&vended["expiration"]);
            assert!((seconds - 30..=seconds).contains(&left), "{connector}: {left} of {seconds}");
        }
        let calls = world.calls(action).len();
        for outside in [0, 1, 899, maximum + 1, 129_600, i64::from(u32::MAX)] {
            let problem =
                ada.vend(connector, &json!({ "duration_seconds": outside })).await.problem("400 duration_out_of_range");
            assert_eq!((&problem["minimum_seconds"], &problem["maximum_seconds"]), (&json!(900), &json!(maximum)));
        }
        assert_eq!(world.calls(action).len(), calls, "AWS is not asked");
        let refused = |line: &&String| *line == "person:corp/ada vend refused";
        assert_eq!(world.trail_of(connector).iter().filter(refused).count(), 6);
    }
    for nonsense in [json!(-1), json!(3_600.5), json!("3600"), json!(4_294_967_296_u64), json!([3_600])] {
        let problem = ada.vend("deploy", &json!({ "duration_seconds": nonsense })).await.problem("400 invalid_request");
        assert_eq!(problem["field"], "duration_seconds", "{nonsense}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_allows_less_than_its_connector_is_awss_refusal() {
    let world = World::open().await;
    let ada = world.person("ada").await;
    ada.vended("brief", &json!({ "duration_seconds": 3_600 })).await;
    let problem = ada.vend("brief", &json!({ "duration_seconds": 7_200 })).await.problem("502 aws_refused");
    assert_eq!(problem["aws"]["code"], "ValidationError");
    assert!(problem["aws"]["message"].as_str().unwrap().contains("MaxSessionDuration"), "{problem}");
    assert_eq!(world.trail_of("brief"), ["person:corp/ada vend success", "person:corp/ada vend failed"]);
}
