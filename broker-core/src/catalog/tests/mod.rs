//! Files in a folder of their own, read as an administrator's are.

mod mistakes;
mod reading;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use secrecy::SecretString;

use super::*;

/// A folder with a connectors file, the key file `keys/main` and the policy file `policies/read.json`.
struct Desk {
    folder: tempfile::TempDir,
    directories: Vec<DirectoryName>,
    environment: Environment,
    stored: Found<AccessKey>,
}

impl Desk {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("keys")).unwrap();
        fs::create_dir(folder.path().join("policies")).unwrap();
        let pair = ("BROKERD_SECRET_KEY".to_owned(), SecretString::from("from-the-environment"));
        let desk = Self {
            folder,
            directories: vec!["corp".to_owned().try_into().unwrap()],
            environment: std::iter::once(pair).collect(),
            stored: Found::default(),
        };
        desk.write("keys/main", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY\n", 0o600);
        desk.write("policies/read.json", READ, 0o644);
        desk
    }

    fn write(&self, name: &str, contents: impl AsRef<[u8]>, mode: u32) {
        let path = self.folder.path().join(name);
        fs::write(&path, contents).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("connectors.toml")
    }

    fn read(&self, text: impl AsRef<[u8]>) -> Result<Catalog, Vec<String>> {
        self.write("connectors.toml", text, 0o644);
        self.read_again()
    }

    fn read_again(&self) -> Result<Catalog, Vec<String>> {
        let context = Context {
            directories: &self.directories,
            secrets_folder: None,
            environment: &self.environment,
            stored_keys: Some(&self.stored),
        };
        read(&self.path(), &context).map_err(|errors| self.told(&errors))
    }

    /// The one mistake of a file with a good key and this connector.
    fn mistake(&self, connector: &str) -> String {
        let mut errors = self.mistakes(connector);
        assert_eq!(errors.len(), 1, "{errors:#?}");
        errors.pop().unwrap()
    }

    fn mistakes(&self, connector: &str) -> Vec<String> {
        self.read(format!("{KEY}{connector}")).unwrap_err()
    }

    fn told(&self, remarks: &[FileError]) -> Vec<String> {
        let folder = format!("{}/", self.folder.path().display());
        remarks.iter().map(|remark| remark.to_string().replace(&folder, "")).collect()
    }
}

const KEY: &str = r#"
[[access_key]]
name = "main"
region = "eu-central-1"
[access_key.source.stored]
access_key_id = "AKIAIOSFODNN7EXAMPLE"
secret_access_key = { file = "keys/main" }
"#;

const READ: &str = r#"{
  "Version": "2012-10-17",
  "Statement": [{ "Effect": "Allow", "Action": "s3:Get*", "Resource": "arn:aws:s3:::reports/*" }]
}
"#;
