//! Accounts that let nobody in, and what a guesser hears of them.

use broker_core::directory::{AuthenticateError, Directory, Found, Refusal, Standing, TypedName};
use tests::samba::Samba;

use crate::{Config, refusal, sign_in, standing, still, welcome};

#[tokio::test]
async fn the_reason_is_told_apart_by_the_sub_code_and_only_for_who_knows_the_password() {
    let directory = Config::new().open();
    for (name, expected) in [
        ("off", Refusal::Disabled),
        ("gone", Refusal::Disabled),
        ("night", Refusal::Restricted),
        ("desk", Refusal::Restricted),
    ] {
        assert_eq!(refusal(&directory, name, "wrong").await, Refusal::WrongPassword, "{name}");
        assert_eq!(refusal(&directory, name, &format!("{name} Secret 1")).await, expected, "{name}");
    }
    for name in ["fresh", "stale"] {
        assert_eq!(refusal(&directory, name, "wrong").await, Refusal::WrongPassword, "{name}");
        let answer = sign_in(&directory, name, &format!("{name} Secret 1")).await;
        assert!(matches!(answer, Err(AuthenticateError::PasswordExpired)), "{name}: {answer:?}");
    }
}

#[tokio::test]
async fn wrong_passwords_lock_the_door_but_do_not_throw_out_who_is_inside() {
    let directory = Config::new().open();
    let shut = welcome(&directory, "shut").await;
    for _ in 0..5 {
        assert_eq!(refusal(&directory, "shut", "a guess").await, Refusal::WrongPassword);
    }
    assert_eq!(refusal(&directory, "shut", "shut Secret 1").await, Refusal::Locked);
    assert_eq!(
        refusal(&directory, "shut", "another guess").await,
        Refusal::Locked,
        "it looks like any other from outside"
    );
    assert_eq!(still(&directory, &shut).await, Some(shut));
}

#[tokio::test]
async fn who_is_switched_off_or_whose_account_ends_is_cut_off_at_the_next_look() {
    let samba = Samba::start();
    let mut config = Config::new();
    config.urls = format!("plain_text_on_loopback = true\nurls = ['{}']", samba.ldap_url());
    let directory = config.open();
    let ada = welcome(&directory, "ada").await;
    for (attribute, over, good) in [
        ("userAccountControl", "66050", "66048"),
        ("accountExpires", "116444736000000001", "0"),
        ("accountExpires", "133801632000000000", "9223372036854775807"),
    ] {
        samba.set("Ada", attribute, over);
        assert_eq!(standing(&directory, &ada).await, Standing::Disabled, "{attribute} {over}");
        samba.set("Ada", attribute, good);
        assert_eq!(still(&directory, &ada).await.as_ref(), Some(&ada), "{attribute} {good}");
    }
}

#[tokio::test]
async fn administrators_are_told_why_somebody_is_not_let_in() {
    let directory = Config::new().open();
    let Found::One(off) = directory.describe(&TypedName::parse("off").unwrap()).await.unwrap() else { panic!("one") };
    assert_eq!(off.refusal, Some(Refusal::Disabled));
    assert_eq!(off.attributes["useraccountcontrol"], ["66050"]);
}
