//! The command `broker` as AWS's clients run it for each of their own runs: `broker process`, from its cache, as a whole process.

use std::fs;
use std::io::{PipeReader, Read, Write, pipe};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use secrecy::{ExposeSecret, SecretString};
use tempfile::TempDir;

use crate::house::{self, House};
use crate::{child, world};

/// What was measured.
#[derive(Clone, Debug)]
pub(crate) struct Processes {
    /// From before its start to after its end, sorted.
    pub(crate) times: Vec<Duration>,
    pub(crate) peak_mib: f64,
}

/// A machine of somebody who is signed in.
struct Machine {
    home: TempDir,
    program: PathBuf,
    url: String,
}

/// Runs it again and again for that long. It says nothing to the broker after the first time.
pub(crate) fn measure(house: &House, program: &Path, folder: &Path, measured: Duration) -> anyhow::Result<Processes> {
    let home = tempfile::Builder::new().prefix("brokerd-bench-").tempdir_in(folder)?;
    let url = format!("http://{}", house.address());
    let machine = Machine { home, program: program.to_owned(), url };
    machine.sign_in(&world::person(0), house.password())?;
    machine.printed()?;
    let (mut times, end) = (Vec::new(), Instant::now() + measured);
    while Instant::now() < end || times.is_empty() {
        let started = Instant::now();
        machine.printed()?;
        times.push(started.elapsed());
    }
    times.sort();
    Ok(Processes { times, peak_mib: machine.peak_mib()? })
}

impl Processes {
    pub(crate) fn percentile(&self, percent: usize) -> Duration {
        let place = (self.times.len() * percent / 100).min(self.times.len().saturating_sub(1));
        self.times.get(place).copied().unwrap_or_default()
    }
}

impl Machine {
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(arguments).env_clear().env("HOME", self.home.path());
        command.env("BROKER_URL", &self.url).env("BROKER_KEYRING", "off");
        command
    }

    fn sign_in(&self, username: &str, password: &SecretString) -> anyhow::Result<()> {
        let mut command = self.command(&["login", "--username", username]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().context("broker does not start")?;
        child.stdin.take().context("nothing can be written to it")?.write_all(password.expose_secret().as_bytes())?;
        ensure!(child.wait()?.success(), "broker does not sign in");
        Ok(())
    }

    fn process(&self) -> Command {
        self.command(&["process", &house::connector(0)])
    }

    fn printed(&self) -> anyhow::Result<()> {
        let output = self.process().stderr(Stdio::inherit()).output().context("broker does not start")?;
        ensure!(output.status.success(), "`broker process` fails");
        ensure!(
            output.stdout.starts_with(b"{") && output.stdout.len() > LEAST,
            "`broker process` prints no credentials"
        );
        Ok(())
    }

    /// Its last act is to print. With nobody reading it stands there, and can be looked at.
    fn peak_mib(&self) -> anyhow::Result<f64> {
        let (mut reader, mut writer) = pipe()?;
        let flags = fcntl_getfl(&writer)?;
        fcntl_setfl(&writer, flags | OFlags::NONBLOCK)?;
        while writer.write(&[b' '; 512]).is_ok() {}
        fcntl_setfl(&writer, flags)?;
        let mut command = self.process();
        command.stdout(writer);
        let mut child = command.spawn().context("broker does not start")?;
        // What holds the pipe's other end, too.
        drop(command);
        let peak = stands(&mut child).and_then(|()| child::peak_mib(child.id()));
        let told = drained(&mut reader);
        ensure!(child.wait()?.success() && told? > LEAST, "`broker process` fails where nobody reads");
        peak
    }
}

/// Waits until it has had no more time on any core for a while.
fn stands(child: &mut Child) -> anyhow::Result<()> {
    let begun = Instant::now();
    loop {
        let before = fs::read_to_string(format!("/proc/{}/schedstat", child.id()))?;
        std::thread::sleep(QUIET);
        if child.try_wait()?.is_some() {
            bail!("`broker process` ends although nobody reads what it prints");
        }
        let now = fs::read_to_string(format!("/proc/{}/schedstat", child.id()))?;
        if before == now {
            return Ok(());
        }
        ensure!(begun.elapsed() < LONGEST, "`broker process` does not come to its end");
    }
}

fn drained(reader: &mut PipeReader) -> anyhow::Result<usize> {
    let mut all = Vec::new();
    reader.read_to_end(&mut all)?;
    Ok(all.trim_ascii().len())
}

const LEAST: usize = 100;
const QUIET: Duration = Duration::from_millis(200);
const LONGEST: Duration = Duration::from_secs(30);
