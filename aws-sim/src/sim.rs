//! The handle to a running sim.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering::Relaxed};

use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::calls::{Call, Journal};
use crate::clock::Clock;
use crate::cloud::{Cloud, SharedCloud};
use crate::consistency::Consistency;
use crate::console::SigninTokens;
use crate::faults::Faults;
use crate::last_used::LastUsed;
use crate::s3::Objects;
use crate::server;
use crate::session::Sessions;
use crate::sts::UsedCodes;
use crate::world::{World, WorldError, WorldHandle};

/// A simulated AWS, which runs until this is dropped.
#[derive(Debug)]
pub struct Sim {
    cloud: SharedCloud,
    address: SocketAddr,
    server: JoinHandle<()>,
}

/// Why a sim does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The world makes no sense.
    #[error("the world cannot be built")]
    World(#[from] WorldError),
    /// The address is taken, or not ours.
    #[error("cannot listen")]
    Io(#[from] std::io::Error),
}

impl Sim {
    /// Builds the world and listens. Port 0 is a free port.
    pub async fn start(world: World, listen: SocketAddr) -> Result<Self, StartError> {
        let world = WorldHandle::new(world)?;
        let listener = TcpListener::bind(listen).await?;
        let address = listener.local_addr()?;
        let cloud = Arc::new(Cloud {
            objects: Objects::of(&world.now().world),
            world,
            sessions: Sessions::default(),
            signin_tokens: SigninTokens::default(),
            clock: Clock::default(),
            faults: Faults::default(),
            consistency: Consistency::default(),
            last_used: LastUsed::default(),
            used_codes: UsedCodes::default(),
            token_size: AtomicUsize::default(),
            most_seconds: AtomicU32::new(u32::MAX),
            journal: Journal::default(),
            connections: AtomicUsize::default(),
            endpoint: format!("http://{address}"),
        });
        let server = tokio::spawn(server::serve(listener, cloud.clone()));
        Ok(Self { cloud, address, server })
    }

    /// Where STS, IAM and S3 are: `http://127.0.0.1:PORT`.
    pub fn endpoint(&self) -> String {
        self.cloud.endpoint.clone()
    }

    /// Where the console's federation endpoint is: `http://127.0.0.1:PORT/federation`.
    pub fn federation_endpoint(&self) -> String {
        format!("{}/federation", self.cloud.endpoint)
    }

    /// The address that is listened on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The last hundred thousand calls, oldest first.
    pub fn calls(&self) -> Vec<Call> {
        self.cloud.journal.read()
    }

    /// How many calls of this action came, whatever came of them.
    pub fn count(&self, action: &str) -> usize {
        self.cloud.journal.count(action)
    }

    /// How many connections were ever accepted, whatever was asked on them.
    pub fn connections(&self) -> usize {
        self.cloud.connections.load(Relaxed)
    }

    /// Empties the journal.
    pub fn forget_calls(&self) {
        self.cloud.journal.forget();
    }

    /// Plants faults.
    pub fn faults(&self) -> &Faults {
        &self.cloud.faults
    }

    /// Every session token has at least so many characters from now on, as if the session carried a lot.
    pub fn lengthen_session_tokens(&self, size: usize) {
        self.cloud.token_size.store(size, Relaxed);
    }

    /// Sessions last so long at most from now on, whatever was asked: for those who wait for the end of one.
    pub fn shorten_sessions(&self, seconds: u32) {
        self.cloud.most_seconds.store(seconds, Relaxed);
    }

    /// Lets the rest of AWS be behind IAM.
    pub fn consistency(&self) -> &Consistency {
        &self.cloud.consistency
    }

    /// Turns time.
    pub fn clock(&self) -> &Clock {
        &self.cloud.clock
    }

    /// Changes the world.
    pub fn world(&self) -> WorldHandle {
        self.cloud.world.clone()
    }
}

impl Drop for Sim {
    fn drop(&mut self) {
        self.server.abort();
    }
}
