//! Characters that nobody sees, and that make others see something else than what is there.

use unicode_properties::{GeneralCategory, UnicodeGeneralCategory};

/// Whether a character is a control character, or one that shows nothing itself: those that turn the direction of what follows, that
/// have no width, and that break a line. Where people decide by what they read, names and reasons have none of them.
pub fn is_hidden(char: char) -> bool {
    use GeneralCategory::{Control, Format, LineSeparator, ParagraphSeparator};
    matches!(char.general_category(), Control | Format | LineSeparator | ParagraphSeparator)
}

/// The text with a mark in the place of each such character.
pub fn shown(text: &str) -> String {
    text.chars().map(|char| if is_hidden(char) { char::REPLACEMENT_CHARACTER } else { char }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_turns_joins_or_hides_text_is_told_from_what_shows() {
        for hidden in [
            '\0',
            '\u{1b}',
            '\n',
            '\u{7f}',
            '\u{9b}',
            '\u{ad}',
            '\u{61c}',
            '\u{200b}',
            '\u{200d}',
            '\u{200e}',
            '\u{202e}',
            '\u{2028}',
            '\u{2029}',
            '\u{2060}',
            '\u{2066}',
            '\u{2069}',
            '\u{feff}',
            '\u{e0041}',
        ] {
            assert!(is_hidden(hidden), "{hidden:?}");
        }
        for seen in ['a', 'é', '漢', 'ش', ' ', '\u{a0}', '☃', '\u{301}', '🦀', '\u{fffd}'] {
            assert!(!is_hidden(seen), "{seen:?}");
        }
        assert_eq!(shown("a\u{202e}b\u{1b}[2J"), "a\u{fffd}b\u{fffd}[2J");
    }
}
