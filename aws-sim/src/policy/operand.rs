//! The comparisons that IAM's condition operators make.

use std::net::IpAddr;

use ipnet::IpNet;
use jiff::Timestamp;

use super::Truth;
use super::context::Context;
use super::pattern::{Pattern, Syntax};

/// What an operator compares, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Test {
    Text {
        like: bool,
        fold_case: bool,
        negated: bool,
    },
    Arn {
        negated: bool,
    },
    Number(Order),
    Date(Order),
    Bool,
    Address {
        negated: bool,
    },
    Null,
    /// A true operator of IAM that the sim cannot evaluate.
    Unsupported,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    Equals,
    NotEquals,
    Less,
    LessEquals,
    Greater,
    GreaterEquals,
}

impl Test {
    /// The test behind an operator's name, without `For…:` and `IfExists`.
    pub(crate) fn named(operator: &str) -> Option<Self> {
        let text = |like, fold_case, negated| Some(Self::Text { like, fold_case, negated });
        match operator {
            "StringEquals" => text(false, false, false),
            "StringNotEquals" => text(false, false, true),
            "StringEqualsIgnoreCase" => text(false, true, false),
            "StringNotEqualsIgnoreCase" => text(false, true, true),
            "StringLike" => text(true, false, false),
            "StringNotLike" => text(true, false, true),
            "ArnEquals" | "ArnLike" => Some(Self::Arn { negated: false }),
            "ArnNotEquals" | "ArnNotLike" => Some(Self::Arn { negated: true }),
            "Bool" => Some(Self::Bool),
            "IpAddress" => Some(Self::Address { negated: false }),
            "NotIpAddress" => Some(Self::Address { negated: true }),
            "Null" => Some(Self::Null),
            "BinaryEquals" => Some(Self::Unsupported),
            _ => match (operator.strip_prefix("Numeric"), operator.strip_prefix("Date")) {
                (Some(order), _) => Order::named(order).map(Self::Number),
                (_, Some(order)) => Order::named(order).map(Self::Date),
                (None, None) => None,
            },
        }
    }

    pub(crate) fn is_negated(self) -> bool {
        match self {
            Self::Text { negated, .. } | Self::Arn { negated } | Self::Address { negated } => negated,
            Self::Number(order) | Self::Date(order) => order == Order::NotEquals,
            Self::Bool | Self::Null | Self::Unsupported => false,
        }
    }
}

impl Order {
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "Equals" => Self::Equals,
            "NotEquals" => Self::NotEquals,
            "LessThan" => Self::Less,
            "LessThanEquals" => Self::LessEquals,
            "GreaterThan" => Self::Greater,
            "GreaterThanEquals" => Self::GreaterEquals,
            _ => return None,
        })
    }

    /// `NotEquals` is asked as `Equals` here, and turned round by whoever asks.
    fn holds<T: PartialOrd>(self, left: &T, right: &T) -> bool {
        match self {
            Self::Equals | Self::NotEquals => left == right,
            Self::Less => left < right,
            Self::LessEquals => left <= right,
            Self::Greater => left > right,
            Self::GreaterEquals => left >= right,
        }
    }
}

/// One value of a condition, made ready for its test.
#[derive(Debug)]
pub(crate) enum Operand {
    Text(Pattern),
    Number(Order, f64),
    Date(Order, Timestamp),
    Bool(bool),
    Network(IpNet),
    /// Not a number, not a date, not an address; or an operator that is not supported.
    Unclear,
}

impl Operand {
    pub(crate) fn parse(test: Test, value: &str, variables: bool) -> Self {
        let parsed = match test {
            Test::Text { like, fold_case, .. } => {
                Some(Self::Text(Pattern::parse(value, Syntax { wildcards: like, variables, fold_case })))
            }
            Test::Arn { .. } => {
                Some(Self::Text(Pattern::parse(value, Syntax { wildcards: true, variables, fold_case: false })))
            }
            Test::Number(order) => value.parse().ok().map(|number| Self::Number(order, number)),
            Test::Date(order) => date(value).map(|date| Self::Date(order, date)),
            Test::Bool | Test::Null => value.to_ascii_lowercase().parse().ok().map(Self::Bool),
            Test::Address { .. } => network(value).map(Self::Network),
            Test::Unsupported => None,
        };
        parsed.unwrap_or(Self::Unclear)
    }

    /// The plain question; negation is the caller's business.
    pub(crate) fn is_met_by(&self, value: &str, context: &Context) -> Truth {
        match self {
            Self::Text(pattern) => pattern.matches(value, context),
            Self::Number(order, wanted) => {
                value.parse::<f64>().map_or(Truth::Unknown, |number| order.holds(&number, wanted).into())
            }
            Self::Date(order, wanted) => date(value).map_or(Truth::Unknown, |date| order.holds(&date, wanted).into()),
            Self::Bool(wanted) => {
                value.to_ascii_lowercase().parse::<bool>().map_or(Truth::Unknown, |flag| (flag == *wanted).into())
            }
            Self::Network(network) => {
                value.parse::<IpAddr>().map_or(Truth::Unknown, |address| network.contains(&address).into())
            }
            Self::Unclear => Truth::Unknown,
        }
    }
}

/// ISO 8601, or seconds since 1970.
fn date(text: &str) -> Option<Timestamp> {
    match text.parse::<i64>() {
        Ok(seconds) => Timestamp::from_second(seconds).ok(),
        Err(_) => text.parse().ok(),
    }
}

fn network(text: &str) -> Option<IpNet> {
    text.parse().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn met(operator: &str, operand: &str, value: &str) -> Truth {
        let test = Test::named(operator).unwrap();
        let truth = Operand::parse(test, operand, true).is_met_by(value, &Context::default());
        if test.is_negated() { truth.not() } else { truth }
    }

    #[test]
    fn numbers_dates_flags_and_addresses() {
        assert_eq!(met("NumericLessThanEquals", "3600", "3600"), Truth::Yes);
        assert_eq!(met("NumericLessThan", "3600", "3600"), Truth::No);
        assert_eq!(met("NumericNotEquals", "1", "2"), Truth::Yes);
        assert_eq!(met("DateLessThan", "2026-01-02T03:04:05Z", "2026-01-02T03:04:04Z"), Truth::Yes);
        assert_eq!(met("DateGreaterThan", "0", "2026-01-02T03:04:04Z"), Truth::Yes);
        assert_eq!(met("Bool", "true", "True"), Truth::Yes);
        assert_eq!(met("IpAddress", "10.0.0.0/8", "10.1.2.3"), Truth::Yes);
        assert_eq!(met("NotIpAddress", "10.0.0.1", "10.0.0.1"), Truth::No);
        assert_eq!(met("ArnLike", "arn:aws:iam::*:role/x", "arn:aws:iam::1:role/x"), Truth::Yes);
    }

    #[test]
    fn nonsense_is_unknown() {
        assert_eq!(met("NumericEquals", "many", "1"), Truth::Unknown);
        assert_eq!(met("DateEquals", "yesterday", "1"), Truth::Unknown);
        assert_eq!(met("BinaryEquals", "eA==", "eA=="), Truth::Unknown);
        assert!(Test::named("NumericSortOf").is_none());
    }
}
