//! Where this program keeps what it knows: beside other programs' files, as the system has it.

use std::path::PathBuf;

use etcetera::BaseStrategy;

use crate::failure::Failure;
use crate::private;

#[derive(Debug)]
pub(crate) struct Folders {
    configuration: PathBuf,
    state: PathBuf,
    cache: PathBuf,
}

impl Folders {
    pub(crate) fn of_user() -> Result<Self, Failure> {
        let base = etcetera::choose_base_strategy().map_err(|_| {
            Failure::mend("there is no home folder to keep anything in", "set HOME to a folder that only you can write")
        })?;
        let (configuration, here) = (base.config_dir().join(OURS), base.cache_dir().join(OURS));
        let (state, cache) = match base.state_dir() {
            Some(state) => (state.join(OURS), here),
            // Windows has none, and copies its folder for data to other machines: this one stays here.
            None => (here.join("state"), here.join("cache")),
        };
        Ok(Self { configuration, state, cache })
    }

    /// The person's own configuration, which need not be there.
    pub(crate) fn configuration(&self) -> PathBuf {
        self.configuration.join("config.toml")
    }

    /// For sessions, and the key of the cache: made, and closed to others.
    pub(crate) fn state(&self) -> Result<&PathBuf, Failure> {
        private::folder(&self.state)?;
        Ok(&self.state)
    }

    /// The same for those who end what is there: others may have been let in since.
    pub(crate) fn state_of_ours(&self) -> Result<&PathBuf, Failure> {
        private::folder_of_ours(&self.state)?;
        Ok(&self.state)
    }

    pub(crate) fn cache_of_ours(&self) -> Result<&PathBuf, Failure> {
        private::folder_of_ours(&self.cache)?;
        Ok(&self.cache)
    }

    /// For sealed credentials: made, and closed to others.
    pub(crate) fn cache(&self) -> Result<&PathBuf, Failure> {
        private::folder(&self.cache)?;
        Ok(&self.cache)
    }
}

const OURS: &str = "broker";
