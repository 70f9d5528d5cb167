//! Every metric that the program tells is documented with its labels, and every documented one is told.

use std::collections::{BTreeMap, BTreeSet};

use reqwest::Method;
use serde_json::json;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Executor};
use tests::brokerd::free_port;
use tests::world::{Answer, Asker, World, soon};

const PAGE: &str = include_str!("../../../docs/monitoring.md");

/// The labels of each metric, by its name; those of the process are the library's, and documented as a whole.
type Families = BTreeMap<String, BTreeSet<String>>;

fn documented() -> Families {
    let rows = PAGE.lines().filter_map(|line| line.strip_prefix("| `brokerd_")?.strip_suffix(" |"));
    let rows = rows.filter(|row| row.split('|').count() == 4);
    rows.map(|row| {
        let columns: Vec<&str> = row.split('|').map(str::trim).collect();
        let labels = columns[2].split(", ").map(|label| label.trim().trim_matches('`').to_owned());
        let of = labels.filter(|label| !label.is_empty()).collect();
        (format!("brokerd_{}", columns[0].trim_end_matches('`')), of)
    })
    .collect()
}

fn told(text: &str) -> Families {
    let mut families = Families::new();
    for line in text.lines().filter(|line| line.starts_with("brokerd_")) {
        let (series, _) = line.rsplit_once(' ').unwrap();
        let (name, labels) =
            series.split_once('{').map_or((series, ""), |(name, rest)| (name, rest.trim_end_matches('}')));
        let name = ["_bucket", "_sum", "_count"].iter().find_map(|part| name.strip_suffix(part)).unwrap_or(name);
        let labels = labels.split("\",").filter_map(|pair| Some(pair.split_once('=')?.0.to_owned()));
        families.entry(name.to_owned()).or_default().extend(labels.filter(|label| label != "le"));
    }
    families
}

/// Does everything that is counted at least once.
async fn busy(world: &World) -> Answer {
    let (ada, root) = (world.person("ada").await, world.person("root").await);
    for _ in 0..2 {
        ada.vended("deploy", &json!({})).await;
    }
    assert_eq!(ada.vend("nowhere", &json!({})).await.status, 404);
    assert_eq!(ada.post("/v1/connectors/deploy/console-url", &json!({})).await.status, 200);
    let invented = ada.request(Method::from_bytes(b"INVENTED").unwrap(), "/v1/session");
    assert_eq!(Answer::of(invented).await.status, 405);
    assert_eq!(root.get("/readyz").await.status, 200);
    // What the daemon writes down of its keys must not come now.
    soon("the keys to be proved", async || {
        let keys = root.get("/v1/admin/access-keys").await.good();
        let keys = keys["items"].as_array().unwrap();
        (keys.len() == 2 && keys.iter().all(|key| key["state"] == "proved")).then_some(())
    })
    .await;
    below(world, "ALTER TABLE trail RENAME TO hidden").await;
    assert_eq!(ada.vend("deploy", &json!({})).await.status, 503);
    below(world, "ALTER TABLE hidden RENAME TO trail").await;
    below(world, "UPDATE connectors SET mac = x'00' WHERE name = 'deploy'").await;
    below(world, "UPDATE installation SET revision = revision + 1").await;
    soon("the alarm is counted", async || {
        let metrics = root.get("/metrics").await;
        assert_eq!(metrics.status, 200);
        metrics.text.contains("brokerd_alarms_total{alarm=\"forged_row\"}").then_some(metrics)
    })
    .await
}

/// What somebody does who has the database alone.
async fn below(world: &World, sql: &'static str) {
    let file = world.brokerd.installation().path("brokerd.db");
    let mut connection = SqliteConnectOptions::new().filename(file).connect().await.unwrap();
    connection.execute(sql).await.unwrap();
}

fn value(metrics: &str, series: &str) -> f64 {
    let line =
        metrics.lines().find(|line| line.starts_with(series)).unwrap_or_else(|| panic!("no {series}:\n{metrics}"));
    line.rsplit_once(' ').unwrap().1.parse().unwrap()
}

#[tokio::test]
async fn what_is_told_is_documented_and_what_is_documented_is_told() {
    let world = World::open().await;
    let metrics = busy(&world).await;
    assert_eq!(metrics.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    let (told, documented) = (told(&metrics.text), documented());
    assert!(documented.len() > 12, "the page's table was not found: {documented:?}");
    assert_eq!(told, documented);
    for name in told.keys() {
        assert!(metrics.text.contains(&format!("# HELP {name} ")), "{name} has no help");
    }
    assert!(metrics.text.contains("process_resident_memory_bytes "), "{}", metrics.text);
    for (series, expected) in [
        ("brokerd_vends_total{action=\"AssumeRole\",reused=\"false\"}", 1.0),
        ("brokerd_aws_calls_total{action=\"AssumeRole\",outcome=\"success\"}", 1.0),
        ("brokerd_trail_records_total{action=\"vend\",outcome=\"success\"}", 2.0),
        ("brokerd_trail_commits_failed_total", 1.0),
        ("brokerd_directory_calls_total{directory=\"corp\",call=\"authenticate\",outcome=\"answered\"}", 2.0),
        ("brokerd_http_requests_total{method=\"other\",route=\"/v1/session\",status=\"405\"}", 1.0),
        ("brokerd_ready{check=\"store\"}", 1.0),
    ] {
        assert!((value(&metrics.text, series) - expected).abs() < f64::EPSILON, "{series}:\n{}", metrics.text);
    }
    for private in ["ada", "root", "127.0.0.1", "deploy\""] {
        assert!(!metrics.text.contains(private), "a label says {private}");
    }
}

#[tokio::test]
async fn metrics_and_causes_are_for_operators() {
    let port = free_port();
    let prepared = World::prepare().await.with(
        "operations = { address = \"127.0.0.1:PORT\", token = { file = \"metrics.token\" } }"
            .replace("PORT", &port.to_string())
            .as_str(),
    );
    prepared.installation.write("metrics.token", TOKEN);
    let world = prepared.serve();
    let own = Asker::at(&format!("http://127.0.0.1:{port}"));
    for listener in [&world.stranger(), &own] {
        listener.get("/metrics").await.problem("401 unauthenticated");
        for wrong in [&TOKEN.replace('1', "2"), &TOKEN[..TOKEN.len() - 1], &format!("{TOKEN}0"), "0"] {
            listener.with_token(wrong).get("/metrics").await.problem("401 unauthenticated");
        }
        assert!(listener.with_token(TOKEN).get("/metrics").await.text.contains("brokerd_build_info"));
        assert_eq!(listener.get("/healthz").await.text, "ok\n");
        assert_eq!(listener.get("/readyz").await.json().get("causes"), None);
        assert!(listener.with_token(TOKEN).get("/readyz").await.json()["causes"].is_object());
        for path in ["/healthz", "/readyz", "/metrics"] {
            let answer = listener.with_token(TOKEN).get(path).await;
            assert_eq!((answer.status, answer.header("cache-control")), (200, Some("no-store")), "{path}");
        }
    }
    own.with_token(TOKEN).get("/v1/connectors").await.problem("404 not_found");
}

#[tokio::test]
async fn a_listener_of_its_own_is_no_web_pages() {
    let port = free_port();
    let prepared = World::prepare().await;
    let world = prepared.with(&format!("operations = {{ address = \"127.0.0.1:{port}\" }}")).serve();
    let own = Asker::at(&format!("http://127.0.0.1:{port}"));
    assert!(own.get("/metrics").await.text.contains("brokerd_build_info"));
    let named = own.request(Method::GET, "/metrics").header("host", format!("evil.example:{port}"));
    Answer::of(named).await.problem("421 wrong_host");
    drop(world);
}

const TOKEN: &str = "0123456789abcdef0123456789abcdef";
