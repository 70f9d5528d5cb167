//! What leaves the house, by the very client that asks AWS: where to, how often, and how patiently.

use aws_sdk_sts::config::{AsyncSleep, SharedAsyncSleep, Sleep, StalledStreamProtectionConfig};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use serde_json::json;

use super::*;
use crate::clock::SystemClock;
use crate::id::AccessKeyId;

/// An AWS that gives every call the same answer, and notes what came.
#[derive(Clone, Debug)]
struct Stub {
    status: u16,
    body: &'static str,
    came: Arc<Mutex<Vec<(String, String)>>>,
}

impl Stub {
    fn new(status: u16, body: &'static str) -> Self {
        Self { status, body, came: Arc::default() }
    }

    /// URL and `Authorization` of what came since it was looked at last.
    fn came(&self) -> Vec<(String, String)> {
        std::mem::take(&mut *self.came.lock().unwrap())
    }

    fn sts(&self, retries: u32, endpoint: Option<&str>) -> AwsSts {
        let settings = StsSettings {
            retries,
            attempt_timeout: ATTEMPT_TIMEOUT,
            connect_timeout: Duration::from_secs(1),
            endpoint_url: endpoint.map(|url| url.parse().unwrap()),
        };
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        AwsSts::new(Pool::of(SharedHttpClient::new(self.clone())), settings, clock)
    }
}

impl HttpConnector for Stub {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let signed = request.headers().get("authorization").unwrap_or_default().to_owned();
        self.came.lock().unwrap().push((request.uri().to_owned(), signed));
        let body = SdkBody::from(self.body);
        HttpConnectorFuture::ready(Ok(HttpResponse::new(self.status.try_into().unwrap(), body)))
    }
}

impl HttpClient for Stub {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

/// Waits for nothing, and notes how long it would have been. An attempt never takes too long.
#[derive(Clone, Debug, Default)]
struct Waits(Arc<Mutex<Vec<Duration>>>);

impl AsyncSleep for Waits {
    fn sleep(&self, duration: Duration) -> Sleep {
        if duration == ATTEMPT_TIMEOUT {
            return Sleep::new(std::future::pending());
        }
        self.0.lock().unwrap().push(duration);
        Sleep::new(std::future::ready(()))
    }
}

fn key(region: &str, endpoint: Option<&str>) -> OpenKey {
    let details = json!({ "aws_key_id": "AKIAIOSFODNN7EXAMPLE", "region": region, "endpoint_url": endpoint });
    OpenKey::new(
        AccessKeyId::random(),
        1,
        &serde_json::from_value(details).unwrap(),
        SecretString::from("s".repeat(40)),
    )
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(30)
}

#[tokio::test]
async fn each_key_asks_the_sts_of_its_own_region_unless_somebody_names_another() {
    let stub = Stub::new(200, IDENTITY);
    for (region, url) in [
        ("eu-central-1", "https://sts.eu-central-1.amazonaws.com/"),
        ("us-east-1", "https://sts.us-east-1.amazonaws.com/"),
        ("ap-east-1", "https://sts.ap-east-1.amazonaws.com/"),
        ("us-gov-west-1", "https://sts.us-gov-west-1.amazonaws.com/"),
        ("cn-north-1", "https://sts.cn-north-1.amazonaws.com.cn/"),
    ] {
        stub.sts(0, None).prove(&key(region, None), soon()).await.unwrap();
        let [(asked, signed)] = &stub.came()[..] else { panic!("{region}") };
        assert_eq!(asked, url);
        assert!(signed.contains(&format!("/{region}/sts/aws4_request")), "{signed}");
    }
    for (of_key, of_settings, url) in [
        (
            None,
            Some("https://vpce-1.sts.eu-central-1.vpce.amazonaws.com"),
            "https://vpce-1.sts.eu-central-1.vpce.amazonaws.com/",
        ),
        (Some("https://sts.corp.example"), Some("https://vpce.corp.example"), "https://sts.corp.example/"),
    ] {
        stub.sts(0, of_settings).prove(&key("eu-central-1", of_key), soon()).await.unwrap();
        assert_eq!(stub.came()[0].0, url);
    }
}

/// Seven retries, from half a second on, twice as long each time and never longer than 20 seconds; any part of it, by chance.
#[tokio::test]
async fn retries_wait_ever_longer_and_never_as_long_as_each_other() {
    let longest = [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 20.0].map(Duration::from_secs_f64);
    for (status, body) in [(400, THROTTLED), (503, "<html>"), (429, "slow down")] {
        let stub = Stub::new(status, body);
        let sts = stub.sts(7, None);
        let client = sts.client(&key("eu-central-1", None));
        let retries = client.config().retry_config().unwrap();
        let built = (retries.max_attempts(), retries.initial_backoff(), retries.max_backoff());
        assert_eq!(built, (8, Duration::from_millis(500), Duration::from_secs(20)));
        let mut seen = [const { Vec::new() }; 7];
        for _ in 0..RUNS {
            // A key of its own each time: a retry quota hangs on it.
            let key = key("eu-central-1", None);
            let config = sts.client(&key).config().to_builder();
            let waits = Waits::default();
            let config = config
                .sleep_impl(SharedAsyncSleep::new(waits.clone()))
                .stalled_stream_protection(StalledStreamProtectionConfig::disabled());
            let client = Client::from_conf(config.build());
            client.get_caller_identity().send().await.unwrap_err();
            assert_eq!(stub.came().len(), 8, "attempts at {status}");
            let waits = waits.0.lock().unwrap().clone();
            assert_eq!(waits.len(), 7, "{waits:?}");
            for ((wait, longest), seen) in waits.into_iter().zip(longest).zip(&mut seen) {
                assert!(wait <= longest, "{wait:?} of {longest:?}");
                seen.push(wait);
            }
        }
        for (seen, longest) in seen.iter().zip(longest) {
            let (half, ever) = (longest / 2, seen.iter().copied());
            assert!(
                ever.clone().any(|wait| wait > half) && ever.clone().any(|wait| wait < half),
                "{longest:?}: {seen:?}"
            );
        }
    }
}

#[tokio::test]
async fn haste_passes_whatever_its_code() {
    let ask = async |body| {
        let stub = Stub::new(429, body);
        stub.sts(0, None).prove(&key("eu-central-1", None), soon()).await.unwrap_err()
    };
    let error = ask("<ErrorResponse><Error><Code>NeverHeardOf</Code></Error></ErrorResponse>").await;
    assert!(matches!(&error, StsError::Unavailable(Outage::Told(said)) if said.code == "NeverHeardOf"), "{error:?}");
    let error = ask("slow down").await;
    assert!(matches!(error, StsError::Unavailable(Outage::Silent)), "{error:?}");
}

#[tokio::test]
async fn what_says_no_is_asked_once() {
    for (status, body) in [(403, "no"), (400, "no"), (404, "no")] {
        let stub = Stub::new(status, body);
        stub.sts(7, None).prove(&key("eu-central-1", None), soon()).await.unwrap_err();
        assert_eq!(stub.came().len(), 1, "{status}");
    }
}

/// So many that all of them fall into the same half of a span less than once in a million million times.
const RUNS: usize = 48;
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(12_345);
const THROTTLED: &str = "<ErrorResponse><Error><Type>Sender</Type><Code>Throttling</Code><Message>Rate exceeded</Message></Error><RequestId>1</RequestId></ErrorResponse>";
const IDENTITY: &str = "<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>arn:aws:iam::123456789012:user/broker</Arn><UserId>AIDACKCEVSQ6C2EXAMPLE</UserId><Account>123456789012</Account></GetCallerIdentityResult><ResponseMetadata><RequestId>1</RequestId></ResponseMetadata></GetCallerIdentityResponse>";
