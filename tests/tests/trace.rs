//! The trail is on the disk before the answer is on the wire: seen from outside, by the system calls of a served brokerd.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use reqwest::Method;
use tests::process::new_folder;
use tests::stage::{Door, Stage};
use tests::strace::{self, Call};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_trail_is_synced_after_aws_has_answered_and_before_the_client_is_answered() {
    let stage = Stage::set().await;
    let folder = new_folder();
    let file = folder.path().join("trace");
    let wrapper: Vec<&str> = ["strace"].into_iter().chain(strace::OPTIONS).chain(file.to_str()).collect();
    let broker = stage.on_sqlite().serve_under(&wrapper);
    let door = Door::of(&broker.url());
    let ada = door.sign_in("ada", stage.password_of("ada")).await;
    let mut given = Vec::new();
    for connector in ["deploy", "reports", "raw"] {
        let answer = door.vend(&ada, connector).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        given.push((answer.text("access_key_id"), answer.text("vend_id")));
    }
    // What is given a second time is recorded no less.
    let path = "/v1/connectors/deploy/credentials";
    let again = door.ask(Method::POST, path, Some(&ada), None).await;
    assert_eq!((again.status, &again.json()["reused"]), (200, &true.into()), "{}", again.body);
    assert_eq!(again.text("access_key_id"), given[0].0);

    let database = broker.installation().path("brokerd.db").canonicalize().unwrap();
    let (aws, home) = (stage.sim.address().to_string(), broker.url().replace("http://", ""));
    drop(broker.stop());
    let calls = strace::read(&std::fs::read_to_string(&file).unwrap());
    for (access_key_id, vend_id) in &given {
        let lent = Lent { aws: Some(&aws), home: &home, database: database.to_str().unwrap(), access_key_id, vend_id };
        lent.check(&calls).unwrap_or_else(|why| panic!("{access_key_id}: {why}"));
    }
    let vend_id = &again.text("vend_id");
    let lent =
        Lent { aws: None, home: &home, database: database.to_str().unwrap(), access_key_id: &given[0].0, vend_id };
    lent.check(&calls).unwrap_or_else(|why| panic!("reused: {why}"));
}

/// One vend, as far as it can be told from all else in a trace.
struct Lent<'a> {
    /// Where AWS is, if it was asked.
    aws: Option<&'a str>,
    /// Where the daemon listens.
    home: &'a str,
    database: &'a str,
    access_key_id: &'a str,
    vend_id: &'a str,
}

impl Lent<'_> {
    /// AWS's answer was read, then the record written to the write-ahead log, then that synced, then the client answered.
    fn check(&self, calls: &[Call]) -> Result<(), &'static str> {
        let answers = |call: &Call| call.is_one_of(&WRITES) && call.on.starts_with(&format!("{}->", self.home));
        let answered = calls.iter().find(|call| answers(call) && call.arguments.contains(self.vend_id));
        let answered = answered.ok_or("no answer to a client holds the credentials")?;
        let early = |call: &&Call| answers(call) && call.begun < answered.begun && self.aws.is_some();
        if calls.iter().filter(early).any(|call| call.arguments.contains(self.access_key_id)) {
            return Err("the credentials were on the wire before");
        }
        let from = match self.aws {
            None => 0,
            Some(aws) => {
                let is_aws = |call: &&Call| call.is_one_of(&READS) && call.on.ends_with(&format!("->{aws}"));
                let read = calls.iter().filter(is_aws).find(|call| call.arguments.contains(self.access_key_id));
                let read = read.ok_or("AWS's answer was not read")?;
                if !read.is_before(answered) {
                    return Err("the client was answered before AWS had answered");
                }
                read.ended
            }
        };
        let log = format!("{}-wal", self.database);
        let record = |call: &&Call| {
            let writes = call.is_one_of(&["pwrite64", "pwritev", "write", "writev"]) && call.on == log;
            writes && call.succeeded() && call.begun >= from && call.arguments.contains(self.vend_id)
        };
        let record =
            calls.iter().find(record).ok_or("the record is not in the write-ahead log after AWS has answered")?;
        if !record.is_before(answered) {
            return Err("the client was answered before the record was written");
        }
        let syncs = |call: &&Call| call.is_one_of(&["fsync", "fdatasync"]) && call.on == log && record.is_before(call);
        let mut syncs = calls.iter().filter(syncs).filter(|call| call.is_before(answered));
        if syncs.any(|call| call.result == Some(0)) {
            Ok(())
        } else {
            Err("the record was not synced before the answer")
        }
    }
}

mod the_check {
    use super::*;

    /// Recorded from a served brokerd, and cut down to what matters.
    const RECORDED: &str = r#"
501 1700000000.000100 recvfrom(15<TCP:[127.0.0.1:40001->127.0.0.1:5000]>, "HTTP/1.1 200 OK\r\n\r\n<AccessKeyId>ASIAONE</AccessKeyId>", 8192, 0, NULL, NULL) = 62
502 1700000000.000200 pwrite64(9</srv/brokerd.db-wal>, "{\"id\":\"0190-one\",\"access_key_id\":\"ASIAONE\"}", 44, 4152) = 44
502 1700000000.000300 fdatasync(9</srv/brokerd.db-wal> <unfinished ...>
503 1700000000.000310 recvfrom(16<TCP:[127.0.0.1:6000->127.0.0.1:50001]>, 0x7f00, 8192, 0, NULL, NULL) = -1 EAGAIN (Resource temporarily unavailable)
502 1700000000.000400 <... fdatasync resumed>) = 0
501 1700000000.000500 writev(16<TCP:[127.0.0.1:6000->127.0.0.1:50001]>, [{iov_base="HTTP/1.1 200 OK\r\n\r\n", iov_len=19}, {iov_base="{\"access_key_id\":\"ASIAONE\",\"vend_id\":\"0190-one\"}", iov_len=48}], 2) = 67
501 1700000000.000600 --- SIGTERM {si_signo=SIGTERM, si_code=SI_USER, si_pid=1, si_uid=0} ---
501 1700000000.000700 +++ exited with 0 +++"#;

    fn check(trace: &str) -> Result<(), &'static str> {
        let (aws, home, database) = (Some("127.0.0.1:5000"), "127.0.0.1:6000", "/srv/brokerd.db");
        let lent = Lent { aws, home, database, access_key_id: "ASIAONE", vend_id: "0190-one" };
        lent.check(&strace::read(trace.trim()))
    }

    /// The recorded lines in another order; times go with places.
    fn in_order(order: &[usize]) -> Result<(), &'static str> {
        let lines: Vec<&str> = RECORDED.trim().lines().collect();
        let line = |(place, number): (usize, &usize)| {
            let (thread, rest) = lines[*number].split_once(' ').unwrap();
            format!("{thread} 1700000000.{place:06} {}\n", rest.split_once(' ').unwrap().1)
        };
        check(&order.iter().enumerate().map(line).collect::<String>())
    }

    #[test]
    fn the_recorded_order_passes() {
        assert_eq!(check(RECORDED), Ok(()));
        assert_eq!(in_order(&[0, 1, 2, 3, 4, 5, 6, 7]), Ok(()));
    }

    #[test]
    fn every_other_order_fails() {
        let unsynced = Err("the record was not synced before the answer");
        assert_eq!(in_order(&[0, 1, 5, 2, 3, 4]), unsynced, "answered before the sync");
        assert_eq!(in_order(&[0, 1, 2, 3, 5, 4]), unsynced, "answered during the sync");
        assert_eq!(in_order(&[0, 2, 3, 4, 1, 5]), unsynced, "written after the sync");
        assert_eq!(in_order(&[0, 2, 1, 3, 4, 5]), unsynced, "written during the sync");
        assert_eq!(in_order(&[0, 1, 5]), unsynced, "no sync at all");
        assert_eq!(in_order(&[0, 1, 2, 5]), unsynced, "a sync that never returned");
        assert_eq!(in_order(&[0, 5, 1, 2, 3, 4]), Err("the client was answered before the record was written"));
        assert_eq!(in_order(&[5, 0, 1, 2, 3, 4]), Err("the client was answered before AWS had answered"));
        assert_eq!(
            in_order(&[1, 2, 3, 4, 0, 5]),
            Err("the record is not in the write-ahead log after AWS has answered"),
            "recorded before AWS was asked"
        );
    }

    #[test]
    fn a_sync_that_fails_or_is_of_another_file_does_not_count() {
        let unsynced = Err("the record was not synced before the answer");
        assert_eq!(check(&RECORDED.replace("resumed>) = 0", "resumed>) = -1 EIO (Input/output error)")), unsynced);
        assert_eq!(
            check(&RECORDED.replace("fdatasync(9</srv/brokerd.db-wal>", "fdatasync(8</srv/brokerd.db>")),
            unsynced
        );
        let elsewhere = RECORDED.replace("pwrite64(9</srv/brokerd.db-wal>", "pwrite64(9</srv/other.db-wal>");
        assert_eq!(check(&elsewhere), Err("the record is not in the write-ahead log after AWS has answered"));
    }

    #[test]
    fn credentials_that_slip_out_earlier_are_seen() {
        let slip =
            r#"503 1700000000.000150 sendto(17<TCP:[127.0.0.1:6000->127.0.0.1:50002]>, "ASIAONE", 7, 0, NULL, 0) = 7"#;
        let (first, rest) = RECORDED.trim().split_once('\n').unwrap();
        assert_eq!(check(&format!("{first}\n{slip}\n{rest}")), Err("the credentials were on the wire before"));
    }

    #[test]
    fn a_trace_of_something_else_proves_nothing() {
        assert_eq!(
            check(&RECORDED.replace("0190-one", "0190-two")),
            Err("no answer to a client holds the credentials")
        );
        assert_eq!(
            check(&RECORDED.replace("<AccessKeyId>ASIAONE", "<AccessKeyId>ASIATWO")),
            Err("AWS's answer was not read")
        );
        assert_eq!(
            check(&RECORDED.replace("->127.0.0.1:5000]", "->127.0.0.1:5001]")),
            Err("AWS's answer was not read")
        );
    }

    #[test]
    #[should_panic(expected = "is no event")]
    fn a_line_that_is_not_understood_is_a_failure() {
        strace::read("strace: something went wrong");
    }

    #[test]
    #[should_panic(expected = "ends what has not begun")]
    fn an_end_without_a_beginning_is_a_failure() {
        strace::read("501 1700000000.000100 <... fdatasync resumed>) = 0");
    }
}

const READS: [&str; 4] = ["read", "recvfrom", "recvmsg", "readv"];
const WRITES: [&str; 4] = ["write", "sendto", "sendmsg", "writev"];
