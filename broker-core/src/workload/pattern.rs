//! A pattern for a claim: `*` stands for any characters, and the whole text must fit.

use serde::Deserialize;

/// Text with stars in it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(from = "String")]
pub struct Pattern(String);

impl From<String> for Pattern {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl Pattern {
    /// From the first character to the last; in time that grows with the text alone, whatever the pattern.
    pub(super) fn fits(&self, text: &str) -> bool {
        let mut pieces = self.0.split('*');
        let Some(rest) = pieces.next().and_then(|first| text.strip_prefix(first)) else { return false };
        let mut pieces: Vec<&str> = pieces.collect();
        let Some(last) = pieces.pop() else { return rest.is_empty() };
        let between = pieces.into_iter().try_fold(rest, |rest, piece| Some(rest.split_once(piece)?.1));
        between.is_some_and(|rest| rest.ends_with(last))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_text_fits_or_nothing_does() {
        let fits = |pattern: &str, text: &str| Pattern::from(pattern.to_owned()).fits(text);
        for (pattern, text) in [
            ("refs/tags/v*", "refs/tags/v1"),
            ("*", "x"),
            ("a*c", "abc"),
            ("a*c", "ac"),
            ("a*b*c", "a-b-b-c"),
            ("a", "a"),
            ("*a*", "a"),
        ] {
            assert!(fits(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in [
            ("refs/tags/v*", "xrefs/tags/v1"),
            ("a", "ab"),
            ("a", "ba"),
            ("a*", "ba"),
            ("*a", "ab"),
            ("ab*bc", "abc"),
            ("a*b*c", "acb"),
            ("main.", "mainx"),
            ("", "x"),
            ("A*", "ab"),
        ] {
            assert!(!fits(pattern, text), "{pattern} {text}");
        }
    }
}
