//! Who somebody is there: names, ids, and that one cannot be taken for another.

use broker_core::directory::{AuthenticateError, Directory, Standing};
use tests::samba::{PEOPLE, Samba};

use crate::{Config, sign_in, standing, still, welcome};

#[tokio::test]
async fn by_either_name_it_is_the_same_person_and_the_id_is_the_one_that_its_own_tools_show() {
    let directory = Config::new().open();
    let ada = welcome(&directory, "ada").await;
    assert_eq!((ada.username.as_str(), ada.display_name.as_deref()), ("ada", Some("Ada Person")));
    assert_eq!(ada.email.as_deref(), Some("ada@corp.example"));
    for name in ["ADA", "ada ", "ada.person@ad.corp.example"] {
        assert_eq!(sign_in(&directory, name, "ada Secret 1").await.unwrap(), ada, "{name}");
    }
    let parts: Vec<usize> = ada.subject.id.split('-').map(str::len).collect();
    assert_eq!(parts, [8, 4, 4, 4, 12], "{}", ada.subject.id);
    assert_eq!(still(&directory, &ada).await, Some(ada));
    let by_sid = Config::new().users("id_attribute = 'objectSid'").open();
    let same = welcome(&by_sid, "ada").await;
    assert!(same.subject.id.starts_with("S-1-5-21-"), "{}", same.subject.id);
    assert_eq!(still(&by_sid, &same).await, Some(same));
}

#[tokio::test]
async fn an_id_that_is_none_is_nobodys() {
    let directory = Config::new().open();
    for id in ["", "*", "00000000-0000-0000-0000-000000000000", "703FEADB-A87E-41F9-998F-16CA2E38E379", ")(cn=*"] {
        assert_eq!(directory.look_up(id).await.unwrap(), Standing::Gone, "{id:?}");
    }
}

#[tokio::test]
async fn a_renamed_person_is_the_same_and_a_deleted_one_is_gone() {
    let samba = Samba::start();
    let mut config = Config::new();
    config.urls = format!("plain_text_on_loopback = true\nurls = ['{}']", samba.ldap_url());
    let directory = config.open();
    let eve = welcome(&directory, "eve").await;
    samba.modify(&format!("dn: CN=Eve,{PEOPLE}\nchangetype: modrdn\nnewrdn: CN=Eve King\ndeleteoldrdn: 1\n"));
    samba.set("Eve King", "sAMAccountName", "eve.king");
    let renamed = still(&directory, &eve).await.unwrap();
    assert_eq!((renamed.username.as_str(), &renamed.subject), ("eve.king", &eve.subject));
    assert!(matches!(sign_in(&directory, "eve", "eve Secret 1").await, Err(AuthenticateError::NoSuchUser)));
    samba.modify(&format!("dn: CN=Eve King,{PEOPLE}\nchangetype: delete\n"));
    assert_eq!(standing(&directory, &eve).await, Standing::Gone);
}

#[tokio::test]
async fn a_computer_is_nobody() {
    // The domain controller's own account.
    let mut config = Config::new();
    config.users = format!("base = '{}'", tests::samba::SUFFIX);
    let answer = sign_in(&config.open(), "DC1$", "x").await;
    assert!(matches!(answer, Err(AuthenticateError::NoSuchUser)), "{answer:?}");
}
