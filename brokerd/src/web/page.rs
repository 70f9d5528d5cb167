//! Pages on their way out: rendered, never cached, and with a Content-Security-Policy that lets nothing in but our own style, and our own
//! script on those that ask for a passkey.

use askama::Template;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use broker_core::id::RequestId;
use broker_core::oauth::Callback;
use broker_core::partition::Partition;

use super::next::Next;
use crate::problem::{Code, Problem};

/// Where a page's forms may lead, redirects included: browsers check each hop of them against the page that had the form.
#[derive(Clone, Debug)]
pub(crate) struct FormsLead(String);

impl FormsLead {
    /// To our own pages.
    pub(crate) fn home() -> Self {
        Self("'self'".to_owned())
    }

    /// And from there on to the listener of a program on the person's own machine.
    pub(crate) fn to_callback(callback: &Callback) -> Self {
        // The grammar of these policies has no IPv6 address. The page's only form leads to us, and we lead to that listener alone.
        let source = if callback.is_v6() { "http:".to_owned() } else { callback.origin() };
        Self(format!("'self' {source}"))
    }

    /// And from there on to the sign-in hosts and consoles of these partitions, and to the federation endpoint that stands in
    /// for theirs.
    pub(crate) fn to_console(partitions: &[Partition], stand_in: Option<&str>) -> Self {
        let mut sources = vec!["'self'".to_owned()];
        for partition in partitions {
            // Between the federation endpoint and the page that was asked for lie redirects by hosts that AWS may change.
            let domain = partition.sign_in_host().split_once('.').map_or("", |(_, domain)| domain);
            sources.push(format!("https://*.{domain}"));
        }
        sources.extend(stand_in.map(str::to_owned));
        Self(sources.join(" "))
    }
}

/// Renders a page.
pub(crate) fn page(template: &impl Template, forms: &FormsLead) -> Result<Response, Problem> {
    rendered(template, policy(forms, ""))
}

/// Renders a page that asks for a passkey, which takes a script.
pub(crate) fn page_with_script(template: &impl Template, forms: &FormsLead) -> Result<Response, Problem> {
    rendered(template, policy(forms, "script-src 'self'; "))
}

fn rendered(template: &impl Template, policy: HeaderValue) -> Result<Response, Problem> {
    let html = template.render().map_err(|_| Problem::new(Code::Internal, "the page could not be made"))?;
    let mut response = Html(html).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, NO_STORE);
    headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    // To others we tell nothing; without this, browsers would not even tell ourselves where a form came from.
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    headers.insert("cross-origin-opener-policy", HeaderValue::from_static("same-origin"));
    Ok(response)
}

/// Tells a problem by a page: its status and how long to wait, and the page's contents.
pub(crate) fn instead_of(problem: Problem, page: Response, request_id: RequestId) -> Response {
    let told = problem.into_response_for(request_id);
    let (mut parts, body) = page.into_parts();
    parts.status = told.status();
    // The rest of what a program would be told makes no sense on a page.
    if let Some(wait) = told.headers().get(header::RETRY_AFTER) {
        parts.headers.insert(header::RETRY_AFTER, wait.clone());
    }
    Response::from_parts(parts, body)
}

/// Leads on to another page.
pub(crate) fn see_other(location: &str) -> Response {
    let mut response = StatusCode::SEE_OTHER.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, NO_STORE);
    if let Ok(mut location) = HeaderValue::try_from(location) {
        // A console link is a bearer secret; of the others nobody loses anything.
        location.set_sensitive(true);
        headers.insert(header::LOCATION, location);
    }
    response
}

/// Leads to the sign-in page, and from there on.
pub(crate) fn sign_in_first(next: &Next) -> Response {
    see_other(&next.sign_in_page())
}

fn policy(FormsLead(forms): &FormsLead, script: &str) -> HeaderValue {
    let policy = format!(
        "default-src 'none'; {script}style-src 'self'; img-src 'self'; form-action {forms}; frame-ancestors 'none'; base-uri 'none'"
    );
    HeaderValue::try_from(policy).unwrap_or(HeaderValue::from_static("default-src 'none'"))
}

const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

#[cfg(test)]
mod tests {
    use super::*;

    fn forms(partitions: &[Partition], stand_in: Option<&str>) -> String {
        FormsLead::to_console(partitions, stand_in).0
    }

    #[test]
    fn each_partition_has_its_own_hosts() {
        assert_eq!(forms(&[Partition::Aws], None), "'self' https://*.aws.amazon.com");
        assert_eq!(forms(&[Partition::AwsUsGov], None), "'self' https://*.amazonaws-us-gov.com");
        assert_eq!(forms(&[Partition::AwsCn], None), "'self' https://*.amazonaws.cn");
        assert!(
            forms(&[Partition::Aws], Some("https://signin.corp.example")).ends_with(" https://signin.corp.example")
        );
        for partition in [Partition::Aws, Partition::AwsUsGov, Partition::AwsCn] {
            let domain = forms(&[partition], None).split_once('*').unwrap().1.to_owned();
            assert!(partition.console_host().ends_with(&domain) && partition.sign_in_host().ends_with(&domain));
        }
    }
}
