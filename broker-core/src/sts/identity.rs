//! What AWS says of who somebody is: read before the trail has it, or anybody is told.

/// An ARN of IAM's or STS's: at most 2048 characters, as IAM limits them, all of them printable.
/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_Role.html>
pub(super) fn is_arn(text: &str) -> bool {
    text.starts_with("arn:") && is_printable(text, 20..=2_048)
}

/// The unique id of a user or role, with a role session's name behind it.
pub(super) fn is_user_id(text: &str) -> bool {
    is_printable(text, 2..=193)
}

/// The id of temporary credentials. <https://docs.aws.amazon.com/STS/latest/APIReference/API_Credentials.html>
pub(super) fn is_access_key_id(text: &str) -> bool {
    (16..=128).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// A secret, or a session token: what can stand in a header. AWS promises nothing about how long a token is and warns against counting
/// on it; only the whole answer is limited. <https://docs.aws.amazon.com/STS/latest/APIReference/API_Credentials.html>
pub(super) fn is_secret(text: &str) -> bool {
    is_printable(text, 1..=usize::MAX)
}

fn is_printable(text: &str, length: std::ops::RangeInclusive<usize>) -> bool {
    length.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_aws_says_is_taken() {
        for arn in [
            "arn:aws:sts::123456789012:assumed-role/deploy/ada@corp.example",
            "arn:aws-cn:iam::123456789012:root",
            "arn:aws-us-gov:iam::123456789012:user/division_abc/subdivision_xyz/Bob",
        ] {
            assert!(is_arn(arn), "{arn}");
        }
        for id in ["123456789012", "AROA3XFRBF535PLBIFPI4:ada=x,y.z@a-b", "AIDACKCEVSQ6C2EXAMPLE", "123456789012:ada"] {
            assert!(is_user_id(id), "{id}");
        }
        assert!(is_access_key_id("ASIAIOSFODNN7EXAMPLE") && is_secret("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY="));
        assert!(is_secret(&"x".repeat(200_000)), "nobody counts on the length of a session token");
    }

    #[test]
    fn what_somebody_else_says_is_not() {
        let long = "x".repeat(3_000);
        for rest in ["\u{1b}[2J", "\n", " x", "\u{202e}", "é", &long] {
            assert!(!is_arn(&format!("arn:aws:iam::123456789012:user/{rest}")), "{rest:?}");
            assert!(!is_user_id(&format!("AIDACKCEVSQ6C2EXAMPLE{rest}")), "{rest:?}");
            assert!(!is_access_key_id(&format!("ASIAIOSFODNN7EXAMPLE{rest}")), "{rest:?}");
        }
        assert!(
            !is_arn("") && !is_arn("urn:aws:iam::123456789012:root") && !is_user_id("") && !is_access_key_id("ASIA")
        );
        assert!(!is_secret("") && !is_secret("a\r\nb: c"));
    }
}
