//! Starts a program by the kit and dies without a word: the kit's own test looks whether the program outlives it.

#![expect(clippy::print_stdout, reason = "it is how it tells")]

use tests::environment;
use tests::process::Process;

fn main() {
    let mut command = environment::command("/bin/sh");
    command.args(["-c", "echo ready; exec sleep 1000"]);
    let process = Process::start("shell", command);
    process.wait_for_line("ready");
    println!("started {} {}", process.id(), process.folder().display());
    std::process::abort();
}
