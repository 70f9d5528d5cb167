//! `brokerd check`: everything that is wrong with the files, at once, without asking anybody.

use std::path::Path;
use std::process::ExitCode;

use broker_core::catalog::{self, Catalog};
use broker_core::clock::{Clock, SystemClock};
use broker_core::connector::Scope;
use broker_core::file::{Remark, with_causes};
use clap::Args;

use super::output;
use super::site::Site;
use crate::certificate::CertificateFiles;
use crate::config::{Backend, Config, SpoiltConfig};

/// Say everything that is wrong with the configuration and the connectors file; asks no server
#[derive(Debug, Args)]
pub(super) struct Check {}

impl Check {
    pub(super) fn run(self, site: &Site) -> anyhow::Result<ExitCode> {
        let Self {} = self;
        let path = site.config_path()?;
        let mut found = Found::default();
        match Config::load(&path) {
            Ok(config) => {
                found.warn(&config.warnings)?;
                break_glass(&config)?;
                lockouts(&config)?;
                if let Some(files) = &config.listen.tls {
                    found.certificate(&path, files)?;
                }
                if found.errors == 0 {
                    output::line(&format!("{}: good", path.display()))?;
                }
                match &config.connectors_file {
                    Some(file) => {
                        let catalog = found.connectors(file, &config.catalog_context(None))?;
                        catalog.map_or(Ok(()), |catalog| found.mappings(&path, &config, &catalog))?;
                    }
                    None => output::line(&format!("{}: it names no connectors_file", path.display()))?,
                }
            }
            Err(errors) => {
                found.fail(&errors)?;
                match SpoiltConfig::load(&path) {
                    Some(spoilt) => {
                        found.connectors(&spoilt.connectors_file, &spoilt.catalog_context())?;
                    }
                    None => output::line(
                        "the connectors file was not checked: the configuration must name it, and its directories, first",
                    )?,
                }
            }
        }
        found.sum_up()
    }
}

/// Says which accounts of the configuration are for emergencies; it does not look into the store.
fn break_glass(config: &Config) -> std::io::Result<()> {
    let mut names = Vec::new();
    for directory in &config.directories {
        if let Backend::Local(people) = &directory.backend {
            let those = people.iter().filter(|person| person.break_glass);
            names.extend(those.map(|person| format!("{}/{}", directory.name, output::fit(&person.username))));
        }
    }
    if names.is_empty() {
        return Ok(());
    }
    output::line(&format!("break-glass accounts of the configuration: {}", names.join(", ")))
}

/// Says of which directories the lockout is not written down; it asks none of them.
fn lockouts(config: &Config) -> std::io::Result<()> {
    for directory in &config.directories {
        let Backend::Ldap(settings) = &directory.backend else { continue };
        if let Some(lockout) = settings.assumed_lockout() {
            let (name, failures, seconds) = (&directory.name, lockout.failures(), lockout.window_seconds());
            output::line(&format!(
                "directory `{name}` has no `lockout`, so that it is taken to lock an account after {failures} wrong passwords within {seconds} s: where it does so after fewer, guesses at brokerd lock people out of it; `brokerd directory test {name}` compares"
            ))?;
        }
    }
    Ok(())
}

/// How much has been told.
#[derive(Debug, Default)]
struct Found {
    errors: usize,
    warnings: usize,
}

impl Found {
    fn fail(&mut self, errors: &[Remark]) -> std::io::Result<()> {
        self.errors += errors.len();
        errors.iter().try_for_each(|error| output::line(&format!("error: {error}")))
    }

    fn warn(&mut self, warnings: &[Remark]) -> std::io::Result<()> {
        self.warnings += warnings.len();
        warnings.iter().try_for_each(|warning| output::line(&format!("warning: {warning}")))
    }

    fn certificate(&mut self, config: &Path, files: &CertificateFiles) -> std::io::Result<()> {
        let now = SystemClock.now();
        let of_tls =
            |text: &str| [Remark::new(config, Config::place_of(config, &["listen", "tls"]), "listen.tls", text)];
        match files.read(now).map(|certificate| (certificate.expires_soon(now), certificate.expires_at)) {
            Ok((None, _)) => Ok(()),
            Ok((Some(_), at)) => self.warn(&of_tls(&format!("the certificate expires soon, at {at}: renew it"))),
            Err(error) => self.fail(&of_tls(&with_causes(&error))),
        }
    }

    /// Jobs that are let in, and then find nothing.
    fn mappings(&mut self, path: &Path, config: &Config, catalog: &Catalog) -> std::io::Result<()> {
        for issuer in &config.workload_issuers {
            for name in issuer.connectors() {
                let wrong = match catalog.connectors.iter().find(|it| it.name == *name).map(|it| it.spec.scope()) {
                    Some(Scope::System) => continue,
                    Some(Scope::User) => "is for people: give it scope = \"system\"",
                    None => "is not in the connectors file; until somebody makes one by the API, jobs find none",
                };
                let text = format!("`{}`: the connector `{name}` of a mapping {wrong}", issuer.name);
                let place = Config::place_of(path, &["workload_issuer"]);
                self.warn(&[Remark::new(path, place, "workload_issuer", &text)])?;
            }
        }
        Ok(())
    }

    fn connectors(&mut self, file: &Path, context: &catalog::Context<'_>) -> std::io::Result<Option<Catalog>> {
        match catalog::read(file, context) {
            Ok(catalog) => {
                self.warn(&catalog.warnings)?;
                let (connectors, keys) = (catalog.connectors.len(), catalog.access_keys.len());
                output::line(&format!("{}: good; connectors: {connectors}, access keys: {keys}", file.display()))?;
                Ok(Some(catalog))
            }
            Err(mistakes) => self.fail(&mistakes).map(|()| None),
        }
    }

    fn sum_up(&self) -> anyhow::Result<ExitCode> {
        let Self { errors, warnings } = self;
        if errors + warnings > 0 {
            output::line(&format!("errors: {errors}, warnings: {warnings}"))?;
        }
        Ok(if *errors == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}
