//! Words that others wrote, made fit for a terminal.

use std::fmt;

use serde::Serialize;
use unicode_properties::{GeneralCategory, UnicodeGeneralCategory};

/// Text in which nothing drives a terminal, hides, or turns the direction of what follows, and which has an end.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub(crate) struct Text(String);

impl Text {
    pub(crate) fn of(words: &str) -> Self {
        let mut shown = words.chars();
        let mut text: String = shown.by_ref().take(LONGEST).map(fit).collect();
        if shown.next().is_some() {
            text.push('…');
        }
        Self(text)
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether a character is a control character, or one that shows nothing itself: those that turn the direction of what follows, that
/// have no width, and that break a line.
pub(crate) fn is_hidden(char: char) -> bool {
    use GeneralCategory::{Control, Format, LineSeparator, ParagraphSeparator};
    matches!(char.general_category(), Control | Format | LineSeparator | ParagraphSeparator)
}

fn fit(char: char) -> char {
    if is_hidden(char) { char::REPLACEMENT_CHARACTER } else { char }
}

/// More than any description or error of a broker has.
const LONGEST: usize = 1_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_text_drives_a_terminal() {
        assert_eq!(Text::of("a\u{1b}[2Jb\u{202e}c\nd\u{9b}").as_str(), "a\u{fffd}[2Jb\u{fffd}c\u{fffd}d\u{fffd}");
        assert_eq!(Text::of("Zoë 漢 🦀").as_str(), "Zoë 漢 🦀");
        assert_eq!(Text::of(&"x".repeat(LONGEST)).as_str().chars().count(), LONGEST);
        assert!(Text::of(&"x".repeat(LONGEST + 1)).as_str().ends_with("x…"));
    }
}
