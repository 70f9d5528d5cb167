//! brokerd as a service of systemd: the unit that docs/ has is one that systemd takes, and the daemon says how it is.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::collections::BTreeSet;
use std::os::unix::net::UnixDatagram;
use std::process::Command;
use std::time::Duration;

use tests::brokerd::{Installation, binary};
use tests::process::{Signal, new_folder};
use tests::{ended, environment, installed};

const UNIT: &str = include_str!("../../docs/brokerd.service");

fn values(key: &str) -> impl Iterator<Item = &str> {
    UNIT.lines().filter_map(move |line| line.strip_prefix(key)?.strip_prefix('='))
}

fn systemd_analyze(arguments: &[&str]) -> ended::Ended {
    let folder = new_folder();
    let unit = folder.path().join("brokerd.service");
    // The program is not where it will be.
    std::fs::write(&unit, UNIT.replace("/usr/local/bin/brokerd", binary().to_str().unwrap())).unwrap();
    let mut command = environment::command(installed::program("systemd-analyze"));
    command.args(arguments).arg(&unit);
    ended::run("systemd-analyze", command, "")
}

#[test]
fn systemd_takes_the_unit_without_a_word_and_finds_it_confined() {
    let verified = systemd_analyze(&["verify", "--man=no"]);
    assert!(verified.status.success(), "{verified:?}");
    assert_eq!(
        format!("{}{}", verified.stdout, verified.stderr).replace('\n', ""),
        "",
        "unknown keys are only mentioned"
    );
    // An exposure of at most 2.0 out of 10.
    let confined = systemd_analyze(&["security", "--offline=true", "--no-pager", "--threshold=20"]);
    assert!(confined.status.success(), "{}", confined.stdout);
}

#[test]
fn the_unit_starts_the_daemon_as_it_wants_to_be_started() {
    let start: Vec<&str> = values("ExecStart").next().unwrap().split(' ').collect();
    let [program, arguments @ ..] = start.as_slice() else { panic!("{start:?}") };
    assert!(program.ends_with("/brokerd"));
    let mut command = Command::new(binary());
    command.args(arguments).arg("--help");
    assert!(ended::run("brokerd", command, "").succeeded().contains("Serve until told to stop"));
    assert_eq!(values("Type").collect::<Vec<_>>(), ["notify"]);
    for (key, value) in [
        ("LimitCORE", "0"),
        ("LimitMEMLOCK", "infinity"),
        ("NoNewPrivileges", "yes"),
        ("ProtectSystem", "strict"),
        ("User", "brokerd"),
    ] {
        assert_eq!(values(key).collect::<Vec<_>>(), [value], "{key}");
    }
    let stop: u64 = values("TimeoutStopSec").next().unwrap().parse().unwrap();
    let needed = brokerd::patience::END + brokerd::patience::CLOSING;
    assert!(stop > needed.as_secs(), "what is in flight is finished first, and then the trail is written out");
}

#[test]
fn the_daemon_tells_the_service_manager_how_it_is() {
    let folder = new_folder();
    let path = folder.path().join("notify");
    let manager = UnixDatagram::bind(&path).unwrap();
    manager.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let heard = |wanted: &str| {
        let mut before = BTreeSet::new();
        let mut bytes = [0; 4_096];
        loop {
            let count = manager.recv(&mut bytes).unwrap_or_else(|error| panic!("{wanted}: {error}, but {before:?}"));
            let said = String::from_utf8(bytes[..count].to_vec()).unwrap();
            if said.lines().any(|line| line == wanted) {
                return said;
            }
            before.insert(said);
        }
    };
    let here = Installation::new("[[directory]]\nname = \"local\"\nbackend.local.people = []\n", "");
    let mut broker = here.serve_with(&[("NOTIFY_SOCKET", path.to_str().unwrap()), ("WATCHDOG_USEC", "300000")]);
    heard("READY=1");
    for _ in 0..3 {
        heard("WATCHDOG=1");
    }
    broker.process().signal(Signal::HUP);
    assert!(heard("RELOADING=1").contains("MONOTONIC_USEC="));
    heard("READY=1");
    broker.process().signal(Signal::TERM);
    heard("STOPPING=1");
    assert_eq!(broker.process().wait().code(), Some(0));
}
