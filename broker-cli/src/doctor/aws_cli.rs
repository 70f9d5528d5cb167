//! Which AWS CLI there is, and what it can do with a broker.

use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

use super::Finding;
use crate::aws_config::entries;
use crate::out;

pub(super) async fn examine(text: &str) -> Finding {
    let mut command = Command::new("aws");
    command.arg("--version").stdin(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
    let ended = tokio::time::timeout(PATIENCE, command.output());
    let said = match out::patiently("waiting for `aws --version`", ended).await {
        Ok(Ok(ended)) => String::from_utf8_lossy(&ended.stdout).into_owned(),
        Ok(Err(error)) if error.kind() == std::io::ErrorKind::NotFound => {
            return Finding::note(CHECK, "there is no AWS CLI in PATH", "install version 2, if you want it");
        }
        Ok(Err(error)) => return Finding::bad(CHECK, format!("`aws` cannot be started: {error}"), "see to it"),
        Err(_) => return Finding::bad(CHECK, "`aws --version` does not end", "see to what `aws` is in your PATH"),
    };
    match version(&said) {
        Some(version) => judged(version, starts_by_http(text)),
        None => Finding::bad(CHECK, "`aws --version` does not say which it is", "see to what `aws` is in your PATH"),
    }
}

/// `aws-cli/2.18.4 Python/3.12.6 Linux/6.1 exe/x86_64`
fn version(said: &str) -> Option<[u32; 3]> {
    let text = said.strip_prefix("aws-cli/")?.split_whitespace().next()?;
    let mut parts = text.split('.').map(|part| part.parse().ok());
    Some([parts.next()??, parts.next()??, parts.next()??])
}

/// Whether some profile or session of `~/.aws/config` has a start URL that is asked by http.
fn starts_by_http(text: &str) -> bool {
    entries(text).iter().any(|(_, key, value)| key == "sso_start_url" && value.starts_with("http:"))
}

fn judged(version: [u32; 3], by_http: bool) -> Finding {
    let [major, minor, patch] = version;
    let shown = format!("AWS CLI {major}.{minor}.{patch}");
    let update = "update it to 2.22 or newer";
    match version {
        [..2, ..] => Finding::note(CHECK, format!("{shown} runs `broker process`, and cannot sign in itself"), update),
        [2, ..13, _] => {
            let said =
                format!("{shown} runs `broker process`; `aws sso login` of it asks AWS itself, whatever is configured");
            Finding::note(CHECK, said, update)
        }
        [2, ..22, _] => Finding::note(CHECK, format!("{shown} signs in by a code only"), update),
        version if version >= CHECKS_START_URL && by_http => Finding::note(
            CHECK,
            format!("{shown} takes no start URL by http, and ~/.aws/config has one"),
            "write `sso_start_url = https://identitycenter.amazonaws.com/brokerd`, as `broker setup --style sso` does",
        ),
        _ => Finding::good(CHECK, format!("{shown} does all that the broker can")),
    }
}

const CHECK: &str = "AWS CLI";
/// From there on it asks the start URL, and by https alone.
const CHECKS_START_URL: [u32; 3] = [2, 35, 13];
const PATIENCE: Duration = Duration::from_secs(20);

#[cfg(test)]
mod tests {
    use super::super::State;
    use super::*;

    #[test]
    fn what_an_aws_cli_can_do_is_told_by_its_version() {
        let state = |said: &str| version(said).map(|version| judged(version, false).state);
        for (said, expected) in [
            ("aws-cli/1.46.3 Python/3.11 Linux/6", Some(State::Note)),
            ("aws-cli/2.12.7 Python/3.11.4", Some(State::Note)),
            ("aws-cli/2.18.4 Python/3.12.6", Some(State::Note)),
            ("aws-cli/2.22.0 Python/3.12.6", Some(State::Good)),
            ("aws-cli/2.38.5 Python/3.13", Some(State::Good)),
            ("aws-cli/3.0.0", Some(State::Good)),
            ("aws-cli/two", None),
            ("zsh: no such thing", None),
        ] {
            assert_eq!(state(said), expected, "{said}");
        }
        assert_eq!(judged([2, 35, 13], true).state, State::Note);
        assert_eq!(judged([2, 35, 12], true).state, State::Good);
        let start = |url: &str| starts_by_http(&format!("[sso-session corp]\nsso_start_url = {url}\n"));
        assert!(start("http://localhost:8080/start") && !start("https://broker.corp.example/start"));
        assert!(!starts_by_http("[profile deploy]\ncredential_process = broker --url http://localhost process x\n"));
    }
}
