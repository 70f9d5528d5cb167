//! The record is on the disk before the answer is out, and what attempts are counted in is not waited for: the kernel is asked, by a trace of
//! system calls.

use std::collections::HashMap;

use tests::process::{Process, new_folder};
use tests::{environment, installed};

#[test]
fn the_record_is_synced_to_the_disk_before_the_credentials_are_out() {
    let calls = traced("record", "recorded, so here are the credentials");
    let [written, synced] = in_the_log(&calls);
    let written = written.expect("the log was written between the two");
    assert!(synced > Some(written), "not synced after it was written:\n{}", calls.join("\n"));
}

#[test]
fn an_attempt_is_counted_in_the_log_and_waits_for_no_disk() {
    let calls = traced("count", "counted: Ok(true)");
    let [written, synced] = in_the_log(&calls);
    assert!(written.is_some() && synced.is_none(), "{}", calls.join("\n"));
}

/// What a process did between the moment when it had a store and the one when it said this.
fn traced(command: &str, said: &str) -> Vec<String> {
    let folder = new_folder();
    let trace = folder.path().join("trace");
    let mut strace = environment::command(installed::program("strace"));
    strace.args(["-f", "-y", "-e", "trace=pwrite64,write,fsync,fdatasync", "-o"]).arg(&trace);
    strace.arg(env!("CARGO_BIN_EXE_storekeeper")).arg(command).arg(folder.path().join("broker.db"));
    let mut process = Process::start("strace", strace);
    assert!(process.wait().success(), "{}", process.stderr());
    assert!(process.stdout().contains(said), "{}", process.stdout());

    let mut calls = calls(&std::fs::read_to_string(&trace).unwrap());
    let position = |what: &str| {
        let found = calls.iter().position(|call| call.contains(&format!("\"{what}")));
        found.unwrap_or_else(|| panic!("no {what} in\n{}", calls.join("\n")))
    };
    let (opened, answered) = (position("opened ["), position(&said[..10]));
    calls.drain(opened..answered).collect()
}

/// When it was last written, and when it last went to the disk.
fn in_the_log(calls: &[String]) -> [Option<usize>; 2] {
    let last = |name: &str| calls.iter().rposition(|call| call.starts_with(name) && call.contains("broker.db-wal>"));
    [last("pwrite64("), last("fdatasync(").max(last("fsync("))]
}

/// The calls in the order in which they ended; one that was interrupted in the trace is put together again.
fn calls(trace: &str) -> Vec<String> {
    let mut begun: HashMap<&str, &str> = HashMap::new();
    let mut ended = Vec::new();
    for line in trace.lines() {
        let Some((thread, call)) = line.split_once(' ') else { continue };
        let call = call.trim_start();
        if let Some(beginning) = call.strip_suffix("<unfinished ...>") {
            begun.insert(thread, beginning);
        } else if let Some((_, end)) = call.split_once(" resumed>") {
            ended.push(format!("{}{end}", begun.remove(thread).unwrap_or_default()));
        } else {
            ended.push(call.to_owned());
        }
    }
    ended
}
