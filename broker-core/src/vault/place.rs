//! The closed list of what is sealed: nothing can be sealed that is not in it, and rekeying goes through all of it.

/// A column of the store that holds sealed secrets. Table and purpose are part of what each seal is bound to, so they never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// The secrets of long-term access keys.
    AccessKey,
    /// The secrets that people's authenticators share with us, and the keys of their passkeys.
    SecondFactor,
    /// The hashes of local users' passwords: whoever has the store alone has nothing to guess against.
    LocalUser,
    /// The secret that all keyed hashes derive from.
    Installation,
}

impl Place {
    /// All of them. The installation's own comes last: once it has moved to another master key, everything has.
    pub const ALL: [Self; 4] = [Self::AccessKey, Self::SecondFactor, Self::LocalUser, Self::Installation];

    pub fn table(self) -> &'static str {
        match self {
            Self::AccessKey => "access_keys",
            Self::SecondFactor => "second_factors",
            Self::LocalUser => "local_users",
            Self::Installation => "installation",
        }
    }

    /// Begins with `sealed`, as no other column's name does: a test compares the list with the schema.
    pub fn column(self) -> &'static str {
        match self {
            Self::AccessKey | Self::SecondFactor => "sealed",
            Self::LocalUser => "sealed_password",
            Self::Installation => "sealed_secret",
        }
    }

    pub(super) fn purpose(self) -> &'static str {
        match self {
            Self::AccessKey => "secret access key",
            Self::SecondFactor => "second factor",
            Self::LocalUser => "local user's password",
            Self::Installation => "installation secret",
        }
    }
}
