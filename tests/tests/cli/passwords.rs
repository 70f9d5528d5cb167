//! `hash-password`: for local directories.

use tests::brokerd::Installation;
use tests::process::new_folder;

use super::{SECRET, brokerd_in, code, installation, typed};

#[test]
fn a_piped_password_becomes_a_hash_that_the_configuration_takes() {
    let folder = new_folder();
    let hash = brokerd_in(folder.path(), &["hash-password"], SECRET).succeeded();
    assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
    assert_ne!(brokerd_in(folder.path(), &["hash-password"], SECRET).succeeded(), hash, "salted");

    let people = format!(
        "admin_groups = [\"local/admins\"]\n[[directory]]\nname = \"local\"\nmay_grant_admin = true\n[directory.backend.local]\n\
         people = [{{ username = \"ada\", groups = [\"admins\"], password_hash = \"{}\" }}]\n",
        hash.trim()
    );
    Installation::new(&people, "").run(&["check"], "").succeeded();
    for (input, text) in [("", "is empty"), ("a\nb\n", "more than one line"), (&"x".repeat(1_025), "1 to 1024 bytes")] {
        let ended = brokerd_in(folder.path(), &["hash-password"], input);
        assert_eq!(code(&ended), 1);
        assert!(ended.stderr.contains(text), "{}", ended.stderr);
    }
}

#[test]
fn on_a_terminal_it_is_typed_twice_and_unseen() {
    let here = installation();
    let ended = typed(&here, &["hash-password"], &[("Password: ", SECRET), ("The same again: ", SECRET)]);
    assert_eq!(code(&ended), 0, "{ended:?}");
    assert!(ended.stdout.contains("$argon2id$"), "{ended:?}");
    let ended = typed(&here, &["hash-password"], &[("Password: ", SECRET), ("The same again: ", "another")]);
    assert_eq!(code(&ended), 1);
    assert!(ended.stdout.contains("the two are not the same") && !ended.stdout.contains("another"), "{ended:?}");
}
