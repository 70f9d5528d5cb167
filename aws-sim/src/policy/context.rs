//! The keys that conditions and policy variables may ask for, and their values in one request.

/// Everything known about a request besides who, what and on what.
#[derive(Clone, Debug, Default)]
pub(crate) struct Context {
    entries: Vec<(String, Vec<String>)>,
}

/// What a context says to a key.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found<'a> {
    Values(&'a [String]),
    /// AWS has such a key; this request does not.
    Absent,
    /// The sim does not know the key, so nobody may rely on it.
    Unknown,
}

impl Context {
    pub(crate) fn set(&mut self, key: &str, value: impl Into<String>) {
        self.set_all(key, vec![value.into()]);
    }

    pub(crate) fn set_all(&mut self, key: &str, values: Vec<String>) {
        self.entries.retain(|(known, _)| !known.eq_ignore_ascii_case(key));
        self.entries.push((key.to_owned(), values));
    }

    #[cfg(test)]
    pub(crate) fn with(mut self, key: &str, value: &str) -> Self {
        self.set(key, value);
        self
    }

    /// Keys are compared without case, as AWS does.
    pub(crate) fn get(&self, key: &str) -> Found<'_> {
        match self.entries.iter().find(|(known, _)| known.eq_ignore_ascii_case(key)) {
            Some((_, values)) => Found::Values(values),
            None if is_known(key) => Found::Absent,
            None => Found::Unknown,
        }
    }
}

fn is_known(key: &str) -> bool {
    KEYS.iter().any(|known| known.eq_ignore_ascii_case(key))
        || FAMILIES.iter().any(|family| {
            key.get(..family.len()).is_some_and(|start| start.eq_ignore_ascii_case(family)) && key.len() > family.len()
        })
}

/// Keys that the sim sets whenever AWS would. `aws:ResourceAccount` is not among them: only `AssumeRole` sets it.
const KEYS: &[&str] = &[
    "aws:CurrentTime",
    "aws:EpochTime",
    "aws:FederatedProvider",
    "aws:MultiFactorAuthPresent",
    "aws:PrincipalAccount",
    "aws:PrincipalArn",
    "aws:PrincipalType",
    "aws:RequestedRegion",
    "aws:SecureTransport",
    "aws:SourceIdentity",
    "aws:SourceIp",
    "aws:TagKeys",
    "aws:TokenIssueTime",
    "aws:userid",
    "aws:username",
    "sts:AWSServiceName",
    "sts:DurationSeconds",
    "sts:ExternalId",
    "sts:RoleSessionName",
    "sts:SourceIdentity",
    "sts:TransitiveTagKeys",
];

const FAMILIES: &[&str] = &["aws:PrincipalTag/", "aws:RequestTag/"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_found_absent_or_unknown() {
        let context = Context::default().with("aws:PrincipalTag/Team", "red");
        assert_eq!(context.get("AWS:principaltag/team"), Found::Values(&["red".to_owned()]));
        assert_eq!(context.get("aws:PrincipalTag/Project"), Found::Absent);
        assert_eq!(context.get("sts:externalid"), Found::Absent);
        assert_eq!(context.get("aws:PrincipalTag/"), Found::Unknown);
        assert_eq!(context.get("aws:PrincipalOrgID"), Found::Unknown);
    }
}
