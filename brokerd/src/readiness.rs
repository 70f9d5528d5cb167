//! Whether the daemon can do its work: the store takes records, the directories answer, the master key still fits.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use ::metrics::gauge;
use axum::http::StatusCode;
use broker_api::{CheckStatus, Ready, ReadyStatus};
use broker_core::file::with_causes;
use broker_core::sign_in::SignIn;
use broker_core::store::Store;
use broker_core::trail::Trail;
use broker_core::vault::Vault;
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::metrics::READY;

/// Asks the parts, at most once in a few seconds however often it is asked itself.
#[derive(Clone, Debug)]
pub struct Readiness(Arc<Parts>);

#[derive(Debug)]
struct Parts {
    store: Store,
    trail: Trail,
    vault: Arc<Vault>,
    sign_in: SignIn,
    last: Mutex<Option<(Instant, Arc<Report>)>>,
}

/// What each part said.
#[derive(Debug)]
pub(crate) struct Report {
    /// By the part's name: what is the matter with it, where something is.
    troubles: BTreeMap<&'static str, Option<String>>,
}

impl Readiness {
    pub fn new(store: Store, trail: Trail, vault: Arc<Vault>, sign_in: SignIn) -> Self {
        Self(Arc::new(Parts { store, trail, vault, sign_in, last: Mutex::default() }))
    }

    /// Asked by a task of its own: whoever hangs up does not make the next one ask everything again.
    pub(crate) async fn report(&self) -> Arc<Report> {
        let parts = Arc::clone(&self.0);
        let asked = tokio::spawn(async move { parts.report().await }).await;
        asked.unwrap_or_else(|_| {
            Arc::new(Report { troubles: BTreeMap::from([("store", Some("it was cut off".to_owned()))]) })
        })
    }
}

impl Parts {
    async fn report(&self) -> Arc<Report> {
        let mut last = self.last.lock().await;
        if let Some((at, report)) = last.as_ref()
            && at.elapsed() < GOOD_FOR
        {
            return Arc::clone(report);
        }
        let report = Arc::new(self.ask().await);
        *last = Some((Instant::now(), Arc::clone(&report)));
        report
    }

    async fn ask(&self) -> Report {
        let (store, directories, seal) = tokio::join!(
            within(async { self.trail.probe().await.map_err(|error| with_causes(&error)) }),
            within(self.directories()),
            within(async { self.store.prove_seal(&self.vault).await.map_err(|error| with_causes(&error)) }),
        );
        let troubles =
            BTreeMap::from([("store", store.err()), ("directories", directories.err()), ("seal", seal.err())]);
        for (part, trouble) in &troubles {
            gauge!(READY, "check" => *part).set(if trouble.is_none() { 1.0 } else { 0.0 });
            if let Some(trouble) = trouble {
                tracing::warn!(check = part, trouble, "not ready");
            }
        }
        Report { troubles }
    }

    async fn directories(&self) -> Result<(), String> {
        let silent = self.sign_in.probe().await.into_iter().filter_map(|(_, answer)| answer.err());
        let silent: Vec<String> = silent.map(|error| with_causes(&error)).collect();
        if silent.is_empty() { Ok(()) } else { Err(silent.join("; ")) }
    }
}

impl Report {
    pub(crate) fn status(&self) -> StatusCode {
        if self.is_ready() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }
    }

    /// The names of parts for everybody; what is the matter with them for operators.
    pub(crate) fn shown(&self, with_causes: bool) -> Ready {
        let word = |trouble: &Option<String>| if trouble.is_none() { CheckStatus::Ok } else { CheckStatus::Failed };
        let checks = self.troubles.iter().map(|(part, trouble)| ((*part).to_owned(), word(trouble)));
        let causes = self.troubles.iter().filter_map(|(part, trouble)| Some(((*part).to_owned(), trouble.clone()?)));
        Ready {
            status: if self.is_ready() { ReadyStatus::Ready } else { ReadyStatus::NotReady },
            checks: checks.collect(),
            causes: with_causes.then(|| causes.collect()),
        }
    }

    fn is_ready(&self) -> bool {
        self.troubles.values().all(Option::is_none)
    }
}

async fn within(answer: impl Future<Output = Result<(), String>>) -> Result<(), String> {
    let late = || Err(format!("no answer within {} seconds", ANSWER_WITHIN.as_secs()));
    tokio::time::timeout(ANSWER_WITHIN, answer).await.unwrap_or_else(|_| late())
}

const GOOD_FOR: Duration = Duration::from_secs(5);
const ANSWER_WITHIN: Duration = Duration::from_secs(5);
