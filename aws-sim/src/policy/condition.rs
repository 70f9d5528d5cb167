//! One line of a `Condition` block: an operator, a key, and the values it is compared with.

use super::Truth;
use super::context::{Context, Found};
use super::operand::{Operand, Test};

/// For example `"ForAnyValue:StringLike": { "aws:TagKeys": ["a*", "b"] }`.
#[derive(Debug)]
pub(crate) struct Condition {
    quantifier: Quantifier,
    if_exists: bool,
    test: Test,
    key: String,
    operands: Vec<Operand>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Quantifier {
    Plain,
    ForAny,
    ForAll,
}

impl Condition {
    /// Nothing, if there is no such operator.
    pub(crate) fn parse(operator: &str, key: &str, values: &[String], variables: bool) -> Option<Self> {
        let (quantifier, operator) = match operator.split_once(':') {
            None => (Quantifier::Plain, operator),
            Some(("ForAnyValue", operator)) => (Quantifier::ForAny, operator),
            Some(("ForAllValues", operator)) => (Quantifier::ForAll, operator),
            Some(_) => return None,
        };
        let (operator, if_exists) = match operator.strip_suffix("IfExists") {
            Some(operator) => (operator, true),
            None => (operator, false),
        };
        let test = Test::named(operator)?;
        if matches!(test, Test::Null) && (if_exists || quantifier != Quantifier::Plain) {
            return None;
        }
        let operands = values.iter().map(|value| Operand::parse(test, value, variables)).collect();
        Some(Self { quantifier, if_exists, test, key: key.to_owned(), operands })
    }

    pub(crate) fn holds(&self, context: &Context) -> Truth {
        let found = context.get(&self.key);
        if matches!(self.test, Test::Null) {
            return self.is_null_as_wanted(&found);
        }
        match found {
            Found::Unknown => Truth::Unknown,
            Found::Absent | Found::Values([]) => self.without_value(),
            Found::Values(values) => {
                let each = values.iter().map(|value| self.accepts(value, context));
                match self.quantifier {
                    Quantifier::Plain | Quantifier::ForAny => Truth::any(each),
                    Quantifier::ForAll => Truth::all(each),
                }
            }
        }
    }

    /// Several operands are alternatives; to a negated operator, each of them is forbidden.
    fn accepts(&self, value: &str, context: &Context) -> Truth {
        let hit = Truth::any(self.operands.iter().map(|operand| operand.is_met_by(value, context)));
        if self.test.is_negated() { hit.not() } else { hit }
    }

    fn without_value(&self) -> Truth {
        let vacuous = match self.quantifier {
            Quantifier::ForAll => true,
            Quantifier::ForAny => false,
            Quantifier::Plain => self.test.is_negated(),
        };
        (self.if_exists || vacuous).into()
    }

    fn is_null_as_wanted(&self, found: &Found<'_>) -> Truth {
        let is_null = match found {
            Found::Unknown => return Truth::Unknown,
            Found::Absent => "true",
            Found::Values(_) => "false",
        };
        Truth::any(self.operands.iter().map(|operand| operand.is_met_by(is_null, &Context::default())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(operator: &str, key: &str, values: &[&str], context: &Context) -> Truth {
        let values: Vec<String> = values.iter().map(|value| (*value).to_owned()).collect();
        Condition::parse(operator, key, &values, true).unwrap().holds(context)
    }

    fn red() -> Context {
        let mut context = Context::default().with("aws:username", "ada").with("aws:PrincipalTag/Team", "ada");
        context.set_all("aws:TagKeys", vec!["Team".to_owned(), "Project".to_owned()]);
        context
    }

    #[test]
    fn equality_and_likeness() {
        assert_eq!(holds("StringEquals", "aws:username", &["eve", "ada"], &red()), Truth::Yes);
        assert_eq!(holds("StringEquals", "aws:username", &["a*"], &red()), Truth::No, "no wildcards in equality");
        assert_eq!(holds("StringLike", "aws:username", &["a*"], &red()), Truth::Yes);
        assert_eq!(holds("StringEqualsIgnoreCase", "aws:username", &["ADA"], &red()), Truth::Yes);
        assert_eq!(holds("StringEquals", "aws:username", &["${aws:PrincipalTag/Team}"], &red()), Truth::Yes);
    }

    #[test]
    fn negation_means_none_of_them() {
        assert_eq!(holds("StringNotEquals", "aws:username", &["eve", "ada"], &red()), Truth::No);
        assert_eq!(holds("StringNotEquals", "aws:username", &["eve", "bob"], &red()), Truth::Yes);
        assert_eq!(holds("StringNotLike", "aws:username", &["b*"], &red()), Truth::Yes);
    }

    #[test]
    fn absent_keys() {
        assert_eq!(holds("StringEquals", "sts:ExternalId", &["x"], &red()), Truth::No);
        assert_eq!(holds("StringEqualsIfExists", "sts:ExternalId", &["x"], &red()), Truth::Yes);
        assert_eq!(holds("StringNotEquals", "sts:ExternalId", &["x"], &red()), Truth::Yes);
        assert_eq!(holds("Null", "sts:ExternalId", &["true"], &red()), Truth::Yes);
        assert_eq!(holds("Null", "aws:username", &["true"], &red()), Truth::No);
        assert_eq!(holds("Null", "aws:username", &["false"], &red()), Truth::Yes);
    }

    #[test]
    fn sets() {
        assert_eq!(holds("ForAnyValue:StringEquals", "aws:TagKeys", &["Team"], &red()), Truth::Yes);
        assert_eq!(holds("ForAllValues:StringEquals", "aws:TagKeys", &["Team"], &red()), Truth::No);
        assert_eq!(holds("ForAllValues:StringLike", "aws:TagKeys", &["T*", "P*"], &red()), Truth::Yes);
        let none = Context::default();
        assert_eq!(holds("ForAllValues:StringEquals", "aws:TagKeys", &["Team"], &none), Truth::Yes);
        assert_eq!(holds("ForAnyValue:StringEquals", "aws:TagKeys", &["Team"], &none), Truth::No);
    }

    #[test]
    fn what_nobody_knows_is_unknown_however_it_is_asked() {
        for operator in ["StringEquals", "StringNotEquals", "StringEqualsIfExists", "Null", "ForAllValues:StringLike"] {
            assert_eq!(holds(operator, "aws:PrincipalOrgID", &["true"], &red()), Truth::Unknown, "{operator}");
        }
        assert!(Condition::parse("StringSounds", "aws:username", &[], true).is_none());
        assert!(Condition::parse("ForSome:StringEquals", "aws:username", &[], true).is_none());
        assert!(Condition::parse("NullIfExists", "aws:username", &[], true).is_none());
    }
}
