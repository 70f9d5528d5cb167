//! The daemon's minute: it anchors what has grown whatever became of the file, and misses what was taken away under it, once.

use std::fs;
use std::time::{Duration, Instant};

use tests::brokerd::Brokerd;
use tests::postgres;
use tests::stage::{Door, Stage};
use tests::stores::Hands;

/// Waits for something that the next minute brings.
async fn until(what: &str, broker: &Brokerd, mut is_so: impl AsyncFnMut() -> bool) {
    let begun = Instant::now();
    while !is_so().await {
        assert!(begun.elapsed() < Duration::from_mins(4), "{what}: {}", broker.log());
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_with_rubbish_and_half_a_line_is_gone_on_with_and_one_that_went_away_is_made_anew() {
    let stage = Stage::set().await.configured("audit = { anchor_file = \"anchors.jsonl\" }\n", "");
    let here = stage.on_sqlite();
    here.run(&["apply", "--yes"], "").succeeded();
    let line = here.read("anchors.jsonl");
    here.write("anchors.jsonl", &format!("rubbish\n{line}{}", &line[..40]));
    let broker = here.serve();
    let log = broker.log();
    assert!(log.contains("the anchor file has lines that prove nothing") && log.contains("line=1"), "{log}");
    assert!(!log.contains("a new epoch has begun"), "{log}");
    let anchors = || fs::read_to_string(broker.installation().path("anchors.jsonl")).unwrap_or_default();
    let of_this_daemon = || anchors().lines().filter(|said| said.starts_with('{')).count();
    // Its first minute begins at once, and takes the half line away.
    until("anchored", &broker, async || of_this_daemon() == 2).await;
    assert!(anchors().starts_with(&format!("rubbish\n{line}{{")), "{}", anchors());

    // Somebody moves it away, and puts a folder there that nothing can be written to.
    fs::remove_file(broker.installation().path("anchors.jsonl")).unwrap();
    fs::create_dir(broker.installation().path("anchors.jsonl")).unwrap();
    let door = Door::of(&broker.url());
    let ada = door.sign_in("ada", stage.password_of("ada")).await;
    assert_eq!(door.vend(&ada, "deploy").await.status, 200);
    until("alarmed", &broker, async || broker.log().contains("the trail cannot be anchored")).await;
    assert_eq!(door.vend(&ada, "deploy").await.status, 200, "vends go on");
    fs::remove_dir(broker.installation().path("anchors.jsonl")).unwrap();
    // Another chain's end stands there too, where the folder came before the daemon's first look at the store was over.
    until("anchored again", &broker, async || of_this_daemon() >= 1).await;
    let here = broker.stop();
    let anchors = here.path("anchors.jsonl");
    let said = here.run(&["audit", "verify", "--anchor", anchors.to_str().unwrap()], "").succeeded();
    assert!(said.contains("tail proven up to the anchors") && said.ends_with("result: whole\n"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_is_too_large_or_cannot_be_made_is_an_alarm_at_the_start_and_stops_nothing() {
    let stage = Stage::set().await.configured("audit = { anchor_file = \"kept/anchors.jsonl\" }\n", "");
    let mut here = stage.on_sqlite();
    // There is something to anchor.
    here.run(&["apply", "--yes"], "").succeeded();
    for (prepare, text) in [
        // Its folder is not there.
        ((|_| ()) as fn(&std::path::Path), "kept/anchors.jsonl cannot be read or written"),
        (
            |file| {
                fs::create_dir_all(file.parent().unwrap()).unwrap();
                fs::File::create(file).unwrap().set_len(65 << 20).unwrap();
            },
            "is larger than 64 MiB: move it away, and keep it",
        ),
        (|file| drop(fs::remove_file(file)), ""),
    ] {
        prepare(&here.path("kept/anchors.jsonl"));
        let mut broker = here.serve();
        if text.is_empty() {
            assert!(!broker.log().contains("the trail cannot be anchored"), "{}", broker.log());
        } else {
            let said = broker.process().wait_for_line("the trail cannot be anchored");
            assert!(said.contains(text) && said.contains("alarm=\"trail\""), "{said}");
        }
        let door = Door::of(&broker.url());
        let ada = door.sign_in("ada", stage.password_of("ada")).await;
        assert_eq!(door.vend(&ada, "deploy").await.status, 200);
        here = broker.stop();
    }
    assert!(here.read("kept/anchors.jsonl").lines().count() > 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_put_back_under_two_daemons_begins_one_epoch() {
    let stage = Stage::set().await.configured("audit = { anchor_file = \"anchors.jsonl\" }\n", "");
    let url = postgres::database("beneath");
    let first = stage.on_postgres(&url);
    let second = stage.on_postgres(&url);
    second.write("master.key", &first.read("master.key"));
    let nodes = [first.serve(), second.serve()];
    let doors = nodes.each_ref().map(|node| Door::of(&node.url()));
    let ada = doors[0].sign_in("ada", stage.password_of("ada")).await;
    let mut hands = Hands::of_postgres(&url).await;
    for table in ["trail", "sessions"] {
        hands.run(&format!("CREATE TABLE copy_of_{table} AS SELECT * FROM {table}")).await;
    }
    for door in &doors {
        assert_eq!(door.vend(&ada, "deploy").await.status, 200);
    }
    for table in ["trail", "sessions"] {
        hands.run(&format!("DELETE FROM {table}")).await;
        hands.run(&format!("INSERT INTO {table} SELECT * FROM copy_of_{table}")).await;
    }

    let said = |text: &str| nodes.each_ref().map(|node| node.log().matches(text).count());
    until("begun", &nodes[0], async || said(BEGUN).iter().sum::<usize>() == 1).await;
    assert_eq!(doors[0].vend(&ada, "deploy").await.status, 401, "who was signed in is not any more");
    let faster = usize::from(said(BEGUN)[0] == 0);
    let ada = doors[faster].sign_in("ada", stage.password_of("ada")).await;
    // The one that was slower has written nothing since: it misses its end anew each minute, and that is all.
    until("missed twice", &nodes[0], async || said(MISSING).iter().any(|count| *count >= 2)).await;
    assert!(said(MISSING).iter().all(|count| *count >= 1), "each has looked: {:?}", said(MISSING));
    assert_eq!(said(BEGUN).iter().sum::<usize>(), 1);
    assert_eq!(hands.number("SELECT count(*) FROM trail WHERE action = 'epoch_begun'").await, 1);
    assert_eq!(doors[faster].vend(&ada, "deploy").await.status, 200, "who signed in since stays");
}

const BEGUN: &str = "a new epoch has begun, because the store lacks";
const MISSING: &str = "records are missing that were anchored";
