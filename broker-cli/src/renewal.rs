//! A session by way of a browser has a token that lives for an hour: another takes its place before it ends.

use std::fs::File;
use std::time::{Duration, Instant};

use crate::api::{Broker, Tokens};
use crate::clock;
use crate::failure::{Failure, Next};
use crate::holder::Holder;
use crate::out;
use crate::session::Signed;
use crate::site::Site;

/// Who asks, with a token that is good for a while.
pub(crate) async fn holder(site: &Site) -> Result<Holder, Failure> {
    let holder = Holder::find(site)?;
    if !is_due(&holder) {
        return Ok(holder);
    }
    let _held = hold(site).await?;
    // Whoever held the place may have renewed it meanwhile, or ended it.
    let signed = match Holder::find(site)? {
        Holder::Person(signed) if signed.is_due() => signed,
        holder => return Ok(holder),
    };
    let Some(renewal) = signed.renewal()? else { return Ok(Holder::Person(signed)) };
    match Broker::of(site)?.renew(renewal).await {
        Ok(Tokens { access, expires_at, refresh }) => {
            let next = signed.renewed(access, expires_at, refresh)?;
            if let Err(failure) = next.keep(site) {
                out::say(&format!(
                    "your session's next token is not kept, so that you will have to sign in: {failure}"
                ));
            }
            Ok(Holder::Person(next))
        }
        Err(failure) if failure.next == Next::TryLater && signed.seconds_left(clock::now()) > 0 => {
            Ok(Holder::Person(signed))
        }
        Err(failure) => Err(failure),
    }
}

/// Has the broker end a session that is kept nowhere any more.
pub(crate) async fn end(site: &Site, signed: Signed) -> Result<(), Failure> {
    let broker = Broker::of(site)?;
    let renewal = if signed.is_due() { signed.renewal()? } else { None };
    let signed = match renewal {
        // It is ended by a token that is still good.
        Some(renewal) => {
            let Tokens { access, expires_at, refresh } = broker.renew(renewal).await?;
            signed.renewed(access, expires_at, refresh)?
        }
        None => signed,
    };
    broker.sign_out(signed).await
}

/// Holds the session's place for as long as what is returned; nothing if somebody else of us takes too long over it.
pub(crate) async fn hold(site: &Site) -> Result<Option<File>, Failure> {
    out::patiently("waiting for another `broker`, which has the session in its hands", hold_soon(site)).await
}

async fn hold_soon(site: &Site) -> Result<Option<File>, Failure> {
    let until = Instant::now() + PATIENCE;
    loop {
        let held = Signed::hold(site)?;
        if held.is_some() || Instant::now() >= until {
            return Ok(held);
        }
        tokio::time::sleep(PAUSE).await;
    }
}

impl Signed {
    fn is_due(&self) -> bool {
        self.renews() && self.seconds_left(clock::now()) <= NEAR
    }
}

fn is_due(holder: &Holder) -> bool {
    matches!(holder, Holder::Person(signed) if signed.is_due())
}

/// What two clocks may be apart, and a call may take.
const NEAR: i64 = 60;
/// Longer than a broker takes that answers at all.
const PATIENCE: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(20);
