//! Accepts connections and carries requests to the front desk.

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use axum::routing::any;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tower::{Service, ServiceExt};

use crate::cloud::SharedCloud;
use crate::{console, front};

/// Serves until the task is aborted; the connections go with it.
///
/// `axum::serve` would do but for one fault: a handler cannot make it hang up without an answer.
pub(crate) async fn serve(listener: TcpListener, cloud: SharedCloud) {
    let router =
        Router::new().route("/federation", any(console::federation)).fallback(front::answer).with_state(cloud.clone());
    let mut connections = JoinSet::new();
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                cloud.connections.fetch_add(1, Ordering::Relaxed);
                connections.spawn(converse(stream, Peer(peer.ip()), router.clone()));
                while connections.try_join_next().is_some() {}
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
    }
}

async fn converse(stream: TcpStream, peer: Peer, router: Router) {
    // Small answers must not wait for the peer's acknowledgement of the last one.
    if stream.set_nodelay(true).is_err() {
        return;
    }
    let service = service_fn(move |mut request: hyper::Request<Incoming>| {
        request.extensions_mut().insert(peer);
        carry(router.clone(), request.map(Body::new))
    });
    let served = http1::Builder::new().timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service).await;
    if let Err(error) = served {
        tracing::debug!(%error, "a connection ended early");
    }
}

async fn carry(mut router: Router, request: Request) -> Result<Response, HangUp> {
    let answer: Result<Response, Infallible> = match ServiceExt::<Request>::ready(&mut router).await {
        Ok(router) => router.call(request).await,
        Err(never) => match never {},
    };
    let response = match answer {
        Ok(response) => response,
        Err(never) => match never {},
    };
    if response.extensions().get::<HangUp>().is_some() { Err(HangUp) } else { Ok(response) }
}

/// Where a request came from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer(pub(crate) IpAddr);

/// Marks an answer that must not be given: the connection is closed instead.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("hung up on demand")]
pub(crate) struct HangUp;
