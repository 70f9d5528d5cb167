//! What of the daemon's memory others can get at: nothing by way of `/proc`, and no page on the disk where the system allows it.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use tests::brokerd::{Installation, binary};
use tests::process::new_folder;

fn installation(more: &str) -> Installation {
    Installation::new(&format!("{more}\n[[directory]]\nname = \"local\"\nbackend.local.people = []\n"), "")
}

#[test]
fn another_process_of_the_same_user_cannot_look_into_ours() {
    // As root everything can be read: then both are nobody, and the program is where nobody may run it.
    let folder = new_folder();
    fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
    let program = folder.path().join("brokerd");
    fs::copy(binary(), &program).unwrap();
    let as_nobody = |program: &str| {
        let mut command = Command::new(program);
        if rustix::process::geteuid().is_root() {
            command.uid(65_534).gid(65_534);
        }
        command
    };
    let read = |id: u32| {
        let seen = as_nobody("cat").arg(format!("/proc/{id}/environ")).output().unwrap();
        (seen.status.success(), String::from_utf8_lossy(&seen.stderr).into_owned())
    };
    // It waits for a password for as long as its standard input is open.
    let waiting = |program: &str, arguments: &[&str]| {
        let mut command = as_nobody(program);
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        command.spawn().unwrap()
    };
    let mut open = waiting("cat", &[]);
    assert!(read(open.id()).0, "any other program can be looked into: {:?}", read(open.id()));
    let mut closed = waiting(program.to_str().unwrap(), &["hash-password"]);
    let begun = Instant::now();
    while read(closed.id()).0 {
        assert!(begun.elapsed() < Duration::from_secs(30), "its memory stays open to others");
        std::thread::sleep(Duration::from_millis(10));
    }
    assert!(closed.try_wait().unwrap().is_none(), "it still runs");
    assert!(read(closed.id()).1.contains("Permission denied"), "{:?}", read(closed.id()));
    for child in [&mut open, &mut closed] {
        child.kill().unwrap();
        child.wait().unwrap();
    }
}

#[test]
fn memory_is_locked_where_the_system_allows_it_and_the_log_says_which() {
    let locked = |wrapper: &[&str]| {
        let broker = installation("").serve_under(wrapper);
        let status = fs::read_to_string(format!("/proc/{}/status", broker.id())).unwrap();
        let kilobytes = |key: &str| -> u64 {
            status.lines().find_map(|line| line.strip_prefix(key)?.trim().strip_suffix(" kB")?.parse().ok()).unwrap()
        };
        let log = broker.log();
        assert_ne!(log.contains("memory is kept out of swap"), log.contains("LimitMEMLOCK=infinity"), "{log}");
        // Only what is used is locked: otherwise whole stacks would be resident.
        assert!(kilobytes("RssAnon:") < 20_000, "{status}");
        (log.contains("memory is kept out of swap"), kilobytes("VmLck:"))
    };
    let (is_kept, kilobytes) = locked(&[]);
    assert_eq!(is_kept, kilobytes > 1_000, "{kilobytes} kB are locked");
    // Without the right to, and with a limit.
    let limited = "ulimit -l 4096 && exec \"$0\" \"$@\"";
    let without: &[&str] = if rustix::process::geteuid().is_root() {
        &["setpriv", "--bounding-set=-ipc_lock,-sys_resource", "sh", "-c", limited]
    } else {
        &["sh", "-c", limited]
    };
    assert_eq!(locked(without), (false, 0));
}

#[test]
fn files_for_all_connections_may_be_opened_or_fewer_connections_are_taken() {
    let few = |soft: u64, hard: u64| {
        let limits = format!("ulimit -S -n {soft} && ulimit -H -n {hard} && exec \"$0\" \"$@\"");
        let broker = installation("limits = { connections = 2000 }").serve_under(&["sh", "-c", &limits]);
        let limits = fs::read_to_string(format!("/proc/{}/limits", broker.id())).unwrap();
        let line = limits.lines().find(|line| line.starts_with("Max open files")).unwrap().to_owned();
        (line.split_whitespace().nth(3).unwrap().parse::<u64>().unwrap(), broker.log())
    };
    let (open, log) = few(300, 4_096);
    assert!(open >= 2_256 && !log.contains("too few"), "{open} {log}");
    let (open, log) = few(300, 1_000);
    assert!(
        open == 1_000 && log.contains("too few files for limits.connections") && log.contains("connections=744"),
        "{open} {log}"
    );
}
