//! By which password somebody is known to a directory, told so that a change shows and nothing else does.

use crate::caller::Subject;
use crate::vault::{Mac, Purpose, Seals, digest};

/// What a directory says of the password that somebody has at this moment: two of one person that differ are of two passwords.
///
/// Nothing can be done with it but comparing. It holds a digest, and neither a time that somebody would compare by an order that directories
/// do not share, nor a hash that somebody would guess against.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordMark(Option<[u8; 32]>);

impl PasswordMark {
    /// Of whatever the directory changes with the password, each part by itself.
    pub(super) fn of(parts: &[&[u8]]) -> Self {
        Self(Some(digest(parts)))
    }

    /// Of a directory that says nothing of it. One that begins to say something says that the password was changed: OpenLDAP writes down no
    /// time of a password that is older than its policies.
    pub fn untold() -> Self {
        Self(None)
    }

    /// As a session keeps it: whoever reads the database can neither guess at what was hashed, nor see that two people share it.
    pub(crate) fn keyed(&self, seals: &Seals, subject: &Subject) -> Mac {
        let told: &[u8] = self.0.as_ref().map_or(&[], |digest| digest);
        seals.mac(Purpose::PasswordMark, &[subject.directory.as_str().as_bytes(), subject.id.as_bytes(), told])
    }
}

impl std::fmt::Debug for PasswordMark {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PasswordMark(..)")
    }
}

#[cfg(test)]
mod tests {
    use secrecy::SecretString;

    use super::*;

    #[test]
    fn another_password_another_person_and_another_installation_have_other_marks() {
        let seals = |secret: &str| Seals::derive(&SecretString::from(secret)).unwrap();
        let subject = |id: &str| Subject { directory: "corp".to_owned().try_into().unwrap(), id: id.to_owned() };
        let (ours, ada) = (seals("ours"), subject("ada"));
        let mark = PasswordMark::of(&[b"pwdLastSet", b"134000000000000000"]);
        let keyed = mark.keyed(&ours, &ada);
        assert_eq!(PasswordMark::of(&[b"pwdLastSet", b"134000000000000000"]).keyed(&ours, &ada), keyed);
        for (what, other) in [
            ("must be changed", PasswordMark::of(&[b"pwdLastSet", b"0"]).keyed(&ours, &ada)),
            ("not told any more", PasswordMark::untold().keyed(&ours, &ada)),
            ("of another person", mark.keyed(&ours, &subject("bob"))),
            ("elsewhere", mark.keyed(&seals("theirs"), &ada)),
        ] {
            assert_ne!(other, keyed, "{what}");
        }
        assert_eq!(format!("{mark:?}"), "PasswordMark(..)");
    }
}
