//! A server on loopback that hands credentials to the programs here that know its token, and fetches new ones as the old ones end.

mod answer;
mod entrance;
mod machine;

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::{Request, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use self::answer::Answer;
use self::entrance::{Entrance, Way};
pub(crate) use self::machine::Machine;
use crate::clock;
use crate::failure::Failure;
use crate::lending::Wanted;
use crate::lent::{Kept, Lent};
use crate::name::ConnectorName;
use crate::renewal;
use crate::site::Site;

/// Who may have what.
#[derive(Debug)]
pub(crate) struct Agent {
    site: Site,
    offer: Offer,
    /// For whom it plays a machine of EC2's.
    machine: Option<Machine>,
    /// Where nothing is kept on the disk: the last credentials, and for whom they were lent.
    last: Mutex<HashMap<ConnectorName, Slot>>,
}

/// Which connectors' credentials are to be had.
#[derive(Debug)]
pub(crate) enum Offer {
    One(Wanted),
    /// All that one may use.
    Any {
        no_cache: bool,
    },
}

/// What was lent for one connector at last, and to whom. Its lock is held while the broker is asked for that one, and for no other.
type Slot = Arc<tokio::sync::Mutex<Option<(String, Kept)>>>;

/// A listening agent.
#[derive(Debug)]
pub(crate) struct Listening {
    listener: TcpListener,
    entrance: Entrance,
    port: u16,
}

impl Listening {
    /// Takes a port of 127.0.0.1, any if none is named, and makes a token.
    pub(crate) async fn on(port: Option<u16>) -> Result<Self, Failure> {
        let wrong = |error: &std::io::Error| {
            let which = port.map_or("a port".to_owned(), |port| format!("port {port}"));
            Failure::mend(format!("cannot listen on {which} of 127.0.0.1: {error}"), "name another port")
        };
        let listener =
            TcpListener::bind((Ipv4Addr::LOCALHOST, port.unwrap_or(0))).await.map_err(|error| wrong(&error))?;
        let port = listener.local_addr().map_err(|error| wrong(&error))?.port();
        Ok(Self { listener, entrance: Entrance::new(port)?, port })
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn token(&self) -> &str {
        self.entrance.token()
    }

    /// Where a connector's credentials are.
    pub(crate) fn address_of(&self, connector: &ConnectorName) -> String {
        format!("http://127.0.0.1:{}/{}/{connector}", self.port, entrance::CREDENTIALS)
    }

    /// Answers until it is dropped.
    pub(crate) async fn serve(self, agent: Agent) -> Infallible {
        let (agent, entrance) = (Arc::new(agent), Arc::new(self.entrance));
        let room = Arc::new(Semaphore::new(CONNECTIONS));
        loop {
            let Ok(place) = Arc::clone(&room).acquire_owned().await else { continue };
            let Ok((stream, _)) = self.listener.accept().await else {
                // No file is left to open, as a rule: it passes.
                tokio::time::sleep(PAUSE).await;
                continue;
            };
            let (agent, entrance) = (Arc::clone(&agent), Arc::clone(&entrance));
            tokio::spawn(async move {
                let _ = tokio::time::timeout(WHOLE, converse(stream, agent, entrance)).await;
                drop(place);
            });
        }
    }
}

async fn converse(stream: TcpStream, agent: Arc<Agent>, entrance: Arc<Entrance>) {
    let service = service_fn(|request: Request<Incoming>| {
        let (agent, entrance) = (Arc::clone(&agent), Arc::clone(&entrance));
        async move { Ok::<_, Infallible>(agent.answer(&entrance, &request.into_parts().0).await.into_response()) }
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(LARGEST_HEAD)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service);
    // Whoever hangs up has what they wanted.
    let _ = served.await;
}

impl Agent {
    pub(crate) fn new(site: Site, offer: Offer, machine: Option<Machine>) -> Self {
        Self { site, offer, machine, last: Mutex::default() }
    }

    async fn answer(&self, entrance: &Entrance, head: &http::request::Parts) -> Answer {
        let way = match entrance.admit(head, self.machine.as_ref()) {
            Ok(way) => way,
            Err(refusal) => return refusal,
        };
        match way {
            Way::Credentials(name) => match self.lend(name).await {
                Ok(lent) => Answer::credentials(&lent),
                Err(answer) => answer,
            },
            Way::MachineToken { seconds, token } => Answer::machine_token(seconds, &token),
            Way::MachineRole(name) => Answer::text(&name),
            Way::MachineCredentials(name) => match self.lend(name).await {
                Ok(lent) => Answer::machine_credentials(&lent, clock::now()),
                Err(answer) => answer,
            },
        }
    }

    async fn lend(&self, name: ConnectorName) -> Result<Lent, Answer> {
        let wanted = match &self.offer {
            Offer::Any { no_cache } => Wanted::plain(name, *no_cache),
            Offer::One(wanted) if wanted.connector == name => wanted.clone(),
            Offer::One(_) => {
                return Err(Answer::refusal(
                    StatusCode::NOT_FOUND,
                    "not_found",
                    "this server lends for another connector",
                ));
            }
        };
        self.lend_wanted(&wanted).await.map_err(|failure| Answer::failure(&failure))
    }

    /// Where the disk keeps nothing, memory does. Whoever signed out since gets nothing, here as well.
    pub(crate) fn site(&self) -> &Site {
        &self.site
    }

    pub(crate) async fn lend_wanted(&self, wanted: &Wanted) -> Result<Lent, Failure> {
        if !wanted.no_cache {
            return wanted.lend(&self.site).await;
        }
        let about = format!("{} {}", renewal::holder(&self.site).await?.key(), wanted.connector);
        let slot = self.slot(&wanted.connector);
        // Whoever asks for the same one waits; who waits too long asks as well.
        let Ok(mut last) = tokio::time::timeout(PATIENCE, slot.lock()).await else {
            return wanted.lend(&self.site).await;
        };
        if let Some((known, kept)) = &*last
            && *known == about
            && kept.is_good(clock::now())
        {
            return Ok(kept.lent.clone());
        }
        let lent = wanted.lend(&self.site).await.inspect_err(|failure| {
            // Nor does whoever the broker takes no more.
            if failure.code() == "unauthenticated" {
                self.last.lock().unwrap_or_else(PoisonError::into_inner).clear();
            }
        })?;
        *last = Some((about, Kept::since(lent.clone(), clock::now())));
        Ok(lent)
    }

    /// The place of a connector's credentials in memory. Those that hold none, and that nobody waits for, go.
    fn slot(&self, connector: &ConnectorName) -> Slot {
        let mut slots = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        slots.retain(|name, slot| {
            name == connector || Arc::strong_count(slot) > 1 || slot.try_lock().is_ok_and(|last| last.is_some())
        });
        Arc::clone(slots.entry(connector.clone()).or_default())
    }
}

/// More programs than any developer runs at once.
const CONNECTIONS: usize = 64;
const PAUSE: Duration = Duration::from_millis(200);
const HEAD: Duration = Duration::from_secs(5);
/// Longer than a broker takes that answers at all.
const PATIENCE: Duration = Duration::from_secs(5);
/// Longer than the broker takes.
const WHOLE: Duration = Duration::from_secs(90);
/// hyper takes no less than 8 KiB.
const LARGEST_HEAD: usize = 16 * 1024;
