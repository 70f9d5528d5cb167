//! Patterns with `*`, `?` and `${variables}`, parsed once and matched often.

use super::Truth;
use super::context::{Context, Found};

/// A text that others are compared with.
#[derive(Debug)]
pub(crate) struct Pattern {
    pieces: Vec<Piece>,
    fold_case: bool,
}

/// What is special in a pattern besides its letters.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Syntax {
    pub(crate) wildcards: bool,
    pub(crate) variables: bool,
    pub(crate) fold_case: bool,
}

#[derive(Clone, Debug)]
enum Piece {
    Char(char),
    One,
    Any,
    Variable { key: String, default: Option<String> },
}

impl Pattern {
    pub(crate) fn parse(text: &str, syntax: Syntax) -> Self {
        let mut pieces = Vec::with_capacity(text.len());
        let mut rest = text;
        while let Some(char) = rest.chars().next() {
            if let Some((piece, after)) = variable(rest).filter(|_| syntax.variables) {
                pieces.push(piece);
                rest = after;
                continue;
            }
            pieces.push(match char {
                '*' if syntax.wildcards => Piece::Any,
                '?' if syntax.wildcards => Piece::One,
                _ if syntax.fold_case => Piece::Char(char.to_ascii_lowercase()),
                _ => Piece::Char(char),
            });
            rest = rest.get(char.len_utf8()..).unwrap_or_default();
        }
        Self { pieces, fold_case: syntax.fold_case }
    }

    /// Whether `text` fits. A variable whose value is missing fits nothing; what it holds never acts as a wildcard.
    pub(crate) fn matches(&self, text: &str, context: &Context) -> Truth {
        if matches!(self.pieces[..], [Piece::Any]) {
            return Truth::Yes;
        }
        let text: Vec<char> =
            text.chars().map(|char| if self.fold_case { char.to_ascii_lowercase() } else { char }).collect();
        if !self.pieces.iter().any(|piece| matches!(piece, Piece::Variable { .. })) {
            return glob(&self.pieces, &text).into();
        }
        match self.filled(context) {
            Ok(pieces) => glob(&pieces, &text).into(),
            Err(truth) => truth,
        }
    }

    /// The pattern with the variables' values in their places.
    fn filled(&self, context: &Context) -> Result<Vec<Piece>, Truth> {
        let mut pieces = Vec::with_capacity(self.pieces.len());
        for piece in &self.pieces {
            let Piece::Variable { key, default } = piece else {
                pieces.push(piece.clone());
                continue;
            };
            let value = match (context.get(key), default) {
                (Found::Values([value]), _) | (Found::Absent, Some(value)) => value,
                (Found::Values(_) | Found::Absent, _) => return Err(Truth::No),
                (Found::Unknown, _) => return Err(Truth::Unknown),
            };
            pieces.extend(
                value.chars().map(|char| Piece::Char(if self.fold_case { char.to_ascii_lowercase() } else { char })),
            );
        }
        Ok(pieces)
    }
}

/// Reads `${key}`, `${key, 'default'}`, `${*}`, `${?}` or `${$}` at the start of `text`.
fn variable(text: &str) -> Option<(Piece, &str)> {
    let (inside, after) = text.strip_prefix("${")?.split_once('}')?;
    let piece = match inside {
        "*" => Piece::Char('*'),
        "?" => Piece::Char('?'),
        "$" => Piece::Char('$'),
        _ => match inside.split_once(',') {
            None => Piece::Variable { key: inside.trim().to_owned(), default: None },
            Some((key, default)) => {
                let default = default.trim().strip_prefix('\'')?.strip_suffix('\'')?;
                Piece::Variable { key: key.trim().to_owned(), default: Some(default.to_owned()) }
            }
        },
    };
    Some((piece, after))
}

/// The usual matching of wildcards with one point to come back to.
fn glob(pattern: &[Piece], text: &[char]) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut back: Option<(usize, usize)> = None;
    while let Some(char) = text.get(t) {
        match pattern.get(p) {
            Some(Piece::Any) => {
                back = Some((p, t));
                p += 1;
                continue;
            }
            Some(Piece::One) => {
                (p, t) = (p + 1, t + 1);
                continue;
            }
            Some(Piece::Char(wanted)) if wanted == char => {
                (p, t) = (p + 1, t + 1);
                continue;
            }
            Some(Piece::Char(_) | Piece::Variable { .. }) | None => {}
        }
        let Some((star, from)) = back else { return false };
        back = Some((star, from + 1));
        (p, t) = (star + 1, from + 1);
    }
    pattern.get(p..).unwrap_or_default().iter().all(|piece| matches!(piece, Piece::Any))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: Syntax = Syntax { wildcards: true, variables: true, fold_case: false };

    fn matches(pattern: &str, text: &str) -> bool {
        let context = Context::default().with("aws:username", "ada").with("aws:userid", "a*b");
        Pattern::parse(pattern, ALL).matches(text, &context) == Truth::Yes
    }

    #[test]
    fn wildcards_match_like_a_shell_does() {
        assert!(matches("*", "") && matches("*", "anything"));
        assert!(matches("arn:aws:s3:::b/*", "arn:aws:s3:::b/x/y"));
        assert!(!matches("arn:aws:s3:::b/*", "arn:aws:s3:::bb/x"));
        assert!(matches("a?c", "abc") && !matches("a?c", "ac"));
        assert!(matches("*a*b*c", "xxaxxbxxbxxc") && !matches("*a*b*c", "xxaxxbxx"));
        assert!(!matches("", "x") && matches("", ""));
    }

    #[test]
    fn variables_stand_for_values_and_never_for_wildcards() {
        assert!(matches("home/${aws:username}/*", "home/ada/x"));
        assert!(!matches("home/${aws:username}/*", "home/eve/x"));
        assert!(matches("${aws:userid}", "a*b") && !matches("${aws:userid}", "axb"));
        assert!(matches("${*}", "*") && !matches("${*}", "x"));
        assert!(matches("${aws:SourceIdentity, 'nobody'}", "nobody"));
    }

    #[test]
    fn a_missing_value_fits_nothing_and_an_unknown_key_is_unknown() {
        let at = |pattern: &str| Pattern::parse(pattern, ALL).matches("home/x", &Context::default());
        assert_eq!(at("home/${aws:username}*"), Truth::No);
        assert_eq!(at("home/${aws:NoSuchKey}*"), Truth::Unknown);
    }

    #[test]
    fn case_counts_unless_told_otherwise() {
        let folded = Pattern::parse("S3:Get*", Syntax { fold_case: true, ..ALL });
        assert_eq!(folded.matches("s3:GETOBJECT", &Context::default()), Truth::Yes);
        assert!(!matches("S3:Get*", "s3:GetObject"));
    }
}
