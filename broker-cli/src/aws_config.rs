//! The file `~/.aws/config`, line by line: what is not ours stays as it is, to the byte.

use std::ops::Range;
use std::path::PathBuf;

use crate::site::variable;

/// Where AWS's clients look for it.
pub(crate) fn path() -> Option<PathBuf> {
    let named = variable("AWS_CONFIG_FILE").map(PathBuf::from);
    named.or_else(|| Some(etcetera::home_dir().ok()?.join(".aws/config")))
}

/// Where they look for keys, which count before whatever a profile says.
pub(crate) fn credentials_path() -> Option<PathBuf> {
    let named = variable("AWS_SHARED_CREDENTIALS_FILE").map(PathBuf::from);
    named.or_else(|| Some(etcetera::home_dir().ok()?.join(".aws/credentials")))
}

/// A section: its name as in `profile deploy`, and its bytes, its head among them.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Section<'a> {
    pub(crate) name: &'a str,
    pub(crate) bytes: Range<usize>,
}

pub(crate) fn sections(text: &str) -> Vec<Section<'_>> {
    let mut sections: Vec<Section<'_>> = Vec::new();
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        if let Some(name) = head(line) {
            sections.push(Section { name, bytes: at..text.len() });
            if let [.., before, _] = &mut sections[..] {
                before.bytes.end = at;
            }
        }
        at += line.len();
    }
    sections
}

/// The text without whatever its default profile says of who one is; nothing if it says nothing of it. A program that shall fetch credentials
/// looks there first.
pub(crate) fn without_default_credentials(text: &str) -> Option<String> {
    let is_default = |name: &str| name == "default" || name == "profile default";
    let of_default = |at: usize| sections(text).iter().any(|one| is_default(one.name) && one.bytes.contains(&at));
    let mut kept = String::with_capacity(text.len());
    let (mut at, mut dropping) = (0, false);
    for line in text.split_inclusive('\n') {
        let goes_on = line.starts_with([' ', '\t']) && !line.trim().is_empty();
        let names_somebody =
            line.split_once('=').is_some_and(|(key, _)| WHO.contains(&key.trim().to_ascii_lowercase().as_str()));
        dropping = of_default(at) && (names_somebody && !goes_on || dropping && goes_on);
        if !dropping {
            kept.push_str(line);
        }
        at += line.len();
    }
    (kept.len() < text.len()).then_some(kept)
}

/// The name in a section's head, with its spaces made one each.
fn head(line: &str) -> Option<&str> {
    let (name, _) = line.trim_start().strip_prefix('[')?.split_once(']')?;
    Some(name.trim())
}

/// By these a profile says who one is.
const WHO: [&str; 14] = [
    "aws_access_key_id",
    "aws_secret_access_key",
    "aws_session_token",
    "credential_process",
    "credential_source",
    "login_session",
    "mfa_serial",
    "role_arn",
    "source_profile",
    "sso_account_id",
    "sso_role_name",
    "sso_session",
    "sso_start_url",
    "web_identity_token_file",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_have_names_and_places() {
        let text = "# first\n[default]\nregion = a\n[ profile deploy ] # comment\r\nx = [y]\n  [sso-session corp]\n";
        let found = sections(text);
        let names: Vec<_> = found.iter().map(|one| (one.name, &text[one.bytes.clone()])).collect();
        assert_eq!(
            names,
            [
                ("default", "[default]\nregion = a\n"),
                ("profile deploy", "[ profile deploy ] # comment\r\nx = [y]\n"),
                ("sso-session corp", "  [sso-session corp]\n"),
            ]
        );
        assert!(sections("").is_empty());
    }

    #[test]
    fn the_default_profile_loses_who_one_is_and_nothing_else() {
        let text = "[profile a]\nrole_arn = x\n[default]\nregion = eu\nRole_ARN=y\naws_access_key_id = A\n  more\ns3 =\n  role_arn = 1\nservices = s\n[profile b]\nsso_session = c\n";
        let kept = without_default_credentials(text).unwrap();
        assert_eq!(
            kept,
            "[profile a]\nrole_arn = x\n[default]\nregion = eu\ns3 =\n  role_arn = 1\nservices = s\n[profile b]\nsso_session = c\n"
        );
        assert_eq!(without_default_credentials(&kept), None);
    }
}
