//! How many searches find somebody's groups in groups, in Active Directory.

use std::sync::Arc;

use anyhow::{Context, ensure};
use broker_core::clock::SystemClock;
use broker_core::directory::ldap::{LdapConfig, LdapDirectory, LdapSettings, Referenced};
use broker_core::directory::{Directory, Password, Seen, Step, Told, TypedName, Watch};
use secrecy::SecretString;

use crate::ldap::Open;
use crate::samba::{GROUPS, PASSWORD, PEOPLE, Samba};

/// What one sign-in asked for, in one of the ways to somebody's groups.
#[derive(Clone, Debug)]
pub(crate) struct Nested {
    pub(crate) way: &'static str,
    /// Beside the one for the person. What came in several pages counts for as many.
    pub(crate) searches: usize,
}

/// Somebody in so many groups signs in, on connections that are there already.
pub(crate) async fn measure(samba: &Samba, groups: usize) -> anyhow::Result<Vec<Nested>> {
    let mut nested = Vec::new();
    for way in ["token_groups", "in_chain"] {
        let (watch, mut seen) = Watch::begin();
        let directory = directory(samba, way, watch)?;
        // Once, so that the connections are there.
        for _ in 0..2 {
            while seen.try_recv().is_ok() {}
            let attested = directory.authenticate(&TypedName::parse("ada")?, &open()?).await?;
            let found = attested.person.groups.len();
            ensure!(found == groups, "{groups} groups are there, and {found} were found by {way}");
        }
        let mut searches: usize = 0;
        while let Ok(Seen { step, outcome, .. }) = seen.try_recv() {
            if let (Step::Search { .. }, Ok(Told::Entries { pages, .. })) = (step, outcome) {
                searches += pages;
            }
        }
        let searches = searches.checked_sub(1).context("the person is searched for")?;
        nested.push(Nested { way, searches });
    }
    Ok(nested)
}

fn open() -> anyhow::Result<Open> {
    Ok(Open(Password::parse(SecretString::from(PASSWORD))?))
}

fn directory(samba: &Samba, way: &str, watch: Watch) -> anyhow::Result<LdapDirectory> {
    let table = format!(
        "urls = [\"{}\"]\nplain_text_on_loopback = true\npreset = \"active_directory\"\nbind_dn = \"CN=brokerd,{PEOPLE}\"\n\
         users = {{ base = \"{PEOPLE}\" }}\ngroups = {{ {way} = {{ base = \"{GROUPS}\" }} }}\n",
        samba.url()
    );
    let config: LdapConfig<String> = toml::from_str(&table)?;
    let password = Some(SecretString::from(PASSWORD));
    let settings =
        LdapSettings::new(config, Referenced { ca_pem: None, bind_password: password, client_certificate: None })?;
    Ok(LdapDirectory::watched("bench".to_owned().try_into()?, settings, Arc::new(SystemClock), watch))
}
