//! `brokerd serve`: the daemon.

use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

use super::guard;
use super::site::Site;
use crate::daemon::Daemon;
use crate::supervisor;
use crate::telemetry;

/// Serve until told to stop (SIGTERM, SIGINT); SIGHUP reads the connectors file and the certificate again
#[derive(Debug, Args)]
pub(super) struct Serve {}

impl Serve {
    pub(super) async fn run(self, site: &Site) -> anyhow::Result<ExitCode> {
        let Self {} = self;
        let mut config = site.config()?;
        telemetry::begin(config.log);
        for warning in &config.warnings {
            tracing::warn!(%warning, "the configuration is taken, but may not be what is meant");
        }
        guard::keep_memory_out_of_swap();
        config.limits = guard::within_open_files(config.limits);
        let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        let mut hang_up = signal(SignalKind::hangup())?;
        let (address, public_url) = (config.listen.address, config.public_url.clone());
        let daemon = Daemon::build(config).await?;
        let listener = TcpListener::bind(address).await.with_context(|| {
            format!(
                "cannot listen on {address} (listen.address): end what listens there, or take another address or port"
            )
        })?;
        tracing::info!(address = %listener.local_addr()?, %public_url, "brokerd serves");
        supervisor::ready();
        tokio::spawn(supervisor::show_life());
        let (asks, reload) = mpsc::channel(1);
        tokio::spawn(async move { while hang_up.recv().await.is_some() && asks.send(()).await.is_ok() {} });
        let stop = async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            supervisor::stopping();
            tracing::info!("brokerd stops: what is in flight is finished first");
        };
        daemon.run(listener, reload, stop).await;
        Ok(ExitCode::SUCCESS)
    }
}
