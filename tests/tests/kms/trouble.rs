//! KMS is silent, broken, endless, elsewhere, or something else altogether: told within the deadline by its key, and nothing is opened.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use aws_sim::{Calls, Fault, Sim, World};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use tests::brokerd::{Installation, free_port};
use tests::elsewhere::Elsewhere;
use tests::ended::{self, Ended};

use crate::PLAIN;

/// Whose KMS is whatever listens here, and a daemon whose key is wrapped there.
struct Desk {
    sim: Sim,
    here: Installation,
}

impl Desk {
    async fn open() -> Self {
        let sim = Sim::start(World::default(), (Ipv4Addr::LOCALHOST, 0).into()).await.unwrap();
        let here = Installation::new(CONFIG, "");
        let wrapped = json!({
            "format": "brokerd wrapped master key, version 1",
            "master_key": "test",
            "installation": "0190a5c8-7f4e-7b3a-9d2c-1e5f6a7b8c9d",
            "kms_key": ARN,
            "ciphertext": STANDARD.encode(WRAPPED),
        });
        here.write("test.wrapped", &wrapped.to_string());
        here.edit("brokerd.toml", PLAIN, &master_key(&sim.endpoint()));
        Self { sim, here }
    }

    /// Starts the daemon, which must not come to serve. What it says, and that it said so in time and gave nothing away.
    fn refused(&self, arguments: &[&str]) -> String {
        let began = Instant::now();
        let said = ran(&self.here, arguments);
        // The program itself begins and ends besides, on a machine that has other things to do.
        assert!(began.elapsed() < DEADLINE + Duration::from_secs(30), "{:?}", began.elapsed());
        for secret in [SECRET, ID, &STANDARD.encode(WRAPPED), "It works!", "<html"] {
            assert!(!said.stdout.contains(secret) && !said.stderr.contains(secret), "{secret}: {said:?}");
        }
        said.failed()
    }

    fn place(&self) -> String {
        format!("{ARN} (asked at {})", self.sim.endpoint())
    }
}

fn master_key(endpoint: &str) -> String {
    format!(
        "[[master_key]]\nid = \"test\"\nseals = true\n\
         source = {{ kms = {{ key_arn = \"{ARN}\", wrapped_file = \"test.wrapped\", endpoint_url = \"{endpoint}\" }} }}\n"
    )
}

fn ran(here: &Installation, arguments: &[&str]) -> Ended {
    let mut command = here.command(arguments);
    command.env("AWS_ACCESS_KEY_ID", ID).env("AWS_SECRET_ACCESS_KEY", SECRET);
    ended::run("brokerd", command, "")
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_keeps_kms_from_answering_is_told_at_start_by_the_key_and_the_place() {
    let desk = Desk::open().await;
    for (fault, why) in [
        (Fault::Stall(Duration::from_hours(1)), "it did not answer in time"),
        (Fault::SlowBytes(Duration::from_millis(500)), "it did not answer in time"),
        (Fault::DroppedConnection, "no connection came about ("),
        (Fault::ServiceUnavailable, "it answered 503"),
        (Fault::InternalFailure, "it answered 500"),
    ] {
        let before = desk.sim.faults().happened();
        desk.sim.faults().always(Calls::any(), fault.clone());
        let said = desk.refused(&["serve"]);
        let told = format!("AWS KMS gave no usable answer about {}: {why}", desk.place());
        assert!(said.contains(&told), "{fault:?}:\n{said}");
        assert!(said.contains("Look at the network, `aws.proxy` and endpoint_url, or wait"), "{said}");
        assert!(desk.sim.faults().happened() - before >= 2, "it was tried again: {fault:?}");
        desk.sim.faults().clear();
    }
    let nobody = format!("http://127.0.0.1:{}", free_port());
    desk.here.edit("brokerd.toml", &desk.sim.endpoint(), &nobody);
    let said = desk.refused(&["serve"]);
    assert!(said.contains(&format!("about {ARN} (asked at {nobody}): no connection came about (")), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_kms_is_told_apart_and_not_believed() {
    let desk = Desk::open().await;
    let elsewhere = Elsewhere::open();
    for (fault, why) in [
        (Fault::NotXml, "its answer is cut off, endless, or not JSON"),
        // Read on, it would last beyond the deadline, or fill the memory.
        (Fault::Huge(64 << 30), "its answer is cut off, endless, or not JSON"),
        (Fault::Redirect(elsewhere.origin()), "it answered 307, and no error of KMS"),
    ] {
        desk.sim.faults().always(Calls::any(), fault.clone());
        for arguments in [&["serve"][..], &["key", "list"]] {
            let said = desk.refused(arguments);
            let told = format!("what answers about {} is perhaps not AWS KMS: {why}. Look at", desk.place());
            assert!(said.contains(&told), "{fault:?}:\n{said}");
        }
        desk.sim.faults().clear();
    }
    elsewhere.assert_nobody_came();
}

#[tokio::test(flavor = "multi_thread")]
async fn no_key_is_made_by_what_is_not_kms() {
    let desk = Desk::open().await;
    std::fs::remove_file(desk.here.path("test.wrapped")).unwrap();
    let elsewhere = Elsewhere::open();
    for fault in [Fault::NotXml, Fault::ServiceUnavailable, Fault::Redirect(elsewhere.origin())] {
        desk.sim.faults().always(Calls::any(), fault.clone());
        let said = desk.refused(&["init", "--kms", ARN]);
        assert!(said.contains(&desk.place()), "{fault:?}:\n{said}");
        assert!(!desk.here.path("test.wrapped").exists(), "{fault:?}");
        desk.sim.faults().clear();
    }
    elsewhere.assert_nobody_came();
}

const CONFIG: &str = "[aws]\nretries = 1\nconnect_timeout_seconds = 1\nattempt_timeout_seconds = 2\ndeadline_seconds = 6\n\
                      interactive_deadline_seconds = 6\n[[directory]]\nname = \"local\"\nbackend.local.people = []\n";
const DEADLINE: Duration = Duration::from_secs(6);
const ARN: &str = "arn:aws:kms:eu-central-1:111111111111:key/1234abcd-12ab-34cd-56ef-1234567890ab";
const WRAPPED: &[u8] = b"what KMS alone can read";
const ID: &str = "AKIAASKSKMSASKSKMS01";
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
