//! What becomes of people: renamed, removed from groups, locked, told to change their password, gone.

use std::time::Duration;

use broker_core::directory::{AuthenticateError, Directory, Refusal, Standing, TypedName};
use tests::ended;
use tests::gate::OpenGate;
use tests::slapd::{Options, SUFFIX, Slapd, USERS};

use crate::{Config, group_names, refusal, sign_in, standing, still, welcome};

#[tokio::test]
async fn a_renamed_person_is_the_same_person() {
    let server = Slapd::start();
    let directory = Config::of(&server).open();
    let ada = welcome(&directory, "ada").await;
    server.modify(&format!(
        "dn: uid=ada,{USERS}\nchangetype: modrdn\nnewrdn: uid=ada.king\ndeleteoldrdn: 1\nnewsuperior: ou=contractors,{USERS}\n"
    ));
    let Standing::Good(renamed) = standing(&directory, &ada).await else { panic!("she is still there") };
    let renamed = renamed.person;
    assert_eq!(renamed.subject, ada.subject);
    assert_eq!(renamed.username, "ada.king");
    assert!(matches!(sign_in(&directory, "ada", "ada secret").await, Err(AuthenticateError::NoSuchUser)));
}

#[tokio::test]
async fn leaving_a_group_shows_at_the_next_look() {
    let server = Slapd::start();
    for groups in
        ["member_of = { base = 'ou=groups,dc=corp,dc=example' }", "search = { base = 'ou=groups,dc=corp,dc=example' }"]
    {
        let directory = Config::of(&server).groups(groups).open();
        let bob = welcome(&directory, "bob").await;
        assert_eq!(group_names(&bob), ["staff"]);
        let member =
            format!("dn: cn=staff,ou=groups,{SUFFIX}\nchangetype: modify\n%: member\nmember: uid=bob,{USERS}\n");
        server.modify(&member.replace('%', "delete"));
        let Standing::Good(bob) = standing(&directory, &bob).await else { panic!("he is still there") };
        assert!(bob.person.groups.is_empty(), "{groups}");
        server.modify(&member.replace('%', "add"));
    }
}

#[tokio::test]
async fn a_changed_password_shows_at_the_next_look_and_nothing_else_looks_like_one() {
    let server = Slapd::start();
    let directory = Config::of(&server).open();
    let (name, gate) = (TypedName::parse("ada").unwrap(), OpenGate::before("ada secret"));
    let attested = directory.authenticate(&name, &gate).await.unwrap();
    let ada = attested.person;
    let now = async || match standing(&directory, &ada).await {
        Standing::Good(attested) => attested.password,
        other => panic!("she is still there: {other:?}"),
    };
    server.set("ada", "displayName", "Ada King");
    assert_eq!(refusal(&directory, "ada", "a guess").await, Refusal::WrongPassword);
    welcome(&directory, "ada").await;
    assert_eq!(now().await, attested.password, "it is the same password");

    // The directory knows the time of a change to the second.
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    let mut change = server.stranger("ldappasswd");
    change.args(["-D", &format!("uid=ada,{USERS}"), "-w", "ada secret", "-s", "another secret"]);
    ended::run("ldappasswd", change, "").succeeded();
    let changed = now().await;
    assert_ne!(changed, attested.password, "she changed it herself");
    assert_eq!(now().await, changed);

    tokio::time::sleep(Duration::from_millis(1_100)).await;
    server.set("ada", "userPassword", "a third secret");
    assert_ne!(now().await, changed, "an administrator changed it");
}

#[tokio::test]
async fn a_deleted_person_is_gone_and_a_new_one_of_that_name_is_another() {
    let server = Slapd::start();
    let directory = Config::of(&server).open();
    let bob = welcome(&directory, "bob").await;
    server.tool("ldapdelete", &[&format!("uid=bob,{USERS}")], "").succeeded();
    assert_eq!(standing(&directory, &bob).await, Standing::Gone);
    server.modify(&format!(
        "dn: uid=bob,{USERS}\nchangetype: add\nobjectClass: inetOrgPerson\nuid: bob\ncn: Bob\nsn: Bob\nuserPassword: bob secret\n"
    ));
    assert_eq!(standing(&directory, &bob).await, Standing::Gone);
    assert_ne!(welcome(&directory, "bob").await.subject, bob.subject);
}

#[tokio::test]
async fn an_id_that_is_none_is_nobodys() {
    let server = Slapd::start();
    let directory = Config::of(&server).open();
    for id in ["", "*", "1)(uid=*", "00000000-0000-0000-0000-000000000000", "ä"] {
        assert_eq!(directory.look_up(id).await.unwrap(), Standing::Gone, "{id:?}");
    }
}

#[tokio::test]
async fn a_disabled_account_is_disabled_for_those_who_know_the_password() {
    let server = Slapd::start();
    let directory = Config::of(&server).users("disabled = { attribute = 'employeeType', value = 'left' }").open();
    assert_eq!(refusal(&directory, "carol", "carol secret").await, Refusal::Disabled);
    assert_eq!(refusal(&directory, "carol", "wrong").await, Refusal::WrongPassword);
    let ada = welcome(&directory, "ada").await;
    server.set("ada", "employeeType", "LEFT");
    assert_eq!(standing(&directory, &ada).await, Standing::Disabled);
    let any = Config::of(&server).users("disabled = { attribute = 'employeeType' }").open();
    assert_eq!(standing(&any, &ada).await, Standing::Disabled);
}

#[tokio::test]
async fn whom_the_users_filter_lets_in_no_more_is_gone() {
    let server = Slapd::start();
    let directory = Config::of(&server).users("filter = '(&(uid={username})(!(employeeType=left)))'").open();
    let ada = welcome(&directory, "ada").await;
    assert!(matches!(standing(&directory, &ada).await, Standing::Good(_)));
    server.set("ada", "employeeType", "left");
    assert_eq!(standing(&directory, &ada).await, Standing::Gone);
}

#[tokio::test]
async fn an_account_that_an_administrator_locked_is_locked() {
    let server = Slapd::start();
    let directory = Config::of(&server).open();
    let ada = welcome(&directory, "ada").await;
    server.set("ada", "pwdAccountLockedTime", "000001010000Z");
    assert_eq!(standing(&directory, &ada).await, Standing::Disabled);
    assert_eq!(refusal(&directory, "ada", "ada secret").await, Refusal::Locked);
}

#[tokio::test]
async fn an_account_is_in_use_from_its_beginning_to_its_end() {
    let server = Slapd::start();
    let directory = Config::of(&server).open();
    let ada = welcome(&directory, "ada").await;
    for (attribute, over, good) in
        [("pwdEndTime", "20200101000000Z", "21000101000000Z"), ("pwdStartTime", "21000101000000Z", "20200101000000Z")]
    {
        server.set("ada", attribute, over);
        assert_eq!(standing(&directory, &ada).await, Standing::Disabled, "{attribute}");
        server.set("ada", attribute, good);
        assert_eq!(still(&directory, &ada).await.as_ref(), Some(&ada), "{attribute}");
    }
}

#[tokio::test]
async fn an_account_of_unix_ends_on_its_day() {
    let server = Slapd::start();
    let directory = Config::of(&server).open();
    let ada = welcome(&directory, "ada").await;
    server.modify(&format!(
        "dn: uid=ada,{USERS}\nchangetype: modify\nadd: objectClass\nobjectClass: shadowAccount\n-\nadd: shadowExpire\nshadowExpire: 1\n"
    ));
    assert_eq!(standing(&directory, &ada).await, Standing::Disabled);
    assert_eq!(refusal(&directory, "ada", "ada secret").await, Refusal::Disabled);
    assert_eq!(refusal(&directory, "ada", "wrong").await, Refusal::WrongPassword);
    let other = Config::of(&server).users("account_rules = ['password_policy']").open();
    assert_eq!(still(&other, &ada).await, Some(ada), "the rule is a setting");
}

#[tokio::test]
async fn the_end_of_a_freeipa_password_is_told_to_who_knows_it() {
    let schema = "attributetype ( 2.16.840.1.113719.1.301.4.37.1 NAME 'krbPasswordExpiration' EQUALITY generalizedTimeMatch \
                  SYNTAX 1.3.6.1.4.1.1466.115.121.1.24 SINGLE-VALUE )\n\
                  attributetype ( 2.16.840.1.113719.1.301.4.29.1 NAME 'nsAccountLock' EQUALITY booleanMatch \
                  SYNTAX 1.3.6.1.4.1.1466.115.121.1.7 SINGLE-VALUE )\n\
                  objectclass ( 2.16.840.1.113719.1.301.6.8.1 NAME 'krbPrincipalAux' AUXILIARY MAY ( krbPasswordExpiration $ nsAccountLock ) )";
    let global = format!("security simple_bind=128\n{schema}");
    let server = Slapd::start_with(&Options { global, ..Options::default() });
    server.modify(&format!(
        "dn: uid=ada,{USERS}\nchangetype: modify\nadd: objectClass\nobjectClass: krbPrincipalAux\n-\nadd: krbPasswordExpiration\nkrbPasswordExpiration: 20200101000000Z\n"
    ));
    let users = "id_attribute = 'entryUUID', filter = '(uid={username})'";
    let mut config = Config::of(&server).users(users);
    config.more.push_str("\npreset = 'freeipa'");
    let directory = config.open();
    assert_eq!(refusal(&directory, "ada", "wrong").await, Refusal::WrongPassword);
    let answer = sign_in(&directory, "ada", "ada secret").await;
    assert!(matches!(answer, Err(AuthenticateError::PasswordExpired)), "{answer:?}");
    server.set("ada", "krbPasswordExpiration", "21000101000000Z");
    let ada = welcome(&directory, "ada").await;
    server.set("ada", "krbPasswordExpiration", "20200101000000Z");
    assert_eq!(still(&directory, &ada).await.as_ref(), Some(&ada), "a password that grew old ends no session");
    server.set("ada", "nsAccountLock", "TRUE");
    assert_eq!(standing(&directory, &ada).await, Standing::Disabled);
}

#[tokio::test]
async fn people_are_looked_for_as_deep_as_it_is_said() {
    let server = Slapd::start();
    let directory = Config::of(&server).users("scope = 'one_level'").open();
    welcome(&directory, "ada").await;
    // The other of that name stands one unit deeper.
    assert_eq!(welcome(&directory, "twin").await.display_name.as_deref(), Some("One Twin"));
    assert_eq!(refusal(&Config::of(&server).open(), "twin", "twin secret").await, Refusal::Ambiguous);
}

#[tokio::test]
async fn guesses_lock_the_door_but_do_not_throw_out_who_is_inside() {
    let server = Slapd::start();
    let directory = Config::of(&server).open();
    let ada = welcome(&directory, "ada").await;
    for _ in 0..3 {
        assert_eq!(refusal(&directory, "ada", "a guess").await, Refusal::WrongPassword);
    }
    assert_eq!(refusal(&directory, "ada", "ada secret").await, Refusal::Locked);
    assert!(matches!(standing(&directory, &ada).await, Standing::Good(_)));
}

#[tokio::test]
async fn a_password_that_was_reset_must_be_changed_though_the_bind_succeeds() {
    let server = Slapd::start();
    let directory = Config::of(&server).open();
    server.set("ada", "pwdReset", "TRUE");
    let answer = sign_in(&directory, "ada", "ada secret").await;
    assert!(matches!(answer, Err(AuthenticateError::PasswordExpired)), "{answer:?}");
    let binds = format!("BIND dn=\"uid=ada,{USERS}\" mech=SIMPLE");
    assert_eq!(server.logged_when(1, &binds), 1, "the server bound her\n{}", server.log());
    assert_eq!(refusal(&directory, "ada", "wrong").await, Refusal::WrongPassword);
}

#[tokio::test]
async fn an_expired_password_is_expired_only_for_who_knows_it() {
    let server = Slapd::start();
    let directory = Config::of(&server).open();
    // It may be used for one second.
    tokio::time::sleep(Duration::from_millis(2_100)).await;
    assert_eq!(refusal(&directory, "fred", "wrong").await, Refusal::WrongPassword);
    let answer = sign_in(&directory, "fred", "fred secret").await;
    assert!(matches!(answer, Err(AuthenticateError::PasswordExpired)), "{answer:?}");
}

#[tokio::test]
async fn a_warning_of_the_end_is_no_refusal_and_grace_comes_to_an_end() {
    let server = Slapd::start();
    let policy = |attribute: &str, value: u32| {
        server.modify(&format!(
            "dn: cn=short,ou=policies,dc=corp,dc=example\nchangetype: modify\nreplace: {attribute}\n{attribute}: {value}\n"
        ));
    };
    policy("pwdMaxAge", 1_000);
    policy("pwdExpireWarning", 1_000);
    let directory = Config::of(&server).open();
    assert_eq!(welcome(&directory, "fred").await.username, "fred", "it expires soon");
    policy("pwdExpireWarning", 0);
    policy("pwdGraceAuthNLimit", 1);
    policy("pwdMaxAge", 1);
    tokio::time::sleep(Duration::from_millis(2_100)).await;
    assert_eq!(welcome(&directory, "fred").await.username, "fred", "by grace, once");
    let answer = sign_in(&directory, "fred", "fred secret").await;
    assert!(matches!(answer, Err(AuthenticateError::PasswordExpired)), "{answer:?}");
}
