//! Whether guesses through the broker stay below what OpenLDAP's password policies say of their lockout: in `directory test`, and where nobody
//! is asked, in `check`.

use serde_json::Value;
use tests::slapd::{SUFFIX, Slapd};

use crate::Config;
use crate::tested::installation;

/// What the test tells of the lockout.
fn told(config: &Config) -> Vec<Value> {
    let told = installation(config).run(&["directory", "test", "corp", "--json"], "").json();
    assert_eq!(told["good"], true, "a warning is no failure: {told}");
    let steps = told["steps"].as_array().unwrap().iter();
    steps.filter(|step| step["step"] == "lockout").cloned().collect()
}

fn policy(lines: &str) -> String {
    format!("dn: cn=default,ou=policies,{SUFFIX}\nchangetype: modify\n{lines}")
}

#[test]
fn a_policy_that_locks_sooner_than_was_written_down_is_a_warning_that_says_what_to_write() {
    let server = Slapd::start();
    let mut config = Config::of(&server);
    let rule = format!("`cn=default,ou=policies,{SUFFIX}` locks an account after 3 wrong passwords");
    let [line] = &told(&config)[..] else { panic!("one policy locks") };
    assert_eq!(line["state"], "warning");
    let said = line["said"].as_str().unwrap();
    assert!(said.contains(&format!("{rule}, and never forgets them by itself; brokerd stops at 9")), "{said}");
    let advice = line["advice"].as_str().unwrap();
    assert!(advice.contains("set `lockout = { failures = 3, window_seconds = 14400 }`"), "{advice}");
    assert!(advice.contains("brokerd stops at 2 then"), "{advice}");
    let text = installation(&config).run(&["directory", "test", "corp"], "").succeeded();
    assert!(
        text.contains("WARN") && text.contains("-> set `lockout") && text.contains("all steps are good; 1 warning")
    );

    // What it advises. Who waits longer than brokerd remembers goes on where the directory never forgets.
    let more = config.more.clone();
    config.more = format!("{more}\nlockout = {{ failures = 3, window_seconds = 14400 }}");
    let [line] = &told(&config)[..] else { panic!("one policy locks") };
    assert_eq!(line["state"], "warning", "{line}");
    assert!(line["said"].as_str().unwrap().contains("brokerd stops at 2 and forgets them after 14400 s"), "{line}");
    assert!(line["advice"].as_str().unwrap().contains("within 14400 s"), "{line}");
    for (seconds, state) in [(14_401, "warning"), (14_400, "good")] {
        server.modify(&policy(&format!("replace: pwdFailureCountInterval\npwdFailureCountInterval: {seconds}\n")));
        let [line] = &told(&config)[..] else { panic!("one policy locks") };
        assert_eq!((&line["state"], line.get("advice").is_some()), (&state.into(), state == "warning"), "{line}");
    }

    // They are forgotten later than brokerd forgets them.
    server.modify(&policy("replace: pwdFailureCountInterval\npwdFailureCountInterval: 900\n"));
    for (window, state) in [(899, "warning"), (900, "good")] {
        config.more = format!("{more}\nlockout = {{ failures = 3, window_seconds = {window} }}");
        let [line] = &told(&config)[..] else { panic!("one policy locks") };
        assert_eq!(line["state"], state, "{line}");
        assert!(line["said"].as_str().unwrap().contains("forgets them after 900 s"), "{line}");
    }
    // No room is left below it.
    server.modify(&policy("replace: pwdMaxFailure\npwdMaxFailure: 2\n"));
    let [line] = &told(&config)[..] else { panic!("one policy locks") };
    assert_eq!(line["state"], "warning");
    assert!(line["advice"].as_str().unwrap().contains("let the directory bear 3"), "{line}");
}

#[test]
fn policies_that_lock_nobody_and_none_at_all_are_told_apart() {
    let server = Slapd::start();
    let config = Config::of(&server);
    server.modify(&policy("replace: pwdLockout\npwdLockout: FALSE\n"));
    let [line] = &told(&config)[..] else { panic!("one line") };
    assert_eq!(line["state"], "note");
    assert!(line["said"].as_str().unwrap().contains("no account is ever locked"), "{line}");
    for name in ["default", "short"] {
        server.modify(&format!("dn: cn={name},ou=policies,{SUFFIX}\nchangetype: delete\n"));
    }
    let [line] = &told(&config)[..] else { panic!("one line") };
    assert_eq!(line["state"], "note");
    let said = line["said"].as_str().unwrap();
    assert!(said.contains("is not told to the broker's own credential") && said.contains("compare by hand"), "{said}");
    assert!(said.contains("after 10 wrong passwords or more") && said.contains("within 1800 s"), "{said}");
}

#[test]
fn check_names_the_directories_whose_lockout_nobody_wrote_down() {
    let mut config = Config { urls: vec!["ldaps://ldap.corp.example".to_owned()], ..Config::default() };
    let said = installation(&config).run(&["check"], "").stdout;
    assert!(said.contains("directory `corp` has no `lockout`") && said.contains("after 10 wrong passwords"), "{said}");
    assert!(said.contains("`brokerd directory test corp` compares"), "{said}");
    config.more.push_str("\nlockout = { failures = 10 }");
    let said = installation(&config).run(&["check"], "").stdout;
    assert!(!said.contains("has no `lockout`") && said.contains("brokerd.toml: good"), "{said}");
}
