//! Callers who ask for credentials all the time, and remember what they got.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tests::brokerd::Installation;
use tests::stage::Door;
use tokio::task::JoinSet;

/// Dropped, the callers go home.
pub(crate) struct Storm {
    callers: JoinSet<()>,
    seen: Arc<Seen>,
}

#[derive(Default)]
struct Seen {
    enough: AtomicBool,
    access_key_ids: Mutex<BTreeSet<String>>,
    /// Answers other than credentials.
    refused: Mutex<Vec<String>>,
    /// Nobody answered, or not to the end.
    broken: Mutex<Vec<String>>,
}

/// What the callers came home with.
#[derive(Debug)]
pub(crate) struct Harvest {
    pub(crate) access_key_ids: BTreeSet<String>,
    pub(crate) refused: Vec<String>,
    pub(crate) broken: Vec<String>,
}

impl Storm {
    /// So many callers for each token and connector.
    pub(crate) fn begin(door: &Door, each: usize, who: &[(&str, &str)]) -> Self {
        let (mut callers, seen) = (JoinSet::new(), Arc::new(Seen::default()));
        for (token, connector) in who.iter().flat_map(|who| std::iter::repeat_n(who, each)) {
            let (door, token, connector, seen) =
                (door.clone(), (*token).to_owned(), (*connector).to_owned(), Arc::clone(&seen));
            callers.spawn(async move {
                while !seen.enough.load(SeqCst) {
                    match door.try_vend(&token, &connector).await {
                        Ok(answer) if answer.status == 200 => {
                            let _ = seen.access_key_ids.lock().unwrap().insert(answer.text("access_key_id"));
                        }
                        Ok(answer) => seen.refused.lock().unwrap().push(format!("{} {}", answer.status, answer.body)),
                        Err(error) => {
                            seen.broken.lock().unwrap().push(format!("{error:?}"));
                            return;
                        }
                    }
                }
            });
        }
        Self { callers, seen }
    }

    pub(crate) fn count(&self) -> usize {
        self.seen.access_key_ids.lock().unwrap().len()
    }

    /// Waits until there are so many more credentials than now.
    pub(crate) async fn goes_on(&self, more: usize) {
        let (begun, before) = (Instant::now(), self.count());
        while self.count() < before + more {
            assert!(
                begun.elapsed() < Duration::from_secs(30),
                "only {} credentials: {:?}",
                self.count(),
                self.seen.refused
            );
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Waits for those who wait for an answer, and tells.
    pub(crate) async fn end(self) -> Harvest {
        self.seen.enough.store(true, SeqCst);
        self.until_all_are_home().await
    }

    /// Waits until nobody gets an answer any more, and tells.
    pub(crate) async fn until_all_are_home(mut self) -> Harvest {
        while let Some(ended) = self.callers.join_next().await {
            ended.unwrap();
        }
        Harvest {
            access_key_ids: std::mem::take(&mut self.seen.access_key_ids.lock().unwrap()),
            refused: std::mem::take(&mut self.seen.refused.lock().unwrap()),
            broken: std::mem::take(&mut self.seen.broken.lock().unwrap()),
        }
    }
}

/// The trail is whole, and all that clients received is in it.
pub(crate) fn assert_recorded(installation: &Installation, received: &BTreeSet<String>) {
    assert!(received.len() > 20, "a storm of {} proves little", received.len());
    let verified = installation.run(&["audit", "verify"], "").succeeded();
    assert!(verified.contains("result: whole"), "{verified}");
    let recorded = exported(installation);
    let missing: Vec<_> = received.difference(&recorded).collect();
    assert!(missing.is_empty(), "{} of {} are not in the trail: {missing:?}", missing.len(), received.len());
}

/// The access key ids of all vends in the trail.
pub(crate) fn exported(installation: &Installation) -> BTreeSet<String> {
    let export = installation.run(&["audit", "export", "--format", "jsonl"], "").succeeded();
    let records = export.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let vends = records.filter(|record| record["action"] == "vend" && record["outcome"] == "success");
    vends.map(|record| record["access_key_id"].as_str().unwrap().to_owned()).collect()
}
