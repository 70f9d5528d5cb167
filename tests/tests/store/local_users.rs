//! Users whom the store keeps: rows that prove to be ours, and the directory that lets them in.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;

use async_trait::async_trait;
use broker_core::administration::{LocalUsers, LocalUsersParts, OwnPassword};
use broker_core::caller::{AdminGroups, Caller, Person, PersonCaller, Subject};
use broker_core::directory::local::{LocalDirectory, LocalPerson, PasswordHash, StoredPeople, hash_password};
use broker_core::directory::{
    Attested, AuthenticateError, Directory, Found, Gate, Lockout, NotAdmitted, Password, Refusal, Standing, TypedName,
    Unavailable,
};
use broker_core::id::{LocalGroupId, LocalUserId, RequestId};
use broker_core::local_user::{LocalGroup, LocalUser, UserDetails};
use broker_core::name::DirectoryName;
use broker_core::sign_in::{
    AuthenticateError as SessionError, Credentials, LONGEST_SIGN_IN, SessionKind, Settings, Shown, SignIn,
};
use broker_core::store::{Damage, Store, StoreError};
use broker_core::trail::{Action, Origin};
use broker_core::vault::Vault;
use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use tests::gate::OpenGate;
use tests::stores::{Storehouse, entry};
use tests::where_others_reach_in;
use tokio::sync::{Notify, Semaphore};

use crate::Desk;

const PASSWORD: &str = "correct horse battery";
const OTHER: &str = "another long password";
/// Of `PASSWORD`, as cheap as a hash may be: seven mebibytes, five passes. Made by the reference implementation.
const CHEAP: &str = "$argon2id$v=19$m=7168,t=5,p=1$c2l4dGVlbiBieXRlcyAhIQ$jH+UsUzjPQWYDiYhafQKfZHkeP4hz0uRCqIBSGPzGXg";

fn local() -> DirectoryName {
    "local".to_owned().try_into().unwrap()
}

fn now() -> Timestamp {
    "2026-01-02T03:04:05.678Z".parse().unwrap()
}

fn hash_of(password: &str) -> SecretString {
    hash_password(&Password::parse(SecretString::from(password)).unwrap()).unwrap().into()
}

fn user(vault: &Vault, name: &str, hash: &SecretString) -> LocalUser {
    let (id, directory) = (LocalUserId::random(), local());
    LocalUser {
        id,
        sealed_password: LocalUser::seal(vault, id, &directory, hash).unwrap(),
        directory,
        name: name.to_owned().try_into().unwrap(),
        revision: 1,
        details: UserDetails {
            display_name: Some("Somebody".to_owned().try_into().unwrap()),
            email: Some(format!("{name}@corp.example").try_into().unwrap()),
            groups: BTreeSet::new(),
            disabled: false,
            break_glass: false,
            created_at: now(),
        },
        password_changed_at: now(),
    }
}

fn group(name: &str) -> LocalGroup {
    let (id, name) = (LocalGroupId::random(), name.to_owned().try_into().unwrap());
    LocalGroup { id, directory: local(), name, revision: 1, created_at: now() }
}

async fn added(desk: &Desk, user: &LocalUser) {
    let changes = vec![Store::announce_people(), desk.store.add_local_user(user).unwrap()];
    desk.commit(changes).await.unwrap();
}

async fn replaced(desk: &Desk, before: &LocalUser, change: impl FnOnce(&mut LocalUser)) -> LocalUser {
    let mut after = LocalUser { revision: before.revision + 1, ..before.clone() };
    change(&mut after);
    let changes = vec![Store::announce_people(), desk.store.replace_local_user(&after, before).unwrap()];
    desk.commit(changes).await.unwrap();
    after
}

fn directory(desk: &Desk, people: Vec<LocalPerson>) -> (LocalDirectory, StoredPeople) {
    let stored = StoredPeople::new(desk.store.clone(), Arc::clone(&desk.opened.vault));
    let directory = LocalDirectory::new(local(), people, Arc::new(Semaphore::new(2))).unwrap();
    (directory.with_store(stored.clone()), stored)
}

async fn sign_in(directory: &LocalDirectory, name: &str, password: &str) -> Result<Person, AuthenticateError> {
    directory
        .authenticate(&TypedName::parse(name).unwrap(), &OpenGate::before(password))
        .await
        .map(|found| found.person)
}

/// Whoever is looked up again is so only where something else is at hand of them.
fn sign_in_by(desk: &Desk, house: &Storehouse, directory: Arc<dyn Directory>) -> SignIn {
    let settings = Settings {
        idle_seconds: 3_600,
        absolute_seconds: 36_000,
        recheck_seconds: RECHECK,
        sessions_per_person: NonZeroU32::MAX,
        sign_in_within: LONGEST_SIGN_IN,
        admin_groups: AdminGroups::default(),
    };
    SignIn::new(desk.store.clone(), vec![directory], desk.trail.clone(), house.clock.clone(), settings)
}

/// Ada signs in; the token of her session.
async fn begun(sign_in: &SignIn) -> SecretString {
    let (origin, password) = (origin(), SecretString::from(PASSWORD));
    let credentials = Credentials { username: "ada", password, directory: None, address: ADDRESS, origin: &origin };
    sign_in.sign_in(credentials, SessionKind::Api).await.unwrap().token
}

async fn shown(sign_in: &SignIn, token: &SecretString) -> Result<PersonCaller, SessionError> {
    match sign_in.authenticate(&Shown::Bearer(token.clone()), ADDRESS, &origin()).await? {
        Caller::Person(person) => Ok(person),
        other => panic!("{other:?}"),
    }
}

fn origin() -> Origin {
    Origin { request_id: RequestId::random(), client_address: None }
}

const RECHECK: u32 = 300;
const ADDRESS: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

fn refusal(outcome: Result<Person, AuthenticateError>) -> Option<Refusal> {
    match outcome {
        Err(AuthenticateError::Refused(refusal)) => Some(refusal),
        Err(AuthenticateError::NoSuchUser) => None,
        other => panic!("{other:?}"),
    }
}

/// What somebody else does to a user.
type Alter = fn(&mut LocalUser);

/// Changes the user in the very moment in which their password is on its way to be checked.
struct Meanwhile<'a>(&'a Desk, LocalUser, Password, Alter);

#[async_trait]
impl Gate for Meanwhile<'_> {
    async fn admit(&self, _: &Subject) -> Result<&Password, NotAdmitted> {
        replaced(self.0, &self.1, self.3).await;
        Ok(&self.2)
    }
}

/// A directory that looks nobody up before it is told to.
#[derive(Debug)]
struct Slow {
    people: Arc<LocalDirectory>,
    asked: Notify,
    go_on: Notify,
}

#[async_trait]
impl Directory for Slow {
    fn name(&self) -> &DirectoryName {
        self.people.name()
    }

    fn lockout(&self) -> Option<Lockout> {
        self.people.lockout()
    }

    async fn authenticate(&self, username: &TypedName, gate: &dyn Gate) -> Result<Attested, AuthenticateError> {
        self.people.authenticate(username, gate).await
    }

    async fn describe(&self, username: &TypedName) -> Result<Found, Unavailable> {
        self.people.describe(username).await
    }

    async fn look_up(&self, id: &str) -> Result<Standing, Unavailable> {
        self.asked.notify_one();
        self.go_on.notified().await;
        self.people.look_up(id).await
    }

    async fn probe(&self) -> Result<(), Unavailable> {
        self.people.probe().await
    }
}

where_others_reach_in! {
    async fn a_user_signs_in_by_any_spelling_and_is_looked_up_by_id(house: Storehouse) {
        let desk = Desk::open(&house).await;
        let staff = group("Staff");
        let mut ada = user(&desk.opened.vault, "Ada.Lovelace", &hash_of(PASSWORD));
        ada.details.groups = BTreeSet::from([staff.id, LocalGroupId::random()]);
        desk.commit(vec![desk.store.add_local_group(&staff)]).await.unwrap();
        added(&desk, &ada).await;
        assert_eq!(desk.store.local_user(ada.id).await.unwrap(), Some(ada.clone()));
        assert_eq!(desk.store.local_user_named(&local(), "ada.lovelace").await.unwrap(), Some(ada.clone()));
        assert_eq!(desk.store.all_local_groups().await.unwrap().good, [staff]);

        let (directory, _) = directory(&desk, Vec::new());
        let person = sign_in(&directory, "aDa.lovelace", PASSWORD).await.unwrap();
        assert_eq!((person.username.as_str(), person.subject.id), ("Ada.Lovelace", ada.id.to_string()));
        let groups: Vec<String> = person.groups.iter().map(ToString::to_string).collect();
        assert_eq!(groups, ["local/Staff"], "a group that is gone gives nothing");
        assert_eq!(refusal(sign_in(&directory, "ada.lovelace", "wrong").await), Some(Refusal::WrongPassword));
        assert_eq!(refusal(sign_in(&directory, "eve", PASSWORD).await), None);
        let standing = directory.look_up(&ada.id.to_string()).await.unwrap();
        assert!(matches!(standing, Standing::Good(found) if found.person.username == "Ada.Lovelace"));
        assert_eq!(directory.look_up("Ada.Lovelace").await.unwrap(), Standing::Gone, "a name is no id");

        let ada = replaced(&desk, &ada, |ada| ada.details.disabled = true).await;
        assert_eq!(refusal(sign_in(&directory, "ada.lovelace", PASSWORD).await), Some(Refusal::Disabled));
        assert_eq!(
            refusal(sign_in(&directory, "ada.lovelace", "wrong").await),
            Some(Refusal::WrongPassword),
            "a guess does not learn it"
        );
        assert_eq!(directory.look_up(&ada.id.to_string()).await.unwrap(), Standing::Disabled);
    }

    async fn a_name_is_given_once_and_whoever_gets_it_next_is_somebody_else(house: Storehouse) {
        let desk = Desk::open(&house).await;
        let ada = user(&desk.opened.vault, "ada", &hash_of(PASSWORD));
        added(&desk, &ada).await;
        let second = user(&desk.opened.vault, "ADA", &hash_of(OTHER));
        let taken = desk.commit(vec![desk.store.add_local_user(&second).unwrap()]).await;
        assert!(matches!(taken, Err(StoreError::Taken)), "{taken:?}");
        desk.commit(vec![desk.store.remove_local_user(&ada).unwrap()]).await.unwrap();
        added(&desk, &second).await;
        let (directory, _) = directory(&desk, Vec::new());
        assert_eq!(directory.look_up(&ada.id.to_string()).await.unwrap(), Standing::Gone);
        assert_eq!(sign_in(&directory, "ada", OTHER).await.unwrap().subject.id, second.id.to_string());
    }

    async fn of_two_who_change_a_user_one_is_told(house: Storehouse) {
        let desk = Desk::open(&house).await;
        let ada = user(&desk.opened.vault, "ada", &hash_of(PASSWORD));
        added(&desk, &ada).await;
        replaced(&desk, &ada, |ada| ada.details.disabled = true).await;
        let late = LocalUser { revision: 2, ..ada.clone() };
        let stale = desk.commit(vec![desk.store.replace_local_user(&late, &ada).unwrap()]).await;
        assert!(matches!(stale, Err(StoreError::Stale)), "{stale:?}");
        let stale = desk.commit(vec![desk.store.remove_local_user(&ada).unwrap()]).await;
        assert!(matches!(stale, Err(StoreError::Stale)), "{stale:?}");
    }

    async fn a_hash_of_other_parameters_is_made_anew_at_a_sign_in_and_nothing_else_changes(house: Storehouse) {
        let desk = Desk::open(&house).await;
        let ada = user(&desk.opened.vault, "ada", &SecretString::from(CHEAP));
        added(&desk, &ada).await;
        let revision = desk.store.people_revision().await.unwrap();
        let (directory, _) = directory(&desk, Vec::new());
        sign_in(&directory, "ada", "wrong").await.unwrap_err();
        assert_eq!(desk.store.local_user(ada.id).await.unwrap(), Some(ada.clone()), "a guess makes nothing anew");
        let before = directory.look_up(&ada.id.to_string()).await.unwrap();
        sign_in(&directory, "ada", PASSWORD).await.unwrap();
        // Sessions go by what the directory says of the password.
        assert_eq!(directory.look_up(&ada.id.to_string()).await.unwrap(), before, "it is the same password");
        let after = desk.store.local_user(ada.id).await.unwrap().unwrap();
        assert_eq!(LocalUser { sealed_password: ada.sealed_password.clone(), ..after.clone() }, ada);
        let hash = after.open(&desk.opened.vault).unwrap().expose_secret().to_owned();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert!(PasswordHash::try_from(hash).is_ok());
        assert_eq!(desk.store.people_revision().await.unwrap(), revision, "nobody reads again for that");
        sign_in(&directory, "ada", PASSWORD).await.unwrap();
        assert_eq!(desk.store.local_user(ada.id).await.unwrap(), Some(after), "once");
    }

    async fn whoever_is_disabled_or_gets_another_password_while_theirs_is_checked_is_not_let_in(house: Storehouse) {
        let desk = Desk::open(&house).await;
        let (directory, _) = directory(&desk, Vec::new());
        let changes: [(&str, Refusal, Alter); 2] = [
            ("ada", Refusal::Disabled, |user| user.details.disabled = true),
            ("bob", Refusal::WrongPassword, |user| user.password_changed_at += SignedDuration::from_millis(1)),
        ];
        for (name, expected, change) in changes {
            let somebody = user(&desk.opened.vault, name, &hash_of(PASSWORD));
            added(&desk, &somebody).await;
            let password = Password::parse(SecretString::from(PASSWORD)).unwrap();
            let gate = Meanwhile(&desk, somebody, password, change);
            let outcome = directory.authenticate(&TypedName::parse(name).unwrap(), &gate).await.map(|found| found.person);
            assert_eq!(refusal(outcome), Some(expected), "{name}");
        }
    }

    async fn where_the_configuration_has_the_name_the_stores_user_is_out_of_service(house: Storehouse) {
        let desk = Desk::open(&house).await;
        let (ada, bob) =
            (user(&desk.opened.vault, "ada", &hash_of(PASSWORD)), user(&desk.opened.vault, "bob", &hash_of(PASSWORD)));
        added(&desk, &ada).await;
        added(&desk, &bob).await;
        let listed = json!({ "username": "ADA", "password_hash": hash_of(OTHER).expose_secret() });
        let (directory, stored) = directory(&desk, vec![serde_json::from_value(listed).unwrap()]);
        assert_eq!(sign_in(&directory, "ada", OTHER).await.unwrap().subject.id, "ADA");
        assert_eq!(refusal(sign_in(&directory, "ada", PASSWORD).await), Some(Refusal::WrongPassword));
        assert_eq!(directory.look_up(&ada.id.to_string()).await.unwrap(), Standing::Gone);
        sign_in(&directory, "bob", PASSWORD).await.unwrap();
        assert!(directory.shadowed().is_empty(), "before the first reading nothing is known");
        stored.roster.refresh().await.unwrap();
        assert_eq!(directory.shadowed(), std::slice::from_ref(&ada.name));
        assert!(!directory.is_as_known(&ada.in_groups(&[]), &|_| true), "a session of theirs is looked up again");
    }

    async fn what_changed_of_somebody_is_at_hand_a_moment_later(house: Storehouse) {
        let desk = Desk::open(&house).await;
        let staff = group("staff");
        desk.commit(vec![desk.store.add_local_group(&staff)]).await.unwrap();
        let mut ada = user(&desk.opened.vault, "ada", &hash_of(PASSWORD));
        ada.details.groups.insert(staff.id);
        added(&desk, &ada).await;
        let (directory, stored) = directory(&desk, Vec::new());
        let person = ada.in_groups(std::slice::from_ref(&staff));
        assert!(directory.is_as_known(&person, &|_| true), "nothing is at hand yet");
        stored.roster.refresh().await.unwrap();
        assert!(directory.is_as_known(&person, &|_| true));
        desk.commit(vec![Store::announce_people(), Store::remove_local_group(&staff)]).await.unwrap();
        stored.roster.refresh().await.unwrap();
        assert!(!directory.is_as_known(&person, &|_| true), "a group went");
        let person = ada.in_groups(&[]);
        assert!(directory.is_as_known(&person, &|_| true));
        assert!(!directory.is_as_known(&person, &|_| false), "they have another password by now");
        replaced(&desk, &ada, |ada| ada.details.disabled = true).await;
        assert!(directory.is_as_known(&person, &|_| true), "not read again yet");
        stored.roster.refresh().await.unwrap();
        assert!(!directory.is_as_known(&person, &|_| true));
    }

    async fn a_session_by_a_password_that_was_changed_as_it_began_is_over_at_the_next_look(house: Storehouse) {
        let desk = Desk::open(&house).await;
        let ada = user(&desk.opened.vault, "ada", &hash_of(PASSWORD));
        added(&desk, &ada).await;
        let (directory, stored) = directory(&desk, Vec::new());
        stored.roster.refresh().await.unwrap();
        let sign_in = sign_in_by(&desk, &house, Arc::new(directory));
        let (other, token) = (begun(&sign_in).await, begun(&sign_in).await);
        assert!(shown(&sign_in, &token).await.is_ok());
        // Whoever changed it ended the sessions that they saw, and this one began a moment later: nothing of the person is another but the password.
        replaced(&desk, &ada, |ada| ada.password_changed_at += SignedDuration::from_millis(1)).await;
        assert!(shown(&sign_in, &token).await.is_ok(), "not read again yet");
        stored.roster.refresh().await.unwrap();
        let answer = shown(&sign_in, &token).await;
        assert!(matches!(answer, Err(SessionError::PasswordChanged)), "{answer:?}");
        let answer = shown(&sign_in, &token).await;
        assert!(matches!(answer, Err(SessionError::Unauthenticated)), "it has ended: {answer:?}");
        let answer = shown(&sign_in, &other).await;
        assert!(matches!(answer, Err(SessionError::PasswordChanged)), "{answer:?}");
        let by_the_new_one = begun(&sign_in).await;
        assert!(shown(&sign_in, &by_the_new_one).await.is_ok());
    }

    async fn whoever_changes_their_own_password_while_they_are_looked_up_goes_on_in_that_very_session(house: Storehouse) {
        let desk = Desk::open(&house).await;
        let ada = user(&desk.opened.vault, "ada", &hash_of(PASSWORD));
        added(&desk, &ada).await;
        let (local, people) = directory(&desk, Vec::new());
        let local = Arc::new(local);
        let users = LocalUsers::new(LocalUsersParts {
            directories: vec![Arc::clone(&local)],
            people,
            trail: desk.trail.clone(),
            clock: house.clock.clone(),
            hashers: Arc::new(Semaphore::new(2)),
            admin_groups: AdminGroups::default(),
            guarded_groups: BTreeSet::new(),
            in_front: BTreeSet::new(),
        });
        let slow = Arc::new(Slow { people: local, asked: Notify::new(), go_on: Notify::new() });
        let sign_in = sign_in_by(&desk, &house, slow.clone());
        let token = begun(&sign_in).await;
        let caller = shown(&sign_in, &token).await.unwrap();
        let changes = async |current: &str, new: &str| {
            let (current, new) = (SecretString::from(current), SecretString::from(new));
            let (address, origin) = (ADDRESS, &origin());
            let shown = Shown::Bearer(token.clone());
            users.change_own_password(&sign_in, (&caller, &shown), OwnPassword { current, new, address, origin }).await.unwrap();
            desk.store.session(caller.session).await.unwrap().unwrap().password_mark
        };
        house.clock.advance(i64::from(RECHECK));
        let meanwhile = async {
            slow.asked.notified().await;
            changes(PASSWORD, OTHER).await;
            slow.go_on.notify_one();
        };
        let (after, ()) = tokio::join!(shown(&sign_in, &token), meanwhile);
        assert_eq!(after.unwrap().session, caller.session);

        // The clock stands still: each is another password all the same.
        let (third, fourth) = (changes(OTHER, "a third and longer one").await, changes("a third and longer one", OTHER).await);
        assert!(third.is_some() && third != fourth);

        house.clock.advance(i64::from(RECHECK));
        let meanwhile = async {
            slow.asked.notified().await;
            let now = desk.store.local_user(ada.id).await.unwrap().unwrap();
            replaced(&desk, &now, |ada| ada.password_changed_at += SignedDuration::from_millis(1)).await;
            slow.go_on.notify_one();
        };
        let (after, ()) = tokio::join!(shown(&sign_in, &token), meanwhile);
        assert!(matches!(after, Err(SessionError::PasswordChanged)), "by somebody else: {after:?}");
    }

    async fn whoever_is_read_again_in_the_very_same_moment_is_told_from_who_was_read_before(house: Storehouse) {
        let desk = Desk::open(&house).await;
        let staff = group("staff");
        desk.commit(vec![desk.store.add_local_group(&staff)]).await.unwrap();
        let mut ada = user(&desk.opened.vault, "ada", &hash_of(PASSWORD));
        ada.details.groups.insert(staff.id);
        added(&desk, &ada).await;
        let (directory, stored) = directory(&desk, Vec::new());
        stored.roster.refresh().await.unwrap();
        let sign_in = sign_in_by(&desk, &house, Arc::new(directory));
        let token = begun(&sign_in).await;
        let before = shown(&sign_in, &token).await.unwrap();
        replaced(&desk, &ada, |ada| ada.details.groups.clear()).await;
        stored.roster.refresh().await.unwrap();
        // The clock stands still meanwhile.
        let after = shown(&sign_in, &token).await.unwrap();
        assert_eq!((before.person.groups.len(), after.person.groups.len()), (1, 0));
        let of_before = desk.trail.record_if(before.as_read, entry(Action::Vend), ()).await.unwrap();
        let of_now = desk.trail.record_if(after.as_read, entry(Action::Vend), ()).await.unwrap();
        assert!(of_before.is_err() && of_now.is_ok(), "nothing leaves by the groups of before");
    }

    async fn a_forged_user_or_group_is_out_of_service_and_the_others_are_not(house: Storehouse) {
        let desk = Desk::open(&house).await;
        let (directory, _) = directory(&desk, Vec::new());
        let (kept, admins) = (user(&desk.opened.vault, "kept", &hash_of(PASSWORD)), group("admins"));
        added(&desk, &kept).await;
        desk.commit(vec![desk.store.add_local_group(&admins), desk.store.add_local_group(&group("forged"))]).await.unwrap();
        let into_admins = format!(
            r#"UPDATE local_users SET details = replace(details, '"groups":[]', '"groups":["{}"]') WHERE name = '{{}}'"#,
            admins.id
        );
        let mut statements = vec![
            into_admins.as_str(),
            "UPDATE local_users SET details = replace(details, '\"disabled\":false', '\"disabled\":true') WHERE name = '{}'",
            "UPDATE local_users SET sealed_password = (SELECT sealed_password FROM local_users WHERE name = 'kept') WHERE name = '{}'",
            "UPDATE local_users SET directory = 'other' WHERE name = '{}'",
            "UPDATE local_users SET folded = 'root' WHERE name = '{}'",
            "UPDATE local_users SET revision = revision + 1 WHERE name = '{}'",
            "UPDATE local_users SET password_changed_at = password_changed_at + 1 WHERE name = '{}'",
            "UPDATE local_users SET id = '0190a5c8-7f4e-7b3a-9d2c-1e5f6a7b8c9d' WHERE name = '{}'",
            "UPDATE local_users SET mac = (SELECT mac FROM local_users WHERE name = 'kept') WHERE name = '{}'",
        ];
        if house.is_sqlite() {
            statements.push("UPDATE local_users SET revision = 'no number' WHERE name = '{}'");
        }
        let mut hands = house.hands().await;
        for (number, statement) in statements.iter().enumerate() {
            let name = format!("forged-{number}");
            added(&desk, &user(&desk.opened.vault, &name, &hash_of(PASSWORD))).await;
            assert_eq!(hands.run(&statement.replace("{}", &name)).await, 1, "{statement}");
            let (log, outcome) = tests::log::logged(sign_in(&directory, &name, PASSWORD)).await;
            match outcome {
                Err(AuthenticateError::NoSuchUser) => {}
                // SQLite takes any type in any column: the row cannot even be read.
                Err(AuthenticateError::Unavailable(_)) if statement.contains("no number") => {}
                other => panic!("{statement}: {other:?}"),
            }
            let is_found = !statement.contains("directory = ") && !statement.contains("folded = ") && !statement.contains("no number");
            assert_eq!(log.contains("forged_row"), is_found, "{statement}: {log}");
        }
        hands.run("UPDATE local_groups SET name = 'admins-too' WHERE name = 'forged'").await;
        let found = desk.store.all_local_users().await.unwrap();
        assert_eq!(found.good, [kept]);
        assert_eq!(found.damaged.len(), statements.len());
        let groups = desk.store.all_local_groups().await.unwrap();
        assert_eq!(groups.good, [admins]);
        let damaged = desk.store.damaged_rows().await.unwrap();
        assert_eq!(damaged.len(), statements.len() + 1);
        for row in &damaged {
            assert_eq!(row.damage, Damage::NotOurs);
            desk.commit(vec![Store::remove_damaged(row)]).await.unwrap();
        }
        assert!(desk.store.damaged_rows().await.unwrap().is_empty());
    }

    async fn a_hash_opens_for_nobody_else(house: Storehouse) {
        let desk = Desk::open(&house).await;
        let ada = user(&desk.opened.vault, "ada", &hash_of(PASSWORD));
        let bob = user(&desk.opened.vault, "bob", &hash_of(OTHER));
        assert!(ada.open(&desk.opened.vault).is_ok());
        assert!(LocalUser { sealed_password: ada.sealed_password.clone(), ..bob }.open(&desk.opened.vault).is_err());
        let elsewhere = LocalUser { directory: "other".to_owned().try_into().unwrap(), ..ada.clone() };
        assert!(elsewhere.open(&desk.opened.vault).is_err());
        added(&desk, &ada).await;
        let stored = house.hands().await.text("SELECT sealed_password FROM local_users").await;
        assert!(!stored.contains("argon2id") && stored == ada.sealed_password.as_str(), "{stored}");
    }
}
