//! `directory test` with people of the configuration; LDAP and Crowd have stories of their own.

use super::{SECRET, brokerd_in, code, installation, typed};
use tests::brokerd::Installation;
use tests::process::new_folder;

/// `ada`, an administrator, and `dora`, whose account is switched off.
fn people() -> Installation {
    let hash = brokerd_in(new_folder().path(), &["hash-password"], SECRET).succeeded();
    let hash = hash.trim();
    Installation::new(
        &format!(
            "admin_groups = [\"local/admins\"]\n[[directory]]\nname = \"local\"\nmay_grant_admin = true\n[directory.backend.local]\n\
             people = [{{ username = \"ada\", groups = [\"admins\"], password_hash = \"{hash}\" }}, \
             {{ username = \"dora\", groups = [], disabled = true, password_hash = \"{hash}\" }}]\n"
        ),
        "",
    )
}

#[test]
fn somebody_of_the_configuration_is_found_with_role_and_state() {
    let here = people();
    let told = here.run(&["directory", "test", "local", "--user", "ADA"], "").succeeded();
    for part in [
        "no server is asked",
        "`ada`",
        "known by the id ada",
        "1: local/admins",
        "role: administrator",
        "all steps are good",
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
    for (user, part) in [("dora", "the account is disabled"), ("eve", "nobody has this name")] {
        let ended = here.run(&["directory", "test", "local", "--user", user], "");
        assert_eq!(code(&ended), 1);
        assert!(ended.stdout.contains(part), "{ended:?}");
    }
    assert!(!here.path("brokerd.db").exists(), "it opens no store");
}

#[test]
fn a_password_is_typed_unseen_or_piped_in() {
    let here = people();
    let test = ["directory", "test", "local", "--user", "ada", "--sign-in"];
    let ended = typed(&here, &test, &[("Password: ", SECRET)]);
    assert_eq!(code(&ended), 0, "{ended:?}");
    assert!(ended.stdout.contains("right: this lets the person in"), "{ended:?}");
    let ended = here.run(&test, "not hers");
    assert_eq!(code(&ended), 1);
    assert!(ended.stdout.contains("wrong password") && !ended.stdout.contains("not hers"), "{ended:?}");
    let ended = here.run(&test, "");
    assert_eq!(code(&ended), 1);
    assert!(ended.stderr.contains("standard input is empty"), "{ended:?}");
}

#[test]
fn a_configuration_with_mistakes_is_told_as_check_tells_it() {
    let here = installation();
    here.edit("brokerd.toml", "[[master_key]]", "nonsense = 1\n[[master_key]]");
    let ended = here.run(&["directory", "test", "local"], "");
    assert_eq!(code(&ended), 1);
    assert!(ended.stderr.contains("nonsense") && ended.stdout.is_empty(), "{ended:?}");
}
