//! Signing in on another machine than the one with the browser: a code that the person compares (RFC 8628).

use std::sync::PoisonError;

use jiff::Timestamp;
use secrecy::SecretString;

use super::user_code::UserCode;
use super::{Client, Clients, LoginClient, ProvedClient, Tokens, facts};
use crate::authorization::{Authorization, DeviceClient, DeviceRequest, Proof, Stage, Terms};
use crate::caller::PersonCaller;
use crate::clock::{Millis, seconds_between};
use crate::directory::Unavailable;
use crate::id::AuthorizationId;
use crate::network::Network;
use crate::store::{Queued, Store, StoreError};
use crate::trail::{Action, Actor, Entry, Origin, Outcome, TrailError, Vec1};
use crate::vault::{Mac, Purpose, SealBroken, new_token};

/// What a device is told.
#[derive(Debug)]
pub struct DeviceCodes {
    pub device_code: SecretString,
    pub user_code: UserCode,
}

/// Why a device, or its person, does not get on. Cut by what they do next.
#[derive(Debug, thiserror::Error)]
pub enum DeviceError {
    #[error("signing in by a code on another machine is switched off at this broker (aws_clients.device_groups)")]
    SwitchedOff,
    #[error("none of your groups may let a program on another machine sign in (aws_clients.device_groups)")]
    NotYourGroups,
    #[error("for this you must have signed in within the last 5 minutes")]
    SignInTooOld,
    #[error("there is no such code, or it is over: they hold for 10 minutes")]
    NoSuchCode,
    #[error("too many programs are waiting for somebody's yes: try again in a few minutes")]
    TooMany,
    #[error(transparent)]
    Directory(#[from] Unavailable),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Seal(#[from] SealBroken),
    #[error(transparent)]
    Trail(#[from] TrailError),
}

/// What a device hears that asks what became of its code.
#[derive(Debug)]
pub(super) enum Waiting {
    Pending,
    TooSoon,
    Denied,
    Over,
    OtherClient,
    Unknown,
}

impl Clients {
    /// A device asks for codes.
    pub async fn begin_device(&self, client: &ProvedClient, origin: &Origin) -> Result<DeviceCodes, DeviceError> {
        if self.0.device_groups.is_empty() {
            return Err(DeviceError::SwitchedOff);
        }
        let (device_code, user_code, now) = (new_token("")?, UserCode::random()?, self.0.clock.now());
        let Client { hash, name, .. } = &client.0;
        let address = origin.client_address.clone().unwrap_or_default();
        let request = DeviceRequest {
            client: DeviceClient { hash: hash.clone(), name: name.clone(), address },
            created_at: now,
            denied: false,
            device: self.hash_of(&device_code),
            user: self.hash_of_user_code(&user_code),
            polls: 0,
            polled_at: now,
        };
        let since = Millis(Millis::from(now).0.saturating_sub(DEVICE_SECONDS * 1_000));
        let network = request.client.address.parse().map(|address| Network::of(address).to_string());
        let network = network.unwrap_or_default();
        match self.0.store.add_device_request(&request, &network, since).await? {
            Queued::Waits => return Ok(DeviceCodes { device_code, user_code }),
            Queued::TooManyThere => self.tell_of_crowd(&network, "network", now),
            Queued::TooMany => self.tell_of_crowd(&network, "all", now),
        }
        Err(DeviceError::TooMany)
    }

    /// Once a minute: whoever asks more often shall not fill the log.
    fn tell_of_crowd(&self, network: &str, limit: &str, now: Timestamp) {
        let mut told_at = self.0.told_at.lock().unwrap_or_else(PoisonError::into_inner);
        if told_at.is_none_or(|at| !(0..TELL_EVERY_SECONDS).contains(&seconds_between(at, now))) {
            *told_at = Some(now);
            tracing::warn!(
                client.network = network,
                limit,
                "too many programs wait for somebody's yes: one more was refused its code"
            );
        }
    }

    /// What waits under a code that a person has before them. Only for somebody who has just signed in, and who may.
    pub async fn device(&self, person: &PersonCaller, code: &UserCode) -> Result<DeviceRequest, DeviceError> {
        self.may_allow_devices(person)?;
        let found = self.0.store.device_request_by_user_code(&self.hash_of_user_code(code)).await?;
        let now = self.0.clock.now();
        found.filter(|found| !found.denied && is_open(found, now)).ok_or(DeviceError::NoSuchCode)
    }

    /// Whether a person may let devices in, and has signed in just now.
    pub fn may_allow_devices(&self, person: &PersonCaller) -> Result<(), DeviceError> {
        if self.0.device_groups.is_empty() {
            return Err(DeviceError::SwitchedOff);
        }
        if person.client.is_some() || self.0.device_groups.is_disjoint(&person.person.groups) {
            return Err(DeviceError::NotYourGroups);
        }
        let age = seconds_between(person.signed_in_at, self.0.clock.now());
        if (0..FRESH_SECONDS).contains(&age) { Ok(()) } else { Err(DeviceError::SignInTooOld) }
    }

    /// The person says yes: the device gets its tokens when it asks next.
    pub async fn allow_device(
        &self,
        person: &PersonCaller,
        code: &UserCode,
        origin: &Origin,
    ) -> Result<(), DeviceError> {
        let request = self.device(person, code).await?;
        let authorization = Authorization {
            id: AuthorizationId::random(),
            session: person.session,
            terms: Terms {
                client: request.client.hash.clone(),
                client_name: request.client.name.clone(),
                proof: Proof::Device,
            },
            created_at: self.0.clock.now(),
            stage: Stage::Code,
        };
        let mut facts = facts(&authorization);
        facts["device_address"] = request.client.address.clone().into();
        let entry =
            Entry::new(Actor::person(&person.person), Action::ClientAuthorized, Outcome::Success, origin.clone());
        let taken = Store::take_device_request(&request);
        let added = self.0.store.add_authorization(&authorization, &request.device)?;
        match self.0.trail.commit(vec![taken, added], Vec1::new(entry.changes(facts))).await {
            Err(TrailError::Change(StoreError::Stale | StoreError::InUse)) => Err(DeviceError::NoSuchCode),
            outcome => Ok(outcome?),
        }
    }

    /// The person says no: the device hears so.
    pub async fn deny_device(
        &self,
        person: &PersonCaller,
        code: &UserCode,
        origin: &Origin,
    ) -> Result<(), DeviceError> {
        let request = self.device(person, code).await?;
        let entry = Entry::new(Actor::person(&person.person), Action::ClientRefused, Outcome::Refused, origin.clone());
        let reason =
            format!("the person did not let `{}` at {} sign in as them", request.client.name, request.client.address);
        let denied = Store::deny_device_request(&request);
        self.0.trail.take_away(vec![denied], Vec1::new(entry.reason(&reason))).await?;
        Ok(())
    }

    /// Notes that somebody was not let get on with a code. Of guesses the trail has the first, and how many there were.
    pub fn note_refused_code(&self, person: &PersonCaller, error: &DeviceError, origin: &Origin) {
        match error {
            DeviceError::SwitchedOff
            | DeviceError::NotYourGroups
            | DeviceError::SignInTooOld
            | DeviceError::NoSuchCode
            | DeviceError::TooMany => self.note(Actor::person(&person.person), error, origin),
            DeviceError::Directory(_) | DeviceError::Store(_) | DeviceError::Seal(_) | DeviceError::Trail(_) => {}
        }
    }

    /// Whether the person may still have let in a program that is on another machine. One on their own is not asked about.
    pub(super) fn may_go_on(&self, terms: &Terms, person: &PersonCaller) -> Result<(), &'static str> {
        let is_elsewhere = match terms.proof {
            Proof::Device => true,
            Proof::Login(_) => terms.client == LoginClient::CrossDevice.hash(),
            Proof::Pkce { .. } => false,
        };
        if is_elsewhere && self.0.device_groups.is_disjoint(&person.person.groups) {
            Err(
                "a program on another machine was let in by somebody whose groups may not do so any more (aws_clients.device_groups)",
            )
        } else {
            Ok(())
        }
    }

    /// What became of a device code that nobody has said yes to.
    pub(super) async fn waiting(&self, client: &ProvedClient, device: &Mac) -> Result<Waiting, StoreError> {
        let Some(found) = self.0.store.device_request(device).await? else { return Ok(Waiting::Unknown) };
        let now = self.0.clock.now();
        if found.client.hash != client.0.hash {
            return Ok(Waiting::OtherClient);
        }
        if found.denied {
            return Ok(Waiting::Denied);
        }
        if !is_open(&found, now) {
            return Ok(Waiting::Over);
        }
        // The AWS CLI asks once before it shows the code and at once after.
        let is_free = found.polls < FREE_POLLS;
        let early =
            Millis::from(now).0.saturating_sub(Millis::from(found.polled_at).0) < INTERVAL_MILLIS - LENIENT_MILLIS;
        // Whoever is to slow down costs the store no write; nor do all but one of those who ask at the same moment.
        if early && !is_free {
            return Ok(Waiting::TooSoon);
        }
        let is_noted = self.0.store.note_poll(&found, now.into()).await?;
        Ok(if is_noted || is_free { Waiting::Pending } else { Waiting::TooSoon })
    }

    /// By which the store knows a code that people compare.
    fn hash_of_user_code(&self, code: &UserCode) -> Mac {
        self.0.store.seals().mac(Purpose::Token, &[b"user code", code.letters().as_bytes()])
    }
}

fn is_open(request: &DeviceRequest, now: Timestamp) -> bool {
    (-60..DEVICE_SECONDS).contains(&seconds_between(request.created_at, now))
}

impl Tokens {
    /// How long a device should wait between two questions.
    pub const INTERVAL_SECONDS: i64 = INTERVAL_MILLIS / 1_000;
}

/// How long a device's codes hold.
pub const DEVICE_SECONDS: i64 = 600;
/// How old the sign-in of somebody may be who lets a device in.
const FRESH_SECONDS: i64 = 300;
const INTERVAL_MILLIS: i64 = 5_000;
/// Networks are not even.
const LENIENT_MILLIS: i64 = 1_000;
const FREE_POLLS: i64 = 2;
const TELL_EVERY_SECONDS: i64 = 60;
