//! The file `~/.aws/config`, line by line: what is not ours stays as it is, to the byte.

use std::ops::Range;
use std::path::PathBuf;

use crate::site::variable;

/// Where AWS's clients look for it.
pub(crate) fn path() -> Option<PathBuf> {
    named_path().or_else(|| Some(etcetera::home_dir().ok()?.join(".aws/config")))
}

/// Where they were told to look, in whatever bytes.
pub(crate) fn named_path() -> Option<PathBuf> {
    std::env::var_os("AWS_CONFIG_FILE").filter(|path| !path.is_empty()).map(PathBuf::from)
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

/// What the sections say: section, key and value. What is nested in a service's section is called as in `sso.endpoint_url`.
pub(crate) fn entries(text: &str) -> Vec<(&str, String, &str)> {
    let mut entries = Vec::new();
    for Section { name, bytes } in sections(text) {
        let mut outer = "";
        for line in text.get(bytes).unwrap_or_default().lines().skip(1) {
            let trimmed = line.trim();
            let Some((key, value)) = trimmed.split_once('=').filter(|_| !trimmed.starts_with(['#', ';'])) else {
                continue;
            };
            let (key, value) = (key.trim(), value.trim());
            if !line.starts_with([' ', '\t']) {
                outer = if value.is_empty() { key } else { "" };
                entries.push((name, key.to_owned(), value));
            } else if !outer.is_empty() {
                entries.push((name, format!("{outer}.{key}"), value));
            }
        }
    }
    entries
}

/// The text without whatever its default profile says of who one is; nothing if it says nothing of it. A program that shall fetch credentials
/// looks there first. Where AWS's clients read a line differently, it goes as soon as one of them might take it for such.
pub(crate) fn without_default_credentials(text: &[u8]) -> Option<Vec<u8>> {
    let mut kept = Vec::with_capacity(text.len());
    // To some an indented head is one, to others it goes on with the line before it.
    let (mut is_default, mut is_default_to_others) = (false, false);
    // The indent of the line that went: what is indented further goes with it.
    let mut dropping = None;
    for line in text.split_inclusive(|byte| matches!(byte, b'\n' | b'\r')) {
        // What this takes for a mark in the place of other bytes is in no name that counts here.
        let read = String::from_utf8_lossy(line);
        let read = read.trim_end().trim_start_matches('\u{feff}');
        let indent = read.len() - read.trim_start().len();
        if read.trim_start().is_empty() || read.trim_start().starts_with(['#', ';']) {
            kept.extend_from_slice(line);
            continue;
        }
        if let Some(name) = head(read) {
            is_default = is_default_profile(name);
            is_default_to_others = if indent == 0 { is_default } else { is_default_to_others };
        }
        let goes_on = dropping.is_some_and(|dropped| indent > dropped);
        if (is_default || is_default_to_others) && (goes_on || names_somebody(read)) {
            dropping = dropping.filter(|_| goes_on).or(Some(indent));
        } else {
            dropping = None;
            kept.extend_from_slice(line);
        }
    }
    (kept.len() < text.len()).then_some(kept)
}

/// As botocore takes it: `profile` and one word, in quotes or not.
fn is_default_profile(section: &str) -> bool {
    let plain = section.replace(['"', '\'', '\\'], "").to_ascii_lowercase();
    match plain.split_whitespace().collect::<Vec<_>>()[..] {
        ["default"] => true,
        [kind, "default"] => kind.starts_with("profile"),
        _ => false,
    }
}

fn names_somebody(line: &str) -> bool {
    line.split_once(['=', ':']).is_some_and(|(key, _)| WHO.contains(&key.trim().to_ascii_lowercase().as_str()))
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
        let text = "[profile a]\nrole_arn = x\n[default]\nregion = eu\nRole_ARN=y\naws_access_key_id = A\n# of the key\n\n  more\ns3 =\n  addressing_style = path\nservices = s\n[sso-session default]\nsso_start_url = u\n[profile b]\nsso_session = c\n";
        let kept = without_default_credentials(text.as_bytes()).unwrap();
        assert_eq!(
            String::from_utf8(kept.clone()).unwrap(),
            "[profile a]\nrole_arn = x\n[default]\nregion = eu\n# of the key\n\ns3 =\n  addressing_style = path\nservices = s\n[sso-session default]\nsso_start_url = u\n[profile b]\nsso_session = c\n"
        );
        assert_eq!(without_default_credentials(&kept), None);
    }

    #[test]
    fn however_it_is_written_it_goes() {
        for text in [
            "[profile \"default\"]\nrole_arn = x\n",
            "[profile 'default']\nrole_arn = x\n",
            "[profile\tdef\\ault]\nrole_arn = x\n",
            "[default]\nrole_arn : x\n",
            "[default]\n  role_arn = x\n",
            "[default]\n  region = eu\n  role_arn = x\n",
            "[default]\nregion = eu\n [profile b]\nrole_arn = x\n",
            "[profile b]\nregion = eu\n [default]\nrole_arn = x\n",
            "\u{feff}[default]\nrole_arn = x\n",
            "# a\r[default]\rrole_arn = x\r",
        ] {
            let kept = without_default_credentials(text.as_bytes());
            assert!(kept.is_some_and(|kept| !kept.windows(8).any(|some| some == b"role_arn")), "{text:?}");
        }
        let latin = b"# M\xfcller\n[default]\nrole_arn = \xe9\nregion = eu\n[profile \xe9]\nrole_arn = x\n";
        let kept = without_default_credentials(latin).unwrap();
        assert_eq!(kept, b"# M\xfcller\n[default]\nregion = eu\n[profile \xe9]\nrole_arn = x\n");
    }
}
