//! Long work tells whoever waits at a terminal how far it is.

use tests::stores::Hands;
use tests::world::{Prepared, World};
use tests::{postgres, terminal};

/// PostgreSQL, for there somebody can hold up those who only read.
#[tokio::test(flavor = "multi_thread")]
async fn long_work_tells_on_a_terminal_that_it_goes_on() {
    let url = postgres::database("progress");
    let Prepared { installation: here, sim: _sim } = World::prepare().await.on_postgres(&url);
    here.run(&["apply", "--yes"], "").succeeded();
    here.edit("connectors.toml", "name = \"other-key\"", "name = \"renamed\"");
    let mut hands = Hands::of_postgres(&url).await;
    for (arguments, told) in [
        (&["audit", "verify"][..], "proving the records ("),
        (&["audit", "export", "--format", "jsonl"], "looking for where to begin ("),
        (&["audit", "prune", "--older-than", "1", "--yes"], "looking for old records ("),
        (&["apply", "--yes"], "making 2 changes, all at once ("),
    ] {
        hands.run("BEGIN").await;
        hands.run("LOCK TABLE trail IN ACCESS EXCLUSIVE MODE").await;
        let mut process = terminal::start("brokerd on a terminal", &here.command(arguments), "");
        process.wait_for_line(told);
        hands.run("COMMIT").await;
        assert!(process.wait().success(), "{}", process.stdout());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_waits_in_vain_for_somebody_elses_lock_is_told_whom_to_look_for() {
    let url = postgres::database("locked");
    let Prepared { installation: here, sim: _sim } = World::prepare().await.on_postgres(&url);
    here.run(&["apply", "--yes"], "").succeeded();
    here.edit("connectors.toml", "name = \"other-key\"", "name = \"renamed\"");
    let mut hands = Hands::of_postgres(&url).await;
    hands.run("BEGIN").await;
    hands.run("LOCK TABLE trail IN ACCESS EXCLUSIVE MODE").await;
    let here = &here;
    std::thread::scope(|scope| {
        let asked = [
            &["audit", "verify"][..],
            &["audit", "export", "--format", "jsonl"],
            &["audit", "prune", "--older-than", "1", "--yes"],
            &["apply", "--yes"],
        ]
        .map(|arguments| (arguments, scope.spawn(move || here.run(arguments, ""))));
        for (arguments, asked) in asked {
            let told = asked.join().unwrap().failed();
            assert!(told.contains("Another session holds a lock on what this needs"), "{arguments:?}: {told}");
        }
    });
    hands.run("COMMIT").await;
    here.run(&["apply", "--yes"], "").succeeded();
}
