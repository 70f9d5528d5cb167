//! The host's own identity: its metadata never goes by a proxy, what it signs does.

use serde_json::json;
use tests::brokerd::Brokerd;
use tests::host_identity::HostIdentity;
use tests::proxy::{Options, Proxy};
use tests::wire::Tap;
use tests::world::{ACCOUNT, World};

use super::behind_tls;

const AMBIENT: &str = "
[[access_key]]
name = \"host\"
region = \"eu-central-1\"
source.ambient = {}

[[connector]]
name = \"deep\"
access_key = \"host\"
groups = [\"corp/release\"]
[connector.principal.assume_role]
role_arn = \"arn:aws:iam::111111111111:role/deploy\"
";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn metadata_is_asked_past_the_proxy_and_sts_through_it() {
    let host = HostIdentity::start();
    // The very role that is assumed, which may assume itself.
    let maker = World::open().await;
    host.becomes(&maker.person("ada").await.vended("deploy", &json!({})).await, 3_600);

    let proxy = Proxy::start(Options::default());
    let tap = Tap::before(proxy.port()).await;
    let set = format!(", proxy = {{ url = \"http://127.0.0.1:{}\" }}", tap.port());
    let (prepared, aws) = behind_tls(|_| set).await;
    let prepared = prepared.connectors(AMBIENT);
    let home = prepared.installation.path("");
    let mut variables = vec![("HOME", home.to_str().unwrap())];
    let instance = host.instance();
    variables.extend(instance.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    let brokerd: Brokerd = prepared.installation.serve_with(&variables);
    let world = World { sim: prepared.sim, brokerd };
    let answer = world.person("ada").await.vend("deep", &json!({})).await;
    // Another cloud's credentials: AWS refuses them, but it was AWS that was asked.
    assert_eq!(answer.json()["code"], "aws_refused", "{ACCOUNT}: {}\n{}", answer.text, world.brokerd.log());
    assert!(host.asked().iter().any(|asked| asked.contains("security-credentials")), "{:?}", host.asked());
    assert_eq!(super::tunnels(&tap), [aws.sts.as_str()], "and nothing of the metadata");
}
