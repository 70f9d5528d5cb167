//! A page of AWS's console to which a link may lead, and nothing else: no open redirect passes this type.

use url::Url;

use crate::partition::{Partition, Region};

/// An https URL on a console host of one partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    url: String,
    partition: Partition,
}

/// The URL is not a page of AWS's console.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DestinationError {
    #[error(
        "a console destination is an https URL on AWS's console host, such as https://eu-central-1.console.aws.amazon.com/ecs"
    )]
    NotTheConsole,
    #[error("the console destination is of another partition than the connector")]
    Partition,
}

impl Destination {
    /// Reads a URL: https, no user, no port, the partition's console host itself or a region's, no control characters.
    pub fn parse(text: &str) -> Result<Self, DestinationError> {
        if text.len() > MAX_URL || text.chars().any(|char| char.is_control() || char.is_whitespace() || char == '\\') {
            return Err(DestinationError::NotTheConsole);
        }
        let url = Url::parse(text).map_err(|_| DestinationError::NotTheConsole)?;
        let plain =
            url.scheme() == "https" && url.username().is_empty() && url.password().is_none() && url.port().is_none();
        // What `Url` tidies away (a port that is the default, an empty user) is refused as well: AWS reads the text.
        let authority = text.get("https://".len()..).and_then(|rest| rest.split(['/', '?', '#']).next());
        let partition = url.host_str().and_then(partition_of).filter(|_| plain && authority == url.host_str());
        partition.map(|partition| Self { url: url.into(), partition }).ok_or(DestinationError::NotTheConsole)
    }

    /// The console's first page.
    pub fn home(partition: Partition) -> Self {
        Self { url: format!("https://{}/", partition.console_host()), partition }
    }

    pub fn as_str(&self) -> &str {
        &self.url
    }

    pub fn partition(&self) -> Partition {
        self.partition
    }
}

fn partition_of(host: &str) -> Option<Partition> {
    [Partition::Aws, Partition::AwsUsGov, Partition::AwsCn].into_iter().find(|partition| {
        let Some(before) = host.strip_suffix(partition.console_host()) else { return false };
        let region = before.strip_suffix('.').map(|label| Region::try_from(label.to_owned()));
        before.is_empty() || matches!(region, Some(Ok(region)) if region.partition() == *partition)
    })
}

const MAX_URL: usize = 2_048;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_consoles_own_hosts_pass() {
        for (url, partition) in [
            ("https://console.aws.amazon.com/", Partition::Aws),
            ("https://console.aws.amazon.com", Partition::Aws),
            ("https://eu-central-1.console.aws.amazon.com/ecs/v2?region=eu-central-1#/clusters", Partition::Aws),
            ("https://us-gov-west-1.console.amazonaws-us-gov.com/", Partition::AwsUsGov),
            ("https://console.amazonaws.cn/ec2", Partition::AwsCn),
        ] {
            assert_eq!(Destination::parse(url).unwrap().partition(), partition, "{url}");
        }
        for url in [
            "http://console.aws.amazon.com/",
            "https://console.aws.amazon.com.evil.example/",
            "https://evilconsole.aws.amazon.com/",
            "https://evil.console.aws.amazon.com/",
            "https://cn-north-1.console.aws.amazon.com/",
            "https://user@console.aws.amazon.com/",
            "https://@console.aws.amazon.com/",
            "https://console.aws.amazon.com:443/",
            "https://console.aws.amazon.com:8443/",
            "https://evil.example/https://console.aws.amazon.com/",
            "https:\\\\console.aws.amazon.com/",
            "https://evil.example\\@console.aws.amazon.com/",
            "https:console.aws.amazon.com/",
            "https:///console.aws.amazon.com/",
            "//console.aws.amazon.com/",
            "/ecs",
            "javascript:alert(1)",
            "https://console.aws.amazon.com/\r\nSet-Cookie: a=b",
            "https://CONSOLE.aws.amazon.com./",
            "",
        ] {
            assert!(Destination::parse(url).is_err(), "{url}");
        }
    }

    #[test]
    fn every_partition_has_a_home() {
        for partition in [Partition::Aws, Partition::AwsUsGov, Partition::AwsCn] {
            assert_eq!(
                Destination::parse(Destination::home(partition).as_str()).unwrap(),
                Destination::home(partition)
            );
        }
    }
}
