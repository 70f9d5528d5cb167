//! A proxy that is not there, does not answer, or is none.

use std::time::{Duration, Instant};

use serde_json::json;
use tests::world::World;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::{add_key, behind_tls};

/// Answers everybody with this and hangs up; or, without an answer, keeps them waiting. Its port.
async fn played(answer: Option<&'static str>) -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let mut kept = Vec::new();
        while let Ok((mut client, _)) = listener.accept().await {
            let Some(answer) = answer else {
                kept.push(client);
                continue;
            };
            tokio::spawn(async move {
                let _ = client.read(&mut [0; 4_096]).await;
                let _ = client.write_all(answer.as_bytes()).await;
            });
        }
    });
    port
}

const DEADLINE: u64 = 8;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_is_wrong_with_a_proxy_is_told_by_its_name_before_the_deadline() {
    let nobody = tests::brokerd::free_port();
    let closed = "does not let us through to AWS, or is no HTTP proxy";
    let cases = [
        (nobody, "cannot be reached"),
        (played(None).await, "did not let us through in time"),
        (played(Some("")).await, closed),
        (played(Some("SSH-2.0-OpenSSH_9.2p1\r\n")).await, closed),
        (played(Some("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")).await, closed),
        (played(Some("HTTP/1.1 503 Service Unavailable\r\n\r\n")).await, closed),
        (played(Some("HTTP/1.1 200 OK\r\n\r\nand then no TLS")).await, "AWS did not answer"),
        (played(Some("HTTP/1.1 407 Who are you\r\n\r\n")).await, "wants a user and a password that it knows (407)"),
    ];
    for (port, told) in cases {
        let set = format!(
            ", proxy = {{ url = \"http://127.0.0.1:{port}\" }}, connect_timeout_seconds = 1, attempt_timeout_seconds = 2, \
             deadline_seconds = {DEADLINE}, interactive_deadline_seconds = {DEADLINE}"
        );
        let (prepared, _) = behind_tls(|_| set).await;
        let prepared = prepared.configured("retries = 2", "retries = 1");
        let began = Instant::now();
        let said = add_key(&prepared, &[]).failed();
        // The program itself begins and ends besides.
        assert!(began.elapsed() < Duration::from_secs(DEADLINE + 5), "{told}: {:?}", began.elapsed());
        assert!(said.contains(told), "{told}:\n{said}");
        let by_name = format!("nothing gets through to AWS: the proxy http://127.0.0.1:{port} ");
        assert!(told.starts_with("AWS") || said.contains(&by_name), "{said}");
        assert_eq!(prepared.sim.calls().len(), 0, "{told}");
    }
}

/// With so many retries that the deadline comes first, and for the client that asks the console's endpoint as well.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_hear_that_aws_is_not_reached_and_the_log_says_by_which_proxy() {
    let silent = played(None).await;
    let set = format!(
        "retries = 20, proxy = {{ url = \"http://127.0.0.1:{silent}\" }}, connect_timeout_seconds = 1, attempt_timeout_seconds = 2, deadline_seconds = 3, interactive_deadline_seconds = 3, no_proxy = [\"10.0.0.1\"]"
    );
    let (prepared, _) = behind_tls(|_| String::new()).await;
    let world = prepared.configured("retries = 2", &set).serve();
    let answer = world.person("ada").await.vend("deploy", &json!({})).await;
    assert_eq!((answer.status, answer.json()["code"].as_str()), (503, Some("aws_unavailable")), "{}", answer.text);
    let told = format!("the proxy http://127.0.0.1:{silent} did not let us through in time");
    assert!(!answer.text.contains(&silent.to_string()), "{}", answer.text);
    assert!(world.brokerd.log().contains(&told), "{}", world.brokerd.log());

    let prepared = World::prepare().await;
    let port = prepared.sim.address().port();
    // Longer than a connection may take.
    let past = set.replace("10.0.0.1", "127.0.0.1").replace("deadline_seconds = 3", "deadline_seconds = 8");
    let world = prepared
        .configured(&format!("federation_url = \"http://127.0.0.1:{port}"), "federation_url = \"https://localhost:1")
        .configured("retries = 2", &past)
        .serve();
    let answer = world.person("ada").await.post("/v1/connectors/deploy/console-url", &json!({})).await;
    assert_eq!((answer.status, answer.json()["code"].as_str()), (503, Some("aws_unavailable")), "{}", answer.text);
    assert!(!answer.text.contains(&silent.to_string()), "{}", answer.text);
    let log = world.brokerd.log();
    assert!(log.contains(&format!("nothing gets through to AWS's federation endpoint: {told}")), "{log}");
}
