//! `login`: shows who would be signed in, and where to. No cookie is set, no script runs.

use jiff::Timestamp;
use url::Url;

use super::signin::Ticket;
use super::{HTML, Reply, bad_request};
use crate::caller::Caller;
use crate::cloud::Cloud;
use crate::front::Answer;
use crate::params::Params;
use crate::partition::Partition;
use crate::refusal::Refusal;
use crate::xml::escape;

pub(super) fn call(cloud: &Cloud, mut params: Params) -> Reply {
    let token = params.take("SigninToken").unwrap_or_default();
    let ticket = cloud.signin_tokens.find(&token, cloud.clock.now());
    let access_key_id = ticket.as_ref().map(|ticket| ticket.session.access_key_id.clone());
    Reply { access_key_id, outcome: show(cloud, ticket, params) }
}

pub(super) fn error_page(message: &str) -> String {
    page("Sign-in failed", &format!("<p>{}</p>", escape(message)))
}

fn show(cloud: &Cloud, ticket: Option<Ticket>, mut params: Params) -> Result<Answer, Refusal> {
    params.take("Action");
    let issuer = params.take("Issuer");
    let destination = params.take("Destination").ok_or_else(|| bad_request("Destination is missing"))?;
    params.nothing_left().map_err(|refusal| bad_request(refusal.message))?;
    let partition = cloud.world.now().partition;
    if !is_console(&destination, partition) && !is_own(&destination, &cloud.endpoint) {
        return Err(bad_request("Destination is not a console of this partition"));
    }
    if issuer.as_ref().is_some_and(|issuer| !is_web(issuer)) {
        return Err(bad_request("Issuer is not a web address"));
    }
    let now = cloud.clock.now();
    let ticket = ticket
        .filter(|ticket| !ticket.session.has_expired(now))
        .ok_or_else(|| bad_request("The sign-in token is not valid, or has expired"))?;
    let body = welcome(&ticket, issuer.as_deref(), &destination);
    Ok(Answer { content_type: HTML, body: body.into() })
}

fn welcome(ticket: &Ticket, issuer: Option<&str>, destination: &str) -> String {
    let caller = Caller::Session(ticket.session.clone());
    let until: &Timestamp = &ticket.console_until;
    let rows = [
        ("signed in as", caller.arn().to_owned()),
        ("account", caller.account().to_owned()),
        ("destination", destination.to_owned()),
        ("until", until.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()),
        ("issuer", issuer.unwrap_or("none").to_owned()),
    ];
    let mut list = String::new();
    for (name, value) in rows {
        list.extend(["<dt>", name, "</dt><dd>", &escape(&value), "</dd>"]);
    }
    page("Signed in to the simulated AWS console", &format!("<dl>{list}</dl>"))
}

fn page(title: &str, body: &str) -> String {
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title}</title></head>\
         <body><h1>{title}</h1>{body}</body></html>"
    )
}

/// An https address on the partition's console, or on one of its regions' or services'.
fn is_console(destination: &str, partition: Partition) -> bool {
    let Ok(url) = Url::parse(destination) else { return false };
    let host = url.host_str().unwrap_or_default();
    let console = partition.console_host();
    let on_console = host == console || host.strip_suffix(console).is_some_and(|rest| rest.ends_with('.'));
    url.scheme() == "https"
        && on_console
        && url.port().is_none()
        && url.username().is_empty()
        && url.password().is_none()
}

/// The sim stands in for the console, too.
fn is_own(destination: &str, endpoint: &str) -> bool {
    match (Url::parse(destination), Url::parse(endpoint)) {
        (Ok(destination), Ok(own)) => destination.origin() == own.origin(),
        _ => false,
    }
}

fn is_web(issuer: &str) -> bool {
    Url::parse(issuer).is_ok_and(|url| matches!(url.scheme(), "http" | "https"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_consoles_of_the_partition_are_destinations() {
        let aws = |destination| is_console(destination, Partition::Aws);
        assert!(aws("https://console.aws.amazon.com/"));
        assert!(aws("https://eu-central-1.console.aws.amazon.com/s3/home?region=eu-central-1"));
        for elsewhere in [
            "http://console.aws.amazon.com/",
            "https://console.aws.amazon.com.evil.example/",
            "https://evilconsole.aws.amazon.com/",
            "https://console.aws.amazon.com@evil.example/",
            "https://user@console.aws.amazon.com/",
            "https://console.aws.amazon.com:444/",
            "https://console.amazonaws.cn/",
            "javascript:alert(1)",
            "/",
            "",
        ] {
            assert!(!aws(elsewhere), "{elsewhere}");
        }
        assert!(is_console("https://console.amazonaws.cn/", Partition::China));
        assert!(
            is_own("http://127.0.0.1:1/x", "http://127.0.0.1:1")
                && !is_own("http://127.0.0.1:2/x", "http://127.0.0.1:1")
        );
    }
}
