//! The daemon's log: text for people, JSON for machines, never a secret.

use tracing_subscriber::EnvFilter;

use crate::config::{Level, Log, LogFormat};

/// Begins to log to standard error. Called once; a second call changes nothing.
pub fn begin(log: Log) {
    let level = match log.level {
        Level::Error => "error",
        Level::Warn => "warn",
        Level::Info => "info",
        Level::Debug => "debug",
        Level::Trace => "trace",
    };
    // Libraries speak of what they do on the wire; only their troubles are of interest here. Those of aws_config quote the answers of
    // endpoints that give credentials; we say ourselves what went wrong there.
    let filter = EnvFilter::new(format!("warn,aws_config=off,brokerd={level},broker_core={level},demo={level}"));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let begun = match log.format {
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
        LogFormat::Text => builder.with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr())).try_init(),
    };
    if begun.is_err() {
        tracing::debug!("the log has begun already");
    }
}
