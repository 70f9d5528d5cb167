use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use secrecy::ExposeSecret;

use super::*;

struct Home {
    root: tempfile::TempDir,
    environment: Environment,
}

impl Home {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        for folder in ["own/keys", "secrets", "other"] {
            fs::create_dir_all(root.path().join(folder)).unwrap();
        }
        let pairs = [("BROKERD_SECRET_A", "from env"), ("BROKERD_SECRET_EMPTY", ""), ("PATH", "/bin")];
        let pairs = pairs.into_iter().map(|(name, value)| (name.to_owned(), SecretString::from(value)));
        Self { root, environment: pairs.collect() }
    }

    fn write(&self, path: &str, contents: impl AsRef<[u8]>, mode: u32) {
        let path = self.root.path().join(path);
        fs::write(&path, contents).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    fn secret(&self, path: &str) -> Result<String, String> {
        self.of(&SecretRef::File(path.into()))
    }

    fn of(&self, reference: &SecretRef) -> Result<String, String> {
        let (file, secrets) = (self.root.path().join("own/f.toml"), self.root.path().join("secrets"));
        let folders = Folders::of(&file, Some(&secrets), &self.environment);
        let secret = folders.secret(reference).map_err(|error| super::super::with_causes(&error))?;
        Ok(secret.expose_secret().to_owned())
    }
}

#[test]
fn a_secret_is_read_without_its_line_break() {
    let home = Home::new();
    home.write("own/keys/main", "wJalr\n", 0o600);
    home.write("own/keys/dos", " wJalr \r\n", 0o400);
    assert_eq!(home.secret("keys/main").unwrap(), "wJalr");
    assert_eq!(home.secret("./keys/main").unwrap(), "wJalr");
    assert_eq!(home.secret("keys/dos").unwrap(), " wJalr ", "blanks may belong to it");
    assert_eq!(home.of(&SecretRef::Env("BROKERD_SECRET_A".to_owned())).unwrap(), "from env");
    for name in ["PATH", "BROKERD_SECRET_B", "BROKERD_SECRET_EMPTY"] {
        assert!(home.of(&SecretRef::Env(name.to_owned())).unwrap_err().contains("environment variable"), "{name}");
    }
}

#[test]
fn no_way_leads_out_of_the_folders() {
    let home = Home::new();
    home.write("other/key", "s3cret", 0o600);
    home.write("secrets/key", "fine", 0o600);
    symlink(home.root.path().join("other/key"), home.root.path().join("own/link")).unwrap();
    symlink(home.root.path().join("other"), home.root.path().join("own/folder")).unwrap();
    symlink(home.root.path().join("secrets/key"), home.root.path().join("own/allowed")).unwrap();
    let absolute = home.root.path().join("other/key");
    for path in ["../other/key", "link", "folder/key", "keys/../../other/key", absolute.to_str().unwrap()] {
        let error = home.secret(path).unwrap_err();
        assert!(error.contains("leads out of"), "{path}: {error}");
    }
    assert_eq!(home.secret("allowed").unwrap(), "fine");
    assert_eq!(home.secret("../secrets/key").unwrap(), "fine");
}

#[test]
fn what_others_may_touch_is_no_secret() {
    let home = Home::new();
    for mode in [0o640, 0o604, 0o660, 0o602, 0o610, 0o644] {
        home.write("own/key", "s3cret", mode);
        let error = home.secret("key").unwrap_err();
        assert!(error.contains("others may"), "{mode:o}: {error}");
        assert!(!error.contains("s3cret"));
    }
}

#[test]
fn a_secret_is_a_small_text_in_a_plain_file() {
    let home = Home::new();
    home.write("own/large", "x".repeat(4_097), 0o600);
    home.write("own/binary", [0xff, 0xfe], 0o600);
    home.write("own/empty", "\n", 0o600);
    for (path, why) in [
        ("large", "more than 4096 bytes"),
        ("binary", "not UTF-8"),
        ("empty", "is empty"),
        ("keys", "not a regular file"),
        ("absent", "cannot be used"),
    ] {
        let error = home.secret(path).unwrap_err();
        assert!(error.contains(why) && error.contains(path), "{path}: {error}");
    }
}
