//! A barrier before a server: it can be shut, opened again, made slow, and made to fall silent, while the server behind it is left alone.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::Instant;

use crate::brokerd::free_port;

/// Open until it is shut. Dropped, it is gone, with all that went through it.
#[derive(Debug)]
pub struct Barrier {
    address: SocketAddr,
    server: SocketAddr,
    manner: Arc<Mutex<Manner>>,
    keeper: Option<AbortHandle>,
}

/// How what the server says goes on.
#[derive(Debug)]
struct Manner {
    pause: Duration,
    /// Of each connection, in bytes.
    lets_through: usize,
    /// By the connection by which the server has said most.
    most_said: usize,
}

impl Barrier {
    /// On a free port of its own, before a server on this port of the loopback address.
    pub async fn before(port: u16) -> Self {
        Self::before_address((Ipv4Addr::LOCALHOST, port).into()).await
    }

    /// The same before a server elsewhere.
    pub async fn before_address(server: SocketAddr) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, free_port())).await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut barrier = Self { address, server, manner: Arc::default(), keeper: None };
        barrier.keep(listener);
        barrier
    }

    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Refuses connections, and ends those that there are.
    pub async fn shut(&mut self) {
        if let Some(keeper) = self.keeper.take() {
            keeper.abort();
        }
        // The port is free once the keeper has gone.
        while TcpStream::connect(self.address).await.is_ok() {
            tokio::task::yield_now().await;
        }
    }

    /// The same door as before.
    pub async fn open(&mut self) {
        let listener = TcpListener::bind(self.address).await.unwrap();
        self.keep(listener);
    }

    /// Waits so long before each piece of what the server says goes on; less, if this is said again meanwhile.
    pub fn slow(&self, pause: Duration) {
        self.manner.lock().unwrap().pause = pause;
    }

    /// Of each connection lets so many bytes of what the server says go on, and then nothing more. Nobody is told, and nothing is ended.
    pub fn fall_silent_after(&self, bytes: usize) {
        self.manner.lock().unwrap().lets_through = bytes;
    }

    /// How much the server has said by the connection by which it has said most since [`Self::forget`], in bytes.
    pub fn most_said(&self) -> usize {
        self.manner.lock().unwrap().most_said
    }

    /// Forgets what was said so far.
    pub fn forget(&self) {
        self.manner.lock().unwrap().most_said = 0;
    }

    fn keep(&mut self, listener: TcpListener) {
        let (server, manner) = (self.server, Arc::clone(&self.manner));
        let keeper = tokio::spawn(async move {
            let mut visits = JoinSet::new();
            while let Ok((visitor, _)) = listener.accept().await {
                visits.spawn(visit(visitor, server, Arc::clone(&manner)));
                while visits.try_join_next().is_some() {}
            }
        });
        self.keeper = Some(keeper.abort_handle());
    }
}

impl Default for Manner {
    fn default() -> Self {
        Self { pause: Duration::ZERO, lets_through: usize::MAX, most_said: 0 }
    }
}

impl Drop for Barrier {
    fn drop(&mut self) {
        if let Some(keeper) = self.keeper.take() {
            keeper.abort();
        }
    }
}

async fn visit(visitor: TcpStream, server: SocketAddr, manner: Arc<Mutex<Manner>>) {
    let Ok(server) = TcpStream::connect(server).await else { return };
    let ((from_visitor, to_visitor), (from_server, to_server)) = (visitor.into_split(), server.into_split());
    let asked = pass(from_visitor, to_server, Arc::default());
    let answered = pass(from_server, to_visitor, manner);
    tokio::join!(asked, answered);
}

async fn pass(mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin, manner: Arc<Mutex<Manner>>) {
    let (mut piece, mut said) = ([0; 4_096], 0);
    while let Ok(length @ 1..) = from.read(&mut piece).await {
        let since = Instant::now();
        while since.elapsed() < manner.lock().unwrap().pause {
            tokio::time::sleep(LOOK_EVERY).await;
        }
        let lets_through = {
            let mut manner = manner.lock().unwrap();
            manner.most_said = manner.most_said.max(said + length);
            manner.lets_through.saturating_sub(said).min(length)
        };
        if to.write_all(&piece[..lets_through]).await.is_err() {
            return;
        }
        if lets_through < length {
            return std::future::pending().await;
        }
        said += length;
    }
    let _ = to.shutdown().await;
}

const LOOK_EVERY: Duration = Duration::from_millis(10);
