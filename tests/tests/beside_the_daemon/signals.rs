//! The daemon and its signals, in the middle of work.

use std::net::TcpStream;
use std::time::{Duration, Instant};

use tests::brokerd::{Brokerd, Installation, binary};
use tests::process::Signal;
use tests::stage::{Door, Stage, role_connector};
use tests::{ended, environment};
use tokio::task::JoinSet;

use crate::storm::{Storm, assert_recorded, exported};
use crate::within_a_second;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sighup_applies_a_good_file_and_leaves_all_as_it_was_for_a_bad_one() {
    let stage = Stage::set().await;
    let mut broker = stage.on_sqlite().serve();
    let door = Door::of(&broker.url());
    let ada = door.sign_in("ada", stage.password_of("ada")).await;
    let storm = Storm::begin(&door, 2, &[(&ada, "deploy")]);
    let write = |broker: &Brokerd, text: &str| broker.installation().write("connectors.toml", text);

    write(&broker, &(stage.connectors() + &role_connector("new", "main")));
    broker.process().signal(Signal::HUP);
    within_a_second(Instant::now(), "SIGHUP", async || door.shows(&ada, "new").await).await;

    // Three mistakes, each with its line; the connector that is gone from the file stays.
    let faulty = stage.connectors()
        + "[[connector]]\nname = \"Bad Name\"\naccess_key = \"nowhere\"\nprincipal.session_token = {}\n\n[[connector]]\nname = \"other\"\nkey = 7\n";
    let line = |text: &str| faulty.lines().position(|line| line == text).unwrap() + 1;
    write(&broker, &faulty);
    broker.process().signal(Signal::HUP);
    broker.process().wait_for_line("the connectors file is not applied");
    let log = broker.log();
    for mistake in ["name = \"Bad Name\"", "access_key = \"nowhere\"", "key = 7"] {
        let line = line(mistake);
        assert!(log.contains(&format!("connectors.toml:{line}:")), "nothing is said of line {line}:\n{log}");
    }
    assert!(door.shows(&ada, "new").await && door.shows(&ada, "deploy").await);

    // A file that forgets most of them was surely not meant.
    let key = stage.connectors();
    write(&broker, &(key.split("[[connector]]").next().unwrap().to_owned() + &role_connector("deploy", "main")));
    let before = broker.log().matches("the connectors file is not applied").count();
    broker.process().signal(Signal::HUP);
    let asked = Instant::now();
    within_a_second(asked, "the refusal", async || {
        broker.log().matches("the connectors file is not applied").count() > before
    })
    .await;
    for connector in ["new", "deploy", "reports", "raw"] {
        assert!(door.shows(&ada, connector).await, "{connector}");
    }
    storm.goes_on(25).await;
    let harvest = storm.end().await;
    assert_eq!((&harvest.refused, &harvest.broken), (&Vec::new(), &Vec::new()), "no vend fails");
    assert_recorded(&broker.stop(), &harvest.access_key_ids);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_forgets_most_is_not_applied_at_start_either() {
    let stage = Stage::set().await;
    let installation = stage.on_sqlite().serve().stop();
    let forgetful = stage.connectors().split("[[connector]]").next().unwrap().to_owned();
    installation.write("connectors.toml", &forgetful);
    let broker = installation.serve();
    assert!(broker.log().contains("would remove all or most connectors"), "{}", broker.log());
    let door = Door::of(&broker.url());
    let ada = door.sign_in("ada", stage.password_of("ada")).await;
    assert_eq!(door.vend(&ada, "deploy").await.status, 200, "what was in service stays");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_daemon_on_the_same_sqlite_file_is_refused_and_says_why() {
    let stage = Stage::set().await;
    let broker = stage.on_sqlite().serve();
    let installation = broker.installation();
    let port = broker.url().rsplit_once(':').unwrap().1.to_owned();
    installation.write("second.toml", &installation.read("brokerd.toml").replace(&port, "0"));
    let mut command = environment::command(binary());
    command.arg("--config").arg(installation.path("second.toml")).arg("serve");
    let said = ended::run("the second", command, "").failed();
    assert!(said.contains("brokerd.db") && said.contains("another"), "{said}");
    let door = Door::of(&broker.url());
    let ada = door.sign_in("ada", stage.password_of("ada")).await;
    assert_eq!(door.vend(&ada, "deploy").await.status, 200, "the first one serves on");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_daemon_killed_in_a_storm_has_recorded_all_that_anybody_received_on_sqlite() {
    let stage = Stage::set().await;
    let installation = stage.on_sqlite();
    killed_in_a_storm(&stage, installation).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_daemon_killed_in_a_storm_has_recorded_all_that_anybody_received_on_postgres() {
    let stage = Stage::set().await;
    let installation = stage.on_postgres_of("killed");
    killed_in_a_storm(&stage, installation).await;
}

async fn killed_in_a_storm(stage: &Stage, installation: Installation) {
    let mut broker = installation.serve();
    let door = Door::of(&broker.url());
    let ada = door.sign_in("ada", stage.password_of("ada")).await;
    let storm = Storm::begin(&door, 8, &[(&ada, "deploy"), (&ada, "reports")]);
    storm.goes_on(60).await;
    broker.process().signal(Signal::KILL);
    let harvest = storm.until_all_are_home().await;
    assert_eq!(harvest.refused, Vec::<String>::new());
    assert_eq!(harvest.broken.len(), 16, "all were in the middle of it");
    let broker = broker.stop().serve();
    assert_recorded(broker.installation(), &harvest.access_key_ids);
    // And it goes on where it was: sessions, too.
    let answer = Door::of(&broker.url()).vend(&ada, "deploy").await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_recorded(&broker.stop(), &harvest.access_key_ids);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sigterm_finishes_what_is_in_flight_and_takes_nothing_new() {
    let stage = Stage::set().await;
    let mut broker = stage.on_sqlite().serve();
    let door = Door::of(&broker.url());
    let ada = door.sign_in("ada", stage.password_of("ada")).await;
    stage.sim.faults().latency(Duration::from_secs(5));
    let mut asking = JoinSet::new();
    for _ in 0..FLIGHT {
        let (door, ada) = (door.clone(), ada.clone());
        asking.spawn(async move { door.vend(&ada, "deploy").await });
    }
    let begun = Instant::now();
    while connections_to(stage.sim.address().port()) < FLIGHT {
        assert!(begun.elapsed() < Duration::from_secs(10), "they do not all ask AWS");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    broker.process().signal(Signal::TERM);
    let address = broker.url().replace("http://", "");
    within_a_second(Instant::now(), "nothing new is taken", async || TcpStream::connect(&address).is_err()).await;
    assert!(!broker.process().has_ended(), "it waits for what is in flight");
    let mut received = std::collections::BTreeSet::new();
    while let Some(answer) = asking.join_next().await {
        let answer = answer.unwrap();
        assert_eq!(answer.status, 200, "{}", answer.body);
        received.insert(answer.text("access_key_id"));
    }
    assert_eq!(received.len(), FLIGHT);
    assert_eq!(broker.process().wait().code(), Some(0));
    let installation = broker.stop();
    assert!(received.is_subset(&exported(&installation)), "all of it is recorded");
}

/// Established connections to a port of this machine, as the kernel lists them.
fn connections_to(port: u16) -> usize {
    let remote = format!(":{port:04X}");
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let fields = table.lines().skip(1).map(|line| line.split_whitespace().collect::<Vec<_>>());
    fields.filter(|fields| fields[2].ends_with(&remote) && fields[3] == "01").count()
}

const FLIGHT: usize = 20;
