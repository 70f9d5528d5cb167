//! The end of a session name that is not simply its subject's name: 64 bits that only this subject has.

use aws_lc_rs::digest::{Context, SHA256};

use super::{Subject, SubjectKind};

/// Thirteen of `0`-`9` and `a`-`v`, from kind, directory and immutable id, each framed by its length.
pub(super) fn of(subject: &Subject<'_>) -> String {
    let kind: &[u8] = match subject.kind {
        SubjectKind::Person => b"person",
        SubjectKind::Service => b"service",
    };
    let mut context = Context::new(&SHA256);
    for part in [PURPOSE, kind, subject.directory.as_bytes(), subject.id.as_bytes()] {
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part);
    }
    let bits = context.finish().as_ref().iter().take(8).fold(0, |bits: u64, byte| bits << 8 | u64::from(*byte));
    (0..LENGTH).rev().filter_map(|place| char::from_digit((bits >> (5 * place) & 31) as u32, BASE)).collect()
}

/// Whether a name ends as if it carried a fingerprint; capitals do not make the difference, since not every reader of
/// AWS's records minds them.
pub(super) fn ends(name: &str) -> bool {
    name.rsplit_once('-').is_some_and(|(_, end)| end.len() == LENGTH && end.chars().all(|char| char.is_digit(BASE)))
}

const PURPOSE: &[u8] = b"brokerd session name";

const BASE: u32 = 32;

/// Digits of five bits for 64 bits.
const LENGTH: usize = 13;

#[cfg(test)]
mod tests {
    use super::*;

    const ADA: Subject<'_> = Subject {
        kind: SubjectKind::Person,
        directory: "corp",
        id: "1",
        username: "ada",
        email: None,
        connector: "deploy",
    };

    #[test]
    fn it_is_thirteen_digits_and_never_changes() {
        assert_eq!(of(&ADA), "f3kd6ncfbkfur");
        assert!(ends(&format!("ada-{}", of(&ADA))));
    }

    #[test]
    fn it_depends_on_kind_directory_and_id_and_on_nothing_else() {
        assert_eq!(of(&ADA), of(&Subject { username: "x", email: Some("x"), connector: "x", ..ADA }));
        let others = [
            Subject { kind: SubjectKind::Service, ..ADA },
            Subject { directory: "corq", ..ADA },
            Subject { id: "2", ..ADA },
            Subject { directory: "corp1", id: "", ..ADA },
            Subject { directory: "", id: "corp1", ..ADA },
            Subject { directory: "cor", id: "p1", ..ADA },
        ];
        let distinct: std::collections::HashSet<String> = others.iter().chain([&ADA]).map(of).collect();
        assert_eq!(distinct.len(), others.len() + 1);
    }

    #[test]
    fn only_thirteen_digits_after_a_dash_look_like_one() {
        for like in ["ada-0123456789abc", "-vvvvvvvvvvvvv", "ada-0123456789ABC"] {
            assert!(ends(like), "{like}");
        }
        for unlike in
            ["", "0123456789abc", "ada-0123456789ab", "ada-0123456789abcd", "ada-0123456789abw", "a-0123456789abc."]
        {
            assert!(!ends(unlike), "{unlike}");
        }
    }
}
