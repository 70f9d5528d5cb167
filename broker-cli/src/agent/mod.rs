//! A server on loopback that hands credentials to the programs here that know its token.

mod answer;
mod entrance;
mod lender;
mod machine;

use std::convert::Infallible;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use self::answer::Answer;
use self::entrance::{Entrance, Way};
pub(crate) use self::lender::{Lender, Offer};
use self::machine::Machine;
use crate::clock;
use crate::failure::Failure;
use crate::name::ConnectorName;

/// Serves at all of these addresses, and fetches ahead, until it is dropped.
pub(crate) async fn serve(all: Vec<Listening>, lender: Lender) -> Infallible {
    let mut serving = JoinSet::new();
    for listening in all {
        serving.spawn(listening.serve(lender.clone()));
    }
    lender.keep_ahead().await
}

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
        format!("{}/{}/{connector}", self.address(), entrance::CREDENTIALS)
    }

    /// The same, that plays a machine of EC2's as well, with this connector's credentials.
    pub(crate) fn playing(mut self, connector: ConnectorName) -> Result<Self, Failure> {
        self.entrance.machine = Some(Machine::playing(connector)?);
        Ok(self)
    }

    /// Where it answers.
    pub(crate) fn address(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    async fn serve(self, lender: Lender) {
        let entrance = Arc::new(self.entrance);
        let room = Arc::new(Semaphore::new(CONNECTIONS));
        loop {
            let Ok(place) = Arc::clone(&room).acquire_owned().await else { continue };
            let Ok((stream, _)) = self.listener.accept().await else {
                // No file is left to open, as a rule: it passes.
                tokio::time::sleep(PAUSE).await;
                continue;
            };
            let (lender, entrance) = (lender.clone(), Arc::clone(&entrance));
            tokio::spawn(async move {
                let _ = tokio::time::timeout(WHOLE, converse(stream, lender, entrance)).await;
                drop(place);
            });
        }
    }
}

async fn converse(stream: TcpStream, lender: Lender, entrance: Arc<Entrance>) {
    let service = service_fn(|request: Request<Incoming>| {
        let (lender, entrance) = (lender.clone(), Arc::clone(&entrance));
        async move { Ok::<_, Infallible>(answer(&lender, &entrance, &request.into_parts().0).await.into_response()) }
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

async fn answer(lender: &Lender, entrance: &Entrance, head: &http::request::Parts) -> Answer {
    let way = match entrance.admit(head) {
        Ok(way) => way,
        Err(refusal) => return refusal,
    };
    match way {
        Way::Credentials(name) => match lender.lend_of(name).await {
            Ok(lent) => Answer::credentials(&lent),
            Err(failure) => Answer::not_lent(&failure),
        },
        Way::MachineToken { seconds, token } => Answer::machine_token(seconds, &token),
        Way::MachineRole(name) => Answer::text(&name),
        Way::MachineCredentials(name) => match lender.lend_of(name).await {
            Ok(lent) => Answer::machine_credentials(&lent, clock::now()),
            Err(failure) => Answer::not_lent(&failure),
        },
    }
}

/// More programs than any developer runs at once.
const CONNECTIONS: usize = 64;
const PAUSE: Duration = Duration::from_millis(200);
const HEAD: Duration = Duration::from_secs(5);
/// Longer than the broker takes.
const WHOLE: Duration = Duration::from_secs(90);
/// hyper takes no less than 8 KiB.
const LARGEST_HEAD: usize = 16 * 1024;
