//! The keys of those who vouch for jobs: asked for over TLS, kept, taken back, silent, or in a file.

use std::sync::Arc;
use std::time::Duration;

use broker_core::caller::WorkloadCaller;
use broker_core::clock::Clock;
use broker_core::sts::Outbound;
use broker_core::workload::{Hindrance, IssuerFields, KeySet, NotProved, Workloads};
use serde_json::{Value, json};
use tests::certificates::Authority;
use tests::issuer::{Issuer, SigningKey, json_answer, jwks};
use tests::stores::StoryClock;
use tests::world::soon;

/// Whoever trusts one issuer, at a time of the story's own.
struct Gate {
    issuer: Issuer,
    clock: Arc<StoryClock>,
    workloads: Workloads,
}

impl Gate {
    fn before(issuer: Issuer) -> Self {
        Self::with(issuer, |fields| fields)
    }

    fn with(issuer: Issuer, other: impl FnOnce(IssuerFields) -> IssuerFields) -> Self {
        // As the daemon does at its start; whoever did it before in this process is as good.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let clock = Arc::new(StoryClock::default());
        let preset: Value = json!({ "github_actions": { "url": issuer.url() } });
        let mapping = json!({ "connectors": ["ci"], "claims": { "repository_id": "4711" } });
        let fields = other(IssuerFields {
            name: "github".to_owned().try_into().unwrap(),
            issuer: serde_json::from_value(preset).unwrap(),
            audience: "us".to_owned(),
            ca_pem: None,
            keys: None,
            private_network: true,
            mappings: vec![serde_json::from_value(mapping).unwrap()],
        });
        let settings = vec![fields.checked().unwrap()];
        let workloads = Workloads::new(settings, &Outbound::default(), Arc::clone(&clock) as Arc<dyn Clock>).unwrap();
        Self { issuer, clock, workloads }
    }

    fn token(&self, key: &SigningKey) -> String {
        let now = self.clock.now().as_second();
        key.token(&self.issuer.claims("us", &json!({ "iat": now, "nbf": now, "exp": now + 300 })))
    }

    async fn shown(&self, key: &SigningKey) -> Result<WorkloadCaller, NotProved> {
        self.workloads.prove(&self.token(key)).await.map_err(|refused| refused.why)
    }

    /// How often its keys were fetched.
    fn fetched(&self) -> usize {
        self.issuer.asked().iter().filter(|path| *path == "/keys").count()
    }
}

#[tokio::test]
async fn a_key_that_is_taken_back_counts_for_an_hour_and_while_its_issuer_is_silent_for_twelve() {
    let gate = Gate::before(Issuer::start().await);
    let (first, second) = (&gate.issuer.key, SigningKey::rsa("second"));
    gate.shown(first).await.unwrap();
    gate.issuer.has_keys(&[&second]);
    gate.clock.advance(HOUR - 1);
    gate.shown(first).await.unwrap();
    assert_eq!(gate.fetched(), 1, "it is kept");
    gate.clock.advance(1);
    assert!(matches!(gate.shown(first).await, Err(NotProved::Key)));
    gate.shown(&second).await.unwrap();
    assert_eq!(gate.fetched(), 2);

    gate.issuer.says("/keys", FAILS);
    gate.clock.advance(12 * HOUR - 61);
    gate.shown(&second).await.unwrap();
    assert_eq!(gate.fetched(), 3, "asked in vain, and what is there will do");
    // Of a key that is not there nobody can say anything now. It is not the job's fault.
    for _ in 0..3 {
        assert!(matches!(gate.shown(first).await, Err(NotProved::Unavailable { .. })));
    }
    assert_eq!(gate.fetched(), 4, "twice a minute and no more");
    let refused = gate.shown(first).await.unwrap_err();
    assert!(matches!(refused, NotProved::Unavailable { hindrance: Hindrance::Lately, .. }), "{refused}");
    gate.clock.advance(60);
    gate.shown(&second).await.unwrap();
    gate.clock.advance(1);
    let refused = gate.shown(&second).await.unwrap_err();
    assert!(matches!(refused, NotProved::Unavailable { .. }), "nothing is kept for longer: {refused}");

    gate.issuer.has_keys(&[&second]);
    gate.clock.advance(60);
    gate.shown(&second).await.unwrap();
}

#[tokio::test]
async fn whoever_hangs_up_while_an_issuer_is_asked_keeps_nobody_out() {
    let gate = Gate::before(Issuer::start().await);
    let keys = json_answer(&jwks(&[&gate.issuer.key]).to_string());
    gate.issuer.says_after("/keys", &keys, Duration::from_millis(500));
    let made_up = gate.token(&SigningKey::ec("made up"));
    for turn in 1..=2 {
        tokio::select! {
            answered = gate.workloads.prove(&made_up) => drop(answered),
            () = soon("the issuer is asked", async || (gate.fetched() == turn).then_some(())) => {}
        }
    }
    gate.shown(&gate.issuer.key).await.unwrap();
}

#[tokio::test]
async fn an_issuer_proves_itself_by_its_certificate() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let with_ca = |pem: &str| {
        let ca_pem = Some(pem.as_bytes().to_vec());
        |fields| IssuerFields { ca_pem, ..fields }
    };
    let issuer = async |name: &str| Issuer::start().await.over_tls(&authority.sign(name)).await;
    let good = Gate::with(issuer("127.0.0.1").await, with_ca(authority.pem()));
    good.shown(&good.issuer.key).await.unwrap();
    for bad in [
        Gate::before(issuer("127.0.0.1").await),
        Gate::with(issuer("127.0.0.1").await, with_ca(stranger.pem())),
        Gate::with(issuer("issuer.example").await, with_ca(authority.pem())),
    ] {
        let refused = bad.shown(&bad.issuer.key).await.unwrap_err();
        let is_unreachable = matches!(&refused, NotProved::Unavailable { hindrance: Hindrance::Unreachable(why), .. } if why.contains("certificate"));
        assert!(is_unreachable && bad.issuer.asked().is_empty(), "{refused}");
    }
}

#[tokio::test]
async fn keys_of_a_file_count_and_nobody_is_asked() {
    let issuer = Issuer::start().await;
    let keys = KeySet::parse(jwks(&[&issuer.key]).to_string().as_bytes()).unwrap();
    let gate = Gate::with(issuer, |fields| IssuerFields { keys: Some(keys), private_network: false, ..fields });
    gate.shown(&gate.issuer.key).await.unwrap();
    assert!(matches!(gate.shown(&SigningKey::rsa("second")).await, Err(NotProved::Key)));
    assert!(matches!(gate.shown(&SigningKey::rsa("first")).await, Err(NotProved::Signature)));
    assert!(gate.issuer.asked().is_empty());
}

const HOUR: i64 = 3_600;
const FAILS: &str = "HTTP/1.1 500 No\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
