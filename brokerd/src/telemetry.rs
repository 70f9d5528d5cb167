//! The daemon's log: text for people, JSON for machines, never a secret.

use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, fmt};

use crate::config::{Level, Log, LogFormat};
use crate::metrics;

/// Begins to log to standard error. Called once; a second call changes nothing.
pub fn begin(log: Log) {
    let level = match log.level {
        Level::Error => "error",
        Level::Warn => "warn",
        Level::Info => "info",
        Level::Debug => "debug",
        Level::Trace => "trace",
    };
    // Libraries speak of what they do on the wire; only their troubles are of interest here. Among those of
    // aws_config are some that would quote the answers of an instance's metadata; we say ourselves what went wrong there. What
    // people's passkeys say that is wrong stands in the trail, and is nobody else's trouble.
    let filter = EnvFilter::new(format!(
        "warn,aws_config=off,webauthn_rs=off,webauthn_rs_core=off,brokerd={level},broker_core={level},demo={level}"
    ));
    let lines = fmt::layer().with_writer(std::io::stderr);
    let lines = match log.format {
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
        LogFormat::Text => lines.with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr())).boxed(),
    };
    if tracing_subscriber::registry().with(lines).with(Alarms).with(filter).try_init().is_err() {
        tracing::debug!("the log has begun already");
    }
}

/// Counts the lines that carry an alarm, so that whoever watches metrics alone sees them as well.
struct Alarms;

impl<S: Subscriber> Layer<S> for Alarms {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        event.record(&mut Alarm);
    }
}

struct Alarm;

impl Visit for Alarm {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "alarm" {
            metrics::alarmed(value);
        }
    }

    /// An alarm is a word of our own, never something printed.
    fn record_debug(&mut self, _: &Field, _: &dyn std::fmt::Debug) {}
}
