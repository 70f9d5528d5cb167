//! Ends a program when the test process dies without having done so: killed, aborted, or left with a server in a `static`.
//!
//! A tiny shell waits for the end of a pipe whose other end only the test process holds. The end comes however the test
//! process ends, which no destructor can promise.

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Stdio};

use crate::environment;

#[derive(Debug)]
pub(crate) struct Watchdog(Child);

impl Watchdog {
    /// Watches the process group `group`: `signal` comes first, five seconds later `KILL`. Then `folder` is removed.
    pub(crate) fn over(group: u32, signal: i32, folder: &Path) -> Self {
        let mut shell = environment::command("/bin/sh");
        shell.args(["-c", SCRIPT, "watchdog", &group.to_string(), &signal.to_string()]).arg(folder);
        // A group of its own: Ctrl-C in the terminal must not reach it.
        shell.process_group(0).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        Self(shell.spawn().expect("/bin/sh must start"))
    }

    /// The program is gone: there is nothing left to watch.
    pub(crate) fn dismiss(&mut self) {
        if let Some(mut pipe) = self.0.stdin.take() {
            let _ = pipe.write_all(b"dismissed\n");
        }
        let _ = self.0.wait();
    }
}

const SCRIPT: &str = r#"
read -r word && exit
kill "-$2" "-$1"
for _ in 1 2 3 4 5 6 7 8 9 10; do kill -0 "-$1" || break; sleep 0.5; done
kill -KILL "-$1"
rm -rf -- "$3"
"#;
