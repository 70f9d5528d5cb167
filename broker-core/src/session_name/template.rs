//! The template of a session name: literal text, and four placeholders that are replaced and nothing more.

use serde::{Deserialize, Serialize};

use super::is_allowed;

/// Text with `{username}`, `{email}`, `{connector}` and `{directory}` in it; the rest is literal, of the characters
/// that AWS takes in a name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SessionNameTemplate {
    text: String,
    parts: Vec<Part>,
}

/// What is wrong with a template.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    #[error("the session name is empty: write {{username}}, or leave it out")]
    Empty,
    #[error("the session name's template has {0} bytes, more than {MAX_TEXT}")]
    TooLong(usize),
    #[error("`{{{}}}` is not a placeholder: use {{username}}, {{email}}, {{connector}} or {{directory}}", .0.escape_debug())]
    UnknownPlaceholder(String),
    #[error("the session name has a brace without its other half: a placeholder is written {{username}}")]
    Unbalanced,
    #[error("{0:?} cannot stand in a session name: AWS takes a-z, A-Z, 0-9 and _+=,.@- only")]
    BadCharacter(char),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Literal(String),
    Value(Placeholder),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Placeholder {
    Username,
    Email,
    Connector,
    Directory,
}

impl SessionNameTemplate {
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether the name tells who it is for: it holds `{username}` or `{email}`.
    pub fn names_subject(&self) -> bool {
        self.holds(Placeholder::Username) || self.holds(Placeholder::Email)
    }

    /// Whether it names somebody by an address that somebody else may have as well.
    pub(super) fn names_by_email_alone(&self) -> bool {
        self.holds(Placeholder::Email) && !self.holds(Placeholder::Username)
    }

    /// Whether it holds `{directory}`: without, two directories' users of the same name share a session name.
    pub fn names_directory(&self) -> bool {
        self.holds(Placeholder::Directory)
    }

    pub(super) fn parts(&self) -> &[Part] {
        &self.parts
    }

    fn holds(&self, placeholder: Placeholder) -> bool {
        self.parts.contains(&Part::Value(placeholder))
    }
}

impl Default for SessionNameTemplate {
    fn default() -> Self {
        Self { text: "{username}".to_owned(), parts: vec![Part::Value(Placeholder::Username)] }
    }
}

impl TryFrom<String> for SessionNameTemplate {
    type Error = TemplateError;

    fn try_from(text: String) -> Result<Self, TemplateError> {
        match text.len() {
            0 => Err(TemplateError::Empty),
            length if length > MAX_TEXT => Err(TemplateError::TooLong(length)),
            _ => Ok(Self { parts: parse(&text)?, text }),
        }
    }
}

impl From<SessionNameTemplate> for String {
    fn from(template: SessionNameTemplate) -> Self {
        template.text
    }
}

fn parse(text: &str) -> Result<Vec<Part>, TemplateError> {
    let mut parts = Vec::new();
    let mut literal = String::new();
    let mut open: Option<String> = None;
    for char in text.chars() {
        match (char, open.as_mut()) {
            ('{', None) => {
                parts.push(Part::Literal(std::mem::take(&mut literal)));
                open = Some(String::new());
            }
            ('}', Some(name)) => {
                parts.push(Part::Value(placeholder(name)?));
                open = None;
            }
            ('{', Some(_)) | ('}', None) => return Err(TemplateError::Unbalanced),
            (char, Some(name)) => name.push(char),
            (char, None) if is_allowed(char) => literal.push(char),
            (char, None) => return Err(TemplateError::BadCharacter(char)),
        }
    }
    if open.is_some() {
        return Err(TemplateError::Unbalanced);
    }
    parts.push(Part::Literal(literal));
    parts.retain(|part| !matches!(part, Part::Literal(text) if text.is_empty()));
    Ok(parts)
}

fn placeholder(name: &str) -> Result<Placeholder, TemplateError> {
    match name {
        "username" => Ok(Placeholder::Username),
        "email" => Ok(Placeholder::Email),
        "connector" => Ok(Placeholder::Connector),
        "directory" => Ok(Placeholder::Directory),
        other => Err(TemplateError::UnknownPlaceholder(other.to_owned())),
    }
}

/// Much more than any name has room for.
const MAX_TEXT: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<SessionNameTemplate, TemplateError> {
        SessionNameTemplate::try_from(text.to_owned())
    }

    #[test]
    fn a_template_travels_as_its_text() {
        for text in ["{username}", "{directory}.{username}@{connector}", "ci", "a{email}", "{email}=+,.@_-9Z"] {
            let template = parse(text).unwrap();
            assert_eq!(template.as_str(), text);
            let json = serde_json::to_string(&template).unwrap();
            assert_eq!(json, format!("\"{text}\""));
            assert_eq!(serde_json::from_str::<SessionNameTemplate>(&json).unwrap(), template);
        }
        assert_eq!(SessionNameTemplate::default(), parse("{username}").unwrap());
    }

    #[test]
    fn it_knows_whom_it_names() {
        let names = |text| parse(text).map(|template| (template.names_subject(), template.names_directory())).unwrap();
        assert_eq!(names("{username}"), (true, false));
        assert_eq!(names("x-{email}"), (true, false));
        assert_eq!(names("{directory}-{connector}"), (false, true));
        assert_eq!(names("username"), (false, false));
    }

    #[test]
    fn what_is_not_a_template_is_refused() {
        assert_eq!(parse(""), Err(TemplateError::Empty));
        assert_eq!(parse("{groups}"), Err(TemplateError::UnknownPlaceholder("groups".to_owned())));
        for name in ["", "Username", " username", "username:1", "user\nname"] {
            assert_eq!(parse(&format!("{{{name}}}")), Err(TemplateError::UnknownPlaceholder(name.to_owned())));
        }
        for text in ["{", "}", "{username", "username}", "{{username}}", "{user{name}}", "{username}}", "a{"] {
            assert_eq!(parse(text), Err(TemplateError::Unbalanced), "{text}");
        }
        for (text, char) in
            [("a b", ' '), ("é{username}", 'é'), ("aws:{username}", ':'), ("a/{email}", '/'), ("\0", '\0')]
        {
            assert_eq!(parse(text), Err(TemplateError::BadCharacter(char)));
        }
    }

    #[test]
    fn the_limit_is_exact() {
        assert!(parse(&"a".repeat(256)).is_ok());
        assert_eq!(parse(&"a".repeat(257)), Err(TemplateError::TooLong(257)));
    }

    #[test]
    fn an_error_tells_how_a_placeholder_is_written_and_shows_no_control_character() {
        let error = parse("{user\u{1b}name}").unwrap_err().to_string();
        assert_eq!(
            error,
            r"`{user\u{1b}name}` is not a placeholder: use {username}, {email}, {connector} or {directory}"
        );
    }
}
