//! The journey of one request, in the order it is told: who may, which request, which key, what AWS gives, and the record of it.

mod ahead;
mod errand;
mod error;
mod guesses;
mod loan;
mod pace;
mod render;
mod reuse;
mod trial;

use std::borrow::Cow;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::time::Duration;

use secrecy::SecretString;
use serde_json::Value;
use tokio::time::Instant;

use crate::access_key::{AccessKey, KeyHealth, NotRightful};
use crate::arn::AccountId;
use crate::caller::{AdminRole, Caller, Person};
use crate::clock::Clock;
use crate::connector::{Connector, Reuse};
use crate::console::Federation;
use crate::entitlement::{self, Entitlement, Grant, Rules};
use crate::inventory::Inventory;
use crate::meter;
use crate::name::ConnectorName;
use crate::partition::Partition;
use crate::registry::Registries;
use crate::sign_in::{AuthenticateError, ByMemory, SignIn};
use crate::sts::{AwsRefusal, Credentials, OpenKey, Sts, StsError};
use crate::trail::{Action, Actor, Entry, Origin, Recorded, Trail, TrailError};
use crate::vault::Vault;

pub use errand::{LinkWanted, RegistryGiven, RegistryKind, RegistryWanted};
pub use error::VendError;
pub use render::{RenderError, VendRequest};

use loan::{Loan, Wish};

/// Lends credentials. One for a process; clones share everything.
#[derive(Clone, Debug)]
pub struct Broker {
    inventory: Inventory,
    sign_in: SignIn,
    vault: Arc<Vault>,
    sts: Arc<dyn Sts>,
    federation: Federation,
    registries: Registries,
    trail: Trail,
    clock: Arc<dyn Clock>,
    rules: Rules,
    reusable: reuse::Reusable,
    pace: Arc<pace::Pace>,
    ahead: Arc<ahead::Ahead>,
    guesses: Arc<guesses::Guesses>,
}

/// What a broker works with.
#[derive(Debug)]
pub struct Parts {
    pub inventory: Inventory,
    pub sign_in: SignIn,
    pub vault: Arc<Vault>,
    pub sts: Arc<dyn Sts>,
    pub federation: Federation,
    pub registries: Registries,
    pub trail: Trail,
    pub clock: Arc<dyn Clock>,
    pub rules: Rules,
}

/// What somebody gets. The secret parts can be read only through [`Recorded`].
#[derive(Clone, Debug)]
pub struct Vended {
    pub connector: Arc<Connector>,
    pub credentials: Arc<Credentials>,
    pub arn: Option<String>,
    pub account: Option<AccountId>,
    pub reused: bool,
}

/// A caller, and where the request came from and must be answered by.
#[derive(Clone, Debug)]
pub struct Asking<'a> {
    pub caller: &'a Caller,
    /// Where the caller was not read for this request.
    pub by_memory: Option<&'a ByMemory>,
    pub origin: &'a Origin,
    pub deadline: Instant,
}

impl Broker {
    pub fn new(parts: Parts) -> Self {
        let Parts { inventory, sign_in, vault, sts, federation, registries, trail, clock, rules } = parts;
        let reusable = reuse::Reusable::new(Arc::clone(&clock));
        Self {
            inventory,
            sign_in,
            vault,
            sts,
            federation,
            registries,
            trail,
            clock,
            rules,
            reusable,
            pace: Arc::default(),
            ahead: Arc::default(),
            guesses: Arc::default(),
        }
    }

    /// The connectors that a caller may use, in the order of names; also those that they must show a second factor for.
    pub fn usable_by(&self, caller: &Caller) -> Vec<Arc<Connector>> {
        self.inventory.snapshot().usable_by(caller, self.rules)
    }

    /// What somebody might use if they were signed in, and by what, in the order of names.
    pub fn grants_of(&self, person: &Person, role: Option<AdminRole>) -> Vec<(ConnectorName, Grant)> {
        let snapshot = self.inventory.snapshot();
        let granted = |connector: &Arc<Connector>| {
            Some((connector.name.clone(), entitlement::grant_of(person, role, &connector.spec, self.rules)?))
        };
        snapshot.connectors().filter_map(granted).collect()
    }

    /// A connector that a caller may use, perhaps once they have shown a second factor: to look at, and for nothing else.
    pub fn seen_by(&self, caller: &Caller, name: &ConnectorName) -> Result<Arc<Connector>, VendError> {
        let snapshot = self.inventory.snapshot();
        let connector = snapshot.connector(name).ok_or(VendError::NoSuchConnector)?;
        entitlement::granted(caller, connector, self.rules)?;
        Ok(Arc::clone(connector))
    }

    /// The proof that a caller may use a connector now.
    pub fn prove(&self, caller: &Caller, name: &ConnectorName) -> Result<Entitlement, VendError> {
        let snapshot = self.inventory.snapshot();
        let connector = snapshot.connector(name).ok_or(VendError::NoSuchConnector)?;
        Ok(Entitlement::prove(caller, connector, self.rules)?)
    }

    /// The account in which a connector's credentials will act, where that is known.
    pub fn account_of(&self, connector: &Connector) -> Option<AccountId> {
        connector.spec.account().or_else(|| {
            let snapshot = self.inventory.snapshot();
            let key = snapshot.access_key(connector.spec.access_key())?;
            key.details.rightful_owner().map(|owner| owner.account.clone())
        })
    }

    /// The partition in which a connector's credentials will act.
    pub fn partition_of(&self, connector: &Connector) -> Partition {
        let snapshot = self.inventory.snapshot();
        let of_key = snapshot.access_key(connector.spec.access_key()).map(|key| key.partition());
        connector.spec.partition().or(of_key).unwrap_or(Partition::Aws)
    }

    /// Lends credentials. Whatever happens is written down first: no record, no credentials.
    pub async fn vend(
        &self,
        asking: &Asking<'_>,
        name: &ConnectorName,
        ask: &VendRequest,
    ) -> Result<Recorded<Vended>, VendError> {
        match self.vended(asking, name, ask).await {
            Ok(vended) => Ok(vended),
            Err(error) => Err(self.refuse(asking, name, Action::Vend, None, error).await),
        }
    }

    /// The statement that writes the record proves that the caller still is as read, be it now or in the last seconds. Whoever is not is
    /// read again, and lent to once more.
    async fn vended(
        &self,
        asking: &Asking<'_>,
        name: &ConnectorName,
        ask: &VendRequest,
    ) -> Result<Recorded<Vended>, VendError> {
        let (mut caller, mut by_memory) = (Cow::Borrowed(asking.caller), asking.by_memory);
        let mut kept = None;
        for _ in 0..ATTEMPTS {
            let asking = Asking { caller: &caller, ..asking.clone() };
            let lent = match kept.take() {
                Some(loan) => self.still_wished(&asking, name, ask, loan),
                None => self.lend(&asking, name, ask).await,
            };
            let refused = match lent {
                Ok(loan) => {
                    let entry = loan.entry(&asking, ask, Action::Vend, Action::VendAsAdministrator);
                    let (sts_action, reused) = (loan.request.action(), loan.vended.reused);
                    let is_good_once = loan.request.mfa().is_some();
                    // Where nothing was waited for, it is enough that it counted when they asked.
                    let counts = caller.counts_at(self.clock.now()) && self.sign_in.is_as_known(&caller);
                    let vended = if !loan.has_waited || counts {
                        match self.record_if_as_read(&caller, entry, loan.vended).await? {
                            Ok(recorded) => {
                                meter::vended(sts_action, reused);
                                return Ok(recorded);
                            }
                            Err(vended) => vended,
                        }
                    } else {
                        loan.vended
                    };
                    // AWS takes no code of an MFA device twice.
                    kept = is_good_once.then_some(Loan { vended, ..loan });
                    None
                }
                // Whoever is refused is so by what the store says of them.
                Err(error) if by_memory.is_some() => Some(error),
                Err(error) => return Err(error),
            };
            let again = match by_memory.take() {
                Some(by_memory) => {
                    let read = self.sign_in.read_anew(&caller, by_memory, (asking.origin, asking.deadline)).await;
                    read.map_err(VendError::of_anew)?
                }
                None => self.sign_in.again(&caller, asking.origin, asking.deadline).await?,
            };
            match refused {
                Some(error) if again.is_as_read_before(&caller) => return Err(error),
                // AWS is not asked twice for one answer, which is told to nobody who may not ask any more.
                Some(error @ VendError::Aws(_)) => {
                    self.prove(&again, name)?;
                    return Err(error);
                }
                Some(_) | None => {}
            }
            caller = Cow::Owned(again);
        }
        Err(VendError::Unsettled)
    }

    /// What was lent, if AWS would be asked for the very same by now. How surely the caller is themselves may have changed, since it is
    /// given to nobody else.
    fn still_wished(
        &self,
        asking: &Asking<'_>,
        name: &ConnectorName,
        ask: &VendRequest,
        loan: Loan,
    ) -> Result<Loan, VendError> {
        let now = self.wish(asking.caller, name, ask)?;
        if now.asks_as(&loan) { Ok(Loan { entitlement: now.entitlement, ..loan }) } else { Err(VendError::Unsettled) }
    }

    /// Obtains credentials, and proves after a wait that the very same would be asked for again: connector and key unchanged. Whatever
    /// changed meanwhile is looked at once more. The caller is for whoever hands something over to look at.
    async fn lend(&self, asking: &Asking<'_>, name: &ConnectorName, ask: &VendRequest) -> Result<Loan, VendError> {
        // Not kept alive meanwhile: there may be many, and they are large.
        let mut in_service = Arc::downgrade(&self.inventory.snapshot());
        let (mut wish, mut waited) = self.wish_once_proved(asking, name, ask).await?;
        for _ in 0..ATTEMPTS {
            let reuse = wish.entitlement.connector().spec.reuse();
            let held = if ask.fresh { None } else { self.reusable.held(wish.identity, reuse).await };
            let was_held = held.is_some();
            let obtained =
                if let Some(obtained) = held { obtained } else { self.obtain(&wish, reuse, ask.fresh, asking).await? };
            let known = Self::known_arn(&wish, &obtained.credentials);
            if was_held && !waited && known.is_some() {
                return Ok(Self::loan(wish, obtained, known, false));
            }
            waited = true;
            // Whatever waits for AWS stands before the proof.
            let arn = match known {
                Some(arn) => Some(arn),
                None => self.ask_arn(&wish, &obtained.credentials, asking.deadline).await,
            };
            let now_in_service = Arc::downgrade(&self.inventory.snapshot());
            if Weak::ptr_eq(&now_in_service, &in_service) {
                return Ok(Self::loan(wish, obtained, arn, true));
            }
            let now = self.wish(asking.caller, name, ask)?;
            if now.identity == wish.identity {
                return Ok(Self::loan(wish, obtained, arn, true));
            }
            if wish.request.mfa().is_some() {
                return Err(VendError::Unsettled);
            }
            (wish, in_service) = (now, now_in_service);
        }
        Err(VendError::Unsettled)
    }

    /// Asks AWS, or shares what another asking of the same gets.
    async fn obtain(
        &self,
        wish: &Wish,
        reuse: Reuse,
        fresh: bool,
        asking: &Asking<'_>,
    ) -> Result<reuse::Obtained, VendError> {
        let guess = match wish.request.mfa() {
            Some(shown) => {
                let admitted = self.guesses.admit(asking.caller, &shown.serial, Instant::now());
                admitted.map_err(VendError::TooManyCodes)?
            }
            None => None,
        };
        let call = self.call(wish, asking.deadline);
        let obtained = self.reusable.obtain(wish.identity, reuse, fresh, asking.deadline, call).await;
        if let Some(guess) = guess {
            guess.ended(&obtained);
        }
        Ok(obtained?)
    }

    /// If nothing in the store says who the caller is, nothing there can have changed either.
    async fn record_if_as_read<T>(
        &self,
        caller: &Caller,
        entry: Entry,
        value: T,
    ) -> Result<Result<Recorded<T>, T>, TrailError> {
        match caller.as_read() {
            Some(as_read) => self.trail.record_if(as_read.clone(), entry, value).await,
            None => self.trail.record(entry, value).await.map(Ok),
        }
    }

    /// What would be asked of AWS for this caller now, or when AWS has said whose the key is that took another one's place: a matter of
    /// a second, while AWS answers. Says whether it waited for that.
    async fn wish_once_proved(
        &self,
        asking: &Asking<'_>,
        name: &ConnectorName,
        ask: &VendRequest,
    ) -> Result<(Wish, bool), VendError> {
        let mut waited = false;
        let mut look = 0_u32;
        loop {
            match self.wish(asking.caller, name, ask) {
                Err(VendError::NotRightful(NotRightful::Unproved { id, .. })) if Instant::now() < asking.deadline => {
                    waited = true;
                    // AWS has been asked whose it is, and will not have it at all.
                    if look.is_multiple_of(LOOKS_A_READ) {
                        let health = self.inventory.store().key_health(id).await.map_err(AuthenticateError::from)?;
                        if let Some((_, code)) = health.refused {
                            return Err(StsError::KeyRefused(AwsRefusal::told(&code, "", None)).into());
                        }
                    }
                    look = look.wrapping_add(1);
                    let next = Instant::now() + PROVED_LOOK;
                    tokio::time::sleep_until(next.min(asking.deadline)).await;
                }
                wish => return Ok((wish?, waited)),
            }
        }
    }

    /// What would be asked of AWS for this caller now.
    fn wish(&self, caller: &Caller, name: &ConnectorName, ask: &VendRequest) -> Result<Wish, VendError> {
        let entitlement = self.prove(caller, name)?;
        if ask.account.is_some() && ask.account != self.account_of(entitlement.connector()) {
            return Err(VendError::OtherAccount);
        }
        self.wish_of(entitlement, ask)
    }

    fn wish_of(&self, entitlement: Entitlement, ask: &VendRequest) -> Result<Wish, VendError> {
        let request = render::render(&entitlement, ask)?;
        let stored = self.access_key(entitlement.connector())?;
        if let Some(policy) = &ask.policy {
            policy.must_stay_in(stored.partition()).map_err(RenderError::Policy)?;
        }
        let key = Arc::new(OpenKey::open(&stored, &self.vault)?);
        let identity = reuse::key(&entitlement, &key, &request);
        let (owner, marked) = (stored.details.owner.clone(), stored.health.refused.is_some());
        Ok(Wish { entitlement, key, owner, marked, request, identity })
    }

    /// Who the credentials act as, where their answer or their key's owner says it.
    fn known_arn(wish: &Wish, credentials: &Credentials) -> Option<String> {
        credentials.arn.clone().or_else(|| wish.owner.as_ref().map(|owner| owner.arn.clone()))
    }

    /// The same where AWS must be asked.
    async fn ask_arn(&self, wish: &Wish, credentials: &Credentials, deadline: Instant) -> Option<String> {
        let asked = self.sts.caller_identity(&wish.key, credentials, deadline).await;
        asked.ok().map(|identity| identity.arn)
    }

    fn loan(wish: Wish, obtained: reuse::Obtained, arn: Option<String>, has_waited: bool) -> Loan {
        let connector = Arc::clone(wish.entitlement.connector());
        let account = arn.as_deref().and_then(AccountId::of_arn).or_else(|| connector.spec.account());
        let vended = Vended { connector, credentials: obtained.credentials, arn, account, reused: obtained.reused };
        let Wish { entitlement, key, request, identity, .. } = wish;
        Loan { entitlement, key, request, identity, vended, has_waited }
    }

    fn access_key(&self, connector: &Connector) -> Result<Arc<AccessKey>, VendError> {
        let snapshot = self.inventory.snapshot();
        let stored = snapshot.access_key(connector.spec.access_key()).ok_or(VendError::NoAccessKey)?;
        stored.may_serve(connector)?;
        stored.is_rightful()?;
        Ok(Arc::clone(stored))
    }

    /// The call to STS as something that can be made later, by a task of its own.
    fn call(
        &self,
        wish: &Wish,
        deadline: Instant,
    ) -> impl Fn() -> Pin<Box<dyn Future<Output = Result<Credentials, StsError>> + Send>> + Clone + use<> {
        let (broker, entitlement) = (self.clone(), wish.entitlement.clone());
        let (key, marked, request) = (Arc::clone(&wish.key), wish.marked, Arc::new(wish.request.clone()));
        move || {
            let (broker, entitlement) = (broker.clone(), entitlement.clone());
            let (key, request) = (Arc::clone(&key), Arc::clone(&request));
            Box::pin(async move {
                broker.pace.admit(&key, Instant::now())?;
                let outcome = broker.sts.issue(&entitlement, &key, &request, deadline).await;
                broker.note(&key, broker.pace.learn(&key, marked, &outcome, Instant::now())).await;
                outcome
            })
        }
    }

    async fn note(&self, key: &OpenKey, turn: pace::Turn) {
        let health = match turn {
            pace::Turn::None => return,
            pace::Turn::WentBad(refusal) => {
                let code = refusal.code.as_str();
                tracing::error!(
                    access_key.id = key.label(),
                    aws.code = code,
                    alarm = "access_key_refused",
                    "AWS refuses this access key"
                );
                KeyHealth { refused: Some((self.clock.now(), refusal.code)) }
            }
            pace::Turn::Recovered => {
                tracing::info!(access_key.id = key.label(), "AWS takes this access key again");
                KeyHealth::default()
            }
        };
        if let Err(error) = self.inventory.store().note_key_health(key.id, key.generation, &health).await {
            tracing::warn!(%error, "cannot note what AWS said of an access key");
        }
    }

    /// Writes the refusal down and hands it back; when that cannot be written either, that is the answer. Who is refused again and again
    /// is counted, so that nobody fills the trail by asking in vain.
    async fn refuse(
        &self,
        asking: &Asking<'_>,
        name: &ConnectorName,
        action: Action,
        described: Option<Value>,
        error: VendError,
    ) -> VendError {
        let Some(outcome) = error.outcome() else { return error };
        let reason = match error.aws_refusal() {
            Some(refusal) => format!("{error}: {}", refusal.message),
            None => error.to_string(),
        };
        let entry = Entry::new(Actor::of(asking.caller), action, outcome, asking.origin.clone());
        let entry = Entry { changes: described, ..entry.connector(name).reason(&reason) };
        match self.trail.record_refusal(entry).await {
            Ok(()) => error,
            Err(unwritten) => unwritten.into(),
        }
    }
}

impl Recorded<Vended> {
    /// For the answer alone; the record is durable.
    pub fn secret_access_key(&self) -> &SecretString {
        &self.value().credentials.secret_access_key
    }

    /// For the answer alone; the record is durable.
    pub fn session_token(&self) -> &SecretString {
        &self.value().credentials.session_token
    }
}

/// One more than it takes when something changes once during the wait.
const ATTEMPTS: usize = 2;
/// How often a request that waits for a key to be proved looks again, in memory.
const PROVED_LOOK: Duration = Duration::from_millis(100);
/// Whether AWS has refused it stands in the store alone, which is asked once a second.
const LOOKS_A_READ: u32 = 10;
