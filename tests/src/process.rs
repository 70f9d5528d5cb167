//! A program that runs for as long as a test needs it, and no longer.

use std::fs::File;
use std::net::{Ipv4Addr, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

pub use rustix::process::Signal;
use rustix::process::{Pid, WaitId, WaitIdOptions, kill_process, kill_process_group, waitid};
use tempfile::TempDir;

use crate::watchdog::Watchdog;

/// A running program with a process group and a folder of its own. Dropped, all three are gone.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    polite: Signal,
    watchdog: Watchdog,
    status: Option<ExitStatus>,
    folder: TempDir,
}

impl Process {
    pub fn start(name: &str, command: Command) -> Self {
        Self::start_in(new_folder(), name, command, Signal::TERM)
    }

    /// Starts it with a folder that holds what belongs to it; its output goes there as well. `polite` asks it to end.
    pub fn start_in(folder: TempDir, name: &str, mut command: Command, polite: Signal) -> Self {
        let file = |name| File::create(folder.path().join(name)).unwrap();
        let input = File::open(folder.path().join(INPUT)).map_or_else(|_| Stdio::null(), Stdio::from);
        command.process_group(0).stdin(input).stdout(file(OUTPUT)).stderr(file(ERRORS));
        let child = command.spawn().unwrap_or_else(|error| panic!("{name} does not start: {error}"));
        let watchdog = Watchdog::over(child.id(), polite.as_raw(), folder.path());
        Self { name: name.to_owned(), child, polite, watchdog, status: None, folder }
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Everything it wrote to standard output so far.
    pub fn stdout(&self) -> String {
        self.read(OUTPUT)
    }

    /// Everything it wrote to standard error so far.
    pub fn stderr(&self) -> String {
        self.read(ERRORS)
    }

    /// Sends a signal to the program itself, not to its group.
    pub fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).unwrap_or_else(|error| panic!("{} gets no signal: {error}", self.name));
    }

    /// The first whole line, of either output, that holds `text`. Panics if the program ends without having said it.
    pub fn wait_for_line(&self, text: &str) -> String {
        self.line_before_end(text).unwrap_or_else(|| self.fail(&format!("ended before it said `{text}`")))
    }

    /// The same, or nothing if the program ends first.
    pub fn line_before_end(&self, text: &str) -> Option<String> {
        self.wait_for(&format!("say `{text}`"), || {
            let ended = self.has_ended();
            let said = [self.stdout(), self.stderr()];
            let mut lines = said.iter().flat_map(|output| output.split_inclusive('\n'));
            match lines.find(|line| line.ends_with('\n') && line.contains(text)) {
                Some(line) => Some(Some(line.trim_end().to_owned())),
                None => ended.then_some(None),
            }
        })
    }

    /// Waits until something listens on that port of the loopback address.
    pub fn wait_for_port(&self, port: u16) {
        self.wait_for(&format!("listen on port {port}"), || {
            if self.has_ended() {
                self.fail(&format!("ended before it listened on port {port}"));
            }
            TcpStream::connect((Ipv4Addr::LOCALHOST, port)).ok().map(drop)
        });
    }

    /// Waits for the program to end by itself.
    pub fn wait(&mut self) -> ExitStatus {
        self.wait_for("end", || self.has_ended().then_some(()));
        self.bury()
    }

    /// Asks the program to end, and kills it and its whole group if it has not within ten seconds.
    pub fn stop(&mut self) -> ExitStatus {
        if !self.has_ended() {
            self.signal(self.polite);
            let asked = Instant::now();
            while !self.has_ended() && asked.elapsed() < GRACE {
                sleep(PAUSE);
            }
        }
        self.bury()
    }

    pub fn has_ended(&self) -> bool {
        // Looks without taking the status away: until `bury` the process id, and so the group's, cannot be given to another.
        let looks = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        self.status.is_some() || !matches!(waitid(WaitId::Pid(self.pid()), looks), Ok(None))
    }

    /// Ends whatever is left of the group, and the watch over it.
    fn bury(&mut self) -> ExitStatus {
        if let Some(status) = self.status {
            return status;
        }
        let _ = kill_process_group(self.pid(), Signal::KILL);
        let status = self.child.wait().unwrap();
        self.watchdog.dismiss();
        *self.status.insert(status)
    }

    /// Waits until `look` sees something.
    pub fn wait_for<T>(&self, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
        let started = Instant::now();
        loop {
            if let Some(seen) = look() {
                return seen;
            }
            if started.elapsed() > PATIENCE {
                self.fail(&format!("did not {what} within {} seconds", PATIENCE.as_secs()));
            }
            sleep(PAUSE);
        }
    }

    fn fail(&self, what: &str) -> ! {
        panic!("{} {what}\n{}", self.name, self.last_words());
    }

    fn last_words(&self) -> String {
        let (stdout, stderr) = (self.stdout(), self.stderr());
        let end = |text: &str| {
            text.lines().rev().take(LAST_LINES).collect::<Vec<_>>().into_iter().rev().collect::<Vec<_>>().join("\n")
        };
        format!("--- standard output\n{}\n--- standard error\n{}", end(&stdout), end(&stderr))
    }

    fn read(&self, name: &str) -> String {
        String::from_utf8_lossy(&std::fs::read(self.folder.path().join(name)).unwrap()).into_owned()
    }

    fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{} when the test failed:\n{}", self.name, self.last_words());
        }
        self.stop();
    }
}

/// A fresh folder under the system's temporary one, with a path short enough for Unix sockets.
pub fn new_folder() -> TempDir {
    tempfile::Builder::new().prefix("brokerd-").tempdir().unwrap()
}

/// A file of this name in the folder, if there, is the program's standard input.
pub const INPUT: &str = "input";
const OUTPUT: &str = "output";
const ERRORS: &str = "errors";

const PATIENCE: Duration = Duration::from_mins(1);
const GRACE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(10);
const LAST_LINES: usize = 40;
