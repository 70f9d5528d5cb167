//! Issuers that do not say their keys, or say too much, too slowly, or elsewhere: each is given up within its limits, by a clear word to the
//! job, a line for the operator and a record; and the issuer beside them goes on.

use std::time::Duration;

use serde_json::{Value, json};
use tests::issuer::{Issuer, SigningKey, json_answer};
use tests::world::{Asker, World, soon};

use super::yard::trusting;

/// An issuer, what it says, and what is found wrong with that.
struct Bad {
    name: &'static str,
    issuer: Issuer,
    why: &'static str,
}

#[tokio::test(flavor = "multi_thread")]
async fn an_issuer_that_does_not_say_its_keys_lets_nobody_in_and_keeps_nobody_elses_jobs_out() {
    let (elsewhere, good) = (Issuer::start().await, Issuer::start().await);
    let bad = bad(&elsewhere).await;
    let prepared = World::prepare().await.behind_a_proxy();
    trusting(&prepared, &entry("good", &good));
    for Bad { name, issuer, .. } in &bad {
        trusting(&prepared, &entry(name, issuer));
    }
    let world = prepared.serve();
    // Whatever the daemon reads once is read by then.
    world.person("ada").await.vended("deploy", &json!({})).await;
    let before = world.brokerd.peak_memory_kib();

    let mut waiting = Vec::new();
    for (number, Bad { issuer, .. }) in bad.iter().enumerate() {
        let job = job(&world, issuer).seen_at(&format!("192.0.2.{number}"));
        waiting.push(tokio::spawn(async move { job.get("/v1/container-credentials/ci").await }));
    }
    let slow = bad.iter().position(|it| it.name == "trickle").unwrap();
    let its_keys = || bad[slow].issuer.asked().contains(&"/keys".to_owned());
    soon("the slow one is asked", async || its_keys().then_some(())).await;
    job(&world, &good).vended("ci", &json!({})).await;
    assert!(!waiting[slow].is_finished(), "who had nothing to do with it has waited for it");

    let mut told = Vec::new();
    for answer in waiting {
        told.push(answer.await.unwrap());
    }
    let grown = world.brokerd.peak_memory_kib() - before;
    assert!(grown < MOST_KIB, "{grown} KiB for what is longer than anybody's keys");
    let records = world.left_by(&told).await;
    let log = world.brokerd.log();
    for ((Bad { name, issuer, why }, answer), record) in bad.iter().zip(&told).zip(&records) {
        let problem = answer.problem("503 issuer_unavailable");
        assert_eq!((&problem["Code"], &problem["Message"]), (&problem["code"], &problem["message"]), "{name}");
        assert!(answer.header("retry-after").is_some(), "{name}");
        assert!(!answer.text.contains(why), "{name}: how the issuer answers is not the job's: {}", answer.text);
        let said = |line: &&str| {
            line.contains("a workload issuer's keys cannot be fetched")
                && line.contains(&format!("issuer.url=\"{}\" ", issuer.url()))
                && line.contains(why)
        };
        assert!(log.lines().any(|line| said(&line)), "{name}: {why}: {log}");
        assert_eq!((&record["action"], &record["outcome"]), (&json!("token_refused"), &json!("failed")), "{record}");
        let reason = record["reason"].as_str().unwrap();
        assert!(reason.contains(&format!("the issuer `{name}`")) && reason.contains(why), "{name}: {why}: {record}");
    }
    assert!(elsewhere.asked().is_empty(), "nobody goes where the issuer is not: {:?}", elsewhere.asked());

    // Whoever asks again and again makes nobody ask the issuer.
    let refusing = &bad[0].issuer;
    for _ in 0..3 {
        job(&world, refusing).get("/v1/session").await.problem("503 issuer_unavailable");
    }
    let asked = refusing.asked().len();
    job(&world, refusing).get("/v1/session").await.problem("503 issuer_unavailable");
    assert_eq!(refusing.asked().len(), asked);
    job(&world, &good).vended("ci", &json!({})).await;
}

/// A name, what becomes of an issuer, and what the operator reads of it.
type Case<'a> = (&'static str, &'a dyn Fn(&Issuer), &'static str);

/// The first fails at once.
async fn bad(elsewhere: &Issuer) -> Vec<Bad> {
    let away = format!("HTTP/1.1 302 Found\r\nlocation: {}/keys\r\ncontent-length: 0\r\n\r\n", elsewhere.url());
    let set = |keys: Value| json_answer(&json!({ "keys": keys }).to_string());
    let of_one = SigningKey::ec("one").jwk();
    let flood = "x".repeat(FLOOD);
    let flood_by_length = json_answer(&flood);
    let chunks = format!("{CHUNK:x}\r\n{}\r\n", "x".repeat(CHUNK)).repeat(FLOOD / CHUNK);
    let in_chunks =
        format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n{chunks}0\r\n\r\n");
    let to_the_end = format!("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{flood}");
    let of_head = format!("HTTP/1.1 200 OK\r\nx: {flood}\r\n\r\n");
    let document = |it: &Issuer, issuer: &str, keys: &str| {
        it.says(DISCOVERY, &json_answer(&json!({ "issuer": issuer, "jwks_uri": format!("{keys}/keys") }).to_string()));
    };
    let cases: [Case<'_>; 17] = [
        ("fails", &|it| it.says(DISCOVERY, "HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n"), "it answered 500"),
        ("rubbish", &|it| it.says(DISCOVERY, &json_answer("rubbish")), "its discovery document cannot be read"),
        ("redirected", &|it| it.says(DISCOVERY, &away), "it answered 302"),
        ("keys-redirected", &|it| it.says(KEYS, &away), "it answered 302"),
        ("another-issuer", &|it| document(it, &format!("{}/", it.url()), &it.url()), "is of another issuer"),
        ("keys-elsewhere", &|it| document(it, &it.url(), &elsewhere.url()), "names keys on another host"),
        ("no-set", &|it| it.says(KEYS, &json_answer("[]")), "it is no JSON Web Key Set"),
        ("no-key", &|it| it.says(KEYS, &set(json!([]))), "it has no key"),
        ("ten-thousand-of-nothing", &|it| it.says(KEYS, &set(json!(vec![json!({}); 10_000]))), "more than 100 keys"),
        ("ten-thousand-keys", &|it| it.says(KEYS, &set(json!(vec![of_one.clone(); 10_000]))), TOO_LONG),
        ("flood", &|it| it.says(KEYS, &flood_by_length), TOO_LONG),
        ("flood-in-chunks", &|it| it.says(KEYS, &in_chunks), TOO_LONG),
        ("flood-to-the-end", &|it| it.says(KEYS, &to_the_end), TOO_LONG),
        ("flood-of-discovery", &|it| it.says(DISCOVERY, &flood_by_length), TOO_LONG),
        ("flood-of-head", &|it| it.says(KEYS, &of_head), "it cannot be reached"),
        ("trickle", &|it| it.says_in_drops(KEYS, &flood_by_length, Duration::from_secs(1)), TOO_SLOW),
        ("silent", &|it| it.says_after(KEYS, &flood_by_length, Duration::from_mins(2)), TOO_SLOW),
    ];
    let mut bad = Vec::new();
    for (name, spoil, why) in cases {
        let issuer = Issuer::start().await;
        spoil(&issuer);
        bad.push(Bad { name, issuer, why });
    }
    bad
}

fn entry(name: &str, issuer: &Issuer) -> String {
    format!(
        "[[workload_issuer]]\nname = \"{name}\"\nissuer.github_actions.url = \"{}\"\nprivate_network = true\n\
         [[workload_issuer.mapping]]\nconnectors = [\"ci\"]\nclaims = {{ repository_id = \"4711\" }}\n",
        issuer.url()
    )
}

/// Whose token is good, if its issuer says so.
fn job(world: &World, issuer: &Issuer) -> Asker {
    world.stranger().with_token(&issuer.key.token(&issuer.claims(&world.brokerd.url(), &json!({}))))
}

const DISCOVERY: &str = "/.well-known/openid-configuration";
const KEYS: &str = "/keys";
/// In bytes.
const FLOOD: usize = 50 << 20;
const CHUNK: usize = 64 << 10;
/// A quarter of a megabyte for each of them, and as much again on its way; one flood alone would be more.
const MOST_KIB: i64 = 24 << 10;
const TOO_LONG: &str = "its answer is longer than 256 KiB";
const TOO_SLOW: &str = "its answer did not come in 10 seconds";
