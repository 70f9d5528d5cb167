//! `brokerd check`: everything that is wrong with the files, at once, without asking anybody.

use std::process::ExitCode;

use broker_core::catalog;
use broker_core::file::Remark;
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
        let Some(file) = &config.connectors_file else {
            output::line(&format!("{}: good; it names no connectors_file", path.display()))?;
            return found(0, config.warnings.len());
        };
        match catalog::read(file, &config.catalog_context(None)) {
            Ok(catalog) => {
                tell("warning", &catalog.warnings)?;
                let (connectors, keys) = (catalog.connectors.len(), catalog.access_keys.len());
                output::line(&format!("{}: good", path.display()))?;
                output::line(&format!("{}: good; connectors: {connectors}, access keys: {keys}", file.display()))?;
                found(0, config.warnings.len() + catalog.warnings.len())
            }
            Err(errors) => {
                tell("error", &errors)?;
                found(errors.len(), config.warnings.len())
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
