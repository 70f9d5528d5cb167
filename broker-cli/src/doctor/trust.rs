//! Whether AWS's own clients take the broker's certificate: each with the authorities that it was told to trust, and in its own way.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use http::Method;

use super::Finding;
use crate::api::Broker;
use crate::aws_config::entries;
use crate::outbound::{Trust, certificates};
use crate::site::Site;
use crate::text::Text;

/// A file of authorities that somebody named.
#[derive(Debug, PartialEq, Eq)]
struct Bundle {
    named_by: String,
    path: String,
    /// Who goes by it.
    clients: &'static str,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Those who go by it trust what is in it and nothing else, and nothing at all where it is no good.
    Alone,
    /// They trust it beside authorities of their own, and go on without it.
    Beside,
}

/// What came of asking the broker with a file's authorities.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Verifies,
    /// By this system's authorities, and not by the file.
    BySystem,
    Unknown,
    /// The broker is not there, which is told elsewhere, or speaks http.
    NotAsked,
}

/// `asks_broker`: whether some profile has these clients ask the broker themselves. `broker process` asks it in their place, and goes by none of this.
pub(super) async fn examine(
    site: &Site,
    variable: impl Fn(&str) -> Option<String>,
    text: &str,
    asks_broker: bool,
) -> Vec<Finding> {
    let bundles = bundles(variable, text);
    let mut found = Vec::new();
    if site.ca.is_some() && !bundles.iter().any(|bundle| bundle.clients == PYTHON) {
        found.push(Finding::note(
            CHECK,
            "the broker's certificate authority is your company's own, and the AWS CLI and boto3 may not know it",
            "set AWS_CA_BUNDLE (or `ca_bundle` in the profile) to a file with the public roots and your own, NODE_EXTRA_CA_CERTS for JavaScript, SSL_CERT_FILE for Rust and Go",
        ));
    }
    for bundle in bundles {
        found.push(match read(&bundle.path) {
            Ok(pem) => told(&bundle, ask(site, &pem, bundle.kind).await, asks_broker),
            Err(why) => of_no_use(&bundle, &why),
        });
    }
    found
}

/// The AWS CLI and boto3 go by the first that is set: the variable, then the profile, then the variable of Python's `requests`.
fn bundles(variable: impl Fn(&str) -> Option<String>, text: &str) -> Vec<Bundle> {
    let by_variable = |name: &str, clients, kind| {
        let path = variable(name)?;
        Some(Bundle { named_by: name.to_owned(), path, clients, kind })
    };
    let mut found: Vec<Bundle> = Vec::new();
    if let Some(bundle) = by_variable("AWS_CA_BUNDLE", PYTHON, Kind::Alone) {
        found.push(bundle);
    } else {
        for (section, key, path) in entries(text).into_iter().filter(|(_, key, _)| key == "ca_bundle") {
            if !found.iter().any(|bundle| bundle.path == path) {
                let named_by = format!("{key} in [{}] of ~/.aws/config", Text::of(section));
                found.push(Bundle { named_by, path: path.to_owned(), clients: PYTHON, kind: Kind::Alone });
            }
        }
        found.extend(by_variable("REQUESTS_CA_BUNDLE", PYTHON, Kind::Alone));
    }
    found.extend(by_variable("SSL_CERT_FILE", "AWS's SDKs for Rust and Go", Kind::Alone));
    found.extend(by_variable("NODE_EXTRA_CA_CERTS", "AWS's SDK for JavaScript", Kind::Beside));
    found
}

/// Certificates in PEM, or why it holds none.
fn read(path: &str) -> Result<Vec<u8>, String> {
    let mut pem = Vec::new();
    let read = File::open(Path::new(path)).and_then(|file| file.take(LARGEST + 1).read_to_end(&mut pem));
    read.map_err(|error| format!("cannot be read: {error}"))?;
    match certificates(&pem) {
        _ if pem.is_empty() => Err("is empty".to_owned()),
        _ if pem.len() as u64 > LARGEST => Err("is larger than any list of authorities".to_owned()),
        Ok(found) if !found.is_empty() => Ok(pem),
        Ok(_) | Err(_) => Err("holds no certificates in PEM".to_owned()),
    }
}

async fn ask(site: &Site, pem: &[u8], kind: Kind) -> Verdict {
    if site.server.is_in_clear() {
        return Verdict::NotAsked;
    }
    if verifies(site, Trust::Only(pem)).await {
        return Verdict::Verifies;
    }
    // Whether it answers at all, to those who know its authority.
    let ours = site.ca.as_deref().map_or(Trust::System, Trust::Also);
    match kind {
        Kind::Beside if verifies(site, Trust::System).await => Verdict::BySystem,
        Kind::Alone | Kind::Beside if verifies(site, ours).await => Verdict::Unknown,
        Kind::Alone | Kind::Beside => Verdict::NotAsked,
    }
}

async fn verifies(site: &Site, trust: Trust<'_>) -> bool {
    let Ok(broker) = Broker::trusting(site, trust) else { return false };
    broker.look(Method::HEAD, &["start"], None).await.is_ok()
}

fn told(bundle: &Bundle, verdict: Verdict, asks_broker: bool) -> Finding {
    let Bundle { named_by, path, clients, kind } = bundle;
    let (path, certificate) = (Text::of(path), "the broker's certificate");
    let said = match verdict {
        Verdict::Verifies => {
            return Finding::good(CHECK, format!("{certificate} verifies with {named_by}, for {clients}"));
        }
        Verdict::NotAsked => {
            let said = format!(
                "{named_by} holds certificates, which were not tried: the broker is asked by http, or not there"
            );
            return Finding::good(CHECK, said);
        }
        Verdict::BySystem => {
            let said = format!("{certificate} verifies with this system's authorities, and not with {named_by}");
            let advice =
                format!("if it is of a public authority, {clients} knows it; else add your company's to {path}");
            return Finding::note(CHECK, said, advice);
        }
        Verdict::Unknown => format!("{certificate} does not verify with {named_by}, by which {clients} go"),
    };
    let with = if *kind == Kind::Alone { ", beside the public roots that AWS itself needs" } else { "" };
    let advice = format!("add the broker's certificate authority to {path}{with}");
    if asks_broker {
        Finding::bad(CHECK, said, advice)
    } else {
        Finding::note(CHECK, said, format!("{advice}; `broker process` does not need it, `aws sso login` does"))
    }
}

fn of_no_use(bundle: &Bundle, why: &str) -> Finding {
    let Bundle { named_by, path, clients, kind } = bundle;
    let then = match kind {
        Kind::Alone => "can reach nobody",
        Kind::Beside => "go on without it",
    };
    let said = format!("{} {why}: it is named by {named_by}, and {clients} {then}", Text::of(path));
    Finding::bad(CHECK, said, "name a file with certificate authorities in PEM, or take its name out")
}

const CHECK: &str = "trust";
const PYTHON: &str = "the AWS CLI and boto3";
/// Bytes: ten times what all public authorities need.
const LARGEST: u64 = 4 * 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::super::State;
    use super::*;

    #[test]
    fn each_client_goes_by_the_first_that_is_set() {
        let named = |variables: &[(&str, &str)], text: &str| -> Vec<String> {
            let variable =
                |name: &str| variables.iter().find(|(set, _)| *set == name).map(|(_, value)| (*value).to_owned());
            bundles(variable, text).into_iter().map(|bundle| format!("{}: {}", bundle.named_by, bundle.path)).collect()
        };
        let text = "[default]\nca_bundle = /a.pem\n[profile x]\nca_bundle=/b.pem\n[profile y]\nca_bundle = /a.pem\n";
        let of_file =
            ["ca_bundle in [default] of ~/.aws/config: /a.pem", "ca_bundle in [profile x] of ~/.aws/config: /b.pem"];
        assert_eq!(named(&[], text), of_file);
        assert_eq!(
            named(&[("AWS_CA_BUNDLE", "/c.pem"), ("REQUESTS_CA_BUNDLE", "/d.pem")], text),
            ["AWS_CA_BUNDLE: /c.pem"]
        );
        assert_eq!(named(&[("REQUESTS_CA_BUNDLE", "/d.pem")], ""), ["REQUESTS_CA_BUNDLE: /d.pem"]);
        let others = [("SSL_CERT_FILE", "/e.pem"), ("NODE_EXTRA_CA_CERTS", "/f.pem")];
        assert_eq!(named(&others, ""), ["SSL_CERT_FILE: /e.pem", "NODE_EXTRA_CA_CERTS: /f.pem"]);
        assert!(named(&[], "").is_empty());
    }

    #[test]
    fn what_holds_no_certificates_is_told_from_what_is_not_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        let block = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        let large = " ".repeat(usize::try_from(LARGEST).unwrap() + 1);
        for (name, content, said) in [
            ("empty", "", Err("is empty")),
            ("text", "hello\n", Err("holds no certificates")),
            ("key", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", Err("holds no certificates")),
            ("broken", "-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----\n", Err("holds no certificates")),
            ("large", large.as_str(), Err("is larger")),
            ("block", block, Ok(())),
        ] {
            std::fs::write(path(name), content).unwrap();
            let found = read(&path(name));
            assert!(
                match (&found, said) {
                    (Ok(_), Ok(())) => true,
                    (Err(why), Err(said)) => why.starts_with(said),
                    (Ok(_), Err(_)) | (Err(_), Ok(())) => false,
                },
                "{name}: {found:?}"
            );
        }
        assert!(read(&path("nowhere")).unwrap_err().starts_with("cannot be read"));
        assert!(read(folder.path().to_str().unwrap()).unwrap_err().starts_with("cannot be read"), "a folder");
    }

    #[test]
    fn it_is_bad_only_where_a_profile_needs_it() {
        let of = |kind| Bundle { named_by: "X".to_owned(), path: "/x".to_owned(), clients: PYTHON, kind };
        let state = |verdict, asks| told(&of(Kind::Alone), verdict, asks).state;
        assert_eq!(state(Verdict::Verifies, true), State::Good);
        assert_eq!(state(Verdict::NotAsked, true), State::Good);
        assert_eq!((state(Verdict::Unknown, true), state(Verdict::Unknown, false)), (State::Bad, State::Note));
        assert_eq!(told(&of(Kind::Beside), Verdict::BySystem, true).state, State::Note);
        assert_eq!(of_no_use(&of(Kind::Beside), "is empty").state, State::Bad);
    }
}
