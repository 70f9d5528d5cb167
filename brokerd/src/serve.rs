//! Serves HTTP until told to stop: slow and idle clients are cut off, nobody takes everybody's room, and what is in flight is
//! finished.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::ConnectInfo;
use hyper::server::conn::http1::Builder;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulConnection, GracefulShutdown};
use hyper_util::service::TowerToHyperService;
use ipnet::IpNet;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_io_timeout::TimeoutStream;

use crate::aws;
use crate::config::Limits;
use crate::patience;
use crate::refusal::Answering;
use crate::room::Room;
use crate::tls::Tls;

/// Where requests come in, and from whom they are taken.
#[derive(Debug)]
pub struct Listener {
    pub socket: TcpListener,
    /// Without it, HTTP is plain, and beyond this machine only a trusted proxy is spoken to.
    pub tls: Option<Tls>,
    /// Whether plain HTTP is spoken with whoever comes: what is asked here has a guard of its own.
    pub open: bool,
    /// Reverse proxies: each speaks for many, so none has a share of its own to keep to.
    pub trusted_proxies: Vec<IpNet>,
    pub limits: Limits,
}

/// Answers requests on `listener` until `stop` resolves, then finishes what is in flight, within a limit.
pub async fn serve(listener: Listener, router: Router, stop: impl Future<Output = ()>) {
    let front = Arc::new(Front::of(&listener, router));
    let graceful = GracefulShutdown::new();
    let room = Room::new(listener.limits.connections, listener.limits.connections_per_address);
    let (stopping, stopped) = watch::channel(());
    let mut stop = std::pin::pin!(stop);
    loop {
        // Whoever finds no room waits in the kernel's queue, not in our memory.
        let accepted = async { (room.place().await, listener.socket.accept().await) };
        let (place, accepted) = tokio::select! {
            () = &mut stop => break,
            accepted = accepted => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                let address = peer.ip().to_canonical();
                if !front.admits(address) {
                    front.tell_of_stranger(address);
                    continue;
                }
                let share = if front.is_proxy(address) { None } else { Some(room.share(address)) };
                // Whoever has a full share finds the connection closed: an answer would cost what is short.
                if matches!(share, Some(None)) {
                    tracing::debug!(client.address = %address, "an address has all the connections that it may have");
                    continue;
                }
                let (front, watcher, mut stopped) = (Arc::clone(&front), graceful.watcher(), stopped.clone());
                tokio::spawn(async move {
                    let _held = (place, share);
                    let begun = tokio::select! {
                        begun = front.begin(stream) => begun,
                        // Nothing has been asked yet, so nothing is owed.
                        _ = stopped.changed() => None,
                    };
                    let ended = match begun {
                        Some(Begun::Plain(stream)) => watcher.watch(front.connection(stream, peer)).await,
                        Some(Begun::Tls(stream)) => watcher.watch(front.connection(stream, peer)).await,
                        None => Ok(()),
                    };
                    // Whoever breaks off, says nothing for long or talks nonsense is no concern of ours, unless somebody looks for it.
                    if let Err(error) = ended {
                        let cause = std::error::Error::source(&error).map(ToString::to_string);
                        tracing::debug!(client.address = %address, %error, cause, "a connection breaks off");
                    }
                });
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept connections");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
    drop((listener.socket, stopping));
    if tokio::time::timeout(patience::END, graceful.shutdown()).await.is_err() {
        tracing::warn!("some requests did not end in time and are cut off");
    }
}

/// What all connections of a listener have in common.
#[derive(Debug)]
struct Front {
    router: Router,
    server: Builder,
    tls: Option<Tls>,
    trusted_proxies: Vec<IpNet>,
    /// Plain HTTP goes no further than to a proxy.
    only_near: bool,
    told_at: Mutex<Option<Instant>>,
    limits: Limits,
}

/// A connection whose client has said something.
enum Begun {
    Plain(Guarded),
    Tls(Box<tokio_rustls::server::TlsStream<Guarded>>),
}

/// Whoever does not take what is sent to them is cut off.
type Guarded = std::pin::Pin<Box<TimeoutStream<TcpStream>>>;

impl Front {
    fn of(listener: &Listener, router: Router) -> Self {
        // HTTP/1 alone: hyper has no limit on the time of an HTTP/2 connection's headers nor on how long it idles.
        let mut server = Builder::new();
        server
            .timer(TokioTimer::new())
            .header_read_timeout(listener.limits.head)
            .max_headers(MAX_HEADERS)
            .max_header_size(MAX_HEAD)
            // Of more than one head it holds no more than this either.
            .max_buf_size(MAX_HEAD);
        let loopback = listener.socket.local_addr().is_ok_and(|address| address.ip().is_loopback());
        Self {
            router,
            server,
            only_near: listener.tls.is_none() && !loopback && !listener.open,
            tls: listener.tls.clone(),
            trusted_proxies: listener.trusted_proxies.clone(),
            told_at: Mutex::default(),
            limits: listener.limits,
        }
    }

    fn admits(&self, address: IpAddr) -> bool {
        !self.only_near || address.is_loopback() || self.is_proxy(address)
    }

    /// Once a minute: whoever knocks more often shall not fill the log.
    fn tell_of_stranger(&self, address: IpAddr) {
        let mut told_at = self.told_at.lock().unwrap_or_else(PoisonError::into_inner);
        if told_at.is_none_or(|at| at.elapsed() >= TELL_EVERY) {
            *told_at = Some(Instant::now());
            tracing::warn!(client.address = %address, "somebody who is no trusted proxy speaks plain HTTP to us and is cut off");
        }
    }

    fn is_proxy(&self, address: IpAddr) -> bool {
        self.trusted_proxies.iter().any(|network| network.contains(&address))
    }

    /// Whoever connects and says nothing loses the place to somebody who does.
    async fn begin(&self, stream: TcpStream) -> Option<Begun> {
        let _ = stream.set_nodelay(true);
        let speaking = async {
            stream.readable().await.ok()?;
            let mut guarded = TimeoutStream::new(stream);
            guarded.set_write_timeout(Some(TAKEN_WITHIN));
            let guarded = Box::pin(guarded);
            match &self.tls {
                None => Some(Begun::Plain(guarded)),
                Some(tls) => match tls.acceptor().accept(guarded).await {
                    Ok(stream) => Some(Begun::Tls(Box::new(stream))),
                    Err(error) => {
                        tracing::debug!(%error, "no TLS connection comes about");
                        None
                    }
                },
            }
        };
        tokio::time::timeout(self.limits.head, speaking).await.ok().flatten()
    }

    fn connection<S>(&self, stream: S, peer: SocketAddr) -> impl GracefulConnection<Error = hyper::Error> + use<S>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let router = self.router.clone();
        let service = tower::service_fn(move |mut request: http::Request<hyper::body::Incoming>| {
            request.extensions_mut().insert(ConnectInfo(peer));
            if let Some(meant) = aws::meant(request.uri()) {
                *request.uri_mut() = meant;
            }
            tower::ServiceExt::oneshot(router.clone(), request)
        });
        let stream = Answering::new(stream, self.router.clone(), peer);
        self.server.serve_connection(TokioIo::new(stream), TowerToHyperService::new(service))
    }
}

/// [`crate::refusal`] tells both. Up to so many hyper asks for no memory of their own.
const MAX_HEADERS: usize = 100;
const MAX_HEAD: usize = 64 * 1024;
/// How long a client may leave what it is sent lying.
const TAKEN_WITHIN: Duration = Duration::from_secs(20);
const TELL_EVERY: Duration = Duration::from_mins(1);

#[cfg(test)]
mod tests {
    use super::*;

    /// Whom a listener at this address speaks to, of this machine, a trusted proxy, and anybody else.
    async fn admitted(address: &str, open: bool) -> [bool; 3] {
        let socket = TcpListener::bind(address).await.unwrap();
        let limits = Limits::default();
        let proxies = vec!["192.0.2.0/24".parse().unwrap()];
        let listener = Listener { socket, tls: None, open, trusted_proxies: proxies, limits };
        let front = Front::of(&listener, Router::new());
        ["127.0.0.1", "192.0.2.7", "203.0.113.9"].map(|peer| front.admits(peer.parse().unwrap()))
    }

    #[tokio::test]
    async fn plain_http_goes_no_further_than_to_a_trusted_proxy() {
        assert_eq!(admitted("0.0.0.0:0", false).await, [true, true, false]);
        assert_eq!(admitted("127.0.0.1:0", false).await, [true, true, true], "nobody else gets there");
        assert_eq!(admitted("0.0.0.0:0", true).await, [true, true, true], "what is asked has a guard of its own");
    }
}
