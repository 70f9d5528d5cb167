//! A directory's steps in words.

use broker_core::clock::{Clock, SystemClock};
use broker_core::directory::{About, Secured, Step, Told};
use jiff::Timestamp;
use x509_parser::prelude::{FromDer, X509Certificate};

/// One word, for programs.
pub(super) fn word(step: &Step) -> &'static str {
    match step {
        Step::Resolve { .. } => "resolve",
        Step::Connect => "connect",
        Step::StartTls => "starttls",
        Step::Tls { .. } => "tls",
        Step::ServiceBind { .. } => "service_bind",
        Step::Root => "root",
        Step::Search { .. } => "search",
        Step::Password { .. } => "password_bind",
        Step::Groups { .. } => "groups",
        Step::Rest { .. } => "rest",
        Step::Ask { .. } => "ask",
    }
}

/// What was done.
pub(super) fn tried(step: &Step) -> String {
    match step {
        Step::Resolve { host } => format!("looking up `{host}`"),
        Step::Connect => "connecting".to_owned(),
        Step::StartTls => "asking for TLS (StartTLS)".to_owned(),
        Step::Tls { name } => format!("TLS with a server of the name `{name}`"),
        Step::ServiceBind { dn: Some(dn) } => format!("binding as `{dn}`"),
        Step::ServiceBind { dn: None } => "asking without a credential (`anonymous`)".to_owned(),
        Step::Root => "asking it about itself".to_owned(),
        Step::Search { base, scope, filter } if base.is_empty() => {
            format!("asking it about itself ({scope}) by {filter}")
        }
        Step::Search { base, scope, filter } => format!("searching below `{base}` ({scope}) by {filter}"),
        Step::Password { of } => format!("showing it the password, as `{of}`"),
        Step::Groups { by } => format!("groups by `{by}`"),
        Step::Rest { seconds } => format!("it rests now: for {seconds} s it is asked only when all others have failed"),
        Step::Ask { method, path } => format!("{method} {path}"),
    }
}

/// What came of it, where something did.
pub(super) fn good(step: &Step, told: &Told, server: Option<&str>) -> String {
    let tried = tried(step);
    match told {
        Told::Done | Told::Groups(_) => tried,
        Told::Addresses(addresses) => {
            let addresses: Vec<_> = addresses.iter().map(ToString::to_string).collect();
            format!("{tried}: {}", addresses.join(", "))
        }
        Told::Connected(address) => format!("connected to {address}"),
        Told::Secured(secured) => {
            let overridden = match (step, server) {
                (Step::Tls { name }, Some(server))
                    if !server.to_ascii_lowercase().contains(&name.to_ascii_lowercase()) =>
                {
                    " (by `server_name`)"
                }
                _ => "",
            };
            format!("{tried}{overridden}: {}", of_secured(secured))
        }
        Told::About(about) => format!("{tried}: {}", of_about(about)),
        Told::Entries { count, pages, first } => {
            let more = if *count > first.len() { " …" } else { "" };
            let names = if first.is_empty() { String::new() } else { format!(": {}{more}", first.join("; ")) };
            let pages = if *pages > 1 { format!(" in {pages} pages") } else { String::new() };
            format!("{tried}: entries: {count}{pages}{names}")
        }
        Told::Verdict { verdict, said } => format!("{tried}: it says {said}, which means: {verdict}"),
        Told::Answer { status, from, certificate } => {
            let from = from.map_or_else(String::new, |from| format!(" from {from}"));
            let certificate = certificate.as_ref().map_or_else(String::new, |der| format!("; {}", of_certificate(der)));
            format!("{tried}: {status}{from}{certificate}")
        }
    }
}

fn of_secured(Secured { version, cipher, certificate }: &Secured) -> String {
    let version = version.as_deref().unwrap_or("unknown version").replace("TLSv1_", "TLS 1.");
    let cipher = cipher.as_deref().unwrap_or("unknown cipher");
    let certificate = certificate.as_ref().map_or_else(|| "no certificate".to_owned(), |der| of_certificate(der));
    format!("{version}, {cipher}; {certificate}")
}

/// It has been verified; this only says whose it is.
fn of_certificate(der: &[u8]) -> String {
    let Ok((_, certificate)) = X509Certificate::from_der(der) else {
        return "a certificate that cannot be read".to_owned();
    };
    let end = Timestamp::from_second(certificate.validity().not_after.timestamp()).unwrap_or(Timestamp::MAX);
    let days = end.duration_since(SystemClock.now()).as_hours() / 24;
    let soon = if days < SOON_DAYS { ": RENEW IT SOON" } else { "" };
    format!(
        "certificate of `{}`, signed by `{}`, good until {end:.0}, {days} days more{soon}",
        certificate.subject(),
        certificate.issuer()
    )
}

fn of_about(about: &About) -> String {
    let About { vendor, version, host, pages, password_policy, active_directory } = about;
    let told: Vec<&str> = [vendor, version, host].into_iter().flatten().map(String::as_str).collect();
    let told = if told.is_empty() { "no name of its own".to_owned() } else { told.join(", ") };
    let yes = |it: &bool| if *it { "yes" } else { "no" };
    format!(
        "{told}; gives entries in pages: {}; tells what its password policy says: {}; is Active Directory (`token_groups`, `in_chain`): {}",
        yes(pages),
        yes(password_policy),
        yes(active_directory)
    )
}

const SOON_DAYS: i64 = 30;
