//! A user as Crowd describes them: who it is, under which name, and whether the account is in use.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::config::IdFrom;
use crate::directory::Refusal;
use crate::directory::fit::{MAX_EMAIL, MAX_NAME, is_email, is_shown};

/// What counts of a user's representation.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct User {
    name: String,
    #[serde(default)]
    key: Option<String>,
    /// Who is not said to be in use is not let in.
    #[serde(default)]
    active: bool,
    #[serde(default)]
    display_name: Option<String>,
    #[serde(default)]
    first_name: Option<String>,
    #[serde(default)]
    last_name: Option<String>,
    #[serde(default)]
    email: Option<String>,
}

/// Somebody as their representation describes them, without groups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Profile {
    pub(super) id: String,
    /// As Crowd spells it, whatever was typed: names there know no upper and lower case, and an application may have aliases.
    pub(super) username: String,
    pub(super) display_name: Option<String>,
    pub(super) email: Option<String>,
}

/// What a representation lacks, or has in a form that cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(super) struct Unusable(pub(super) &'static str);

impl User {
    /// By which Crowd is asked about them.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Why such an account is not let in, whatever the password.
    pub(super) fn refusal(&self) -> Option<Refusal> {
        (!self.active).then_some(Refusal::Disabled)
    }

    /// Those that are read, as Crowd returned them.
    pub(super) fn shown(&self) -> BTreeMap<String, Vec<String>> {
        let fields = [
            ("name", Some(&self.name)),
            ("key", self.key.as_ref()),
            ("display-name", self.display_name.as_ref()),
            ("first-name", self.first_name.as_ref()),
            ("last-name", self.last_name.as_ref()),
            ("email", self.email.as_ref()),
        ];
        let said = fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), vec![value?.clone()])));
        said.chain([("active".to_owned(), vec![self.active.to_string()])]).collect()
    }
}

impl Profile {
    pub(super) fn read(user: &User, id: IdFrom) -> Result<Self, Unusable> {
        let username = user.name.trim();
        if username != user.name || !is_shown(username, MAX_NAME) {
            return Err(Unusable("it has no user name that can be used"));
        }
        let id = match id {
            IdFrom::Name => username.to_lowercase(),
            IdFrom::Key => user.key.clone().ok_or(Unusable(
                "Crowd says no key of it: an old version, or a directory without ids (`id = \"name\"` does without)",
            ))?,
        };
        if !is_id(&id) {
            return Err(Unusable("its key is not one"));
        }
        let fit = |text: &Option<String>, most| {
            let text = text.as_deref()?.trim();
            is_shown(text, most).then(|| text.to_owned())
        };
        Ok(Self {
            id,
            username: username.to_owned(),
            display_name: fit(&user.display_name, MAX_NAME).or_else(|| {
                let parts = [fit(&user.first_name, MAX_NAME), fit(&user.last_name, MAX_NAME)];
                let parts: Vec<String> = parts.into_iter().flatten().collect();
                (!parts.is_empty()).then(|| parts.join(" "))
            }),
            email: fit(&user.email, MAX_EMAIL).filter(|email| is_email(email)),
        })
    }
}

/// Keys are a directory's number, a colon, and what that directory calls the user (`32769:9c2a3f10-…`).
pub(super) fn is_id(id: &str) -> bool {
    is_shown(id, MAX_ID) && id.trim() == id
}

/// Crowd keeps 255 characters of what a directory calls a user.
const MAX_ID: usize = 300;

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn user(changes: &Value) -> User {
        let mut user = json!({
            "expand": "attributes", "link": { "rel": "self", "href": "https://crowd/…" }, "name": "ada", "password": { "link": {} },
            "first-name": "Ada", "last-name": "Lovelace", "display-name": "Ada L.", "email": "ada@corp.example", "active": true,
            "key": "32769:9c2a3f10-0000", "attributes": { "attributes": [] },
        });
        for (field, value) in changes.as_object().unwrap() {
            user[field] = value.clone();
        }
        user.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        serde_json::from_value(user).unwrap()
    }

    fn profile(changes: &Value) -> Result<Profile, Unusable> {
        Profile::read(&user(changes), IdFrom::Key)
    }

    #[test]
    fn crowds_spelling_and_key_count() {
        let ada = profile(&json!({ "name": "Ada", "key": "1:{0000-0000}" })).unwrap();
        assert_eq!((ada.id.as_str(), ada.username.as_str()), ("1:{0000-0000}", "Ada"));
        assert_eq!((ada.display_name.as_deref(), ada.email.as_deref()), (Some("Ada L."), Some("ada@corp.example")));
        let named = Profile::read(&user(&json!({ "name": "Ada", "key": null })), IdFrom::Name).unwrap();
        assert_eq!((named.id.as_str(), named.username.as_str()), ("ada", "Ada"), "names know no case");
    }

    #[test]
    fn nobody_is_known_by_less_than_a_key_without_being_asked_to() {
        for key in [json!(null), json!(""), json!(" 1:x"), json!("1:\u{200b}x"), json!("x".repeat(301))] {
            assert!(profile(&json!({ "key": key })).is_err(), "{key}");
        }
        for name in ["", " ada", "a\u{7}da", "ada\u{202e}"] {
            assert!(profile(&json!({ "name": name })).is_err(), "{name:?}");
        }
    }

    #[test]
    fn what_is_for_pages_is_fit_to_be_shown_or_left_out() {
        let odd = profile(&json!({ "display-name": "\u{1b}[2J", "email": "nobody" })).unwrap();
        assert_eq!((odd.display_name.as_deref(), odd.email), (Some("Ada Lovelace"), None));
        let bare = profile(&json!({ "display-name": null, "first-name": "", "last-name": null })).unwrap();
        assert_eq!(bare.display_name, None);
    }

    #[test]
    fn an_account_is_in_use_only_if_crowd_says_so() {
        assert_eq!(user(&json!({})).refusal(), None);
        assert_eq!(user(&json!({ "active": false })).refusal(), Some(Refusal::Disabled));
        assert_eq!(user(&json!({ "active": null })).refusal(), Some(Refusal::Disabled));
        assert_eq!(user(&json!({ "active": false })).shown()["active"], ["false"]);
    }
}
