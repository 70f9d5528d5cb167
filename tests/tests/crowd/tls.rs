//! Crowd behind TLS: proved by the authority that the file names, and asked past every proxy.

use tests::certificates::Authority;
use tests::crowd::Crowd;
use tests::world::{Asker, World};

use crate::{Scene, installation};

/// A Crowd with a certificate of this authority's, trusting the one in `ca.pem`.
async fn before(signer: &Authority, trusted: &Authority, name: &str) -> Scene {
    let crowd = Crowd::start().await.over_tls(&signer.sign(name)).await;
    let sim = World::prepare().await.sim;
    let directory = crowd.configured("ca_file = \"ca.pem\"").replace("plain_text_on_loopback = true\n", "");
    let installation = installation(&sim, "", &directory);
    installation.write("ca.pem", trusted.pem());
    // A proxy of the environment would be asked, if anybody went by it: nothing listens there.
    let nowhere = "http://127.0.0.1:9";
    let variables = ["HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY"].map(|name| (name, nowhere));
    let brokerd = installation.serve_with(&[&variables[..], &[("NO_PROXY", "nowhere.example")]].concat());
    Scene { crowd, brokerd, _sim: sim }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_asked_by_tls_and_past_proxies() {
    let authority = Authority::new();
    let scene = before(&authority, &authority, "127.0.0.1").await;
    Asker::at(&scene.brokerd.url()).signed_in_with("ada", "ada secret").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_prove_to_be_that_server_hears_no_password() {
    let (authority, other) = (Authority::new(), Authority::new());
    for scene in [before(&other, &authority, "127.0.0.1").await, before(&authority, &authority, "192.0.2.1").await] {
        scene.tries("ada", "ada secret").await.problem("503 directory_unavailable");
        assert_eq!(scene.crowd.asked(), Vec::<String>::new());
        assert!(scene.brokerd.log().contains("certificate"), "{}", scene.brokerd.log());
    }
}
