//! Our profiles in `~/.aws/config`: a block of lines for each broker.

mod changes;
mod plan;
mod shared;
mod value;

use std::collections::BTreeSet;
use std::ops::Range;

pub(crate) use self::changes::Changes;
pub(crate) use self::plan::{Plan, read};
pub(crate) use self::shared::{START_LABEL, Shared, SharedName};
pub(crate) use self::value::{ProfileName, Template, Value, command_line};
use crate::aws_config::{entries, sections};
use crate::failure::Failure;
use crate::lent::AccountId;
use crate::name::ConnectorName;
use crate::server::Server;

/// A profile of ours.
#[derive(Debug)]
pub(crate) struct Profile {
    pub(crate) name: ProfileName,
    pub(crate) how: How,
    pub(crate) region: Option<Value>,
}

/// How AWS's own clients come to a profile's credentials.
#[derive(Debug)]
pub(crate) enum How {
    /// By running this command, their `credential_process`.
    Process(Value),
    /// As of AWS's Identity Center: they sign in by themselves, with `aws sso login`.
    Sso { shared: SharedName, account: AccountId, role: ConnectorName },
    /// By `aws login`, which writes into the profile what came of it.
    Login { shared: SharedName },
}

/// The lines of the file that are ours, for one broker.
#[derive(Debug)]
pub(crate) struct Block {
    first: String,
    last: String,
}

impl Block {
    pub(crate) fn of(server: &Server) -> Self {
        let origin = server.origin();
        Self {
            first: format!(
                "# >>> broker {origin} >>> written by `broker setup`: what is changed between these two lines is lost\n"
            ),
            last: format!("# <<< broker {origin} <<<\n"),
        }
    }

    /// Whether somebody else's part of the text has a section of this name.
    pub(crate) fn has_beside(&self, text: &str, section: &str) -> Result<bool, Failure> {
        let ours = self.find(text)?.unwrap_or_default();
        let mut others = sections(text).into_iter().filter(|one| !ours.contains(&one.bytes.start));
        Ok(others.any(|one| one.name == section))
    }

    /// The text with these profiles in the block, and without a block if there are none. `keys` is the file of keys beside it.
    pub(crate) fn put(
        &self,
        text: &str,
        keys: &str,
        shared: &[Shared],
        profiles: &[Profile],
    ) -> Result<String, Failure> {
        for one in shared {
            if self.has_beside(text, one.name())? {
                let said = format!("there is a section `{}` already, which is not ours", one.name());
                return Err(Failure::mend(said, "take it out, or take another --style"));
            }
        }
        let ours = self.find(text)?;
        let (before, behind) = ours.as_ref().map_or((text, ""), |ours| (&text[..ours.start], &text[ours.end..]));
        let others = sections(before).into_iter().chain(sections(behind)).filter_map(|one| profile_named(one.name));
        let taken: BTreeSet<&str> =
            others.chain(sections(keys).iter().map(|one| one.name)).chain(["default"]).collect();
        let mut names = BTreeSet::new();
        for profile in profiles {
            let name = profile.name.as_str();
            if taken.contains(name) {
                let said = format!("there is a profile `{name}` already, which is not ours, or keys for it");
                return Err(Failure::mend(said, "call ours otherwise, as in `--profile 'broker-{connector}'`"));
            }
            if !names.insert(name) {
                let said = format!("two profiles would be called `{name}`");
                return Err(Failure::usage(said, "use {connector} in --profile"));
            }
        }
        let before_us = ours.as_ref().map_or("", |ours| &text[ours.clone()]);
        let block = if profiles.is_empty() { String::new() } else { self.lines(shared, profiles, before_us) };
        let break_missing = !block.is_empty() && !before.is_empty() && !before.ends_with('\n');
        Ok([before, if break_missing { "\n" } else { "" }, &block, behind].concat())
    }

    /// What becomes of each of our sections, from the one text to the other.
    pub(crate) fn changes<'a>(&self, before: &'a str, after: &'a str) -> Result<Changes<'a>, Failure> {
        let ours = |text: &'a str| Ok::<_, Failure>(self.find(text)?.map_or("", |ours| &text[ours]));
        Ok(Changes::between(ours(before)?, ours(after)?))
    }

    fn lines(&self, shared: &[Shared], profiles: &[Profile], before: &str) -> String {
        let signed_in: Vec<_> = entries(before).into_iter().filter(|(_, key, _)| key == LOGIN_SESSION).collect();
        let lines = profiles.iter().map(|Profile { name, how, region }| {
            let region = region.as_ref().map_or(String::new(), |region| format!("region = {}\n", region.as_str()));
            let section = format!("profile {}", name.as_str());
            // What `aws login` wrote there is somebody's sign-in.
            let found = signed_in.iter().find(|(of, _, _)| *of == section);
            let session = found.map_or(String::new(), |(_, key, value)| format!("{key} = {value}\n"));
            let how = match how {
                How::Process(command) => format!("credential_process = {}\n", command.as_str()),
                How::Sso { shared, account, role } => {
                    let (shared, account) = (shared.as_str(), account.as_str());
                    format!(
                        "sso_session = {shared}\nsso_account_id = {account}\nsso_role_name = {role}\nservices = {shared}\n"
                    )
                }
                How::Login { shared } => format!("{session}services = {}\n", shared.as_str()),
            };
            format!("[{section}]\n{how}{region}")
        });
        let shared = shared.iter().map(Shared::section);
        [self.first.clone(), shared.collect(), lines.collect(), self.last.clone()].concat()
    }

    /// Where the block is. What looks like one and is none is nobody's to guess.
    fn find(&self, text: &str) -> Result<Option<Range<usize>>, Failure> {
        // The words behind the mark may be those of another version of this program.
        let mark = self.first.split_inclusive(" >>>").take(2).collect::<String>();
        let (mut first, mut last, mut at) = (Vec::new(), Vec::new(), 0);
        for line in text.split_inclusive('\n') {
            if line.starts_with(&mark) {
                first.push(at);
            } else if line.trim_end() == self.last.trim_end() {
                last.push(at + line.len());
            }
            at += line.len();
        }
        match (first.as_slice(), last.as_slice()) {
            ([], []) => Ok(None),
            ([first], [last]) if first < last => Ok(Some(*first..*last)),
            _ => Err(Failure::mend(
                "the lines around our block in the file are damaged",
                format!(
                    "take out what is left of `{}` and `{}`, and what is between",
                    self.first.trim_end(),
                    self.last.trim_end()
                ),
            )),
        }
    }
}

/// What a section's profile is called; nothing where it is none.
fn profile_named(section: &str) -> Option<&str> {
    let name = section.strip_prefix("profile")?;
    name.starts_with([' ', '\t']).then(|| name.trim().trim_matches(['"', '\'']))
}

/// Where `aws login` writes down as whom one is signed in.
const LOGIN_SESSION: &str = "login_session";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_put_in_changed_and_taken_away_and_the_rest_stays() {
        let block = Block::of(&"https://broker.corp.example".parse().unwrap());
        let other = Block::of(&"https://broker.corp.example:8443".parse().unwrap());
        for rest in
            ["", "[default]\nregion = eu\n", "# \u{e4} \r\n[profile x]\r\ncolour=[]\r\n\r\n\r\n", "[a]\nb = c\n  d = e"]
        {
            let two = block.put(rest, "", &[], &[profile("deploy"), profile("dev")]).unwrap();
            assert!(
                two.starts_with(rest) && two.contains("[profile dev]\ncredential_process = broker process dev\n"),
                "{two}"
            );
            assert_eq!(block.put(&two, "", &[], &[profile("deploy"), profile("dev")]).unwrap(), two, "again");
            let behind = two.clone() + "[profile behind]\n";
            let one = block.put(&behind, "", &[], &[profile("deploy")]).unwrap();
            assert!(!one.contains("dev") && one.starts_with(rest) && one.ends_with("[profile behind]\n"), "{one}");
            let both = other.put(&two, "", &[], &[profile("elsewhere")]).unwrap();
            assert_eq!(other.put(&both, "", &[], &[]).unwrap(), two, "each broker has a block of its own");
            let without = block.put(&two, "", &[], &[]).unwrap();
            assert_eq!(without.trim_end_matches('\n'), rest.trim_end_matches('\n'));
            assert!(rest.is_empty() || !rest.ends_with('\n') || without == rest, "to the byte");
        }
    }

    #[test]
    fn what_is_somebody_elses_or_damaged_is_not_touched() {
        let block = Block::of(&"https://broker.corp.example".parse().unwrap());
        for taken in
            ["[profile deploy]\n", "[ profile   deploy ]\n", "[profile a]\n[profile\tdeploy]", "[profile \"deploy\"]"]
        {
            assert!(block.put(taken, "", &[], &[profile("deploy")]).is_err(), "{taken}");
        }
        assert!(block.put("", "", &[], &[profile("default")]).is_err());
        assert!(block.put("", "", &[], &[profile("deploy"), profile("deploy")]).is_err());
        assert!(
            block.put("", "[deploy]\naws_access_key_id = x\n", &[], &[profile("deploy")]).is_err(),
            "they would count, not ours"
        );
        let good = block.put("", "", &[], &[profile("deploy")]).unwrap();
        let (first, rest) = good.split_once('\n').unwrap();
        for damaged in [first, rest, &good.repeat(2), &format!("{rest}{first}\n")] {
            assert!(block.put(damaged, "", &[], &[profile("dev")]).is_err(), "{damaged}");
        }
    }

    #[test]
    fn what_aws_login_wrote_stays_and_nobody_elses_section_is_written_twice() {
        let server: Server = "https://broker.corp.example:8443".parse().unwrap();
        let (block, shared) = (Block::of(&server), SharedName::of(&server));
        assert_eq!(shared.as_str(), "broker.corp.example-8443");
        let services = || [Shared::services(&shared, &server, &["signin"])];
        let login = || [Profile { how: How::Login { shared: shared.clone() }, ..profile("deploy") }];
        let first = block.put("", "", &services(), &login()).unwrap();
        let lines = "[services broker.corp.example-8443]\nsignin =\n  endpoint_url = https://broker.corp.example:8443\n[profile deploy]\n";
        assert!(first.contains(&format!("{lines}services = broker.corp.example-8443\n")), "{first}");
        let session = "login_session = arn:aws:sts::111111111111:assumed-role/deploy/ada\n";
        let signed_in = first.replace("[profile deploy]\n", &format!("[profile deploy]\n{session}"));
        assert_eq!(block.put(&signed_in, "", &services(), &login()).unwrap(), signed_in);
        let others = "[services broker.corp.example-8443]\n";
        assert!(block.put(others, "", &services(), &login()).is_err());
        assert!(block.has_beside("[default]\n", "default").unwrap());
        assert!(!block.has_beside(&first, "services broker.corp.example-8443").unwrap());
    }

    fn profile(name: &str) -> Profile {
        let template: Template = "{connector}".parse().unwrap();
        Profile {
            name: template.name(&name.parse().unwrap(), None).unwrap(),
            how: How::Process(command_line(&["broker", "process", name]).unwrap()),
            region: None,
        }
    }
}
