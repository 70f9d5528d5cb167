//! `brokerd check`: everything that is wrong with the files, at once, without asking anybody.

use std::process::ExitCode;

use broker_core::catalog;
use broker_core::clock::{Clock, SystemClock};
use broker_core::file::{Remark, with_causes};
use clap::Args;

use super::output;
use super::site::Site;
use crate::config::Config;

/// Say everything that is wrong with the configuration and the connectors file; asks no server
#[derive(Debug, Args)]
pub(super) struct Check {}

impl Check {
    pub(super) fn run(self, site: &Site) -> anyhow::Result<ExitCode> {
        let Self {} = self;
        let path = site.config_path()?;
        let config = match Config::load(&path) {
            Ok(config) => config,
            Err(errors) => {
                tell("error", &errors)?;
                output::line("the connectors file is checked as soon as the configuration is good")?;
                return found(errors.len(), 0);
            }
        };
        tell("warning", &config.warnings)?;
        let (mut errors, mut warnings) = (0, config.warnings.len());
        if let Some(files) = &config.listen.tls {
            let of_tls = |text: &str| [Remark::new(&path, None, "listen.tls", text)];
            let now = SystemClock.now();
            match files.read(now).map(|certificate| (certificate.expires_soon(now), certificate.expires_at)) {
                Ok((None, _)) => {}
                Ok((Some(_), at)) => {
                    tell("warning", &of_tls(&format!("the certificate expires soon, at {at}: renew it")))?;
                    warnings += 1;
                }
                Err(error) => {
                    tell("error", &of_tls(&with_causes(&error)))?;
                    errors += 1;
                }
            }
        }
        let Some(file) = &config.connectors_file else {
            output::line(&format!("{}: it names no connectors_file", path.display()))?;
            return found(errors, warnings);
        };
        match catalog::read(file, &config.catalog_context(None)) {
            Ok(catalog) => {
                tell("warning", &catalog.warnings)?;
                let (connectors, keys) = (catalog.connectors.len(), catalog.access_keys.len());
                if errors == 0 {
                    output::line(&format!("{}: good", path.display()))?;
                }
                output::line(&format!("{}: good; connectors: {connectors}, access keys: {keys}", file.display()))?;
                found(errors, warnings + catalog.warnings.len())
            }
            Err(mistakes) => {
                tell("error", &mistakes)?;
                found(errors + mistakes.len(), warnings)
            }
        }
    }
}

fn tell(kind: &str, remarks: &[Remark]) -> std::io::Result<()> {
    remarks.iter().try_for_each(|remark| output::line(&format!("{kind}: {remark}")))
}

fn found(errors: usize, warnings: usize) -> anyhow::Result<ExitCode> {
    if errors + warnings > 0 {
        output::line(&format!("errors: {errors}, warnings: {warnings}"))?;
    }
    Ok(if errors == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
