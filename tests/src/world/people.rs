//! The people of the world, and what they type.

use std::sync::LazyLock;

use broker_core::directory::Password;
use broker_core::directory::local::hash_password;
use secrecy::SecretString;

/// Everybody's password.
pub fn password_of(username: &str) -> String {
    format!("{username}'s pässwörd+&=%")
}

/// What the other `ada` types.
pub const BRANCH_PASSWORD: &str = "the other one's password";

/// Somebody of a directory.
pub(super) fn person(username: &str, password: &str, more: &str) -> String {
    let password = Password::parse(SecretString::from(password)).unwrap();
    let hash = hash_password(&password).unwrap();
    format!("[[directory.backend.local.people]]\nusername = {username:?}\npassword_hash = '{hash}'\n{more}\n")
}

pub(super) static PEOPLE: LazyLock<String> = LazyLock::new(|| {
    let of_corp = [
        ("ada", "groups = ['release']\ndisplay_name = 'Ada Lovelace'\nemail = 'ada@corp.example'"),
        ("eve", "groups = ['release']"),
        ("bob", ""),
        ("fred", "groups = ['finance']"),
        (HOSTILE, "groups = ['release']\nid = '4711'"),
        ("root", "groups = ['admins']"),
        ("otto", "groups = ['operators']"),
        ("vera", "groups = ['auditors', 'release']"),
        ("dora", "groups = ['release']\ndisabled = true"),
    ];
    let of_corp: String = of_corp.map(|(username, more)| person(username, &password_of(username), more)).concat();
    format!("[[directory]]\nname = 'corp'\nmay_grant_admin = true\n[directory.backend.local]\n{of_corp}")
});

/// The name of somebody whom STS would refuse, and a shell and a page would misread.
pub const HOSTILE: &str = "Zoë $(id) <o'Hara>/ops";
