//! A configuration is taken as it is meant, and each mistake in it names its key.

use super::super::account::AccountRule;
use super::super::filter::Template;
use super::super::request::Scope;
use super::*;

const GOOD: &str = r#"
    urls = ["ldap://127.0.0.1"]
    plain_text_on_loopback = true
    bind_dn = "cn=brokerd,dc=corp"
    bind_password = "where it is"
    users = { base = "ou=people,dc=corp" }
    groups = { member_of = { base = "ou=groups,dc=corp" } }
"#;

const MEMBER_OF: &str = "member_of = { base = \"ou=groups,dc=corp\" }";
const PEOPLE: &str = "base = \"ou=people,dc=corp\"";

fn load(text: &str) -> Result<LdapSettings, LdapSettingsError> {
    let config: LdapConfig<String> = toml::from_str(text).unwrap();
    let password = config.bind_password.clone().map(SecretString::from);
    LdapSettings::new(config, Referenced { bind_password: password, ..Referenced::default() })
}

#[test]
fn the_defaults_are_openldaps() {
    let settings = load(GOOD).unwrap();
    assert_eq!(settings.users.id.attribute(), "entryUUID");
    assert_eq!(settings.users.filter, Template::for_users("(uid={username})").unwrap());
    assert_eq!(settings.users.scope, Scope::Subtree);
    assert!(matches!(settings.groups, Groups::MemberOf { primary: false, .. }));
    assert!(!settings.email_trusted);
    assert!(!format!("{:?}", settings.access.service).contains("where it is"), "no secret in Debug");
}

#[test]
fn unknown_keys_are_refused() {
    for more in ["verify = false", "no_tls_verify = true", "users.x = 1"] {
        let text = if more == "users.x = 1" {
            GOOD.replace("\"ou=people,dc=corp\"", "\"ou=people,dc=corp\", x = 1")
        } else {
            format!("{more}\n{GOOD}")
        };
        assert!(toml::from_str::<LdapConfig<String>>(&text).is_err(), "{more}");
    }
}

#[test]
fn every_mistake_names_its_key() {
    for (from, to, key) in [
        ("[\"ldap://127.0.0.1\"]", "[]", "urls"),
        ("plain_text_on_loopback = true", "", "urls"),
        ("ldap://127.0.0.1", "ldap://192.0.2.1", "urls"),
        ("ldap://127.0.0.1", "ldap://localhost", "urls"),
        ("cn=brokerd,dc=corp", "brokerd", "bind_dn"),
        ("bind_dn = \"cn=brokerd,dc=corp\"", "", "bind_dn"),
        ("bind_password = \"where it is\"", "", "bind_password"),
        ("bind_password = \"where it is\"", "bind_password = \"\"", "bind_password"),
        ("bind_password = \"where it is\"", "bind_password = \"x\"\nanonymous = true", "anonymous"),
        (PEOPLE, "base = \"\"", "users.base"),
        (PEOPLE, "base = \"dc=c\", filter = \"(uid=ada)\"", "users.filter"),
        (PEOPLE, "base = \"dc=c\", id_attribute = \"a b\"", "users.id_attribute"),
        (MEMBER_OF, "member_of = { base = \"x\" }", "groups.member_of.base"),
        (MEMBER_OF, "member_of = {}", "groups.member_of.base"),
        (
            MEMBER_OF,
            "member_of = { base = 'dc=c', name_attribute = 'sAMAccountName' }",
            "groups.member_of.name_attribute",
        ),
        (MEMBER_OF, "in_chain = { base = \"\" }", "groups.in_chain.base"),
        (MEMBER_OF, "in_chain = { base = 'dc=c', name = 'a b' }", "groups.in_chain.name"),
        (MEMBER_OF, "in_chain = { base = 'dc=c', page_size = 5001 }", "groups.in_chain.page_size"),
        (MEMBER_OF, "token_groups = { base = 'x' }", "groups.token_groups.base"),
        (MEMBER_OF, "token_groups = { base = 'dc=c', name = '' }", "groups.token_groups.name"),
        (MEMBER_OF, "token_groups = { base = 'dc=c', page_size = 0 }", "groups.token_groups.page_size"),
        (PEOPLE, "base = 'dc=c', sign_in_attributes = []", "users.sign_in_attributes"),
        (PEOPLE, "base = 'dc=c', sign_in_attributes = ['u)(x']", "users.sign_in_attributes"),
        (
            PEOPLE,
            "base = 'dc=c', sign_in_attributes = ['uid'], filter = '(uid={username})'",
            "users.sign_in_attributes",
        ),
        ("users =", "preset = 'custom'\nusers =", "users.filter"),
        (MEMBER_OF, "search = { base = \"dc=c\", filter = \"(cn=x)\" }", "groups.search.filter"),
        (MEMBER_OF, "search = { base = \"dc=c\", page_size = 0 }", "groups.search.page_size"),
        (
            MEMBER_OF,
            "search = { base = \"dc=c\", filter = \"(memberUid={username})\", nested = true }",
            "groups.search.nested",
        ),
        ("groups =", "pool = { size = 0 }\ngroups =", "pool.size"),
        ("groups =", "pool = { size = 257 }\ngroups =", "pool.size"),
        ("groups =", "pool = { wait_seconds = 31 }\ngroups =", "pool.wait_seconds"),
        ("groups =", "pool = { idle_seconds = 0 }\ngroups =", "pool.idle_seconds"),
        ("groups =", "pool = { age_seconds = 86401 }\ngroups =", "pool.age_seconds"),
        ("groups =", "pool = { probe_after_seconds = 0 }\ngroups =", "pool.probe_after_seconds"),
        ("groups =", "server_name = 'ldap'\ngroups =", "server_name"),
        ("groups =", "min_tls_version = '1.3'\ngroups =", "min_tls_version"),
        ("groups =", "client_certificate = { certificate = 'c', key = 'k' }\ngroups =", "client_certificate"),
        ("groups =", "deadline_seconds = 0\ngroups =", "deadline_seconds"),
        ("groups =", "deadline_seconds = 31\ngroups =", "deadline_seconds"),
        ("groups =", "rest_seconds = 301\ngroups =", "rest_seconds"),
    ] {
        assert_eq!(load(&GOOD.replace(from, to)).unwrap_err().key, key, "{to}");
    }
}

#[test]
fn a_preset_says_what_is_usual_and_each_of_it_can_be_written_otherwise() {
    let text = |more: &str| {
        GOOD.replace("users =", "preset = 'active_directory'\nusers =").replace(PEOPLE, &format!("{PEOPLE}{more}"))
    };
    let usual = load(&text("")).unwrap().users;
    let filter =
        "(&(objectCategory=person)(objectClass=user)(|(sAMAccountName={username})(userPrincipalName={username})))";
    assert_eq!(usual.filter, Template::for_users(filter).unwrap());
    assert_eq!((usual.username.as_str(), usual.id.attribute()), ("sAMAccountName", "objectGUID"));
    assert_eq!(usual.account_rules, [AccountRule::ActiveDirectory]);
    let written = ", scope = 'one_level', sign_in_attributes = ['mail'], username_attribute = 'cn', id_attribute = 'objectSid', \
        display_name_attribute = 'description', email_attribute = 'userPrincipalName', account_rules = []";
    let other = load(&text(written)).unwrap().users;
    let filter = "(&(objectCategory=person)(objectClass=user)(mail={username}))";
    assert_eq!(other.filter, Template::for_users(filter).unwrap());
    assert_eq!((other.username.as_str(), other.id.attribute()), ("cn", "objectSid"));
    assert_eq!(
        (other.display_name.as_deref(), other.email.as_deref()),
        (Some("description"), Some("userPrincipalName"))
    );
    assert_eq!((other.scope, other.account_rules.len()), (Scope::OneLevel, 0));
}

#[test]
fn custom_takes_nothing_for_granted() {
    let text = |users: &str| {
        GOOD.replace("users =", "preset = 'custom'\nusers =").replace(PEOPLE, &format!("{PEOPLE}{users}"))
    };
    for (users, missing) in [
        ("", "users.filter"),
        (", filter = '(cn={username})'", "users.username_attribute"),
        (", sign_in_attributes = ['cn'], username_attribute = 'cn'", "users.id_attribute"),
    ] {
        assert_eq!(load(&text(users)).unwrap_err().key, missing);
    }
    let all = load(&text(", sign_in_attributes = ['cn'], username_attribute = 'cn', id_attribute = 'x-id'")).unwrap();
    assert_eq!((all.users.display_name, all.users.email, all.users.account_rules.len()), (None, None, 0));
}

#[test]
fn nobody_searches_anonymously_by_accident() {
    let anonymous = GOOD
        .replace("bind_dn = \"cn=brokerd,dc=corp\"", "anonymous = true")
        .replace("bind_password = \"where it is\"", "");
    assert!(load(&anonymous).unwrap().access.service.is_none());
}
