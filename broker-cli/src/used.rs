//! How often somebody used which connector from here, so that the most used stand first where one is chosen.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::failure::Failure;
use crate::holder::Holder;
use crate::name::ConnectorName;
use crate::private;
use crate::seal::short_name;
use crate::site::Site;

/// The counts of one person at one broker. They order a list, and decide nothing.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Used {
    identity: String,
    uses: BTreeMap<ConnectorName, u32>,
}

impl Used {
    /// What was counted for whoever this is; nothing where nothing was, or nothing of it can be read.
    pub(crate) fn by(site: &Site, holder: &Holder) -> Self {
        let kept = file(site).and_then(|path| private::read(&path)).ok().flatten();
        Self::parse(&kept.unwrap_or_default(), &holder.key())
    }

    pub(crate) fn times(&self, connector: &ConnectorName) -> u32 {
        self.uses.get(connector).copied().unwrap_or_default()
    }

    /// Takes it away.
    pub(crate) fn forget(site: &Site) -> Result<(), Failure> {
        private::remove(&site.folders.state_of_ours()?.join(name(site)))
    }

    /// Those of somebody else, and what is damaged, count as none.
    fn parse(bytes: &[u8], identity: &str) -> Self {
        let kept = serde_json::from_slice::<Self>(bytes).ok().filter(|kept| kept.identity == identity);
        kept.unwrap_or_else(|| Self { identity: identity.to_owned(), uses: BTreeMap::new() })
    }

    /// Counts one more. Beyond so many, all of them lose half: what was used long ago makes room, and the file has an end.
    fn count(&mut self, connector: &ConnectorName) {
        let times = self.uses.entry(connector.clone()).or_default();
        *times = times.saturating_add(1);
        while self.uses.values().map(|times| u64::from(*times)).sum::<u64>() > MOST {
            self.uses.values_mut().for_each(|times| *times /= 2);
            self.uses.retain(|_, times| *times > 0);
        }
    }
}

/// Remembers that a person used this connector. What cannot be written down is no trouble to anybody.
pub(crate) fn count(site: &Site, connector: &ConnectorName) {
    let _ = counted(site, connector);
}

fn counted(site: &Site, connector: &ConnectorName) -> Result<(), Failure> {
    // Jobs choose nothing.
    let holder @ Holder::Person(_) = Holder::find(site)? else { return Ok(()) };
    let mut used = Used::by(site, &holder);
    used.count(connector);
    private::write(&file(site)?, &serde_json::to_vec(&used).map_err(std::io::Error::from)?)
}

fn file(site: &Site) -> Result<PathBuf, Failure> {
    Ok(site.folders.state()?.join(name(site)))
}

fn name(site: &Site) -> String {
    format!("{}.used", short_name(&site.server.origin()))
}

/// Of so many, the file has 80 kilobytes at most.
const MOST: u64 = 1_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_used_are_known_and_what_was_long_ago_makes_room() {
        let mut used = Used::parse(b"", "person corp/ada");
        let (old, new) = ("old".parse().unwrap(), "new".parse().unwrap());
        (0..600).for_each(|_| used.count(&old));
        (0..700).for_each(|_| used.count(&new));
        assert!(used.times(&new) > used.times(&old) && used.times(&old) > 0, "{used:?}");
        (0..12_000).for_each(|number| used.count(&format!("one-{number}").parse().unwrap()));
        assert!(used.uses.len() as u64 <= MOST && used.times(&old) == 0);
        assert!(serde_json::to_vec(&used).unwrap().len() < 80_000);
    }

    #[test]
    fn what_is_damaged_or_somebody_elses_counts_as_nothing() {
        let good = br#"{"identity":"person corp/ada","uses":{"deploy":3}}"#;
        let times = |bytes: &[u8]| Used::parse(bytes, "person corp/ada").times(&"deploy".parse().unwrap());
        assert_eq!(times(good), 3);
        for bad in [
            &b"{"[..],
            b"[]",
            b"\xff\x00",
            br#"{"identity":"person corp/eve","uses":{"deploy":3}}"#,
            br#"{"identity":"person corp/ada","uses":{"deploy":-3}}"#,
            br#"{"identity":"person corp/ada","uses":{"deploy":3,"\u001b[2J":9}}"#,
        ] {
            assert_eq!(times(bad), 0, "{}", String::from_utf8_lossy(bad));
        }
        let most = format!(r#"{{"identity":"person corp/ada","uses":{{"deploy":{0},"dev":{0}}}}}"#, u32::MAX);
        let mut used = Used::parse(most.as_bytes(), "person corp/ada");
        used.count(&"deploy".parse().unwrap());
        assert!(used.uses.values().sum::<u32>() <= 1_000);
    }
}
