//! `exec` and `serve`: the next credentials are there before a program comes for them. AWS's own clients wait a second or two, and AWS may take longer.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use aws_sim::{Calls, Fault};
use jiff::SignedDuration;
use serde_json::Value;
use tests::brokerd::program;
use tests::process::Process;
use tests::wall_clock::WallClock;
use tests::world::{World, now, soon};

use super::Machine;

/// A program under `broker exec`, which fetches its credentials whenever it is told to.
struct Fetching {
    process: Process,
    home: PathBuf,
    times: u32,
}

impl Fetching {
    fn on(machine: &Machine, more: &[&str]) -> Self {
        let script = "cd; n=1; while :; do \
                      until [ -e ask.$n ]; do sleep 0.05; done; \
                      curl -sS -H \"Authorization: $AWS_CONTAINER_AUTHORIZATION_TOKEN\" \"$AWS_CONTAINER_CREDENTIALS_FULL_URI\" > new; \
                      mv new said.$n; n=$((n+1)); done";
        let mut command = machine.0.command(&program("broker"));
        command.args(["exec", "deploy"]).args(more).args(["--", "sh", "-c", script]);
        let process = Process::start("broker exec", command);
        Self { process, home: machine.0.home().to_owned(), times: 0 }
    }

    /// What it is answered.
    fn fetch(&mut self) -> Value {
        self.times += 1;
        fs::write(self.home.join(format!("ask.{}", self.times)), "").unwrap();
        let said = self.home.join(format!("said.{}", self.times));
        let said = self.process.wait_for("fetch", || fs::read(&said).ok());
        serde_json::from_slice(&said).unwrap()
    }

    /// Fetches until the answer is such.
    fn fetch_until(&mut self, is_such: impl Fn(&Value) -> bool) {
        for _ in 0..200 {
            if is_such(&self.fetch()) {
                return;
            }
            std::thread::sleep(Duration::from_millis(200));
        }
        panic!("it never comes: {}", self.fetch());
    }
}

/// A world, and somebody's machine, whose clocks go together.
struct Together {
    world: World,
    machine: Machine,
    clock: WallClock,
}

impl Together {
    async fn open() -> Self {
        let clock = WallClock::new();
        let world = World::prepare().await.serve_by(&clock);
        let machine = Machine::of(&world, "ada");
        let machine = clock.variables().iter().fold(machine, |machine, (name, value)| machine.with(name, value));
        Self { world, machine, clock }
    }

    fn minutes_later(&self, minutes: i64) {
        let later = SignedDuration::from_mins(minutes);
        self.world.sim.clock().set(now() + later);
        self.world.sim.clock().set_skew(later);
        self.clock.set(later);
    }

    fn asked(&self) -> usize {
        self.world.calls("AssumeRole").len()
    }
}

const MODES: [&[&str]; 2] = [&[], &["--no-cache"]];

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_comes_back_finds_them_while_aws_is_silent() {
    for more in MODES {
        let together = Together::open().await;
        let mut program = Fetching::on(&together.machine, more);
        let first = program.fetch();
        assert_eq!(together.asked(), 1, "{more:?}");
        // Nobody comes back so early: what comes now, comes by itself.
        together.minutes_later(41);
        program.process.wait_for("fetch ahead", || (together.asked() == 2).then_some(()));
        // All that was asked for before it fell silent is there.
        program.fetch_until(|said| said["AccessKeyId"] != first["AccessKeyId"]);
        together.world.sim.faults().always(Calls::any(), Fault::Stall(Duration::from_mins(10)));
        together.minutes_later(46);
        let second = program.fetch();
        assert!(
            second["AccessKeyId"].is_string() && second["AccessKeyId"] != first["AccessKeyId"],
            "{more:?}: {second}"
        );
        assert_eq!(super::vends(&together.world, "deploy"), 2, "{more:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn where_aws_falls_silent_first_those_of_before_are_good_until_their_end() {
    for more in MODES {
        let together = Together::open().await;
        let mut program = Fetching::on(&together.machine, more);
        let first = program.fetch();
        let faults = together.world.sim.faults();
        faults.always(Calls::of("AssumeRole"), Fault::Stall(Duration::from_mins(10)));
        together.minutes_later(46);
        program.process.wait_for("ask AWS in vain", || (faults.happened() >= 1).then_some(()));
        for _ in 0..3 {
            assert_eq!(program.fetch(), first, "{more:?}: whoever comes has what there is, and does not wait");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_trouble_they_are_asked_for_again_and_after_a_refusal_nothing_is_given() {
    for more in MODES {
        let together = Together::open().await;
        let mut program = Fetching::on(&together.machine, more);
        let first = program.fetch();
        let faults = together.world.sim.faults();
        faults.always(Calls::of("AssumeRole"), Fault::ServiceUnavailable);
        together.minutes_later(41);
        program.process.wait_for("ask AWS in vain", || (faults.happened() >= 3).then_some(()));
        assert_eq!(program.fetch(), first, "{more:?}");
        faults.clear();
        together.minutes_later(43);
        program.fetch_until(|said| said["AccessKeyId"].is_string() && said["AccessKeyId"] != first["AccessKeyId"]);

        // Somebody else ended the session; the credentials would live for an hour.
        let token = together.machine.token();
        assert_eq!(together.world.stranger().with_token(&token).delete("/v1/session").await.status, 204);
        assert!(program.fetch()["Token"].is_string(), "the broker is not asked each time");
        together.minutes_later(85);
        program.fetch_until(|said| said["code"] == "unauthenticated");
        assert!(program.fetch()["Message"].as_str().unwrap().contains("broker login"), "{more:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_broker_gives_no_more_is_handed_out_no_more() {
    for more in MODES {
        let together = Together::open().await;
        let mut program = Fetching::on(&together.machine, more);
        let first = program.fetch();
        let granted =
            |group: &str| format!("\"Deploys to production\"\naccess_key = \"main\"\ngroups = [\"corp/{group}\"]");
        let installation = together.world.brokerd.installation();
        installation.edit("connectors.toml", &granted("release"), &granted("nobodys"));
        together.world.run(&["apply", "--yes"], "").succeeded();
        let ada = together.world.person("ada").await;
        soon("the daemon has it", async || (ada.get("/v1/connectors/deploy").await.status == 404).then_some(())).await;
        assert_eq!(program.fetch(), first, "{more:?}: the broker is not asked each time");
        // They would be good for another 19 minutes.
        together.minutes_later(41);
        program.fetch_until(|said| said["code"] == "not_found");
        let said = program.fetch();
        assert!(said["Message"].as_str().unwrap().contains("ask the broker's administrators"), "{more:?}: {said}");
    }
}
