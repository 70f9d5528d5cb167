//! What is reached without the proxy.

use tests::proxy::{Options, Proxy};
use tests::wire::Tap;
use tests::world::World;

use super::add_key;

/// By name and by address: a name is not looked up to see whether its address is among those.
const ROWS: [(&str, &str, bool); 13] = [
    ("localhost", "localhost", false),
    ("localhost", ".localhost", false),
    ("localhost", "LOCALHOST", false),
    ("localhost", "other.example,localhost", false),
    ("localhost", "*", false),
    ("localhost", "host", true),
    ("localhost", ".corp.example", true),
    ("localhost", "127.0.0.1", true),
    ("localhost", "127.0.0.0/8", true),
    ("127.0.0.1", "127.0.0.1", false),
    ("127.0.0.1", "127.0.0.0/8", false),
    ("127.0.0.1", "10.0.0.0/8,::1", true),
    ("127.0.0.1", "localhost", true),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_networks_and_a_star_go_past_the_proxy_by_either_setting() {
    let proxy = Proxy::start(Options::default());
    let tap = Tap::before(proxy.port()).await;
    let url = format!("http://127.0.0.1:{}", tap.port());
    for (host, past, through) in ROWS {
        let listed: Vec<String> = past.split(',').map(|entry| format!("\"{entry}\"")).collect();
        let set = format!("retries = 0, proxy = {{ url = \"{url}\" }}, no_proxy = [{}]", listed.join(", "));
        for (set, variables) in
            [(set.as_str(), vec![]), ("retries = 0", vec![("http_proxy", url.as_str()), ("no_proxy", past)])]
        {
            let prepared = World::prepare().await;
            let endpoint = prepared.sim.endpoint();
            let named = endpoint.replace("127.0.0.1", host);
            let prepared = prepared
                .configured(&format!("{{ endpoint_url = \"{endpoint}"), &format!("{{ endpoint_url = \"{named}"))
                .configured("retries = 2", set);
            let before = tap.heads().len();
            add_key(&prepared, &variables).succeeded();
            assert_eq!(tap.heads().len() > before, through, "{host}, past it {past}, {variables:?}");
        }
    }
}
