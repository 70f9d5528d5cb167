//! Builds the daemon from its configuration, keeps its background work going, and serves until it is told to stop.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow};
use broker_core::administration::{Administration, ApplyError};
use broker_core::catalog;
use broker_core::clock::SystemClock;
use broker_core::console::Federation;
use broker_core::inventory::Inventory;
use broker_core::oauth::Clients;
use broker_core::permission::Administrator;
use broker_core::registry::Registries;
use broker_core::second_factor::RelyingParty;
use broker_core::sign_in::{Beside, LONGEST_SIGN_IN, SecondFactors, Settings, SignIn};
use broker_core::store::OpenError;
use broker_core::sts::{AwsSts, MeasuredSts, Sts};
use broker_core::vend::{Broker, Parts};
use broker_core::workload::Workloads;
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use crate::app::{App, HttpSettings, Inner, Operations, PublicUrl};
use crate::config::Config;
use crate::house::{House, report_unanchored};
use crate::metrics::Metrics;
use crate::operations;
use crate::past;
use crate::patience;
use crate::people::{People, Weights};
use crate::readiness::Readiness;
use crate::routes::routes;
use crate::serve::{Listener, serve};
use crate::supervisor;
use crate::tls::Tls;

/// A daemon that is ready to serve.
#[derive(Debug)]
pub struct Daemon {
    app: App,
    house: House,
    connectors: Connectors,
    tls: Option<Tls>,
    background: tokio::task::JoinSet<()>,
    /// Keeps a second daemon off the same SQLite file.
    _lock: broker_core::store::DaemonLock,
    /// Where operators ask, when they have a listener of their own.
    operations: Option<TcpListener>,
}

/// The connectors file, and what it is read with.
#[derive(Debug)]
struct Connectors {
    file: Option<PathBuf>,
    config: Arc<Config>,
    administration: Administration,
    inventory: Inventory,
}

impl Daemon {
    /// Opens everything and applies the connectors file. Asks neither AWS nor a directory, so that it starts without them.
    pub async fn build(mut config: Config) -> anyhow::Result<Self> {
        let tls = config.listen.tls.take().map(|files| Tls::open(files, Arc::new(SystemClock)));
        let tls = tls.transpose().context("cannot serve TLS")?;
        let operations_socket = match config.operations.address {
            Some(at) => {
                Some(TcpListener::bind(at).await.with_context(|| format!("cannot listen on {at} for operators (operations.address): end what listens there, or take another address or port"))?)
            }
            None => None,
        };
        let lock = config.store.lock_for_daemon()?;
        let house = House::open(&mut config).await?;
        usable(&house, &config).await?;
        house.store.warm().await;
        let inventory = Inventory::open(house.store.clone()).await?;
        let people = People::open(std::mem::take(&mut config.directories), Weights::of(&config), &house)?;
        people.read().await?;
        let sign_in = sign_in(&house, &mut config, &people)?;
        let (pool, aws) = (config.aws.outbound.pool()?, &config.aws);
        let sts = AwsSts::new(pool.clone(), aws.sts.clone(), Arc::clone(&house.clock));
        let sts: Arc<dyn Sts> = Arc::new(MeasuredSts(sts));
        let public_url = PublicUrl::parse(config.public_url.as_str())?;
        let issuer = config.public_url.clone();
        let federation = Federation::new(pool, aws.sts.clone(), aws.federation_url.clone(), issuer);
        let registries = Registries::new(aws.outbound.clone(), aws.registries.clone(), Arc::clone(&house.clock));
        let broker = Broker::new(Parts {
            inventory: inventory.clone(),
            sign_in: sign_in.clone(),
            vault: Arc::clone(&house.vault),
            sts: Arc::clone(&sts),
            federation,
            registries,
            trail: house.trail.clone(),
            clock: Arc::clone(&house.clock),
            rules: config.rules,
        });
        let administration = Administration::new(
            house.store.clone(),
            Arc::clone(&house.vault),
            house.trail.clone(),
            Arc::clone(&house.clock),
        );
        past::look_back(&house, &administration).await;
        let mut background = tokio::task::JoinSet::new();
        background.spawn(past::anchor(house.clone(), administration.clone()));
        if let Some(days) = config.audit.retention_days {
            background.spawn(past::retain(house.clone(), administration.clone(), days));
        }
        background.spawn(inventory.clone().follow());
        background.spawn(people.stored.roster.clone().follow());
        background.spawn(administration.clone().prove_unproved(inventory.clone(), Arc::clone(&sts)));
        let clients = Clients::new(
            house.store.clone(),
            sign_in.clone(),
            house.trail.clone(),
            Arc::clone(&house.clock),
            config.aws_clients.device_groups.clone(),
        );
        background.spawn(sweep(sign_in.clone(), clients.clone()));
        background.spawn(follow(tls.clone()));
        background.spawn(broker.clone().keep_ahead());
        let metrics = Metrics::begin()?;
        background.spawn(metrics.clone().keep_up());
        let (store, trail, vault) = (house.store.clone(), house.trail.clone(), Arc::clone(&house.vault));
        let operations = Operations {
            readiness: Readiness::new(store, trail, vault, sign_in.clone()),
            metrics,
            only_this_machine: config.listen.address.ip().is_loopback()
                && config.listen.trusted_proxies.is_empty()
                && !public_url.is_https(),
            token: config.operations.token.take(),
        };
        let app = App::new(Inner {
            broker,
            sign_in,
            clients,
            trail: house.trail.clone(),
            store: house.store.clone(),
            administration: administration.clone(),
            users: people.users,
            inventory: inventory.clone(),
            sts,
            clock: Arc::clone(&house.clock),
            operations,
            settings: http_settings(&config, public_url),
        });
        let file = config.connectors_file.clone();
        let connectors = Connectors { file, config: Arc::new(config), administration, inventory };
        match connectors.apply().await {
            // What was in service stays in service; somebody must look at the file.
            Err(error) if matches!(error.downcast_ref(), Some(ApplyError::RemovesMost)) => tell_not_applied(&error),
            outcome => outcome?,
        }
        Ok(Self { app, house, connectors, tls, background, operations: operations_socket, _lock: lock })
    }

    /// What subcommands would stand on, for those who run the daemon in their own process.
    pub fn house(&self) -> &House {
        &self.house
    }

    /// Administrative changes, as subcommands make them.
    pub fn administration(&self) -> &Administration {
        &self.connectors.administration
    }

    /// Serves until `stop` resolves, then finishes what is in flight and writes out the trail. Each message on `reload` asks
    /// to read the connectors file again, and the certificate.
    pub async fn run(mut self, socket: TcpListener, mut reload: mpsc::Receiver<()>, stop: impl Future<Output = ()>) {
        let (connectors, certificate) = (self.connectors, self.tls.clone());
        self.background.spawn(async move {
            while reload.recv().await.is_some() {
                supervisor::reloading();
                if let Some(certificate) = &certificate {
                    certificate.read_again().await;
                }
                match connectors.apply().await {
                    Ok(()) => tracing::info!("the connectors file has been read again"),
                    Err(error) => tell_not_applied(&error),
                }
                supervisor::ready();
            }
        });
        let settings = &self.app.settings;
        let (trusted_proxies, limits) = (settings.trusted_proxies.clone(), settings.limits);
        if let Some(socket) = self.operations {
            // On this machine nobody listens in; beyond it the configuration has made sure that there is a certificate.
            let here = socket.local_addr().is_ok_and(|at| at.ip().is_loopback());
            let tls = self.tls.clone().filter(|_| !here);
            let listener = Listener { socket, tls, open: true, trusted_proxies: Vec::new(), limits };
            self.background.spawn(serve(listener, operations::own(self.app.clone()), std::future::pending()));
        }
        serve(Listener { socket, tls: self.tls, open: false, trusted_proxies, limits }, routes(self.app), stop).await;
        let mut left = "background work";
        let closing = async {
            self.background.shutdown().await;
            left = "the trail's last records and their anchors";
            self.house.trail.close().await;
            left = "the trail's last anchors";
            if let Err(error) = self.house.anchoring.sweep().await {
                report_unanchored(&error);
            }
            left = "the store";
            self.house.close().await;
        };
        if tokio::time::timeout(patience::CLOSING, closing).await.is_err() {
            tracing::error!(left, "the daemon does not come to its end in time and leaves this as it is");
        }
    }
}

impl Connectors {
    /// Makes the store say what the file says. A plan that would remove all or most is refused: `brokerd apply` asks first.
    async fn apply(&self) -> anyhow::Result<()> {
        let Some(file) = &self.file else { return Ok(()) };
        let keys = self.inventory.store().all_access_keys().await?;
        let config = Arc::clone(&self.config);
        let path = file.clone();
        // Up to a hundred megabytes of TOML: not on a thread that answers requests.
        let read = tokio::task::spawn_blocking(move || catalog::read(&path, &config.catalog_context(Some(&keys))));
        let catalog = read.await?.map_err(|errors| listed(file, &errors))?;
        for warning in &catalog.warnings {
            tracing::warn!(%warning, "the connectors file is taken, but may not be what is meant");
        }
        self.administration.apply_unattended(&catalog, &Administrator::of_the_daemon()).await?;
        self.inventory.refresh().await.context("cannot read what has been applied")
    }
}

/// Whether there can be records, and nobody else reads them.
async fn usable(house: &House, config: &Config) -> Result<(), OpenError> {
    // A daemon that could record nothing would vend nothing: better told now than to the first who asks.
    house.store.probe().await.map_err(|error| config.store.failed(error))?;
    for file in house.store.readable_by_others() {
        tracing::warn!(file = %file.display(), "others may read the store's file, and with it names, addresses and the whole trail: let it have mode 0600");
    }
    Ok(())
}

fn tell_not_applied(error: &anyhow::Error) {
    tracing::error!(error = format!("{error:#}"), "the connectors file is not applied; what was in service stays");
}

fn listed(file: &Path, errors: &[impl ToString]) -> anyhow::Error {
    let lines: Vec<String> = errors.iter().map(ToString::to_string).collect();
    anyhow!("{} cannot be used:\n{}", file.display(), lines.join("\n"))
}

fn http_settings(config: &Config, public_url: PublicUrl) -> HttpSettings {
    HttpSettings {
        public_url,
        trusted_proxies: config.listen.trusted_proxies.clone(),
        limits: config.limits,
        federation_origin: config.aws.federation_url.as_ref().map(|url| url.origin().ascii_serialization()),
        aws_clients: config.aws_clients.clone(),
        deadline: config.aws.deadline,
        interactive_deadline: config.aws.interactive_deadline,
    }
}

/// Those whom the configuration's directories know.
fn sign_in(house: &House, config: &mut Config, people: &People) -> anyhow::Result<SignIn> {
    let issuers = std::mem::take(&mut config.workload_issuers);
    let issuer = config.public_url.host_str().unwrap_or("brokerd");
    let second_factors = SecondFactors::new(Arc::clone(&house.vault), config.second_factor_groups.clone(), issuer);
    let second_factors = match RelyingParty::of(&config.public_url, issuer) {
        Ok(site) => second_factors.with_passkeys(site),
        Err(error) => {
            tracing::info!(%error, "passkeys are off: they need a public URL whose host is a name");
            second_factors
        }
    };
    Ok(SignIn::with(
        house.store.clone(),
        people.directories.clone(),
        house.trail.clone(),
        Arc::clone(&house.clock),
        Settings {
            idle_seconds: seconds(config.sessions.idle),
            absolute_seconds: seconds(config.sessions.absolute),
            recheck_seconds: seconds(config.sessions.recheck),
            sessions_per_person: config.sessions.max_per_person,
            sign_in_within: LONGEST_SIGN_IN,
            admin_groups: config.admin_groups.clone(),
        },
        Beside { workloads: Workloads::new(issuers, &config.aws.outbound, Arc::clone(&house.clock))?, second_factors },
    ))
}

async fn follow(tls: Option<Tls>) {
    if let Some(tls) = tls {
        tls.follow().await;
    }
}

async fn sweep(sign_in: SignIn, clients: Clients) {
    loop {
        tokio::time::sleep(SWEEP_EVERY).await;
        for swept in [sign_in.sweep().await, clients.sweep().await] {
            if let Err(error) = swept {
                tracing::warn!(%error, "cannot sweep what is over");
            }
        }
    }
}

/// Bounded by the configuration, far below what the type holds.
fn seconds(duration: Duration) -> u32 {
    u32::try_from(duration.as_secs()).unwrap_or(u32::MAX)
}

const SWEEP_EVERY: Duration = Duration::from_mins(10);
