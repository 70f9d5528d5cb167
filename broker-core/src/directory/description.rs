//! What a directory has of somebody, for administrators who look why they are let in, or are not.

use std::collections::BTreeMap;

use super::Refusal;
use crate::caller::Person;

/// What a directory found under a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    Nobody,
    /// More than one entry: which of them is meant, nobody knows.
    Several,
    One(Box<Description>),
}

/// One entry, and what is made of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    /// As the directory returned them, those that are read and no others. What is not text is in hexadecimal.
    pub attributes: BTreeMap<String, Vec<String>>,
    /// Who that is, with groups; nobody where the entry cannot be used.
    pub person: Option<Person>,
    /// Why this person is not let in, whatever the password.
    pub refusal: Option<Refusal>,
}

impl Found {
    /// In one word.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Nobody => "none",
            Self::Several => "several",
            Self::One(_) => "one",
        }
    }

    /// Who was found, if anybody who can be used.
    pub fn person(&self) -> Option<&Person> {
        match self {
            Self::One(description) => description.person.as_ref(),
            Self::Nobody | Self::Several => None,
        }
    }
}
