//! Where a host learns its own identity is on the host itself or one hop away: never by a proxy, whatever else goes through one.

use std::net::IpAddr;

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use url::{Host, Url};

/// Sends what is for this machine or its link directly, and everything else the usual way.
#[derive(Debug)]
pub(super) struct PastTheProxy {
    usual: SharedHttpClient,
    direct: SharedHttpClient,
}

#[derive(Debug)]
struct Connector {
    usual: SharedHttpConnector,
    direct: SharedHttpConnector,
}

impl PastTheProxy {
    pub(super) fn new(usual: SharedHttpClient, direct: SharedHttpClient) -> Self {
        Self { usual, direct }
    }
}

impl HttpClient for PastTheProxy {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(Connector {
            usual: self.usual.http_connector(settings, components),
            direct: self.direct.http_connector(settings, components),
        })
    }
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        if is_near(request.uri()) { self.direct.call(request) } else { self.usual.call(request) }
    }
}

fn is_near(uri: &str) -> bool {
    match Url::parse(uri).ok().as_ref().and_then(Url::host) {
        Some(Host::Ipv4(address)) => is_near_address(address.into()),
        Some(Host::Ipv6(address)) => is_near_address(address.into()),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

/// All that AWS has are among these, such as 169.254.169.254 and `fd00:ec2::254`.
fn is_near_address(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_loopback() || address.is_link_local(),
        IpAddr::V6(address) => address.is_loopback() || address.is_unicast_link_local() || address.is_unique_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_near_goes_past_the_proxy() {
        for near in [
            "http://169.254.169.254/latest/api/token",
            "http://169.254.170.2/v2/credentials/x",
            "http://[fd00:ec2::254]/latest",
            "http://127.0.0.1:4000/",
            "http://[::1]/",
            "http://localhost:80/",
        ] {
            assert!(is_near(near), "{near}");
        }
        for far in
            ["https://sts.eu-central-1.amazonaws.com/", "http://10.0.0.1/", "https://127.0.0.1.example/", "", "x"]
        {
            assert!(!is_near(far), "{far}");
        }
    }
}
