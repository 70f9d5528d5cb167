//! Signing in: who gets in under which name, and what a server learns on the way.

use async_trait::async_trait;
use broker_core::caller::Subject;
use broker_core::directory::{AuthenticateError, Directory, Gate, NotAdmitted, Password, Refusal, TypedName};
use secrecy::SecretString;
use tests::ended;
use tests::slapd::{Options, SERVICE, Slapd, USERS};

use crate::{Config, group_names, outage, refusal, sign_in, still, told, welcome};

#[tokio::test]
async fn a_person_is_who_the_directory_says() {
    let server = Slapd::start();
    let ada = welcome(&Config::of(&server).open(), "ada").await;
    assert_eq!(ada.username, "ada");
    assert_eq!(ada.display_name.as_deref(), Some("Ada, Countess of Lovelace"));
    assert_eq!(ada.email.as_deref(), Some("ada@corp.example"));
    assert_eq!(ada.trusted_email(), None, "unless the administrator says so");
    let id = server.tool("ldapsearch", &["-LLL", "-b", USERS, "(uid=ada)", "entryUUID"], "").succeeded();
    assert!(id.contains(&format!("entryUUID: {}\n", ada.subject.id)), "{id}");

    let mut trusting = Config::of(&server);
    trusting.more.push_str("trusted_attributes = ['email']");
    let ada = welcome(&trusting.open(), "ada").await;
    assert_eq!(ada.trusted_email(), Some("ada@corp.example"));
    let bob = welcome(&trusting.open(), "bob").await;
    assert_eq!((bob.email, bob.email_trusted, bob.display_name.as_deref()), (None, false, Some("Bob")));
}

#[tokio::test]
async fn the_typed_spelling_is_forgotten() {
    let server = Slapd::start();
    let directory = Config::of(&server).open();
    let ada = welcome(&directory, "ada").await;
    for typed in ["ADA", "ada ", " Ada", "aDa  "] {
        assert_eq!(sign_in(&directory, typed, "ada secret").await.unwrap(), ada, "{typed:?}");
    }
}

#[tokio::test]
async fn of_several_names_the_one_that_names_the_entry_is_hers_whichever_is_typed() {
    let server = Slapd::start();
    let directory = Config::of(&server).open();
    server.modify(&format!("dn: uid=ada,{USERS}\nchangetype: modify\nadd: uid\nuid: aaron\n"));
    let ada = welcome(&directory, "ada").await;
    assert_eq!(ada.username, "ada", "and not the first of them");
    assert_eq!(sign_in(&directory, "aaron", "ada secret").await.unwrap(), ada);
}

#[tokio::test]
async fn an_empty_password_is_refused_before_any_traffic_because_servers_may_welcome_it() {
    let server = Slapd::start_with(&Options { global: "allow bind_anon_dn".to_owned(), ..Options::default() });
    let mut command = server.stranger("ldapwhoami");
    command.args(["-D", &format!("uid=ada,{USERS}"), "-w", ""]);
    let whoami = ended::run("ldapwhoami", command, "").succeeded();
    assert!(whoami.contains("anonymous"), "the server says success to it: {whoami}");
    assert!(Password::parse(SecretString::from("")).is_err(), "so no directory is ever asked");
    assert!(Password::parse(SecretString::from("\0ada secret")).is_err());
}

#[tokio::test]
async fn what_looks_like_a_filter_is_a_name() {
    let server = Slapd::start();
    let directory = Config::of(&server).open();
    for typed in
        ["*", "ad*", ")(uid=*", "ada)(|(uid=*", "ada)(uid=ada", "\\61da", "ad\\", "&", "{dn}", "{username}", "ada\\00"]
    {
        let answer = sign_in(&directory, typed, "ada secret").await;
        assert!(matches!(answer, Err(AuthenticateError::NoSuchUser)), "{typed:?}: {answer:?}");
    }
    assert_eq!(server.logged_when(1, "(uid=\\2A)"), 1, "escaped once\n{}", server.log());
}

#[tokio::test]
async fn two_entries_of_one_name_let_nobody_in() {
    let server = Slapd::start();
    let directory = Config::of(&server).open();
    assert_eq!(refusal(&directory, "twin", "twin secret").await, Refusal::Ambiguous);
}

#[tokio::test]
async fn unknown_and_wrong_look_alike_to_the_server_too() {
    let server = Slapd::start();
    let directory = Config::of(&server).open();
    assert_eq!(refusal(&directory, "ada", "wrong").await, Refusal::WrongPassword);
    let (binds, searches) = (server.logged_when(1, " BIND dn=\"uid=ada,"), server.logged_when(1, " SRCH base="));
    assert_eq!((binds, searches), (1, 1));
    let nobody = sign_in(&directory, "nobody", "wrong").await;
    assert!(matches!(nobody, Err(AuthenticateError::NoSuchUser)), "{nobody:?}");
    assert_eq!(server.logged_when(1, " BIND dn=\"cn=brokerd-asks-for-nobody,"), 1, "a bind for nobody");
    assert_eq!(server.logged_when(2, " SRCH base="), 2);
    assert_eq!(server.logged_when(2, "err=49"), 2, "both refused\n{}", server.log());
    refusal(&directory, "twin", "wrong").await;
    assert_eq!(server.logged_when(2, " BIND dn=\"cn=brokerd-asks-for-nobody,"), 2, "as for an ambiguous name");
}

#[tokio::test]
async fn whose_password_is_held_back_is_not_answered_sooner_than_anybody_else() {
    let server = Slapd::start();
    let directory = Config::of(&server).open();
    let answer = directory.authenticate(&TypedName::parse("ada").unwrap(), &ShutGate).await;
    assert!(matches!(answer, Err(AuthenticateError::NotAdmitted(_))), "{answer:?}");
    assert_eq!(server.logged_when(1, " BIND dn=\"cn=brokerd-asks-for-nobody,"), 1, "{}", server.log());
    assert_eq!(server.logged(" BIND dn=\"uid=ada,"), 0);
}

/// Somebody has guessed too often.
struct ShutGate;

#[async_trait]
impl Gate for ShutGate {
    async fn admit(&self, _: &Subject) -> Result<&Password, NotAdmitted> {
        Err(NotAdmitted)
    }
}

#[tokio::test]
async fn a_persons_password_never_touches_the_service_connection() {
    let server = Slapd::start();
    let directory = Config::of(&server).groups("search = { base = 'ou=groups,dc=corp,dc=example' }").open();
    for _ in 0..3 {
        welcome(&directory, "ada").await;
        refusal(&directory, "bob", "wrong").await;
    }
    let log = server.log();
    let connections = |what: &str| -> Vec<String> {
        let lines = log.lines().filter(|line| line.contains(what));
        let mut found: Vec<_> =
            lines.filter_map(|line| line.split("conn=").nth(1)?.split(' ').next().map(str::to_owned)).collect();
        found.dedup();
        found
    };
    let service = connections(&format!(" BIND dn=\"{SERVICE}\" method"));
    let people = connections(" BIND dn=\"uid=");
    assert_eq!(service.len(), 1, "one bind of our own serves all\n{log}");
    assert_eq!(people.len(), 6, "each password on a connection of its own\n{log}");
    assert!(connections(" SRCH base=\"ou=").iter().all(|connection| service.contains(connection)), "{log}");
    assert!(people.iter().all(|connection| !service.contains(connection)), "{log}");
}

#[tokio::test]
async fn our_own_wrong_password_is_an_outage_and_names_the_reason() {
    let server = Slapd::start();
    let mut config = Config::of(&server);
    "not the service's password".clone_into(&mut config.password);
    let outage = outage(&config.open(), "ada", "ada secret").await;
    assert!(outage.contains("our own credential") && outage.contains("49"), "{outage}");
    assert!(!outage.contains("not the service's password"), "{outage}");
}

#[tokio::test]
async fn our_own_password_that_must_be_changed_is_an_outage_and_names_the_reason() {
    let server = Slapd::start();
    let directory = Config::of(&server).open();
    server.modify(&format!("dn: {SERVICE}\nchangetype: modify\nadd: pwdReset\npwdReset: TRUE\n"));
    let outage = outage(&directory, "ada", "ada secret").await;
    assert!(outage.contains("our own credential"), "{outage}");
}

#[tokio::test]
async fn a_wrong_base_is_an_outage_and_not_an_unknown_user() {
    let server = Slapd::start();
    let gone = Config::of(&server).open();
    server.tool("ldapdelete", &["-r", USERS], "").succeeded();
    let outage = outage(&gone, "ada", "ada secret").await;
    assert!(outage.contains("code 32"), "{outage}");
    assert!(told(&gone.look_up("4b5a2ff5-9ea3-4f8c-b7a7-6f2d8e1a1111").await.unwrap_err()).contains("code 32"));
    assert!(gone.probe().await.is_err());
}

#[tokio::test]
async fn an_entry_without_its_immutable_id_cannot_be_used() {
    let server = Slapd::start();
    let directory = Config::of(&server).users("id_attribute = 'employeeNumber'").open();
    assert_eq!(welcome(&directory, "ada").await.subject.id, "1");
    for password in ["bob secret", "wrong"] {
        assert!(matches!(refusal(&directory, "bob", password).await, Refusal::UnusableEntry(_)), "{password}");
    }
    assert_eq!(server.logged_when(2, " BIND dn=\"cn=brokerd-asks-for-nobody,"), 2, "as for somebody unknown");
    assert_eq!(
        server.logged(" BIND dn=\"uid=bob,"),
        0,
        "a password that cannot be counted is not tried\n{}",
        server.log()
    );
}

#[tokio::test]
async fn nothing_that_can_be_printed_holds_a_password() {
    let server = Slapd::start();
    let directory = Config::of(&server).open();
    welcome(&directory, "ada").await;
    let wrong = sign_in(&directory, "ada", "hunter2-hunter2").await.unwrap_err();
    let printed = format!("{directory:?} {wrong:?} {}", told(&wrong));
    assert!(!printed.contains("hunter2") && !printed.contains("service's own"), "{printed}");
}

#[tokio::test]
async fn by_the_preset_custom_nothing_goes_without_saying() {
    let server = Slapd::start();
    server.modify(&format!(
        "dn: uid=ada,{USERS}\nchangetype: modify\nadd: objectClass\nobjectClass: shadowAccount\n-\nadd: shadowExpire\nshadowExpire: 1\n"
    ));
    let users = "filter = '(mail={username})', username_attribute = 'employeeNumber', id_attribute = 'entryUUID'";
    let custom = |more: &str| {
        let mut config = Config::of(&server).users(&format!("{users}{more}"));
        "preset = 'custom'".clone_into(&mut config.more);
        config.open()
    };
    let bare = custom("");
    let ada = sign_in(&bare, "ada@corp.example", "ada secret").await.unwrap();
    let shown = (ada.username.as_str(), ada.display_name.as_deref(), ada.email.as_deref());
    assert_eq!(shown, ("1", Some("Ada Lovelace"), None), "by `cn`, which everybody has");
    assert_eq!(group_names(&ada), ["Release, Team", "staff"]);
    assert_eq!(still(&bare, &ada).await.as_ref(), Some(&ada), "no rule of any kind of directory says that it is over");
    assert_eq!(refusal(&bare, "ada@corp.example", "wrong").await, Refusal::WrongPassword);
    let by_uid = sign_in(&bare, "ada", "ada secret").await;
    assert!(matches!(by_uid, Err(AuthenticateError::NoSuchUser)), "{by_uid:?}");

    let named = custom(", display_name_attribute = 'displayName', email_attribute = 'mail'");
    let named = sign_in(&named, "ada@corp.example", "ada secret").await.unwrap();
    assert_eq!((named.subject, named.display_name.as_deref()), (ada.subject, Some("Ada, Countess of Lovelace")));
    assert_eq!(named.email.as_deref(), Some("ada@corp.example"));
    let ruled = custom(", account_rules = ['shadow']");
    assert_eq!(refusal(&ruled, "ada@corp.example", "ada secret").await, Refusal::Disabled);
}
