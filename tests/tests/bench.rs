//! The bench in its quickest form: it runs through, measures something everywhere, and writes what others read. Not a word on speed.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use serde_json::Value;
use tests::brokerd::program;
use tests::process::new_folder;
use tests::{ended, environment};

#[test]
fn the_bench_measures_everything_and_writes_it_down() {
    let folder = new_folder();
    let json = folder.path().join("figures.json");
    let mut command = environment::command(program("bench"));
    command.args(["--quick", "--concurrency", "4", "--json"]).arg(&json).arg("--folder").arg(folder.path());
    // A proxy that is not there must not matter: everything is on this machine.
    command.env("http_proxy", "http://127.0.0.1:9");
    let table = ended::run("bench", command, "").succeeded();
    for row in [
        "p50 to direct",
        "direct call",
        "vend, uncached",
        "vend, reused",
        "SSO portal, reused",
        "container credentials, warm",
        "job's token proved",
        "`broker process` from its cache",
        "credentials by SSO at the rate",
        "container credentials within 300 ms",
        "fetched ahead, STS after 20 ms",
        "sign-in",
        "more than 10,000 reused vends/s",
        "three operations beside the bind at most | 2 beside 1 bind (1 search, 1 unbind, 0 others) | met",
        "the directory's part of it, 1.5 times a search and a bind by hand at most, passwords kept as SSHA",
        "the whole of it, by HTTP, 1.5 times a search and a bind by hand at most, passwords kept as SHA-512",
        "0 others) for a sign-in, 2 beside 1 bind (1 search, 1 unbind, 0 others) by hand.",
        "Groups in groups were not counted",
        "\nStarts took ",
        "Resident under load: ",
    ] {
        assert!(table.contains(row), "{row} is not in\n{table}");
    }

    let figures: Value = serde_json::from_slice(&std::fs::read(&json).unwrap()).unwrap();
    let mut keys: Vec<&str> = figures.as_object().unwrap().keys().map(String::as_str).collect();
    keys.sort_unstable();
    assert_eq!(
        keys,
        [
            "broker_process_mib",
            "broker_process_ms",
            "container_ahead_ms",
            "container_first_ms",
            "container_warm",
            "direct",
            "first_request_ms",
            "growth",
            "job_proved",
            "ldap",
            "nested_searches",
            "rss_idle_mib",
            "rss_loaded_mib",
            "sign_in",
            "sso_reused",
            "vend_reused",
            "vend_uncached"
        ]
    );
    for work in ["direct", "vend_uncached", "vend_reused", "sso_reused", "container_warm", "job_proved", "sign_in"] {
        let series = &figures[work];
        assert_eq!(series["latency_ms"], serde_json::json!([0, 20]), "{work}");
        for list in ["requests_per_s", "p50_us", "p99_us"] {
            let values: Vec<f64> = serde_json::from_value(series[list].clone()).unwrap();
            assert!(values.len() == 2 && values.iter().all(|value| *value > 0.0), "{work}, {list}: {values:?}");
        }
        for (p50, p99) in numbers(&series["p50_us"]).zip(numbers(&series["p99_us"])) {
            assert!(p50 <= p99, "{work}: {p50} {p99}");
        }
    }
    for work in ["direct", "vend_uncached"] {
        let late = numbers(&figures[work]["p50_us"]).nth(1).unwrap();
        assert!(late >= 20_000.0, "{work} waits for AWS, which takes 20 ms: {late}");
    }
    let connectors: Vec<u64> =
        figures["growth"].as_array().unwrap().iter().map(|point| point["connectors"].as_u64().unwrap()).collect();
    assert_eq!(connectors, [10, 100]);
    let hashes: Vec<_> = figures["ldap"].as_array().unwrap().iter().map(|point| &point["hash"]).collect();
    assert_eq!(hashes, ["ssha", "crypt"]);
    for point in figures["ldap"].as_array().unwrap() {
        for way in ["by_hand_us", "directory_us", "whole_us"] {
            assert!(point[way].as_f64().unwrap() > 0.0, "{way}: {point}");
        }
    }
    for number in [
        &figures["broker_process_ms"],
        &figures["broker_process_mib"],
        &figures["container_ahead_ms"],
        &figures["container_first_ms"],
        &figures["rss_idle_mib"],
        &figures["rss_loaded_mib"],
        &figures["first_request_ms"],
    ]
    .into_iter()
    .chain(figures["growth"].as_array().unwrap().iter().flat_map(|point| [&point["p50_us"], &point["p99_us"]]))
    {
        assert!(number.as_f64().unwrap() > 0.0, "{figures}");
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing but the figures is left behind");
}

#[test]
fn what_was_not_measured_is_not_told() {
    let folder = new_folder();
    let mut command = environment::command(program("bench"));
    command.args(["--only", "vend-reused", "--seconds", "1", "--concurrency", "4", "--folder"]).arg(folder.path());
    let table = ended::run("bench", command, "").succeeded();
    let rows: Vec<Vec<&str>> = table.lines().map(|line| line.split(" | ").collect()).collect();
    let to_direct: Vec<_> =
        rows.iter().filter(|row| row.get(1) == Some(&"vend, reused")).map(|row| row.get(4).copied()).collect();
    assert_eq!(to_direct, [Some("–"); 2], "{table}");
    assert!(table.contains("Sign-in by LDAP was not measured"), "{table}");
    assert!(!table.contains("NaN") && !table.contains("an uncached vend"), "{table}");
}

#[test]
fn three_hundred_groups_in_groups_of_active_directory_are_found_by_two_searches() {
    let folder = new_folder();
    let mut command = environment::command(program("bench"));
    command.args(["--only", "sign-in", "--seconds", "1", "--concurrency", "2", "--folder"]).arg(folder.path());
    // It makes a domain, which may take minutes where others compute.
    let output = command.output().unwrap();
    let (table, said) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{table}\n{said}");
    for way in ["token_groups", "in_chain"] {
        let row = format!("by `{way}`: two searches beside the person's at most | 2 | met");
        assert!(table.contains(&row), "{row} is not in\n{table}\n{said}");
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "nothing is left behind");
}

fn numbers(list: &Value) -> impl Iterator<Item = f64> {
    list.as_array().unwrap().iter().map(|number| number.as_f64().unwrap())
}
