//! The three AWS partitions, which never mix.

use std::fmt;

/// A part of AWS with its own accounts, regions and consoles.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Partition {
    /// The commercial regions.
    #[default]
    Aws,
    /// GovCloud (US).
    UsGov,
    /// China.
    China,
}

impl Partition {
    /// The name in ARNs: `aws`, `aws-us-gov` or `aws-cn`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Aws => "aws",
            Self::UsGov => "aws-us-gov",
            Self::China => "aws-cn",
        }
    }

    /// The host of the partition's console.
    pub fn console_host(self) -> &'static str {
        match self {
            Self::Aws => "console.aws.amazon.com",
            Self::UsGov => "console.amazonaws-us-gov.com",
            Self::China => "console.amazonaws.cn",
        }
    }

    /// A region that is surely there.
    pub(crate) fn home_region(self) -> &'static str {
        match self {
            Self::Aws => "us-east-1",
            Self::UsGov => "us-gov-west-1",
            Self::China => "cn-north-1",
        }
    }

    /// Whether `region` looks like one of this partition's: `eu-central-1`, `us-gov-east-1`, `cn-north-1`.
    pub(crate) fn has_region(self, region: &str) -> bool {
        let mut words = region.split('-');
        let number = words.next_back().unwrap_or_default();
        let words: Vec<&str> = words.collect();
        let well_formed = matches!(number.as_bytes(), [b'1'..=b'9'])
            && words.len() >= 2
            && words.iter().all(|word| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase()));
        let home = match words[..] {
            ["cn", ..] => Self::China,
            ["us", "gov", ..] => Self::UsGov,
            _ => Self::Aws,
        };
        well_formed && home == self
    }
}

impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regions_belong_to_one_partition() {
        assert!(Partition::Aws.has_region("eu-central-1"));
        assert!(Partition::Aws.has_region("ap-southeast-4"));
        assert!(Partition::UsGov.has_region("us-gov-west-1"));
        assert!(Partition::China.has_region("cn-north-1"));
        assert!(!Partition::Aws.has_region("cn-north-1"));
        assert!(!Partition::Aws.has_region("us-gov-west-1"));
        assert!(!Partition::China.has_region("eu-central-1"));
        for nonsense in ["", "1", "europe", "eu-central", "EU-central-1", "eu--1", "eu-central-10"] {
            assert!(!Partition::Aws.has_region(nonsense), "{nonsense}");
        }
    }
}
