//! proxy.py, a forward proxy as companies have one: tunnels for https, a login if asked, TLS of its own if asked.
//!
//! This one, because it is kept, comes by the same way as moto, needs no root and no service, refuses a login as the standard says
//! (407), and speaks TLS to those before it.

use std::path::Path;

use crate::certificates::Signed;
use crate::process::{Process, Signal, new_folder};
use crate::{environment, installed};

/// A running proxy. Dropped, it is gone.
#[derive(Debug)]
pub struct Proxy {
    process: Process,
    port: u16,
}

/// What is unlike an open proxy.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options<'a> {
    /// User and password that it wants.
    pub login: Option<(&'a str, &'a str)>,
    /// What it proves itself with to those who come: then it speaks TLS.
    pub certificate: Option<&'a Signed>,
}

impl Proxy {
    pub fn start(options: Options<'_>) -> Self {
        let folder = new_folder();
        let at = |name: &str| folder.path().join(name);
        let mut command = environment::command(installed::proxy());
        command.env("HOME", folder.path()).env("PYTHONUNBUFFERED", "1");
        command.args(["--hostname", "127.0.0.1", "--port", "0", "--num-acceptors", "1", "--num-workers", "1"]);
        command.args(["--timeout", "60", "--port-file"]).arg(at(PORT_FILE)).arg("--data-dir").arg(at("data"));
        if let Some((username, password)) = options.login {
            command.args(["--basic-auth", &format!("{username}:{password}")]);
        }
        if let Some(signed) = options.certificate {
            std::fs::write(at("certificate.pem"), &signed.certificate).unwrap();
            std::fs::write(at("key.pem"), &signed.key).unwrap();
            command.arg("--cert-file").arg(at("certificate.pem")).arg("--key-file").arg(at("key.pem"));
        }
        let process = Process::start_in(folder, "proxy.py", command, Signal::TERM);
        let port = process.wait_for("write its port", || port_in(process.folder()));
        Self { process, port }
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// What it says of the connections that have ended, once it says this.
    pub fn log_with(&self, text: &str) -> String {
        self.process.wait_for(&format!("say `{text}`"), || Some(self.log()).filter(|log| log.contains(text)))
    }

    /// What it has said so far of the connections that have ended.
    pub fn log(&self) -> String {
        self.process.stderr()
    }
}

fn port_in(folder: &Path) -> Option<u16> {
    std::fs::read_to_string(folder.join(PORT_FILE)).ok()?.lines().next()?.trim().parse().ok()
}

const PORT_FILE: &str = "port";
