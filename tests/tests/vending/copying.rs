//! `aws s3 cp` and `aws s3 presign`, as people use them, with what was vended: they sign no payload.

use serde_json::{Value, json};
use tests::python::Client;
use tests::world::{Answer, Asker, World};

#[tokio::test(flavor = "multi_thread")]
async fn the_aws_cli_copies_what_the_session_policy_lets_it() {
    let world = World::open().await;
    let ada = world.person("ada").await;
    let (whole, limited) = (ada.vended("deploy", &json!({})).await, ada.vended("limited", &json!({})).await);
    let client = world.client(&whole);
    std::fs::write(client.home().join("up"), "twice the profits").unwrap();
    copy(&client, "up", "s3://reports/a new one.txt").succeeded();
    assert_eq!(world.read(&whole, &["a new one.txt"]), ["twice the profits"], "and nothing else of what was sent");
    copy(&client, "s3://reports/a new one.txt", "down").succeeded();
    assert_eq!(std::fs::read_to_string(client.home().join("down")).unwrap(), "twice the profits");

    let client = world.client(&limited);
    copy(&client, "s3://reports/monthly", "down").succeeded();
    assert_eq!(std::fs::read_to_string(client.home().join("down")).unwrap(), "profits");
    std::fs::write(client.home().join("up"), "no profits").unwrap();
    let said = copy(&client, "up", "s3://reports/monthly").failed();
    assert!(said.contains("AccessDenied"), "{said}");
    assert_eq!(world.read(&whole, &["monthly"]), ["profits"]);

    let mut forged = whole;
    forged["secret_access_key"] = json!("x".repeat(40));
    let client = world.client(&forged);
    std::fs::write(client.home().join("up"), "no profits").unwrap();
    let said = copy(&client, "up", "s3://reports/monthly").failed();
    assert!(said.contains("SignatureDoesNotMatch"), "{said}");
    assert!(copy(&client, "s3://reports/monthly", "down").failed().contains("403"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_presigned_url_is_good_for_what_it_says_and_for_as_long() {
    let world = World::open().await;
    let ada = world.person("ada").await;
    let presigned = |vended: &Value, object: &str| {
        let arguments = ["s3", "presign", &format!("s3://reports/{object}"), "--expires-in", "60"];
        world.client(vended).aws(&arguments).succeeded().trim().to_owned()
    };
    let vended = ada.vended("limited", &json!({})).await;
    let url = presigned(&vended, "monthly");
    let good = get(&url).await;
    assert_eq!((good.status, good.text.as_str()), (200, "profits"));
    for (from, to, code) in [
        ("monthly", "salaries", "SignatureDoesNotMatch"),
        ("X-Amz-Expires=60", "X-Amz-Expires=61", "SignatureDoesNotMatch"),
        ("X-Amz-Expires=60", "X-Amz-Expires=604801", "AuthorizationQueryParametersError"),
        ("X-Amz-Security-Token=I", "X-Amz-Security-Token=J", "InvalidAccessKeyId"),
        ("&X-Amz-Signature=", "&response-content-type=x&X-Amz-Signature=", "SignatureDoesNotMatch"),
    ] {
        let changed = url.replace(from, to);
        assert_ne!(changed, url);
        let refused = get(&changed).await;
        assert!(refused.text.contains(&format!("<Code>{code}</Code>")), "{to}: {}", refused.text);
    }
    world.sim.clock().set_skew(jiff::SignedDuration::from_secs(70));
    let late = get(&url).await;
    assert!(late.status == 403 && late.text.contains("Request has expired"), "{}", late.text);
    world.sim.clock().set_skew(jiff::SignedDuration::ZERO);
    world.sim.clock().advance(std::time::Duration::from_hours(2));
    let over = get(&url).await;
    assert!(over.text.contains("ExpiredToken"), "with its session: {}", over.text);
}

fn copy(client: &Client, from: &str, to: &str) -> tests::ended::Ended {
    let here = |name: &str| client.home().join(name).to_str().unwrap().to_owned();
    let place = |name: &str| if name.starts_with("s3://") { name.to_owned() } else { here(name) };
    client.aws(&["s3", "cp", &place(from), &place(to)])
}

async fn get(url: &str) -> Answer {
    let url: reqwest::Url = url.parse().unwrap();
    let path = format!("{}?{}", url.path(), url.query().unwrap());
    Asker::at(&url.origin().ascii_serialization()).get(&path).await
}
