//! What a directory says of people, as far as it is fit to be shown and compared.

use crate::character::is_hidden;

/// Whether a text shows what it is, and is of bearable length.
pub(super) fn is_shown(text: &str, most: usize) -> bool {
    !text.is_empty() && text.chars().count() <= most && !text.chars().any(is_hidden)
}

pub(super) fn is_email(text: &str) -> bool {
    let at = text.split_once('@');
    at.is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty()) && !text.contains(char::is_whitespace)
}

/// The most characters of a user name, or of a name for pages.
pub(super) const MAX_NAME: usize = 256;
pub(super) const MAX_EMAIL: usize = 320;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_does_not_show_what_it_is_is_none() {
        assert!(is_shown("Zoë O'Hara", 64) && !is_shown("Zoë O'Hara", 5));
        for unfit in ["", "ada\u{200b}", "\u{202e}ada", "a\u{7}da", "ada\u{2028}"] {
            assert!(!is_shown(unfit, 64), "{unfit:?}");
        }
    }

    #[test]
    fn a_mail_address_has_two_sides_and_no_spaces() {
        assert!(is_email("ada@corp.example"));
        for unfit in ["ada", "@corp.example", "ada@", "ada @corp.example"] {
            assert!(!is_email(unfit), "{unfit:?}");
        }
    }
}
