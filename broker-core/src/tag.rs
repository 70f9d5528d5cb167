//! Session tags: what AWS takes as a key and a value, and where a value comes from.

use serde::{Deserialize, Serialize};
use unicode_properties::{GeneralCategoryGroup, UnicodeGeneralCategory};

use crate::name::Group;

/// The key of a session tag.
/// <https://docs.aws.amazon.com/STS/latest/APIReference/API_Tag.html>
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TagKey(String);

/// The value of a session tag, fixed or taken from a person.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TagValue(String);

/// Where a tag's value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TagSource {
    Value(TagValue),
    From(Attribute),
}

/// What may be taken from a person into a tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Attribute {
    Username,
    /// The name of the directory that knows the person.
    Directory,
    /// Only where the directory's `trusted_attributes` has it.
    Email,
    /// The person's groups that grant the connector, sorted, joined with `:`.
    Groups,
}

/// Why a tag cannot be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TagError {
    #[error("a tag's key has 1 to 128 characters")]
    KeyLength,
    #[error("a tag's value has at most 256 characters")]
    ValueLength,
    #[error("`{0}` is not a character that AWS takes in a tag: letters, digits, spaces and _.:/=+-@")]
    Character(char),
    #[error("tag keys that begin with `aws:` are AWS's own")]
    Reserved,
    #[error("the connector tags sessions with the mail address, and there is none that may be trusted")]
    NoEmail,
    #[error("the group `{0}` holds the separator `:` and cannot be joined into a tag")]
    Separator(String),
    #[error("the tag `{0}` is the connector's own, and the workload's mapping sets it too")]
    Twice(String),
    #[error("the workload's mapping sets tags, and a connector of session tokens takes none")]
    NotTaken,
}

impl TagKey {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// AWS compares keys without regard to case.
    pub fn folded(&self) -> String {
        self.0.to_lowercase()
    }
}

impl TagValue {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TagSource {
    /// The value for one caller, who is `username` in `directory`, `email` being an address that may be trusted and `granting` those of the connector's
    /// groups that the caller is in. What does not fit is refused, never cut.
    pub fn value_for(
        &self,
        directory: &str,
        username: &str,
        email: Option<&str>,
        granting: &[&Group],
    ) -> Result<TagValue, TagError> {
        match self {
            Self::Value(value) => Ok(value.clone()),
            Self::From(Attribute::Username) => username.to_owned().try_into(),
            Self::From(Attribute::Directory) => directory.to_owned().try_into(),
            Self::From(Attribute::Email) => email.ok_or(TagError::NoEmail)?.to_owned().try_into(),
            Self::From(Attribute::Groups) => {
                if let Some(group) = granting.iter().find(|group| group.name.contains(SEPARATOR)) {
                    return Err(TagError::Separator(group.to_string()));
                }
                let mut names: Vec<String> = granting.iter().map(ToString::to_string).collect();
                names.sort();
                names.join(SEPARATOR).try_into()
            }
        }
    }
}

impl TryFrom<String> for TagKey {
    type Error = TagError;

    fn try_from(text: String) -> Result<Self, TagError> {
        if !(1..=128).contains(&text.chars().count()) {
            return Err(TagError::KeyLength);
        }
        if text.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("aws:")) {
            return Err(TagError::Reserved);
        }
        check_characters(&text)?;
        Ok(Self(text))
    }
}

impl TryFrom<String> for TagValue {
    type Error = TagError;

    fn try_from(text: String) -> Result<Self, TagError> {
        if text.chars().count() > 256 {
            return Err(TagError::ValueLength);
        }
        check_characters(&text)?;
        Ok(Self(text))
    }
}

impl From<TagKey> for String {
    fn from(key: TagKey) -> Self {
        key.0
    }
}

impl From<TagValue> for String {
    fn from(value: TagValue) -> Self {
        value.0
    }
}

/// AWS's own pattern: `[\p{L}\p{Z}\p{N}_.:/=+\-@]`.
fn check_characters(text: &str) -> Result<(), TagError> {
    let taken = |char: char| {
        matches!(
            char.general_category_group(),
            GeneralCategoryGroup::Letter | GeneralCategoryGroup::Separator | GeneralCategoryGroup::Number
        ) || "_.:/=+-@".contains(char)
    };
    text.chars().find(|char| !taken(*char)).map_or(Ok(()), |char| Err(TagError::Character(char)))
}

const SEPARATOR: &str = ":";

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> Result<TagKey, TagError> {
        text.to_owned().try_into()
    }

    #[test]
    fn keys_and_values_have_awss_limits() {
        assert!(key(&"k".repeat(128)).is_ok() && key("Kostenstelle ß 漢").is_ok());
        assert_eq!(key(&"k".repeat(129)), Err(TagError::KeyLength));
        assert_eq!(key(""), Err(TagError::KeyLength));
        assert_eq!(key("AWS:thing"), Err(TagError::Reserved));
        assert_eq!(key("a*b"), Err(TagError::Character('*')));
        assert!(TagValue::try_from(String::new()).is_ok());
        assert!(TagValue::try_from("v".repeat(257)).is_err());
    }

    #[test]
    fn an_address_that_people_may_edit_never_becomes_a_tag() {
        let mail = TagSource::From(Attribute::Email);
        assert_eq!(mail.value_for("corp", "ada", Some("ada@corp.example"), &[]).unwrap().as_str(), "ada@corp.example");
        assert_eq!(mail.value_for("corp", "ada", None, &[]), Err(TagError::NoEmail));
    }

    #[test]
    fn joined_groups_cannot_be_forged_by_a_groups_name() {
        let groups = TagSource::From(Attribute::Groups);
        let group = |name: &str| Group::new("corp".to_owned().try_into().unwrap(), name).unwrap();
        let (b, a, forged) = (group("b"), group("a"), group("a:corp/b"));
        assert_eq!(groups.value_for("corp", "ada", None, &[&b, &a]).unwrap().as_str(), "corp/a:corp/b");
        assert!(matches!(groups.value_for("corp", "ada", None, &[&forged]), Err(TagError::Separator(_))));
        let many: Vec<Group> = (0..60).map(|n| group(&format!("group-{n}"))).collect();
        let many: Vec<&Group> = many.iter().collect();
        assert_eq!(groups.value_for("corp", "ada", None, &many), Err(TagError::ValueLength), "refused, not cut");
    }
}
