//! Credentials for a connector: those of before while they have enough life, else from the broker.

use broker_api::CredentialsRequest;
use serde_json::value::RawValue;

use crate::api::Broker;
use crate::cache::Cache;
use crate::clock;
use crate::failure::Failure;
use crate::holder::Holder;
use crate::lent::{ENOUGH, Kept, Lent, NEAR};
use crate::name::ConnectorName;
use crate::out;
use crate::renewal;
use crate::site::Site;

/// What somebody wants.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    pub(crate) connector: ConnectorName,
    pub(crate) duration_seconds: Option<u32>,
    pub(crate) policy: Option<Box<RawValue>>,
    pub(crate) reason: Option<String>,
    /// Never those of before.
    pub(crate) fresh: bool,
    /// Keep nothing on the disk, and look for nothing there.
    pub(crate) no_cache: bool,
}

impl Wanted {
    pub(crate) async fn lend(&self, site: &Site) -> Result<Lent, Failure> {
        let holder = renewal::holder(site).await?;
        if self.no_cache {
            return self.ask(site, &holder).await;
        }
        let (about, cache) = (self.about(site, &holder), Cache::open(&site.folders, holder.place())?);
        if let Some(lent) = self.of_before(&cache, &about)? {
            return Ok(lent);
        }
        let _held = cache.hold(&about).await?;
        // Whoever held the place may have asked meanwhile.
        if let Some(lent) = self.of_before(&cache, &about)? {
            return Ok(lent);
        }
        let kept = Kept::since(self.ask(site, &holder).await?, clock::now());
        if let Err(failure) = cache.keep(&about, &kept) {
            out::say(&format!("what was lent is not kept: {failure}"));
        }
        Ok(kept.lent)
    }

    /// What the connector gives by itself.
    pub(crate) fn plain(connector: ConnectorName, no_cache: bool) -> Self {
        Self { connector, duration_seconds: None, policy: None, reason: None, fresh: false, no_cache }
    }

    fn of_before(&self, cache: &Cache, about: &str) -> Result<Option<Lent>, Failure> {
        if self.fresh {
            return Ok(None);
        }
        let kept =
            cache.find(about)?.filter(|kept| kept.lent.connector == self.connector && kept.is_good(clock::now()));
        Ok(kept.map(|kept| kept.lent))
    }

    async fn ask(&self, site: &Site, holder: &Holder) -> Result<Lent, Failure> {
        let broker = Broker::of(site)?;
        let mut lent = broker.lend(holder, &self.connector, &self.request(self.fresh)).await?;
        // AWS's clients run their credential process again and again when little life is left. Of the shortest life that AWS lends, nearly
        // all is not little.
        let more_is_possible = self.duration_seconds.is_none_or(|wanted| i64::from(wanted) > ENOUGH);
        if lent.reused && more_is_possible && lent.seconds_left(clock::now()) <= ENOUGH - NEAR {
            lent = broker.lend(holder, &self.connector, &self.request(true)).await?;
        }
        if lent.seconds_left(clock::now()) <= 0 {
            let said = format!("{} lent credentials that are over by this machine's clock", site.server);
            return Err(Failure::mend(said, "set the clock"));
        }
        Ok(lent)
    }

    fn request(&self, fresh: bool) -> CredentialsRequest {
        CredentialsRequest {
            duration_seconds: self.duration_seconds,
            policy: self.policy.clone(),
            reason: self.reason.clone(),
            fresh,
        }
    }

    /// What credentials are sealed to: broker, identity, connector and every parameter.
    fn about(&self, site: &Site, holder: &Holder) -> String {
        let policy = self.policy.as_ref().map(|policy| policy.get());
        let parts = (site.server.origin(), holder.key(), &self.connector, self.duration_seconds, policy, &self.reason);
        serde_json::json!(parts).to_string()
    }
}
