//! A session by way of a browser has a token that lives for an hour: another takes its place before it ends.

use std::fs::File;
use std::time::{Duration, Instant};

use crate::api::Broker;
use crate::clock;
use crate::failure::{Failure, Next};
use crate::holder::{Holder, Renewal, Signed};
use crate::out;
use crate::site::Site;

/// Who asks, with a token that is good for a while.
pub(crate) async fn holder(site: &Site) -> Result<Holder, Failure> {
    let holder = Holder::find(site)?;
    let Holder::Person(signed) = &holder else { return Ok(holder) };
    if due(signed).is_none() {
        return Ok(holder);
    }
    let _held = hold(site).await?;
    // Whoever held the place may have renewed it meanwhile, or ended it.
    let Holder::Person(signed) = Holder::find(site)? else { return Ok(holder) };
    let Some(renewal) = due(&signed) else { return Ok(Holder::Person(signed)) };
    match Broker::of(site)?.renew(&signed, renewal).await {
        Ok(next) => {
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
    let signed = match due(&signed) {
        // It is ended by a token that is still good.
        Some(renewal) => broker.renew(&signed, renewal).await?,
        None => signed,
    };
    broker.sign_out(signed).await
}

/// Holds the session's place for as long as what is returned; nothing if somebody else of us takes too long over it.
pub(crate) async fn hold(site: &Site) -> Result<Option<File>, Failure> {
    let until = Instant::now() + PATIENCE;
    loop {
        let held = Signed::hold(site)?;
        if held.is_some() || Instant::now() >= until {
            return Ok(held);
        }
        tokio::time::sleep(PAUSE).await;
    }
}

fn due(signed: &Signed) -> Option<&Renewal> {
    signed.renewal().filter(|_| signed.seconds_left(clock::now()) <= NEAR)
}

/// What two clocks may be apart, and a call may take.
const NEAR: i64 = 60;
/// Longer than a broker takes that answers at all.
const PATIENCE: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(20);
