//! Tells the service manager (systemd) how the daemon is, where one has started it; elsewhere nothing happens.

use sd_notify::NotifyState;

/// Requests are answered from now on.
pub(crate) fn ready() {
    tell(&[NotifyState::Ready]);
}

/// Files are read again; `ready` follows.
pub(crate) fn reloading() {
    if let Ok(now) = NotifyState::monotonic_usec_now() {
        tell(&[NotifyState::Reloading, now]);
    }
}

/// Nothing new is taken.
pub(crate) fn stopping() {
    tell(&[NotifyState::Stopping]);
}

/// Shows a sign of life for as long as the service manager wants one. It comes from among the tasks that answer requests: when
/// these stand still it fails to come, and the daemon is started anew.
pub(crate) async fn show_life() {
    if let Some(limit) = sd_notify::watchdog_enabled() {
        loop {
            tell(&[NotifyState::Watchdog]);
            tokio::time::sleep(limit / 3).await;
        }
    }
}

fn tell(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::warn!(%error, "the service manager cannot be told");
    }
}
