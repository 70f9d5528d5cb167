//! TLS that is asked for on the port for plain text.

use serde_json::json;
use tests::certificates::Authority;
use tests::world::Asker;

use crate::Config;
use crate::tested::installation;

#[tokio::test(flavor = "multi_thread")]
async fn people_sign_in_by_starttls_with_a_private_authority_and_by_that_one_alone() {
    let config = Config::new().by_starttls();
    let here = installation(&config, "");
    let steps = here.run(&["directory", "test", "corp", "--user", "ada"], "").succeeded();
    for step in ["asking for TLS (StartTLS)", "TLS 1.", "all steps are good"] {
        assert!(steps.contains(step), "no `{step}` in\n{steps}");
    }
    let brokerd = here.serve();
    let broker = Asker::at(&brokerd.url());
    let ada = broker.signed_in_with("ada", "ada Secret 1").await;
    let groups = ada.get("/v1/session").await.good()["identity"]["groups"].to_string();
    assert!(groups.contains("corp/level-3"), "{groups}");
    let wrong = json!({ "username": "ada", "password": "not hers" });
    broker.sign_in(&wrong).await.problem("401 invalid_credentials");

    let here = brokerd.stop();
    here.write("ca.pem", Authority::new().pem());
    let brokerd = here.serve();
    let right = json!({ "username": "ada", "password": "ada Secret 1" });
    Asker::at(&brokerd.url()).sign_in(&right).await.problem("503 directory_unavailable");
    assert!(brokerd.log().contains("certificate"), "{}", brokerd.log());
}
