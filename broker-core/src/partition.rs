//! AWS's separate worlds, and which hosts belong to each.

use serde::{Deserialize, Serialize};
use url::Url;

/// One of AWS's partitions. Roles, policies, keys and hosts of two partitions never mix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Partition {
    #[serde(rename = "aws")]
    Aws,
    #[serde(rename = "aws-us-gov")]
    AwsUsGov,
    #[serde(rename = "aws-cn")]
    AwsCn,
}

impl Partition {
    /// The word as it stands in an ARN.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Aws => "aws",
            Self::AwsUsGov => "aws-us-gov",
            Self::AwsCn => "aws-cn",
        }
    }

    /// The partition that an ARN names, if it is one of ours.
    pub fn from_arn_word(word: &str) -> Option<Self> {
        [Self::Aws, Self::AwsUsGov, Self::AwsCn].into_iter().find(|partition| partition.as_str() == word)
    }

    /// The host that turns credentials into a sign-in to the console.
    pub fn sign_in_host(self) -> &'static str {
        match self {
            Self::Aws => "signin.aws.amazon.com",
            Self::AwsUsGov => "signin.amazonaws-us-gov.com",
            Self::AwsCn => "signin.amazonaws.cn",
        }
    }

    /// Where IAM is, of which there is one a partition, and the region that its signatures name.
    /// <https://docs.aws.amazon.com/general/latest/gr/iam-service.html>
    pub fn iam(self) -> (&'static str, &'static str) {
        match self {
            Self::Aws => ("https://iam.amazonaws.com", "us-east-1"),
            Self::AwsUsGov => ("https://iam.us-gov.amazonaws.com", "us-gov-west-1"),
            Self::AwsCn => ("https://iam.cn-north-1.amazonaws.com.cn", "cn-north-1"),
        }
    }

    /// The console's own host; regional ones are `REGION.` before it.
    pub fn console_host(self) -> &'static str {
        match self {
            Self::Aws => "console.aws.amazon.com",
            Self::AwsUsGov => "console.amazonaws-us-gov.com",
            Self::AwsCn => "console.amazonaws.cn",
        }
    }
}

impl std::fmt::Display for Partition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The name of an AWS region, such as `eu-central-1`. The partition follows from it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Region {
    name: String,
    partition: Partition,
}

/// Why a text is no region that can be asked.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotARegion {
    /// It is not two letters, words, a number; or it could change a host name.
    #[error("`{0}` is not the name of an AWS region, such as eu-central-1")]
    NoName(String),
    #[error("`{region}` is a region of the partition {partition}: brokerd knows aws, aws-us-gov and aws-cn alone")]
    OtherPartition { region: String, partition: &'static str },
    #[error("`{0}` is a region of no partition that brokerd knows: look for a slip in its name")]
    NoPartition(String),
}

impl Region {
    pub fn as_str(&self) -> &str {
        &self.name
    }

    /// The partition that this region lies in.
    pub fn partition(&self) -> Partition {
        self.partition
    }

    /// The regional STS endpoint. Global ones are never used: their tokens fail in regions that one opts in to.
    pub fn sts_endpoint(&self) -> String {
        format!("https://sts.{}.{}", self.name, self.dns_suffix())
    }

    /// Where another service of AWS's is in this region, by the name that its hosts begin with.
    pub(crate) fn endpoint(&self, service: &str) -> Option<Url> {
        Url::parse(&format!("https://{service}.{}.{}", self.name, self.dns_suffix())).ok()
    }

    /// What the names of AWS's regional hosts end with.
    pub(crate) fn dns_suffix(&self) -> &'static str {
        match self.partition {
            Partition::Aws | Partition::AwsUsGov => "amazonaws.com",
            Partition::AwsCn => "amazonaws.com.cn",
        }
    }
}

impl TryFrom<String> for Region {
    type Error = NotARegion;

    fn try_from(name: String) -> Result<Self, NotARegion> {
        let parts: Vec<&str> = name.split('-').collect();
        let Some((number, words)) = parts.split_last() else { return Err(NotARegion::NoName(name)) };
        let is_name = (2..=3).contains(&words.len())
            && words.iter().all(|word| (2..=12).contains(&word.len()) && word.bytes().all(|b| b.is_ascii_lowercase()))
            && (1..=2).contains(&number.len())
            && number.bytes().all(|b| b.is_ascii_digit());
        if !is_name {
            return Err(NotARegion::NoName(name));
        }
        match lies_in(words) {
            Some(Ok(partition)) => Ok(Self { name, partition }),
            Some(Err(partition)) => Err(NotARegion::OtherPartition { region: name, partition }),
            None => Err(NotARegion::NoPartition(name)),
        }
    }
}

/// AWS's table of partitions, by the words of a region's name; an error names a partition that is none of ours.
/// `regionRegex` in <https://github.com/boto/botocore/blob/develop/botocore/data/partitions.json>
fn lies_in(words: &[&str]) -> Option<Result<Partition, &'static str>> {
    match words {
        ["us", "gov", _] => Some(Ok(Partition::AwsUsGov)),
        ["us", "iso", _] => Some(Err("aws-iso")),
        ["us", "isob", _] => Some(Err("aws-iso-b")),
        ["eu", "isoe", _] => Some(Err("aws-iso-e")),
        ["us", "isof", _] => Some(Err("aws-iso-f")),
        ["eusc", "de", _] => Some(Err("aws-eusc")),
        ["cn", _] => Some(Ok(Partition::AwsCn)),
        ["us" | "eu" | "ap" | "sa" | "ca" | "me" | "af" | "il" | "mx", _] => Some(Ok(Partition::Aws)),
        _ => None,
    }
}

impl From<Region> for String {
    fn from(region: Region) -> Self {
        region.name
    }
}

impl std::fmt::Display for Region {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn region(name: &str) -> Result<Region, NotARegion> {
        name.to_owned().try_into()
    }

    #[test]
    fn the_partition_follows_from_the_region() {
        for (name, partition) in [
            ("eu-central-1", Partition::Aws),
            ("ap-southeast-2", Partition::Aws),
            ("mx-central-1", Partition::Aws),
            ("us-west-2", Partition::Aws),
            ("us-gov-west-1", Partition::AwsUsGov),
            ("cn-northwest-1", Partition::AwsCn),
        ] {
            assert_eq!(region(name).unwrap().partition(), partition, "{name}");
        }
    }

    #[test]
    fn regions_of_other_partitions_are_refused_by_name() {
        for (name, partition) in [
            ("us-iso-east-1", "aws-iso"),
            ("us-isob-east-1", "aws-iso-b"),
            ("eu-isoe-west-1", "aws-iso-e"),
            ("us-isof-south-1", "aws-iso-f"),
            ("eusc-de-east-1", "aws-eusc"),
        ] {
            let said = region(name).unwrap_err().to_string();
            assert!(said.contains(&format!("region of the partition {partition}:")), "{said}");
        }
        for name in ["zz-central-1", "eu-central-west-1", "us-isoz-east-1", "eusc-fr-east-1"] {
            assert_eq!(region(name), Err(NotARegion::NoPartition(name.to_owned())));
        }
    }

    #[test]
    fn a_region_cannot_change_the_host_that_is_asked() {
        for name in
            ["", "eu", "eu-central", "evil.example/", "eu-central-1.evil", "EU-CENTRAL-1", "a@b-c-1", "eu-central-1\n"]
        {
            assert!(region(name).is_err(), "{name:?}");
        }
    }

    #[test]
    fn sts_is_asked_in_the_region() {
        assert_eq!(region("eu-central-1").unwrap().sts_endpoint(), "https://sts.eu-central-1.amazonaws.com");
        assert_eq!(region("cn-north-1").unwrap().sts_endpoint(), "https://sts.cn-north-1.amazonaws.com.cn");
    }
}
