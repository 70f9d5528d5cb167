//! `brokerd directory test` against a domain controller.

use tests::brokerd::Installation;
use tests::ended::Ended;
use tests::relay::{Operation, Relay};
use tests::samba::{GROUPS, SERVICE, SERVICE_PASSWORD, SUFFIX, Samba};

use crate::Config;

/// What the file of an installation has of a directory `corp`; `more` stands in its own table.
pub(crate) fn installation(config: &Config, more: &str) -> Installation {
    let here = Installation::new(&format!("admin_groups = [\"corp/admins\"]\n{}", directory(config, more)), "");
    write_references(&here);
    here
}

/// The directory's own tables.
pub(crate) fn directory(config: &Config, more: &str) -> String {
    let Config { urls, users, groups } = config;
    let ca_file = if config.is_encrypted() { "ca_file = \"ca.pem\"" } else { "" };
    format!(
        "[[directory]]\nname = \"corp\"\nmay_grant_admin = true\n[directory.backend.ldap]\n\
         preset = \"active_directory\"\n{urls}\n{ca_file}\nbind_dn = \"{SERVICE}\"\nbind_password = {{ file = \"ad.pw\" }}\n{more}\n\
         deadline_seconds = 30\noperation_timeout_seconds = 30\nconnect_timeout_seconds = 30\nusers = {{ {users} }}\ngroups = {{ {groups} }}\n"
    )
}

/// The files that it refers to.
pub(crate) fn write_references(here: &Installation) {
    here.write("ad.pw", SERVICE_PASSWORD);
    here.write("ca.pem", Samba::shared().ca_pem());
}

fn test(config: &Config, arguments: &[&str], input: &str) -> Ended {
    let here = installation(config, "");
    let ended = here.run(&[&["directory", "test", "corp"], arguments].concat(), input);
    for secret in [SERVICE_PASSWORD, "ada Secret 1"] {
        assert!(!ended.stdout.contains(secret) && !ended.stderr.contains(secret), "{ended:?}");
    }
    ended
}

fn has(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "no `{part}` in\n{text}");
    }
}

#[test]
fn a_domain_controller_says_what_it_is_and_each_way_to_the_groups_how_many_searches_it_took() {
    for (groups, way, searches) in [
        (format!("token_groups = {{ base = '{GROUPS}' }}"), "token_groups", 2),
        (format!("in_chain = {{ base = '{GROUPS}' }}"), "in_chain", 2),
        (format!("search = {{ base = '{GROUPS}', nested = true, name = 'sAMAccountName' }}"), "search, nested", 5),
    ] {
        let text = test(&Config::new().groups(&groups), &["--user", "ada"], "").succeeded();
        has(
            &text,
            &[
                "is Active Directory (`token_groups`, `in_chain`): yes",
                "gives entries in pages: yes",
                &format!("groups by `{way}`: 7, by {searches} searches"),
                "7: corp/level-1, corp/level-2",
                "no administrative role",
                "all steps are good",
            ],
        );
    }
}

#[test]
fn a_domain_that_locks_sooner_than_was_written_down_is_a_warning_that_says_what_to_write() {
    let samba = Samba::start();
    let mut config = Config::new();
    let urls = format!("plain_text_on_loopback = true\nurls = ['{}']", samba.ldap_url());
    let mut told = |more: &str| {
        config.urls = format!("{urls}\n{more}");
        test(&config, &["--user", "ada"], "").succeeded()
    };
    let locks_after = |failures: u8| {
        samba.modify(&format!(
            "dn: {SUFFIX}\nchangetype: modify\nreplace: lockoutThreshold\nlockoutThreshold: {failures}\n"
        ));
    };
    locks_after(0);
    has(&told(""), &["by what can be read of `DC=ad,DC=corp,DC=example`, no account is ever locked"]);
    locks_after(5);
    let rule = "`DC=ad,DC=corp,DC=example` locks an account after 5 wrong passwords, and forgets them after 1800 s; brokerd stops at";
    let text = told("");
    has(&text, &[&format!("{rule} 9"), "WARN", "all steps are good; 1 warning"]);
    has(
        &text,
        &["-> set `lockout = { failures = 5, window_seconds = 1800 }` of this directory: brokerd stops at 4 then"],
    );
    let text = told("lockout = { failures = 5, window_seconds = 1800 }");
    has(&text, &[&format!("{rule} 4"), "all steps are good"]);
    assert!(!text.contains("WARN") && !text.contains("->"), "{text}");
    // Half an hour, in steps of 100 ns, and one more.
    samba.modify(&format!(
        "dn: {SUFFIX}\nchangetype: modify\nreplace: lockOutObservationWindow\nlockOutObservationWindow: -18000000001\n"
    ));
    let text = told("lockout = { failures = 5, window_seconds = 1800 }");
    has(
        &text,
        &["forgets them after 1801 s; brokerd stops at 4 and forgets them after 1800 s", "window_seconds = 1801"],
    );
}

#[test]
fn a_wrong_password_and_a_disabled_account_are_told_in_the_servers_words_and_in_ours() {
    let text = test(&Config::new(), &["--user", "ada", "--sign-in"], "ada Secret 1\n").succeeded();
    has(&text, &["it says code 0", "right: this lets the person in"]);
    let ended = test(&Config::new(), &["--user", "ada", "--sign-in"], "not hers\n");
    assert_eq!(ended.status.code(), Some(1));
    has(&ended.stdout, &["data 52e", "which means: wrong password"]);
    // Each state by the code that the server has for it: two of a kind mean the same to us, and not to whoever mends it.
    for (name, code) in
        [("off", "533"), ("gone", "701"), ("fresh", "773"), ("stale", "532"), ("night", "530"), ("desk", "531")]
    {
        let ended = test(&Config::new(), &["--user", name, "--sign-in"], &format!("{name} Secret 1\n"));
        assert_eq!(ended.status.code(), Some(1), "{name}");
        has(&ended.stdout, &[&format!("data {code}")]);
    }
    let ended = test(&Config::new(), &["--user", "off"], "");
    assert_eq!(ended.status.code(), Some(1));
    has(&ended.stdout, &["FAILED", "the account is disabled or has expired"]);
}

#[test]
fn it_asks_what_the_daemon_asks_and_nothing_else() {
    let relay = Relay::before(Samba::shared().address());
    test(&Config::new().by(&relay.url()), &["--user", "ada"], "").succeeded();
    // Each server by itself: our bind, whether it is Active Directory, what else it is. Then the daemon's way to ada. Then the domain's lockout.
    let (bind, search) = (Operation::Bind, Operation::Search);
    assert_eq!(
        relay.take(),
        [bind, search, search, bind, search, search, search, search, bind, search, search, search]
    );
}
