//! The record is on the disk before the answer is out: the kernel is asked, by a trace of system calls.

use std::collections::HashMap;

use tests::process::{Process, new_folder};
use tests::{environment, installed};

#[test]
fn the_record_is_synced_to_the_disk_before_the_credentials_are_out() {
    let folder = new_folder();
    let file = folder.path().join("broker.db");
    let trace = folder.path().join("trace");
    let mut strace = environment::command(installed::program("strace"));
    strace.args(["-f", "-y", "-e", "trace=pwrite64,write,fsync,fdatasync", "-o"]).arg(&trace);
    strace.arg(env!("CARGO_BIN_EXE_storekeeper")).arg("record").arg(&file);
    let mut process = Process::start("strace", strace);
    assert!(process.wait().success(), "{}", process.stderr());
    assert!(process.stdout().contains("recorded, so here are the credentials"), "{}", process.stdout());

    let calls = calls(&std::fs::read_to_string(&trace).unwrap());
    let position = |what: &str| {
        let found = calls.iter().position(|call| call.contains(what));
        found.unwrap_or_else(|| panic!("no {what} in\n{}", calls.join("\n")))
    };
    let (opened, answered) = (position("\"opened ["), position("\"recorded, so here are"));
    let between = &calls[opened..answered];
    let last = |name: &str| between.iter().rposition(|call| call.starts_with(name) && call.contains("broker.db-wal>"));
    let written = last("pwrite64(").expect("the log was written between the two");
    let synced = last("fdatasync(").max(last("fsync("));
    assert!(synced > Some(written), "not synced after it was written:\n{}", between.join("\n"));
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
