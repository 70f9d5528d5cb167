//! Serves HTTP until told to stop: slow and idle clients are cut off, and what is in flight is finished.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use hyper::server::conn::http1::Builder;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulConnection, GracefulShutdown};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use crate::app::App;
use crate::routes::routes;

/// Answers requests on `listener` until `stop` resolves, then finishes what is in flight, within a limit.
pub async fn serve(listener: TcpListener, app: App, stop: impl Future<Output = ()>) {
    let router = routes(app);
    let server = server();
    let graceful = GracefulShutdown::new();
    let room = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let mut stop = std::pin::pin!(stop);
    loop {
        // Whoever finds no room waits in the kernel's queue, not in our memory.
        let accepted = async {
            let place = Arc::clone(&room).acquire_owned().await.ok()?;
            Some((listener.accept().await, place))
        };
        let (accepted, place) = tokio::select! {
            () = &mut stop => break,
            accepted = accepted => match accepted {
                Some(accepted) => accepted,
                None => break,
            },
        };
        match accepted {
            Ok((stream, peer)) => {
                let _ = stream.set_nodelay(true);
                let (server, router, watcher) = (server.clone(), router.clone(), graceful.watcher());
                tokio::spawn(async move {
                    // Whoever connects and says nothing loses the place to somebody who does.
                    if matches!(tokio::time::timeout(HEADERS_WITHIN, stream.readable()).await, Ok(Ok(()))) {
                        // A client that breaks off or talks nonsense is no concern of the log.
                        let _ = watcher.watch(connection(&server, stream, peer, router)).await;
                    }
                    drop(place);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept connections");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
    drop(listener);
    if tokio::time::timeout(FINISH_WITHIN, graceful.shutdown()).await.is_err() {
        tracing::warn!("some requests did not end in time and are cut off");
    }
}

/// HTTP/1 alone: without TLS nobody speaks HTTP/2, and its connections have no time limit of their own.
fn server() -> Builder {
    let mut server = Builder::new();
    server.timer(TokioTimer::new()).header_read_timeout(HEADERS_WITHIN).max_headers(MAX_HEADERS).max_buf_size(MAX_HEAD);
    server
}

fn connection(
    server: &Builder,
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
) -> impl GracefulConnection<Error = hyper::Error> + use<> {
    let service = tower::service_fn(move |mut request: http::Request<hyper::body::Incoming>| {
        request.extensions_mut().insert(ConnectInfo(peer));
        tower::ServiceExt::oneshot(router.clone(), request)
    });
    server.serve_connection(TokioIo::new(stream), TowerToHyperService::new(service))
}

const MAX_CONNECTIONS: usize = 4_096;
const HEADERS_WITHIN: Duration = Duration::from_secs(10);
const MAX_HEADERS: usize = 100;
const MAX_HEAD: usize = 64 * 1024;
const FINISH_WITHIN: Duration = Duration::from_secs(65);
