//! What programs are lent: what is at hand at once, and the next fetched before it ends, so that who comes back does not wait for AWS.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::OwnedMutexGuard;

use crate::clock;
use crate::failure::{Failure, Next};
use crate::lending::Wanted;
use crate::lent::{Kept, Lent};
use crate::name::ConnectorName;
use crate::refusal;
use crate::renewal;
use crate::site::Site;

/// Which connectors' credentials are to be had.
#[derive(Debug)]
pub(crate) enum Offer {
    One(Wanted),
    /// All that one may use.
    Any {
        no_cache: bool,
    },
}

/// Lends for the programs that come to its servers.
#[derive(Clone, Debug)]
pub(crate) struct Lender(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    site: Site,
    offer: Offer,
    places: Mutex<HashMap<ConnectorName, Place>>,
}

/// Of one connector.
#[derive(Clone, Debug, Default)]
struct Place {
    /// Held while the broker is asked for this one, and for no other.
    asking: Arc<tokio::sync::Mutex<()>>,
    known: Arc<Mutex<Known>>,
}

#[derive(Debug, Default)]
struct Known {
    /// Where nothing is kept on the disk: what was lent at last, and to whom.
    last: Option<(String, Kept)>,
    /// When the next are fetched for whoever asked last. They are fetched once: who does not come for them is not expected again, so that
    /// a program that is forgotten does not keep its session alive.
    due: Option<Timestamp>,
    /// After trouble, not before then.
    again: Option<Timestamp>,
}

/// Why somebody gets nothing of a lender.
#[derive(Debug)]
pub(super) enum NotLent {
    /// This server lends for another connector.
    Another,
    Failed(Failure),
}

impl Lender {
    pub(crate) fn new(site: Site, offer: Offer) -> Self {
        Self(Arc::new(Inner { site, offer, places: Mutex::default() }))
    }

    pub(crate) fn site(&self) -> &Site {
        &self.0.site
    }

    pub(super) async fn lend_of(&self, name: ConnectorName) -> Result<Lent, NotLent> {
        let wanted = self.wanted(name).ok_or(NotLent::Another)?;
        self.lend(&wanted).await.map_err(NotLent::Failed)
    }

    fn wanted(&self, name: ConnectorName) -> Option<Wanted> {
        match &self.0.offer {
            Offer::Any { no_cache } => Some(Wanted::plain(name, *no_cache)),
            Offer::One(wanted) if wanted.connector == name => Some(wanted.clone()),
            Offer::One(_) => None,
        }
    }

    /// Whoever signed out since gets nothing, whatever is at hand.
    pub(crate) async fn lend(&self, wanted: &Wanted) -> Result<Lent, Failure> {
        let place = self.place(&wanted.connector);
        if let Some(kept) = self.at_hand(wanted, &place).await? {
            return Ok(self.hand_out(wanted, &place, kept));
        }
        // Whoever asks for the same one waits; who waits too long asks as well.
        let _asking = tokio::time::timeout(PATIENCE, place.asking.lock()).await.ok();
        if let Some(kept) = self.at_hand(wanted, &place).await? {
            return Ok(self.hand_out(wanted, &place, kept));
        }
        let kept = self.ask(wanted, &place, None).await?;
        place.expects(&kept);
        Ok(kept.lent)
    }

    /// Fetches ahead for as long as programs are served.
    pub(super) async fn keep_ahead(&self) -> Infallible {
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            for (name, place) in self.all_due(clock::now()) {
                let Some(wanted) = self.wanted(name) else { continue };
                match self.at_hand(&wanted, &place).await {
                    Ok(Some(kept)) => self.fetch_next(&wanted, &place, kept.lent),
                    // Nothing is left of them, or nobody is signed in any more.
                    Ok(None) | Err(_) => place.known().due = None,
                }
            }
        }
    }

    /// What lives long enough to be used, be it for another minute only. Who wants other ones than those of before has none.
    async fn at_hand(&self, wanted: &Wanted, place: &Place) -> Result<Option<Kept>, Failure> {
        let holder = renewal::holder(self.site()).await?;
        let kept = if wanted.fresh {
            None
        } else if wanted.no_cache {
            place.known().last.clone().filter(|(whose, _)| *whose == holder.key()).map(|(_, kept)| kept)
        } else {
            wanted.kept(self.site(), &holder)?
        };
        Ok(kept.filter(|kept| kept.lives(clock::now())))
    }

    fn hand_out(&self, wanted: &Wanted, place: &Place, kept: Kept) -> Lent {
        place.expects(&kept);
        if kept.is_due(clock::now()) {
            self.fetch_next(wanted, place, kept.lent.clone());
        }
        kept.lent
    }

    /// Fetches the credentials behind these, with nobody waiting; nothing where that is done already, or was not possible just now.
    fn fetch_next(&self, wanted: &Wanted, place: &Place, these: Lent) {
        let now = clock::now();
        let Ok(asking) = Arc::clone(&place.asking).try_lock_owned() else { return };
        if place.known().again.is_some_and(|again| now < again) {
            return;
        }
        place.known().due = None;
        let (lender, wanted, place) = (self.clone(), wanted.clone(), place.clone());
        tokio::spawn(async move { lender.fetch(asking, &wanted, &place, &these).await });
    }

    async fn fetch(&self, _asking: OwnedMutexGuard<()>, wanted: &Wanted, place: &Place, these: &Lent) {
        match self.ask(wanted, place, Some(these)).await {
            Ok(_) => place.known().again = None,
            // What the broker gives no more is handed out no more: who comes next hears why.
            Err(failure) if matches!(failure.next, Next::SignIn | Next::AskFor | Next::CallOtherwise) => {
                place.known().last = None;
                let holder = renewal::holder(self.site()).await;
                let _ = holder.and_then(|holder| wanted.forget(self.site(), &holder));
            }
            Err(_) => {
                let again = clock::now().saturating_add(AFTER_TROUBLE).ok();
                let mut known = place.known();
                (known.due, known.again) = (again, again);
            }
        }
    }

    /// Asks the broker, for such as live longer than these.
    async fn ask(&self, wanted: &Wanted, place: &Place, than: Option<&Lent>) -> Result<Kept, Failure> {
        let holder = renewal::holder(self.site()).await?;
        let kept = wanted.next(self.site(), &holder, than).await.inspect_err(|failure| {
            // Whoever the broker takes no more gets none of the others either.
            if refusal::ends_everything(failure.code()) {
                self.forget_all();
            }
        })?;
        if wanted.no_cache {
            place.known().last = Some((holder.key(), kept.clone()));
        }
        Ok(kept)
    }

    fn forget_all(&self) {
        for place in self.places().values() {
            *place.known() = Known::default();
        }
    }

    fn all_due(&self, now: Timestamp) -> Vec<(ConnectorName, Place)> {
        let places = self.places();
        let due = places.iter().filter(|(_, place)| place.known().due.is_some_and(|due| due <= now));
        due.map(|(name, place)| (name.clone(), place.clone())).collect()
    }

    /// The place of a connector. Those that know nothing, and that nobody waits for, go.
    fn place(&self, connector: &ConnectorName) -> Place {
        let mut places = self.places();
        places.retain(|name, place| {
            name == connector || Arc::strong_count(&place.known) > 1 || place.known().is_of_use()
        });
        places.entry(connector.clone()).or_default().clone()
    }

    fn places(&self) -> MutexGuard<'_, HashMap<ConnectorName, Place>> {
        self.0.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Somebody has these, and comes back before they end.
    fn expects(&self, kept: &Kept) {
        self.known().due = Some(kept.due());
    }
}

impl Known {
    fn is_of_use(&self) -> bool {
        self.last.is_some() || self.due.is_some()
    }
}

/// Longer than a broker takes that answers at all.
const PATIENCE: Duration = Duration::from_secs(5);
/// Often, since a machine that slept knows by the clock on the wall alone that time went by.
const LOOK_EVERY: Duration = Duration::from_secs(5);
const AFTER_TROUBLE: SignedDuration = SignedDuration::from_secs(30);
