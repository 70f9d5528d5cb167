//! A barrier before a server: it can be shut, opened again, and made slow, while the server behind it is left alone.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::Instant;

/// Open until it is shut. Dropped, it is gone, with all that went through it.
#[derive(Debug)]
pub struct Barrier {
    address: SocketAddr,
    server: SocketAddr,
    pause: Arc<Mutex<Duration>>,
    keeper: Option<AbortHandle>,
}

impl Barrier {
    /// On a free port of its own, before a server on this port of the loopback address.
    pub async fn before(port: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut barrier =
            Self { address, server: (Ipv4Addr::LOCALHOST, port).into(), pause: Arc::default(), keeper: None };
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
        *self.pause.lock().unwrap() = pause;
    }

    fn keep(&mut self, listener: TcpListener) {
        let (server, pause) = (self.server, Arc::clone(&self.pause));
        let keeper = tokio::spawn(async move {
            let mut visits = JoinSet::new();
            while let Ok((visitor, _)) = listener.accept().await {
                visits.spawn(visit(visitor, server, Arc::clone(&pause)));
                while visits.try_join_next().is_some() {}
            }
        });
        self.keeper = Some(keeper.abort_handle());
    }
}

impl Drop for Barrier {
    fn drop(&mut self) {
        if let Some(keeper) = self.keeper.take() {
            keeper.abort();
        }
    }
}

async fn visit(visitor: TcpStream, server: SocketAddr, pause: Arc<Mutex<Duration>>) {
    let Ok(server) = TcpStream::connect(server).await else { return };
    let ((from_visitor, to_visitor), (from_server, to_server)) = (visitor.into_split(), server.into_split());
    let asked = pass(from_visitor, to_server, Arc::default());
    let answered = pass(from_server, to_visitor, pause);
    tokio::join!(asked, answered);
}

async fn pass(mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin, pause: Arc<Mutex<Duration>>) {
    let mut piece = [0; 4_096];
    while let Ok(length @ 1..) = from.read(&mut piece).await {
        let since = Instant::now();
        while since.elapsed() < *pause.lock().unwrap() {
            tokio::time::sleep(LOOK_EVERY).await;
        }
        if to.write_all(&piece[..length]).await.is_err() {
            return;
        }
    }
    let _ = to.shutdown().await;
}

const LOOK_EVERY: Duration = Duration::from_millis(10);
