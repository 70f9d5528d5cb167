//! A whole broker in this process with a played AWS behind it: what stories through the front door happen in.
//!
//! Of AWS there is account 111111111111 with the user `broker` and the role `deploy`; of people `ada` (group `corp/release`),
//! `bob` (in none) and `root` (an administrator). Ada's group may let in programs on other machines. A second directory knows `late`, whose password has expired, and does not
//! answer when asked for `lost`.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_sim::{AccessKey as SimKey, Role, Sim, User, World};
use broker_core::access_key::{AccessKey, KeyDetails, KeyHealth};
use broker_core::administration::{Administration, LocalUsers, LocalUsersParts};
use broker_core::caller::AdminGroups;
use broker_core::clock::{Clock, SystemClock};
use broker_core::connector::{Connector, ManagedBy};
use broker_core::console::Federation;
use broker_core::directory::local::{LocalDirectory, StoredPeople, hash_password};
use broker_core::directory::{
    Attested, AuthenticateError, Directory, Found, Gate, Lockout, Password, Standing, TypedName, Unavailable,
};
use broker_core::entitlement::Rules;
use broker_core::id::{AccessKeyId, ConnectorId, RequestId};
use broker_core::inventory::Inventory;
use broker_core::name::DirectoryName;
use broker_core::oauth::Clients;
use broker_core::registry::{Registries, RegistrySettings};
use broker_core::second_factor::RelyingParty;
use broker_core::sign_in::{Beside, LONGEST_SIGN_IN, SecondFactors, Settings, SignIn};
use broker_core::signed;
use broker_core::store::{Change, Location, Opened, Store, TrailFilter};
use broker_core::sts::{AwsSts, Outbound, Proxy, Sts, StsSettings};
use broker_core::trail::{Action, Actor, Entry, Origin, Outcome, Trail, Vec1};
use broker_core::vault::{MasterKey, Vault};
use broker_core::vend::{Broker, Parts};
use broker_core::workload::Workloads;
use brokerd::app::{App, HttpSettings, Inner, Operations, PublicUrl};
use brokerd::config::{AwsClients, Limits};
use brokerd::metrics::Metrics;
use brokerd::readiness::Readiness;
use brokerd::routes::routes;
use brokerd::serve::{Listener, serve};
use reqwest::{Client, Method, RequestBuilder, header};
use secrecy::SecretString;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

/// A broker that serves until this is dropped.
#[derive(Debug)]
pub struct House {
    pub sim: Sim,
    pub store: Store,
    public_url: PublicUrl,
    address: SocketAddr,
    inventory: Inventory,
    trail: Trail,
    http: Client,
    server: JoinHandle<()>,
    /// All that the router serves, as patterns.
    pub paths: BTreeSet<String>,
}

impl House {
    /// Known by the very address that it listens on.
    pub async fn build() -> Self {
        Self::start(None).await
    }

    /// Known by a name of this machine, as passkeys want it.
    pub async fn at_localhost() -> Self {
        Self::start(Some("http://localhost:PORT")).await
    }

    /// Known by another name, as behind a reverse proxy.
    pub async fn known_as(public_url: &str) -> Self {
        Self::start(Some(public_url)).await
    }

    /// Where it really listens.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// As a browser writes it in `Origin`.
    pub fn origin(&self) -> &str {
        self.public_url.origin()
    }

    /// A request to the house by its public name. Redirects are not followed, cookies not kept.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let host = self.origin().split_once("://").map_or("", |(_, host)| host).to_owned();
        self.http.request(method, self.url(path)).header(header::HOST, host)
    }

    /// Signs somebody in by the API; the answer's token.
    pub async fn sign_in(&self, username: &str) -> String {
        let body = json!({ "username": username, "password": password_of(username) });
        let answer = self.request(Method::POST, "/v1/sessions").json(&body).send().await.unwrap();
        assert_eq!(answer.status(), 201, "{username}");
        answer.json::<Value>().await.unwrap()["token"].as_str().unwrap().to_owned()
    }

    /// Puts a connector into service.
    pub async fn connector(&self, name: &str, spec: Value) {
        let connector = Connector {
            id: ConnectorId::random(),
            name: name.to_owned().try_into().unwrap(),
            revision: 1,
            managed_by: ManagedBy::Api,
            spec: serde_json::from_value(spec).unwrap(),
        };
        self.commit(self.store.add_connector(&connector).unwrap(), Action::ConnectorAdded).await;
        self.inventory.refresh().await.unwrap();
    }

    /// The newest records first: action, outcome, connector.
    pub async fn trail(&self) -> Vec<String> {
        let links = self.store.newest_links(&TrailFilter::default(), None, 1_000).await.unwrap();
        let line = |action: &str, outcome: &str, connector: Option<&str>| {
            format!("{action} {outcome} {}", connector.unwrap_or("-"))
        };
        links.iter().map(|link| line(&link.action, &link.outcome, link.connector.as_deref())).collect()
    }

    async fn start(public_url: Option<&str>) -> Self {
        let sim = Sim::start(world(), ([127, 0, 0, 1], 0).into()).await.unwrap();
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let public_url = public_url.unwrap_or("http://127.0.0.1:PORT").replace("PORT", &address.port().to_string());
        let site = RelyingParty::of(&public_url.parse().unwrap(), "broker.corp.example");
        let public_url = PublicUrl::parse(&public_url).unwrap();
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let key = MasterKey::parse("test", &MasterKey::generate().unwrap()).unwrap();
        let Opened { store, vault } = Store::open(&Location::Memory, vec![key], "test", &SystemClock).await.unwrap();
        let trail = Trail::start(store.clone(), Arc::clone(&clock), "house");
        let inventory = Inventory::open(store.clone()).await.unwrap();
        let second_factors = SecondFactors::new(Arc::clone(&vault), BTreeSet::new(), "broker.corp.example");
        let second_factors = match site {
            Ok(site) => second_factors.with_passkeys(site),
            Err(_) => second_factors,
        };
        let beside = Beside { workloads: Workloads::none(Arc::clone(&clock)), second_factors };
        let sign_in = SignIn::with(store.clone(), directories(), trail.clone(), Arc::clone(&clock), settings(), beside);
        let pool = outbound().pool().unwrap();
        let issuer = public_url.origin().parse().unwrap();
        let endpoint = sim.federation_endpoint().parse().unwrap();
        let sts: Arc<dyn Sts> = Arc::new(AwsSts::new(pool.clone(), patience(), Arc::clone(&clock)));
        let broker = Broker::new(Parts {
            inventory: inventory.clone(),
            sign_in: sign_in.clone(),
            vault: Arc::clone(&vault),
            sts: Arc::clone(&sts),
            federation: Federation::new(pool, patience(), Some(endpoint), issuer),
            registries: Registries::new(outbound(), registries(&sim), Arc::clone(&clock)),
            trail: trail.clone(),
            clock: Arc::clone(&clock),
            rules: Rules { administrators_use_every_connector: true },
        });
        let settings = HttpSettings {
            public_url: public_url.clone(),
            trusted_proxies: Vec::new(),
            limits: Limits::default(),
            federation_origin: Some(format!("http://{}", sim.address())),
            aws_clients: AwsClients::default(),
            deadline: Duration::from_secs(20),
            interactive_deadline: Duration::from_secs(20),
        };
        let administration = Administration::new(store.clone(), Arc::clone(&vault), trail.clone(), Arc::clone(&clock));
        // Nobody is kept in the store: the directories are a configuration's.
        let users = LocalUsers::new(LocalUsersParts {
            directories: Vec::new(),
            people: StoredPeople::new(store.clone(), Arc::clone(&vault)),
            trail: trail.clone(),
            clock: Arc::clone(&clock),
            hashers: Arc::new(Semaphore::new(1)),
            admin_groups: AdminGroups::default(),
            guarded_groups: BTreeSet::new(),
            in_front: BTreeSet::new(),
        });
        let operations = Operations {
            readiness: Readiness::new(store.clone(), trail.clone(), Arc::clone(&vault), sign_in.clone()),
            metrics: Metrics::begin().unwrap(),
            token: None,
            only_this_machine: true,
        };
        let device_groups = BTreeSet::from(["corp/release".to_owned().try_into().unwrap()]);
        let app = App::new(Inner {
            broker,
            clients: Clients::new(store.clone(), sign_in.clone(), trail.clone(), Arc::clone(&clock), device_groups),
            sign_in,
            trail: trail.clone(),
            store: store.clone(),
            operations,
            administration,
            users,
            inventory: inventory.clone(),
            sts,
            clock,
            settings,
        });
        let front = Listener {
            socket: listener,
            tls: None,
            open: false,
            trusted_proxies: Vec::new(),
            limits: Limits::default(),
        };
        let router = routes(app);
        // There is no other way to ask a router which paths it has.
        let said = format!("{router:?}");
        let patterns = said.split('"').filter(|text| text.starts_with('/') && !text.contains("__private__"));
        let paths = patterns.map(str::to_owned).collect();
        let server = tokio::spawn(serve(front, router, std::future::pending()));
        let http = Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        let house = Self { sim, store, public_url, address, inventory, trail, http, server, paths };
        house.furnish(&vault).await;
        house
    }

    async fn furnish(&self, vault: &Vault) {
        let id = AccessKeyId::random();
        let details: KeyDetails = serde_json::from_value(json!({
            "aws_key_id": KEY, "region": "eu-central-1", "endpoint_url": self.sim.endpoint(),
            "owner": { "account": ACCOUNT, "arn": format!("arn:aws:iam::{ACCOUNT}:user/broker") },
        }))
        .unwrap();
        let sealed = details.seal(vault, id, &SecretString::from(SECRET)).unwrap();
        let (name, managed_by) = ("main".to_owned().try_into().unwrap(), ManagedBy::Api);
        let key = AccessKey { id, name, generation: 1, managed_by, details, sealed, health: KeyHealth::default() };
        self.commit(self.store.add_access_key(&key).unwrap(), Action::AccessKeyAdded).await;
        let role = format!("arn:aws:iam::{ACCOUNT}:role/deploy");
        let rights = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}"#;
        for (name, description, group, principal) in [
            ("deploy", "Deploys to production", "release", json!({ "assume_role": { "role_arn": role } })),
            ("reports", "Reads <the> reports", "release", json!({ "federated_user": { "policy": rights } })),
            ("raw", "", "release", json!({ "session_token": {} })),
            ("treasury", "Pays salaries", "finance", json!({ "assume_role": { "role_arn": role } })),
        ] {
            let groups = [format!("corp/{group}")];
            let spec = json!({
                "description": description, "access_key": "main", "groups": groups, "principal": principal,
            });
            self.connector(name, spec).await;
        }
    }

    async fn commit(&self, change: Change, action: Action) {
        let origin = Origin { request_id: RequestId::random(), client_address: None };
        let entry = Entry::new(Actor::Daemon, action, Outcome::Success, origin);
        self.trail.commit(vec![change], Vec1::new(entry)).await.unwrap();
    }
}

impl Drop for House {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// The MFA device of the user `broker`.
pub const MFA_SERIAL: &str = "arn:aws:iam::111111111111:mfa/broker";

/// Everybody's password.
pub fn password_of(username: &str) -> String {
    format!("{username}'s pässwörd+&=%")
}

fn world() -> World {
    let all = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;
    let trust = json!({ "Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": { "AWS": ACCOUNT }, "Action": ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"],
    }] });
    World::new()
        .user(
            User::new(ACCOUNT, "broker")
                .inline_policy("all", all)
                .key(SimKey::new(KEY, SECRET))
                .mfa_device(MFA_SERIAL, &["271828", "314159"]),
        )
        .role(Role::new(ACCOUNT, "deploy", trust).inline_policy("all", all))
}

fn directories() -> Vec<Arc<dyn Directory>> {
    let person = |username: &str, display_name: &str, groups: &[&str]| {
        let password = Password::parse(SecretString::from(password_of(username))).unwrap();
        let person = json!({
            "username": username, "display_name": display_name, "groups": groups,
            "password_hash": hash_password(&password).unwrap(),
        });
        serde_json::from_value(person).unwrap()
    };
    let people = vec![
        person("ada", "Ada Lovelace", &["release"]),
        person("bob", "Bob", &[]),
        person("root", "The administrator", &["admins"]),
    ];
    let corp = LocalDirectory::new("corp".to_owned().try_into().unwrap(), people, Arc::new(Semaphore::new(2))).unwrap();
    vec![Arc::new(corp), Arc::new(Troubled("troubled".to_owned().try_into().unwrap()))]
}

/// A directory that has nothing but trouble.
#[derive(Debug)]
struct Troubled(DirectoryName);

#[async_trait]
impl Directory for Troubled {
    fn name(&self) -> &DirectoryName {
        &self.0
    }

    fn lockout(&self) -> Option<Lockout> {
        None
    }

    async fn authenticate(&self, username: &TypedName, _: &dyn Gate) -> Result<Attested, AuthenticateError> {
        match username.as_str() {
            "late" => Err(AuthenticateError::PasswordExpired),
            "lost" => {
                Err(Unavailable { directory: self.0.clone(), source: "it hangs up, says 10.1.2.3".into() }.into())
            }
            _ => Err(AuthenticateError::NoSuchUser),
        }
    }

    async fn describe(&self, _: &TypedName) -> Result<Found, Unavailable> {
        Ok(Found::Nobody)
    }

    async fn look_up(&self, _: &str) -> Result<Standing, Unavailable> {
        Ok(Standing::Gone)
    }

    async fn probe(&self) -> Result<(), Unavailable> {
        Ok(())
    }
}

fn settings() -> Settings {
    let administrators = ["corp/admins".to_owned().try_into().unwrap()].into();
    let admin_groups = AdminGroups { administrators, ..AdminGroups::default() };
    Settings {
        idle_seconds: 3_600,
        absolute_seconds: 36_000,
        recheck_seconds: 300,
        sessions_per_person: NonZeroU32::MAX,
        sign_in_within: LONGEST_SIGN_IN,
        admin_groups,
    }
}

fn registries(sim: &Sim) -> RegistrySettings {
    let endpoint = Some(sim.endpoint().parse().unwrap());
    let patience = signed::Patience { retries: 0, attempt_timeout: Duration::from_secs(10) };
    RegistrySettings { ecr_endpoint_url: endpoint, codeartifact_endpoint_url: None, patience }
}

fn patience() -> StsSettings {
    StsSettings {
        retries: 2,
        attempt_timeout: Duration::from_secs(10),
        connect_timeout: Duration::from_secs(5),
        endpoint_url: None,
    }
}

/// Straight to this machine, whatever proxy the environment of the tests names.
fn outbound() -> Outbound {
    // Whoever comes first installs it; all of them would install the same.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let url = "http://127.0.0.1:9".parse().unwrap();
    let proxy = Proxy { url, login: None, past: vec!["127.0.0.1".to_owned().try_into().unwrap()] };
    Outbound { proxy: Some(proxy), ca_pem: None }
}

const ACCOUNT: &str = "111111111111";
const KEY: &str = "AKIAIOSFODNN7EXAMPLE";
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
