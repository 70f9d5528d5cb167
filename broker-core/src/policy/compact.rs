//! A policy's text character by character: takes whitespace out, and refuses the characters that AWS refuses.
//!
//! The JSON reader is laxer than JSON about spaces and about control characters in strings; here is where they end.

use std::iter::Peekable;
use std::str::CharIndices;

use super::error::{Fault, PolicyErrorKind};

/// A text without whitespace between its parts.
#[derive(Debug)]
pub(super) struct Compact {
    pub(super) text: String,
    /// Where the first character stands that AWS's limit has no room for.
    pub(super) too_long_at: Option<usize>,
}

/// Drops whitespace outside strings, keeps all else as it is. The result means something only when `text` is JSON.
pub(super) fn compact(text: &str) -> Result<Compact, Fault> {
    let mut scan = Scan { chars: text.char_indices().peekable(), kept: String::with_capacity(text.len()), count: 0 };
    let mut too_long_at = None;
    let mut depth = 0_usize;
    let mut in_string = false;
    while let Some((at, char)) = scan.chars.next() {
        let fault = |kind| Err(Fault { at, kind });
        match char {
            ' ' | '\t' | '\n' | '\r' if !in_string => continue,
            _ if !is_allowed(char) && !char.is_ascii_control() => return fault(PolicyErrorKind::BadCharacter(char)),
            '\0'..' ' if in_string => return fault(PolicyErrorKind::ControlInString),
            '\0'..' ' => return fault(PolicyErrorKind::BadCharacter(char)),
            '\u{7F}'.. if !in_string => return fault(PolicyErrorKind::StrayCharacter(char)),
            '{' | '[' if !in_string => depth += 1,
            '}' | ']' if !in_string => depth = depth.saturating_sub(1),
            '"' => in_string = !in_string,
            _ => {}
        }
        if depth > MAX_DEPTH {
            return fault(PolicyErrorKind::TooDeep);
        }
        scan.keep(char);
        if in_string && char == '\\' {
            scan.escape(at)?;
        }
        if scan.count > MAX_CHARS && too_long_at.is_none() {
            too_long_at = Some(at);
        }
    }
    Ok(Compact { text: scan.kept, too_long_at })
}

struct Scan<'t> {
    chars: Peekable<CharIndices<'t>>,
    kept: String,
    count: usize,
}

impl Scan<'_> {
    fn keep(&mut self, char: char) {
        self.kept.push(char);
        self.count += 1;
    }

    /// What follows a backslash. Whether it is an escape at all is the JSON reader's question.
    fn escape(&mut self, at: usize) -> Result<(), Fault> {
        let refused = |written: String| Err(Fault { at, kind: PolicyErrorKind::BadEscape(written) });
        let Some((_, letter)) = self.chars.next_if(|(_, char)| char.is_ascii_graphic()) else { return Ok(()) };
        self.keep(letter);
        match letter {
            'b' | 'f' => refused(format!("\\{letter}")),
            'u' => {
                let mut digits = String::new();
                while digits.len() < 4
                    && let Some((_, digit)) = self.chars.next_if(|(_, char)| char.is_ascii_hexdigit())
                {
                    self.keep(digit);
                    digits.push(digit);
                }
                // Half of a surrogate pair is no `char`, and the whole of one is beyond U+00FF.
                match u32::from_str_radix(&digits, 16).ok().map(char::from_u32) {
                    Some(char) if digits.len() == 4 && !char.is_some_and(is_allowed) => refused(format!("\\u{digits}")),
                    _ => Ok(()),
                }
            }
            _ => Ok(()),
        }
    }
}

/// STS takes `[\u0009\u000A\u000D\u0020-\u00FF]+`.
fn is_allowed(char: char) -> bool {
    matches!(char, '\t' | '\n' | '\r' | '\u{20}'..='\u{FF}')
}

/// The limit AWS documents for a session policy's plain text.
pub(super) const MAX_CHARS: usize = 2_048;

/// A condition's list of values stands six levels deep.
pub(super) const MAX_DEPTH: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> (usize, PolicyErrorKind) {
        let fault = compact(text).unwrap_err();
        (fault.at, fault.kind)
    }

    #[test]
    fn whitespace_goes_outside_strings_and_stays_inside() {
        let compact = compact("\r\n{ \"a b\" :\t[ 1 , \"  \\\" } \" ] }\n").unwrap();
        assert_eq!(compact.text, r#"{"a b":[1,"  \" } "]}"#);
    }

    #[test]
    fn strings_are_kept_as_they_were_written() {
        for text in [r#""\u0041\/é\n\t\r\\""#, r#""\\\\""#, r#""\\u6f22""#, "\"\u{7f}\u{80}\u{a0}ÿ\""] {
            assert_eq!(compact(text).unwrap().text, text);
        }
    }

    #[test]
    fn a_character_beyond_latin_1_is_refused_however_it_is_written() {
        assert_eq!(refusal("\"aĀ\""), (2, PolicyErrorKind::BadCharacter('Ā')));
        assert_eq!(refusal("{“"), (1, PolicyErrorKind::BadCharacter('“')));
        assert_eq!(refusal("\u{FEFF}{}"), (0, PolicyErrorKind::BadCharacter('\u{FEFF}')));
        for escape in [r"\u6f22", r"\u6F22", r"\u0100", r"\ud800", r"\uD83D", r"\u0000", r"\u001f", r"\b", r"\f"] {
            assert_eq!(refusal(&format!("\"a{escape}\"")), (2, PolicyErrorKind::BadEscape(escape.to_owned())));
        }
        for escape in [r"\u00ff", r"\u0020", r"\u0009", r"\u000A", r"\u000d"] {
            assert!(compact(&format!("\"{escape}\"")).is_ok(), "{escape}");
        }
    }

    #[test]
    fn control_characters_are_refused() {
        for char in ['\n', '\t', '\r', '\0', '\u{1f}'] {
            assert_eq!(refusal(&format!("\"{char}\"")), (1, PolicyErrorKind::ControlInString), "{char:?}");
        }
        assert_eq!(refusal("\u{b}"), (0, PolicyErrorKind::BadCharacter('\u{b}')));
        assert_eq!(refusal("\"\\\n\""), (2, PolicyErrorKind::ControlInString));
    }

    #[test]
    fn spaces_that_json_does_not_know_are_refused() {
        for char in ['\u{7f}', '\u{85}', '\u{a0}', 'é'] {
            assert_eq!(refusal(&format!("{{{char}}}")), (1, PolicyErrorKind::StrayCharacter(char)));
        }
    }

    #[test]
    fn depth_has_a_limit_and_strings_do_not_count() {
        assert!(compact(&"[".repeat(MAX_DEPTH)).is_ok());
        assert_eq!(refusal(&"[".repeat(MAX_DEPTH + 1)), (MAX_DEPTH, PolicyErrorKind::TooDeep));
        assert!(compact(&format!("\"{}\"", "[".repeat(1_000))).is_ok());
        assert!(compact(&"[]".repeat(1_000)).is_ok());
    }

    #[test]
    fn the_limit_counts_characters_that_are_kept() {
        let sized = |length: usize| format!("  \"{}\"  ", "é".repeat(length - 2));
        assert_eq!(compact(&sized(MAX_CHARS)).unwrap().too_long_at, None);
        let last = sized(MAX_CHARS + 1).len() - 3;
        assert_eq!(compact(&sized(MAX_CHARS + 1)).unwrap().too_long_at, Some(last));
    }
}
