//! Where AWS's own clients are really led to, by the variables and the file that they go by.

use std::collections::BTreeMap;

use super::Finding;
use crate::aws_config::entries;
use crate::profiles::START_LABEL;
use crate::text::Text;

/// What a section says, nested keys as in `sso.endpoint_url`.
type Section<'a> = BTreeMap<String, &'a str>;

pub(super) fn examine(origin: &str, variable: impl Fn(&str) -> Option<String>, text: &str) -> Vec<Finding> {
    let mut found = variables(origin, &variable);
    let sections = by_name(text);
    let mut good = 0_usize;
    let mut by_sso = false;
    for (name, profile) in &sections {
        let Some(name) = profile_name(name) else { continue };
        let Some(wanted) = wanted(origin, profile, &sections) else { continue };
        by_sso |= wanted.contains(&"sso");
        let services = profile.get("services").and_then(|name| sections.get(format!("services {name}").as_str()));
        let missing: Vec<&str> = wanted
            .iter()
            .filter(|service| {
                services
                    .and_then(|all| all.get(&format!("{service}.endpoint_url")))
                    .is_none_or(|url| !leads_to(url, origin))
            })
            .copied()
            .collect();
        if missing.is_empty() {
            good += 1;
        } else {
            let said = format!("profile `{}` leads to AWS itself for {}", Text::of(name), missing.join(" and "));
            found.push(Finding::bad(
                CHECK,
                said,
                "run `broker setup`, or write `services` into it with `endpoint_url`s that name the broker",
            ));
        }
    }
    let default = sections.get("default").and_then(|profile| profile.get("services"));
    if by_sso && default.is_none() {
        found.push(Finding::note(
            CHECK,
            "`[default]` has no `services`: `aws sso login` without a profile, and SDKs that are given a profile in code, look there",
            "write the profiles' `services` under `[default]` as well",
        ));
    }
    if good > 0 {
        let profiles = if good == 1 { "profile leads" } else { "profiles lead" };
        found.push(Finding::good(CHECK, format!("{good} {profiles} to the broker")));
    }
    found
}

/// Whether some profile has AWS's own clients ask this broker themselves, to sign in or for credentials.
pub(super) fn asks_broker(origin: &str, text: &str) -> bool {
    let sections = by_name(text);
    let mut profiles = sections.iter().filter(|(name, _)| profile_name(name).is_some());
    profiles.any(|(_, profile)| wanted(origin, profile, &sections).is_some_and(|services| !services.is_empty()))
}

fn by_name(text: &str) -> BTreeMap<&str, Section<'_>> {
    let mut sections: BTreeMap<&str, Section<'_>> = BTreeMap::new();
    for (section, key, value) in entries(text) {
        sections.entry(section).or_default().insert(key, value);
    }
    sections
}

fn variables(origin: &str, variable: &impl Fn(&str) -> Option<String>) -> Vec<Finding> {
    let mut found = Vec::new();
    if variable("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS").is_some_and(|value| value.eq_ignore_ascii_case("true")) {
        found.push(Finding::bad(
            CHECK,
            "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS switches off whatever leads AWS's clients to the broker",
            "unset it",
        ));
    }
    for name in ["AWS_ENDPOINT_URL_SSO", "AWS_ENDPOINT_URL_SSO_OIDC", "AWS_ENDPOINT_URL_SIGNIN"] {
        match variable(name) {
            Some(url) if leads_to(&url, origin) => {
                found.push(Finding::good(CHECK, format!("{name} leads to the broker")));
            }
            Some(url) => {
                let said = format!("{name} leads to {}, and counts before any profile", Text::of(&url));
                found.push(Finding::bad(CHECK, said, "unset it"));
            }
            None => {}
        }
    }
    if let Some(url) = variable("AWS_ENDPOINT_URL").filter(|url| !leads_to(url, origin)) {
        let said =
            format!("AWS_ENDPOINT_URL leads all of AWS's clients to {}, and counts before any profile", Text::of(&url));
        found.push(Finding::note(CHECK, said, "unset it, unless that is meant"));
    }
    for name in ["AWS_ACCESS_KEY_ID", "AWS_BEARER_TOKEN_BEDROCK"] {
        if variable(name).is_some() {
            found.push(Finding::note(CHECK, format!("{name} is set, and counts before any profile"), "unset it"));
        }
    }
    found
}

/// For which services a profile that means this broker must name it; nothing where it means something else.
fn wanted(origin: &str, profile: &Section<'_>, sections: &BTreeMap<&str, Section<'_>>) -> Option<Vec<&'static str>> {
    if profile
        .get("credential_process")
        .is_some_and(|command| command.split_whitespace().any(|word| leads_to(word, origin)))
    {
        return Some(Vec::new());
    }
    let services = profile.get("services").and_then(|name| sections.get(format!("services {name}").as_str()));
    let signin = services.and_then(|services| services.get("signin.endpoint_url"));
    if signin.is_some_and(|url| leads_to(url, origin)) && !profile.contains_key("sso_session") {
        return Some(vec!["signin"]);
    }
    let session = profile.get("sso_session").and_then(|name| sections.get(format!("sso-session {name}").as_str()));
    let start = session.and_then(|session| session.get("sso_start_url"))?;
    let ours = start.strip_prefix(origin).is_some_and(|rest| rest.trim_end_matches('/') == "/start");
    (ours || start.trim_end_matches('/') == START_LABEL).then(|| vec!["sso", "sso_oidc", "sso-oidc"])
}

fn profile_name(section: &str) -> Option<&str> {
    if section == "default" { Some(section) } else { section.strip_prefix("profile ").map(str::trim) }
}

fn leads_to(url: &str, origin: &str) -> bool {
    url.trim_matches('"').trim_end_matches('/') == origin
}

const CHECK: &str = "endpoints";

#[cfg(test)]
mod tests {
    use super::super::State;
    use super::*;

    const ORIGIN: &str = "https://broker.corp.example";

    #[test]
    fn a_profile_that_would_ask_aws_itself_is_found() {
        let good = "[default]\nservices = b\n[sso-session corp]\nsso_start_url = https://broker.corp.example/start\n[profile deploy]\nsso_session = corp\nservices = b\n[profile mine]\ncredential_process = /usr/bin/broker --url https://broker.corp.example process x\n[profile other]\nrole_arn = x\n[services b]\nsso =\n  endpoint_url = https://broker.corp.example\nsso_oidc =\n    endpoint_url = https://broker.corp.example/\nsso-oidc =\n  endpoint_url = https://broker.corp.example\n";
        assert_eq!(states(good, &[]), [(State::Good, "2 profiles lead to the broker".to_owned())]);
        assert!(asks_broker(ORIGIN, good) && !asks_broker("https://other.corp.example", good));
        let by_login =
            "[profile picked]\nservices = b\n[services b]\nsignin =\n  endpoint_url = https://broker.corp.example\n";
        assert!(asks_broker(ORIGIN, by_login));
        let by_process = "[profile mine]\ncredential_process = broker --url https://broker.corp.example process x\n";
        assert!(!asks_broker(ORIGIN, by_process));
        assert_eq!(states(by_login, &[]), [(State::Good, "1 profile leads to the broker".to_owned())]);
        assert_eq!(states(&by_login.replace("broker.corp", "other"), &[]), []);
        for (from, to, said) in [
            (
                "services = b\n[profile mine]",
                "[profile mine]",
                "`deploy` leads to AWS itself for sso and sso_oidc and sso-oidc",
            ),
            ("sso-oidc =", "oidc =", "`deploy` leads to AWS itself for sso-oidc"),
            ("sso_oidc =", "oidc =", "`deploy` leads to AWS itself for sso_oidc"),
            (
                "sso =\n  endpoint_url = https://broker",
                "sso =\n  endpoint_url = https://other",
                "`deploy` leads to AWS itself for sso",
            ),
            ("[default]\nservices = b\n", "", "`[default]` has no `services`"),
        ] {
            let found = states(&good.replacen(from, to, 1), &[]);
            assert!(
                found.iter().any(|(state, text)| *state != State::Good && text.contains(said)),
                "{from}: {found:?}"
            );
        }
    }

    #[test]
    fn variables_that_count_before_the_file_are_told() {
        let of = |name: &'static str, value: &'static str| states("", &[(name, value)]).pop();
        assert_eq!(of("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true").unwrap().0, State::Bad);
        assert_eq!(of("AWS_ENDPOINT_URL_SSO", "https://oidc.eu-central-1.amazonaws.com").unwrap().0, State::Bad);
        assert_eq!(of("AWS_ENDPOINT_URL_SSO_OIDC", "https://broker.corp.example/").unwrap().0, State::Good);
        assert_eq!(of("AWS_ACCESS_KEY_ID", "AKIA").unwrap().0, State::Note);
        assert_eq!(of("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "false"), None);
    }

    fn states(text: &str, variables: &[(&str, &str)]) -> Vec<(State, String)> {
        let variable =
            |name: &str| variables.iter().find(|(set, _)| *set == name).map(|(_, value)| (*value).to_owned());
        examine(ORIGIN, variable, text).into_iter().map(|finding| (finding.state, finding.said)).collect()
    }
}
