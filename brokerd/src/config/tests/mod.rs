//! Files in a folder of their own, read as the daemon reads them.

mod documentation;
mod examples;
mod introspection;
mod mistakes;
mod reading;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use secrecy::SecretString;

use super::*;

/// A folder with `brokerd.toml`, a master key and a password.
struct Desk {
    folder: tempfile::TempDir,
    environment: Environment,
}

impl Desk {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let pairs = [("BROKERD_SECRET_MASTER", KEY), ("BROKERD_SECRET_PASSWORD", "from the environment")];
        let pairs = pairs.into_iter().map(|(name, value)| (name.to_owned(), SecretString::from(value)));
        let desk = Self { folder, environment: pairs.collect() };
        desk.write("master.key", format!("{KEY}\n"), 0o600);
        desk.write("password", "s3cret\n", 0o600);
        desk
    }

    fn write(&self, name: &str, contents: impl AsRef<[u8]>, mode: u32) {
        let path = self.folder.path().join(name);
        fs::write(&path, contents).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("brokerd.toml")
    }

    fn load(&self, text: impl AsRef<[u8]>) -> Result<Config, Vec<String>> {
        self.write("brokerd.toml", text, 0o644);
        self.load_again()
    }

    fn load_again(&self) -> Result<Config, Vec<String>> {
        Config::load_with(&self.path(), self.environment.clone()).map_err(|errors| self.told(&errors))
    }

    /// The one mistake that a line adds to a good file, before its tables.
    fn mistake(&self, line: &str) -> String {
        let mut errors = self.load(format!("{line}\n{GOOD}")).unwrap_err();
        assert_eq!(errors.len(), 1, "{errors:#?}");
        errors.pop().unwrap()
    }

    fn told(&self, remarks: &[FileError]) -> Vec<String> {
        let folder = format!("{}/", self.folder.path().display());
        remarks.iter().map(|remark| remark.to_string().replace(&folder, "")).collect()
    }
}

const KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

const GOOD: &str = r#"
public_url = "https://broker.corp.example"

[[master_key]]
id = "2026-01"
seals = true
source = { file = "master.key" }

[[directory]]
name = "corp"
may_grant_admin = true
[directory.backend.local]
people = []
"#;
