//! How this program speaks HTTP: with limits in time, without following anybody elsewhere.

use std::error::Error;
use std::time::Duration;

use reqwest::{Certificate, Client, Response};

use crate::failure::Failure;
use crate::text::Text;

/// Which certificate authorities are trusted, in PEM.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Trust<'a> {
    /// The system's.
    System,
    /// The system's, and these.
    Also(&'a [u8]),
    /// These, and no others.
    Only(&'a [u8]),
}

/// No proxy leads to this machine.
pub(crate) fn client(trust: Trust<'_>, is_here: bool) -> Result<Client, Failure> {
    // One crypto library for everything that speaks TLS. A second call changes nothing.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let mut builder = Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(CONNECT)
        .timeout(WHOLE)
        .user_agent(concat!("broker/", env!("CARGO_PKG_VERSION")));
    if is_here {
        builder = builder.no_proxy();
    }
    builder = match trust {
        Trust::System => builder,
        Trust::Also(pem) => builder.tls_certs_merge(certificates(pem)?),
        Trust::Only(pem) => builder.tls_certs_only(certificates(pem)?),
    };
    builder.build().map_err(|error| {
        Failure::mend(format!("cannot speak TLS: {}", causes(&error)), "see to the system's certificates")
    })
}

/// All that stand in a file of authorities; none where it holds something else.
pub(crate) fn certificates(pem: &[u8]) -> Result<Vec<Certificate>, Failure> {
    Certificate::from_pem_bundle(pem).map_err(|_| {
        Failure::mend("ca_file holds no certificates", "name a PEM file with your company's certificate authority")
    })
}

/// The body of an answer; nothing if it is longer than anything should be.
pub(crate) async fn body(response: &mut Response) -> Result<Option<Vec<u8>>, reqwest::Error> {
    let mut body = Vec::new();
    while let Some(piece) = response.chunk().await? {
        if body.len() + piece.len() > LARGEST {
            return Ok(None);
        }
        body.extend_from_slice(&piece);
    }
    Ok(Some(body))
}

/// What is behind an error, without the URL.
pub(crate) fn causes(error: &reqwest::Error) -> String {
    let mut told: Vec<String> = Vec::new();
    let mut cause = error.source();
    while let Some(error) = cause {
        told.push(error.to_string());
        cause = error.source();
    }
    let told = if told.is_empty() { "the connection broke off".to_owned() } else { told.join(": ") };
    Text::of(&told).to_string()
}

const CONNECT: Duration = Duration::from_secs(10);
/// Longer than the broker itself waits for AWS (60 seconds) and for directories (31).
const WHOLE: Duration = Duration::from_secs(75);
/// Two thousand connectors with long descriptions.
const LARGEST: usize = 4 * 1024 * 1024;
