//! What the directory is shown to have of somebody, for administrators who look why they are let in, or are not.

use broker_core::directory::{Description, Directory, Found, Refusal, TypedName};
use tests::slapd::{Slapd, USERS};

use super::{Config, group_names, welcome};

async fn described(directory: &dyn Directory, name: &str) -> Found {
    directory.describe(&TypedName::parse(name).unwrap()).await.unwrap()
}

async fn one(directory: &dyn Directory, name: &str) -> Description {
    match described(directory, name).await {
        Found::One(description) => *description,
        other => panic!("{name}: {other:?}"),
    }
}

#[tokio::test]
async fn an_entry_is_shown_as_it_is_and_as_whom_it_would_let_in() {
    let slapd = Slapd::start();
    let directory = Config::of(&slapd).groups("member_of = { name_attribute = 'dn' }").open();
    let ada = one(&directory, "ada").await;
    assert_eq!(ada.person.as_ref(), Some(&welcome(&directory, "ada").await));
    assert_eq!(ada.refusal, None);
    assert_eq!(ada.attributes["dn"], [format!("uid=ada,{USERS}")]);
    assert_eq!(ada.attributes["uid"], ["ada"]);
    let groups = ada.attributes["memberof"].len();
    assert_eq!(group_names(ada.person.as_ref().unwrap()).len(), groups);
    assert!(!ada.attributes.contains_key("userpassword"), "only what is asked for: {:?}", ada.attributes);
    assert_eq!(described(&directory, "nobody").await, Found::Nobody);
    assert_eq!(described(&directory, "*").await, Found::Nobody, "a name is a name");
}

#[tokio::test]
async fn why_somebody_is_not_let_in_is_told_beside_who_they_are() {
    let slapd = Slapd::start();
    let directory = Config::of(&slapd).users("disabled = { attribute = 'employeeType', value = 'Left' }").open();
    slapd.set("ada", "employeeType", "Left");
    let ada = one(&directory, "ada").await;
    assert_eq!(ada.refusal, Some(Refusal::Disabled));
    assert_eq!(ada.person.unwrap().username, "ada");
    assert_eq!(ada.attributes["employeetype"], ["Left"]);
    // Bytes that are no text, or nothing for a terminal.
    slapd.set("ada", "displayName", "\u{1b}[31mAda");
    let ada = one(&directory, "ada").await;
    assert_eq!(ada.attributes["displayname"], [hex::encode("\u{1b}[31mAda")]);
    assert_eq!(described(&directory, "twin").await, Found::Several);
}

#[tokio::test]
async fn a_directory_that_is_away_is_no_answer() {
    let slapd = Slapd::start();
    let directory = Config::of(&slapd).quick().open();
    drop(slapd);
    assert!(directory.describe(&TypedName::parse("ada").unwrap()).await.is_err());
}
