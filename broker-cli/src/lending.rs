//! Credentials for a connector: those of before while they have enough life, else from the broker.

use broker_api::CredentialsRequest;
use secrecy::SecretString;
use serde_json::value::RawValue;

use crate::api::Broker;
use crate::ask::{self, Asked};
use crate::cache::Cache;
use crate::clock;
use crate::failure::Failure;
use crate::holder::Holder;
use crate::lent::{ENOUGH, Kept, Lent, NEAR};
use crate::name::ConnectorName;
use crate::out;
use crate::refusal;
use crate::renewal;
use crate::site::Site;

/// What is done where the connector wants the code of an MFA device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Code {
    /// Nobody sits there who could read one off it: a program asked.
    Never,
    /// It is asked for once the broker wants it, where somebody sits there.
    OnceWanted,
    /// It is asked for, or read from standard input, before the broker is asked.
    First { json: bool },
    /// The same at a terminal alone: standard input is that of the program that is run, or of the one that runs us.
    Typed,
}

/// What somebody wants.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    pub(crate) connector: ConnectorName,
    pub(crate) duration_seconds: Option<u32>,
    pub(crate) policy: Option<Box<RawValue>>,
    pub(crate) reason: Option<String>,
    pub(crate) code: Code,
    /// Never those of before.
    pub(crate) fresh: bool,
    /// Keep nothing on the disk, and look for nothing there.
    pub(crate) no_cache: bool,
}

impl Code {
    /// Of a command that somebody types; a program that wants `json` is not asked.
    pub(crate) fn of_people(json: bool) -> Self {
        if json { Self::Never } else { Self::OnceWanted }
    }

    /// The code, where the broker is to be given it at once.
    pub(crate) fn first(self) -> Result<Option<SecretString>, Failure> {
        match self {
            Self::Never | Self::OnceWanted => Ok(None),
            Self::First { json } => ask::secret(&CODE, json).map(Some),
            Self::Typed if ask::can_ask() => ask::secret(&CODE, false).map(Some),
            Self::Typed => Err(Failure::usage(
                "--mfa-code asks at a terminal here: standard input is another program's",
                "pipe the code to `broker creds CONNECTOR --mfa-code` before; what that is lent is given again here while it lives",
            )),
        }
    }

    /// Whether somebody is to be asked for it now.
    pub(crate) fn is_wanted_by(self, failure: &Failure) -> bool {
        self == Self::OnceWanted && failure.code() == "mfa_code_required" && ask::can_ask()
    }
}

impl Wanted {
    pub(crate) async fn lend(&self, site: &Site) -> Result<Lent, Failure> {
        let holder = renewal::holder(site).await?;
        let is_good = |kept: &Kept| kept.is_good(clock::now());
        let kept = match self.kept(site, &holder)?.filter(|kept| !self.fresh && is_good(kept)) {
            Some(kept) => kept,
            None => self.obtain(site, &holder, None, is_good).await?,
        };
        Ok(kept.lent)
    }

    /// What the connector gives by itself.
    pub(crate) fn plain(connector: ConnectorName, no_cache: bool) -> Self {
        Self {
            connector,
            duration_seconds: None,
            policy: None,
            reason: None,
            code: Code::Never,
            fresh: false,
            no_cache,
        }
    }

    /// What of before is kept on the disk, however little of its life is left.
    pub(crate) fn kept(&self, site: &Site, holder: &Holder) -> Result<Option<Kept>, Failure> {
        if self.no_cache {
            return Ok(None);
        }
        let kept = Cache::open(&site.folders, holder.place())?.find(&self.about(site, holder))?;
        Ok(kept.filter(|kept| kept.lent.connector == self.connector))
    }

    /// Asks for such as live longer than these, which are kept instead of them.
    pub(crate) async fn next(&self, site: &Site, holder: &Holder, than: Option<&Lent>) -> Result<Kept, Failure> {
        let lives_longer = |kept: &Kept| match than {
            Some(these) => kept.lent.expiration > these.expiration,
            None => kept.is_good(clock::now()),
        };
        self.obtain(site, holder, than, lives_longer).await
    }

    /// Takes away what is kept of it on the disk.
    pub(crate) fn forget(&self, site: &Site, holder: &Holder) -> Result<(), Failure> {
        if self.no_cache {
            return Ok(());
        }
        Cache::open(&site.folders, holder.place())?.forget(&self.about(site, holder))
    }

    /// From the broker, unless another of us asked it meanwhile.
    async fn obtain(
        &self,
        site: &Site,
        holder: &Holder,
        than: Option<&Lent>,
        will_do: impl Fn(&Kept) -> bool,
    ) -> Result<Kept, Failure> {
        if self.no_cache {
            return self.ask(site, holder, than).await;
        }
        let (about, cache) = (self.about(site, holder), Cache::open(&site.folders, holder.place())?);
        let _held = cache.hold(&about).await?;
        if !self.fresh
            && let Some(kept) = self.kept(site, holder)?.filter(will_do)
        {
            return Ok(kept);
        }
        let kept = self.ask(site, holder, than).await.inspect_err(|failure| {
            if refusal::ends_connector(failure.code())
                && let Err(failure) = cache.forget(&about)
            {
                out::say(&format!("what was lent before is still kept here: {failure}"));
            }
        })?;
        if let Err(failure) = cache.keep(&about, &kept) {
            out::say(&format!("what was lent is not kept: {failure}"));
        }
        Ok(kept)
    }

    async fn ask(&self, site: &Site, holder: &Holder, than: Option<&Lent>) -> Result<Kept, Failure> {
        let broker = Broker::of(site)?;
        let (mut lent, by_a_code) = self.lent(&broker, holder).await?;
        // AWS's clients run their credential process again and again when little life is left. Of the shortest life that AWS lends, nearly
        // all is not little.
        let more_is_possible = self.duration_seconds.is_none_or(|wanted| i64::from(wanted) > ENOUGH);
        let is_little = more_is_possible && lent.seconds_left(clock::now()) <= ENOUGH - NEAR;
        let is_no_longer = than.is_some_and(|these| lent.expiration <= these.expiration);
        if lent.reused && (is_little || is_no_longer) {
            lent = broker.lend(holder, &self.connector, &self.request(true, None)).await?;
        }
        if lent.seconds_left(clock::now()) <= 0 {
            let said = format!("{} lent credentials that are over by this machine's clock", site.server);
            return Err(Failure::mend(said, "set the clock"));
        }
        Ok(if by_a_code { Kept::by_a_code(lent) } else { Kept::since(lent, clock::now()) })
    }

    /// Says as well whether it took the code of an MFA device.
    async fn lent(&self, broker: &Broker<'_>, holder: &Holder) -> Result<(Lent, bool), Failure> {
        let code = self.code.first()?;
        let by_a_code = code.is_some();
        match broker.lend(holder, &self.connector, &self.request(self.fresh, code)).await {
            Err(failure) if self.code.is_wanted_by(&failure) => {
                out::say(failure.said());
                let code = Some(ask::secret(&CODE, false)?);
                Ok((broker.lend(holder, &self.connector, &self.request(self.fresh, code)).await?, true))
            }
            lent => Ok((lent?, by_a_code)),
        }
    }

    fn request(&self, fresh: bool, mfa_code: Option<SecretString>) -> CredentialsRequest {
        CredentialsRequest {
            duration_seconds: self.duration_seconds,
            policy: self.policy.clone(),
            reason: self.reason.clone(),
            mfa_code,
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

/// What somebody is asked.
pub(crate) const CODE: Asked<'_> = Asked { prompt: "MFA code: ", called: "MFA code" };
