//! A PostgreSQL server that falls silent, and neither answers nor goes away: whoever reads is told, and ends; so does whoever stops.

use std::thread;

use serde_json::json;
use tests::barrier::Barrier;
use tests::ended::Ended;
use tests::postgres;
use tests::process::Signal;
use tests::stores::Hands;
use tests::world::{World, soon};
use url::Url;

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_falls_silent_in_the_middle_of_a_read_is_not_waited_for_for_ever() {
    let mut url: Url = postgres::database("silent").parse().unwrap();
    let barrier = Barrier::before(url.port().unwrap()).await;
    url.set_port(Some(barrier.port())).unwrap();
    let world = World::prepare().await.on_postgres(url.as_str()).serve();
    let ada = world.person("ada").await;
    for _ in 0..50 {
        ada.vended("deploy", &json!({})).await;
    }
    let World { brokerd, sim: _sim } = world;
    let installation = brokerd.stop();
    let commands: [&[&str]; 2] = [&["audit", "export", "--format", "jsonl"], &["audit", "verify"]];
    let run_both = || -> [Ended; 2] {
        thread::scope(|scope| {
            commands.map(|arguments| scope.spawn(|| installation.run(arguments, ""))).map(|run| run.join().unwrap())
        })
    };
    barrier.forget();
    for ended in tokio::task::block_in_place(run_both) {
        ended.succeeded();
    }

    // Most of what is said are the records.
    barrier.fall_silent_after(barrier.most_said() / 2);
    for ended in tokio::task::block_in_place(run_both) {
        let said = ended.failed();
        for part in ["said nothing for 20 seconds in the middle of a read", "See whether PostgreSQL runs there"] {
            assert!(said.contains(part), "{part}: {said}");
        }
    }

    barrier.fall_silent_after(usize::MAX);
    let [exported, verified] = tokio::task::block_in_place(run_both).map(Ended::succeeded);
    assert!(exported.lines().count() > 50 && verified.contains("result: whole"), "{verified}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_that_is_told_to_stop_comes_to_its_end_though_its_server_is_silent() {
    let behind = postgres::database("silent-end");
    let mut url: Url = behind.parse().unwrap();
    let barrier = Barrier::before(url.port().unwrap()).await;
    url.set_port(Some(barrier.port())).unwrap();
    let mut world = World::prepare().await.on_postgres(url.as_str()).with("audit.anchor_file = 'anchors'").serve();
    world.person("ada").await.vended("deploy", &json!({})).await;
    // It falls silent while the daemon waits for it to look through the trail.
    let (mut hands, mut watch) = (Hands::of_postgres(&behind).await, Hands::of_postgres(&behind).await);
    hands.run("BEGIN").await;
    hands.run("LOCK TABLE trail IN ACCESS EXCLUSIVE MODE").await;
    world.brokerd.process().signal(Signal::TERM);
    let waiting =
        "SELECT COUNT(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()";
    soon("it to look through the trail", async || (watch.number(waiting).await > 0).then_some(())).await;
    barrier.fall_silent_after(0);
    let ended = tokio::task::block_in_place(|| world.brokerd.process().wait());
    assert_eq!(ended.code(), Some(0));
    let log = world.brokerd.log();
    assert!(log.contains("the daemon does not come to its end in time and leaves this as it is"), "{log}");
}
