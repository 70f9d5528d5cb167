//! Long work tells whoever waits at a terminal how far it is.

use tests::brokerd::Installation;
use tests::process::Process;
use tests::stores::Hands;
use tests::world::{Prepared, World};
use tests::{environment, installed, postgres};

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
        let mut process = on_a_terminal(&here, arguments);
        process.wait_for_line(told);
        hands.run("COMMIT").await;
        assert!(process.wait().success(), "{}", process.stdout());
    }
}

fn on_a_terminal(here: &Installation, arguments: &[&str]) -> Process {
    let mut python = environment::command(installed::program("python3"));
    let program = "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))";
    let brokerd = here.command(arguments);
    python.args(["-c", program]).arg(brokerd.get_program()).args(brokerd.get_args());
    Process::start("brokerd on a terminal", python)
}
