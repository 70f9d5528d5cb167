//! A PostgreSQL server that falls silent in the middle of a read, and neither answers nor goes away: whoever reads is told, and ends.

use std::thread;

use serde_json::json;
use tests::barrier::Barrier;
use tests::ended::Ended;
use tests::postgres;
use tests::world::World;
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
