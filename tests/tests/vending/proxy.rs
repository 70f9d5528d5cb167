//! The way out: through the proxy that the configuration or the environment names, and past it where that is said.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;
use tests::world::World;
use tokio::net::{TcpListener, TcpStream};

/// A proxy that passes everything on to one place, and counts who comes.
struct Proxy {
    url: String,
    came: Arc<AtomicUsize>,
}

impl Proxy {
    async fn before(world: std::net::SocketAddr) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let came = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&came);
        tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                counter.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(async move {
                    let mut server = TcpStream::connect(world).await.unwrap();
                    let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
                });
            }
        });
        Self { url, came }
    }

    fn came(&self) -> usize {
        self.came.load(Ordering::SeqCst)
    }
}

async fn vend_and_link(world: &World) {
    let ada = world.person("ada").await;
    ada.vended("deploy", &json!({})).await;
    ada.post("/v1/connectors/deploy/console-url", &json!({})).await.good();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sts_and_the_console_are_asked_through_the_configured_proxy() {
    let prepared = World::prepare().await;
    let proxy = Proxy::before(prepared.sim.address()).await;
    let set = format!("retries = 2, proxy = {{ url = \"{}\" }}", proxy.url);
    let world = prepared.configured("retries = 2", &set).serve();
    vend_and_link(&world).await;
    assert!(proxy.came() >= 2, "the SDK's pool and the federation endpoint's client: {}", proxy.came());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_no_proxy_names_is_asked_directly() {
    let prepared = World::prepare().await;
    let proxy = Proxy::before(prepared.sim.address()).await;
    let set = format!("retries = 2, proxy = {{ url = \"{}\" }}, no_proxy = [\"127.0.0.1\"]", proxy.url);
    let world = prepared.configured("retries = 2", &set).serve();
    vend_and_link(&world).await;
    assert_eq!(proxy.came(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_environments_proxy_counts_where_the_configuration_is_silent() {
    for (no_proxy, through) in [("", true), ("127.0.0.1", false)] {
        let prepared = World::prepare().await;
        let proxy = Proxy::before(prepared.sim.address()).await;
        let variables =
            [("HTTP_PROXY", proxy.url.as_str()), ("http_proxy", proxy.url.as_str()), ("NO_PROXY", no_proxy)];
        let world = World { sim: prepared.sim, brokerd: prepared.installation.serve_with(&variables) };
        vend_and_link(&world).await;
        assert_eq!(proxy.came() >= 2, through, "NO_PROXY={no_proxy}: {}", proxy.came());
    }
}
