//! Somebody at a browser and a client of theirs, without HTTP, and with a clock that a story owns.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;

use broker_core::caller::{AdminGroups, Caller, PersonCaller};
use broker_core::directory::local::{LocalDirectory, hash_password};
use broker_core::directory::{Directory, Password};
use broker_core::id::RequestId;
use broker_core::name::Group;
use broker_core::oauth::{
    Asked, AuthorizeError, Callback, Challenge, Clients, DeviceCodes, GrantError, ProvedClient, Tokens,
};
use broker_core::sign_in::{Credentials, LONGEST_SIGN_IN, SessionKind, Settings, Shown, SignIn};
use broker_core::store::Store;
use broker_core::trail::{Origin, Trail};
use secrecy::SecretString;
use serde_json::json;
use tests::stores::Storehouse;
use tokio::sync::Semaphore;

use crate::program::{CALLBACK, CHALLENGE, VERIFIER};

/// Somebody at a browser, and a client of theirs.
pub(crate) struct Desk {
    pub(crate) house: Storehouse,
    pub(crate) store: Store,
    pub(crate) trail: Trail,
    pub(crate) sign_in: SignIn,
    pub(crate) clients: Clients,
    pub(crate) ada: PersonCaller,
    /// Of her session.
    pub(crate) token: SecretString,
    client_id: String,
    client_secret: SecretString,
}

impl Desk {
    pub(crate) async fn open(house: Storehouse) -> Self {
        let opened = house.open().await;
        let (store, trail) = (opened.store.clone(), house.trail(&opened));
        let hash = hash_password(&Password::parse(SecretString::from("secret")).unwrap()).unwrap();
        let people = vec![
            serde_json::from_value(json!({ "username": "ada", "groups": ["release"], "password_hash": hash })).unwrap(),
        ];
        let corp = "corp".to_owned().try_into().unwrap();
        let corp = LocalDirectory::new(corp, people, Arc::new(Semaphore::new(1))).unwrap();
        let directories: Vec<Arc<dyn Directory>> = vec![Arc::new(corp)];
        let sign_in = SignIn::new(store.clone(), directories, trail.clone(), house.clock.clone(), settings());
        let groups = ["corp/release".to_owned().try_into().unwrap()].into();
        let clients = Clients::new(store.clone(), sign_in.clone(), trail.clone(), house.clock.clone(), groups);
        let (origin, password) = (origin(), SecretString::from("secret"));
        let credentials = Credentials { username: "ada", password, directory: None, address: ADDRESS, origin: &origin };
        let signed_in = sign_in.sign_in(credentials, SessionKind::Browser).await.unwrap();
        let (ada, token) = (signed_in.caller, signed_in.token);
        let made = clients.register("aws", &["http://127.0.0.1/oauth/callback".to_owned()], &origin).unwrap();
        let (client_id, client_secret) = (made.client_id, made.client_secret);
        Self { house, store, trail, sign_in, clients, ada, token, client_id, client_secret }
    }

    /// The same, where the configuration names these groups.
    pub(crate) fn clients_for(&self, device_groups: BTreeSet<Group>) -> Clients {
        let (store, sign_in, trail) = (self.store.clone(), self.sign_in.clone(), self.trail.clone());
        Clients::new(store, sign_in, trail, self.house.clock.clone(), device_groups)
    }

    pub(crate) fn client(&self) -> ProvedClient {
        self.clients.prove(&self.client_id, &self.client_secret, &origin()).unwrap()
    }

    pub(crate) async fn code(&self) -> Result<SecretString, AuthorizeError> {
        let client = self.clients.client(&self.client_id, &origin()).unwrap();
        let asked = Asked::new(client, Callback::parse(CALLBACK).unwrap(), Challenge::parse(CHALLENGE).unwrap());
        Ok(self.clients.authorize(&self.ada, &asked.unwrap(), &origin()).await?.into_value().0)
    }

    pub(crate) async fn redeem(&self, code: &SecretString) -> Result<Tokens, GrantError> {
        let given = self.clients.redeem(&self.client(), code, CALLBACK, &SecretString::from(VERIFIER), &origin()).await;
        given.map(broker_core::trail::Recorded::into_value)
    }

    pub(crate) async fn refresh(&self, tokens: &Tokens) -> Result<Tokens, GrantError> {
        let given = self.clients.refresh(&self.client(), &tokens.refresh_token, &origin()).await;
        given.map(broker_core::trail::Recorded::into_value)
    }

    pub(crate) async fn tokens(&self) -> Tokens {
        self.redeem(&self.code().await.unwrap()).await.unwrap()
    }

    pub(crate) async fn device(&self) -> DeviceCodes {
        self.clients.begin_device(&self.client(), &origin()).await.unwrap()
    }

    pub(crate) async fn ask_device(&self, device: &DeviceCodes) -> Result<Tokens, GrantError> {
        let given = self.clients.redeem_device(&self.client(), &device.device_code, &origin()).await;
        given.map(broker_core::trail::Recorded::into_value)
    }

    pub(crate) async fn opens(&self, tokens: &Tokens) -> bool {
        let shown = Shown::Portal(tokens.access_token.clone());
        matches!(self.sign_in.authenticate(&shown, ADDRESS, &origin()).await, Ok(Caller::Person(_)))
    }
}

fn settings() -> Settings {
    Settings {
        idle_seconds: 1_800,
        absolute_seconds: 7_200,
        recheck_seconds: 300,
        sessions_per_person: NonZeroU32::MAX,
        sign_in_within: LONGEST_SIGN_IN,
        admin_groups: AdminGroups::default(),
    }
}

pub(crate) fn origin() -> Origin {
    Origin { request_id: RequestId::random(), client_address: Some(ADDRESS.to_string()) }
}

pub(crate) const ADDRESS: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
