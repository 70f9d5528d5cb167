//! Where the programs are that `tests/run` installed. A missing one is a failure, never a skipped test.

use std::path::{Path, PathBuf};

/// The Python that has boto3 and moto.
pub fn python() -> PathBuf {
    cached("venv/bin/python")
}

/// The fake AWS.
pub fn moto_server() -> PathBuf {
    cached("venv/bin/moto_server")
}

/// An HTTP proxy.
pub fn proxy() -> PathBuf {
    cached("venv/bin/proxy")
}

/// AWS's own command line, version 2.
pub fn aws() -> PathBuf {
    cached("aws-cli/dist/aws")
}

/// An older one of them, from before AWS's start URLs were checked.
pub fn older_aws() -> PathBuf {
    cached("aws-cli-2.18/dist/aws")
}

/// What runs JavaScript.
pub fn node() -> PathBuf {
    cached("venv/bin/node")
}

/// A program that asks AWS who it is, by the SDK for JavaScript, which lies beside it.
pub fn javascript_client() -> PathBuf {
    cached("javascript-client/who_am_i.js")
}

/// The same by the SDK for Rust.
pub fn rust_client() -> PathBuf {
    cached("rust-client/rust-client")
}

/// A program that lists buckets by the SDK for Go.
pub fn rclone() -> PathBuf {
    cached("venv/bin/rclone")
}

/// One of PostgreSQL's programs, from the newest version that is installed.
pub fn postgres(program: &str) -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let newest = versions.filter_map(|version| version.file_name().to_str()?.parse::<u32>().ok()).max();
    newest.map_or_else(
        || missing("PostgreSQL's server"),
        |version| existing(format!("/usr/lib/postgresql/{version}/bin/{program}")),
    )
}

/// A program of Debian's, such as `slapd`, `ldapsearch`, `strace`, `chromium` or `chromedriver`.
pub fn program(name: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin".into(), "/sbin".into()])
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())
        .unwrap_or_else(|| missing(name))
}

/// A library that gives a program another time than the machine's.
pub fn faketime() -> PathBuf {
    let folders = std::fs::read_dir("/usr/lib").into_iter().flatten().flatten();
    let found = folders.map(|folder| folder.path().join("faketime/libfaketimeMT.so.1")).find(|file| file.is_file());
    found.unwrap_or_else(|| missing("libfaketime"))
}

fn cached(path: &str) -> PathBuf {
    existing(cache().join(path))
}

/// The same folder as in `tests/run`.
pub fn cache() -> PathBuf {
    let variable = |name| std::env::var_os(name).map(PathBuf::from);
    variable("BROKERD_TEST_CACHE").unwrap_or_else(|| {
        let caches = variable("XDG_CACHE_HOME")
            .unwrap_or_else(|| variable("HOME").expect("HOME or BROKERD_TEST_CACHE must be set").join(".cache"));
        caches.join("brokerd-tests")
    })
}

fn existing(path: impl AsRef<Path>) -> PathBuf {
    let path = path.as_ref();
    if path.exists() { path.to_owned() } else { missing(&path.display().to_string()) }
}

fn missing(what: &str) -> ! {
    panic!("{what} is not installed: run ./tests/run --install-only")
}
