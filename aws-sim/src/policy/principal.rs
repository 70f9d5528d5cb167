//! Whom a trust policy or a bucket policy names.

use serde_json::Value;

/// The AWS principals of a statement. Services and web identities never match a caller of the sim.
#[derive(Debug, Default)]
pub(crate) struct Principals(Vec<Named>);

#[derive(Debug, PartialEq, Eq)]
enum Named {
    Anyone,
    Account(String),
    /// A user, a role, or one session of them.
    Arn(String),
}

/// How closely a statement names a caller: the closer, the less else is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Grip {
    /// Only the account: whether its own policies let the caller use this is the account's affair.
    Account,
    /// The user or the role (or everyone): in the same account nothing else is needed.
    Identity,
    /// This very session: its session policies do not limit the grant.
    Session,
}

/// Who a caller is, in every way in which a policy can name it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Identities<'a> {
    pub(crate) account: &'a str,
    /// The user or role; for root, the account's root.
    pub(crate) identity: &'a str,
    /// The assumed-role or federated-user session.
    pub(crate) session: Option<&'a str>,
}

impl Principals {
    /// Reads `"*"` or `{"AWS": …, "Service": …, "Federated": …}`.
    pub(crate) fn parse(value: &Value, partition: &str) -> Option<Self> {
        let kinds = match value {
            Value::String(anyone) if anyone == "*" => return Some(Self(vec![Named::Anyone])),
            Value::Object(kinds) if !kinds.is_empty() => kinds,
            _ => return None,
        };
        let mut named = Vec::new();
        for (kind, who) in kinds {
            let who = texts(who)?;
            match kind.as_str() {
                "AWS" => {
                    for name in who {
                        named.push(Named::parse(name, partition)?);
                    }
                }
                "Service" | "Federated" | "CanonicalUser" => {}
                _ => return None,
            }
        }
        Some(Self(named))
    }

    pub(crate) fn grip(&self, caller: Identities<'_>) -> Option<Grip> {
        self.0.iter().filter_map(|named| named.grip(caller)).max()
    }
}

impl Named {
    fn parse(name: &str, partition: &str) -> Option<Self> {
        if name == "*" {
            return Some(Self::Anyone);
        }
        if is_account(name) {
            return Some(Self::Account(name.to_owned()));
        }
        match name.splitn(6, ':').collect::<Vec<_>>()[..] {
            ["arn", at, service @ ("iam" | "sts"), "", account, who] if at == partition && is_account(account) => {
                let (kind, rest) = who.split_once('/').unwrap_or((who, ""));
                // AWS takes no wildcards here but the lone `*`.
                let is_name = !rest.is_empty() && !name.contains(['*', '?']);
                match (service, kind) {
                    ("iam", "root") if rest.is_empty() => Some(Self::Account(account.to_owned())),
                    ("iam", "user" | "role") | ("sts", "assumed-role" | "federated-user") if is_name => {
                        Some(Self::Arn(name.to_owned()))
                    }
                    _ => None,
                }
            }
            _ => None,
        }
    }

    fn grip(&self, caller: Identities<'_>) -> Option<Grip> {
        match self {
            Self::Anyone => Some(Grip::Identity),
            Self::Account(account) => (account == caller.account).then_some(Grip::Account),
            Self::Arn(arn) if Some(arn.as_str()) == caller.session => Some(Grip::Session),
            Self::Arn(arn) => (arn == caller.identity).then_some(Grip::Identity),
        }
    }
}

pub(crate) fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn texts(value: &Value) -> Option<Vec<&str>> {
    match value {
        Value::String(text) => Some(vec![text]),
        Value::Array(items) if !items.is_empty() => items.iter().map(Value::as_str).collect(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const SESSION: Identities<'_> = Identities {
        account: "111111111111",
        identity: "arn:aws:iam::111111111111:role/deploy",
        session: Some("arn:aws:sts::111111111111:assumed-role/deploy/ada"),
    };

    fn grip(principal: &Value) -> Option<Grip> {
        Principals::parse(principal, "aws").unwrap().grip(SESSION)
    }

    #[test]
    fn the_closest_name_counts() {
        assert_eq!(grip(&json!("*")), Some(Grip::Identity));
        assert_eq!(grip(&json!({"AWS": "*"})), Some(Grip::Identity));
        assert_eq!(grip(&json!({"AWS": "111111111111"})), Some(Grip::Account));
        assert_eq!(grip(&json!({"AWS": "arn:aws:iam::111111111111:root"})), Some(Grip::Account));
        assert_eq!(grip(&json!({"AWS": ["111111111111", SESSION.identity]})), Some(Grip::Identity));
        assert_eq!(grip(&json!({"AWS": [SESSION.identity, SESSION.session]})), Some(Grip::Session));
        assert_eq!(grip(&json!({"AWS": "222222222222"})), None);
        assert_eq!(grip(&json!({"Service": "ec2.amazonaws.com"})), None);
        assert_eq!(grip(&json!({"AWS": "111111111111", "Service": "x.amazonaws.com"})), Some(Grip::Account));
    }

    #[test]
    fn nobody_else_can_be_written_down() {
        for nobody in [
            json!({"AWS": "arn:aws:iam::111111111111:user/*"}),
            json!({"AWS": "arn:aws-cn:iam::111111111111:root"}),
            json!({"AWS": "arn:aws:iam::1:root"}),
            json!({"AWS": "ada"}),
            json!({"AWS": []}),
            json!({"Nation": "x"}),
            json!({}),
            json!(7),
        ] {
            assert!(Principals::parse(&nobody, "aws").is_none(), "{nobody}");
        }
    }
}
