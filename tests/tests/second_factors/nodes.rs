//! Several nodes over one store, and somebody who has the store and nothing else: a code is good once wherever it is shown, and a row that somebody
//! wrote lets nobody in.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;

use broker_core::administration::Administration;
use broker_core::caller::{AdminGroups, Caller, PersonCaller};
use broker_core::clock::Clock;
use broker_core::directory::Password;
use broker_core::directory::local::{LocalDirectory, hash_password};
use broker_core::id::RequestId;
use broker_core::permission::{Administrator, Permission};
use broker_core::second_factor::{RelyingParty, Seed};
use broker_core::sign_in::{
    Beside, Credentials, FactorError, LONGEST_SIGN_IN, SecondFactors, SessionKind, Settings, Shown, SignIn,
    SignInError, SignedIn,
};
use broker_core::store::{Opened, Store};
use broker_core::trail::Origin;
use broker_core::workload::Workloads;
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use tests::stores::Storehouse;
use tests::where_others_reach_in;
use tokio::sync::Semaphore;

pub(crate) const ADDRESS: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 7));

/// As browsers know the nodes.
pub(crate) const SITE: &str = "https://broker.corp.example";

/// One node, and what it opened.
pub(crate) struct Node {
    pub(crate) sign_in: SignIn,
    pub(crate) administration: Administration,
    pub(crate) store: Store,
}

/// Ada's authenticator, and her codes for when it is lost.
struct Phone {
    seed: Seed,
    recovery_codes: Vec<SecretString>,
    session: SecretString,
}

impl Node {
    pub(crate) async fn open(house: &Storehouse) -> Self {
        Self::over(house, house.open().await)
    }

    pub(crate) fn over(house: &Storehouse, opened: Opened) -> Self {
        Self::at(SITE, house, opened)
    }

    /// One that browsers know by this name.
    pub(crate) fn at(site: &str, house: &Storehouse, opened: Opened) -> Self {
        let trail = house.trail(&opened);
        let hash = hash_password(&Password::parse(SecretString::from("secret")).unwrap()).unwrap();
        let person = |(name, id): (&str, &str)| {
            serde_json::from_value(json!({ "username": name, "id": id, "password_hash": hash })).unwrap()
        };
        let people = [("ada", "0b1c"), ("bob", "0b1d")].map(person).into();
        let corp = "corp".to_owned().try_into().unwrap();
        let corp = LocalDirectory::new(corp, people, Arc::new(Semaphore::new(2))).unwrap();
        let settings = Settings {
            idle_seconds: 36_000,
            absolute_seconds: 36_000,
            recheck_seconds: 300,
            sessions_per_person: NonZeroU32::MAX,
            sign_in_within: LONGEST_SIGN_IN,
            admin_groups: AdminGroups::default(),
        };
        let clock: Arc<dyn Clock> = house.clock.clone();
        let site = RelyingParty::of(&site.parse().unwrap(), "broker.corp.example").unwrap();
        let second_factors = SecondFactors::new(Arc::clone(&opened.vault), BTreeSet::new(), "broker.corp.example");
        let second_factors = second_factors.with_passkeys(site);
        let beside = Beside { workloads: Workloads::none(Arc::clone(&clock)), second_factors };
        let (store, vault) = (opened.store, opened.vault);
        let administration = Administration::new(store.clone(), vault, trail.clone(), Arc::clone(&clock));
        Self {
            store: store.clone(),
            sign_in: SignIn::with(store, vec![Arc::new(corp)], trail, clock, settings, beside),
            administration,
        }
    }

    pub(crate) async fn enters(&self, otp: Option<&str>) -> Result<SignedIn, SignInError> {
        self.enters_as("ada", otp).await
    }

    pub(crate) async fn enters_as(&self, username: &str, otp: Option<&str>) -> Result<SignedIn, SignInError> {
        let origin = origin();
        let password = SecretString::from("secret");
        let credentials = Credentials { username, password, directory: None, address: ADDRESS, origin: &origin };
        self.sign_in.sign_in_with(credentials, otp.map(SecretString::from).as_ref(), SessionKind::Api).await
    }

    pub(crate) async fn person(&self, token: &SecretString) -> PersonCaller {
        match self.sign_in.authenticate(&Shown::Bearer(token.clone()), ADDRESS, &origin()).await.unwrap() {
            Caller::Person(person) => person,
            other => panic!("{other:?}"),
        }
    }

    async fn enrol(&self, house: &Storehouse) -> Phone {
        let session = self.enters(None).await.unwrap().token;
        let person = self.person(&session).await;
        let made = self.sign_in.begin_enrolment(&person).await.unwrap();
        let seed = Seed::read(made.secret).unwrap();
        let (otp, label) = (SecretString::from(code(house, &seed)), "phone".to_owned().try_into().unwrap());
        let shown = Shown::Bearer(session.clone());
        let proof = (&made.enrolment, &otp);
        let added = self.sign_in.add_second_factor(&person, &shown, proof, label, &origin()).await.unwrap();
        Phone { seed, recovery_codes: added.recovery_codes, session }
    }
}

/// The code of the next half minute, which is the present one from now on.
fn code(house: &Storehouse, seed: &Seed) -> String {
    house.clock.advance(30);
    seed.code_at(house.clock.now()).unwrap()
}

pub(crate) fn origin() -> Origin {
    Origin { request_id: RequestId::random(), client_address: None }
}

pub(crate) fn is_refused(entered: &Result<SignedIn, SignInError>) -> bool {
    matches!(entered, Err(SignInError::InvalidCredentials))
}

where_others_reach_in! {
    async fn a_code_that_is_shown_to_two_nodes_at_once_lets_one_in(house: Storehouse) {
        let (one, other) = (Node::open(&house).await, Node::open(&house).await);
        let phone = one.enrol(&house).await;
        for _ in 0..4 {
            let code = code(&house, &phone.seed);
            let (first, second) = tokio::join!(one.enters(Some(&code)), other.enters(Some(&code)));
            assert_eq!(u8::from(first.is_ok()) + u8::from(second.is_ok()), 1, "{first:?} {second:?}");
            assert!(is_refused(&first) || is_refused(&second), "{first:?} {second:?}");
            assert!(is_refused(&other.enters(Some(&code)).await), "nor ever again");
        }
        for code in &phone.recovery_codes[..4] {
            let code = code.expose_secret();
            let (first, second) = tokio::join!(one.enters(Some(code)), other.enters(Some(code)));
            assert_eq!(u8::from(first.is_ok()) + u8::from(second.is_ok()), 1, "{first:?} {second:?}");
        }
    }

    async fn whoever_shows_more_is_known_by_their_password_as_before(house: Storehouse) {
        let node = Node::open(&house).await;
        let begun = node.enters(None).await.unwrap().caller.session;
        let phone = node.enrol(&house).await;
        let raised = node.person(&phone.session).await.session;
        let store = house.open().await.store;
        assert!(store.session(begun).await.unwrap().is_none(), "all others have ended");
        let raised = store.session(raised).await.unwrap().unwrap();
        assert!(raised.second_factor.is_some() && raised.password_mark.is_some(), "{raised:?}");
    }

    async fn who_is_half_way_in_by_a_password_that_was_changed_comes_no_further(house: Storehouse) {
        // To the other one her password is another: it made a hash of its own.
        let (one, other) = (Node::open(&house).await, Node::open(&house).await);
        let phone = one.enrol(&house).await;
        let half_way = async || match one.enters(None).await {
            Err(SignInError::OtpRequired(half_way)) => half_way,
            entered => panic!("{entered:?}"),
        };
        let (code, again) = (SecretString::from(code(&house, &phone.seed)), half_way().await);
        let asking = (ADDRESS, &origin());
        let changed = other.sign_in.finish(half_way().await, &code, SessionKind::Api, asking).await;
        assert!(is_refused(&changed), "{changed:?}");
        assert!(one.sign_in.finish(again, &code, SessionKind::Api, asking).await.is_ok(), "it was not taken");
    }

    async fn a_code_of_before_does_not_count_once_a_later_one_was_taken(house: Storehouse) {
        let node = Node::open(&house).await;
        let phone = node.enrol(&house).await;
        let early = code(&house, &phone.seed);
        let late = code(&house, &phone.seed);
        assert!(node.enters(Some(&late)).await.is_ok());
        assert!(is_refused(&node.enters(Some(&early)).await), "it would be good by the clock alone");
    }

    /// They can lock her out, and open nothing.
    async fn a_row_that_somebody_wrote_lets_nobody_in_by_a_password_alone(house: Storehouse) {
        let node = Node::open(&house).await;
        let phone = node.enrol(&house).await;
        let mut hands = house.hands().await;
        for damage in [
            "UPDATE second_factors SET label = 'mine'",
            "UPDATE second_factors SET sealed = 'v1:k1:AAAA'",
            "UPDATE second_factors SET kind = 'none'",
            "UPDATE second_factors SET id = 'x'",
        ] {
            assert_eq!(hands.run(damage).await, 1);
            assert!(matches!(node.enters(None).await, Err(SignInError::OtpRequired(_))), "{damage}");
            assert!(is_refused(&node.enters(Some(&code(&house, &phone.seed))).await), "{damage}");
            house.clock.advance(3_600);
        }
        // What they wrote for somebody who has nothing is no way in, either.
        hands.run("DELETE FROM recovery_codes").await;
        hands.run("DELETE FROM second_factors").await;
        node.enters(None).await.unwrap();
        let forged = "INSERT INTO second_factors (id, subject, kind, label, sealed, created_at, last_step, mac)
                      SELECT '0190a5c8-7f4e-7b3a-9d2c-1e5f6a7b8c9d', 'corp/0b1c', 'totp', 'phone', 'v1:k1:AAAA', 0, 0, mac
                      FROM sessions LIMIT 1";
        assert_eq!(hands.run(forged).await, 1);
        assert!(matches!(node.enters(None).await, Err(SignInError::OtpRequired(_))));
        assert!(is_refused(&node.enters(Some(&code(&house, &phone.seed))).await));
    }

    async fn nobody_makes_a_session_count_for_more_with_the_database_alone(house: Storehouse) {
        let node = Node::open(&house).await;
        let token = node.enters(None).await.unwrap().token;
        assert!(node.person(&token).await.assurance.proved.is_none());
        let mut hands = house.hands().await;
        hands.run(r#"UPDATE sessions SET second_factor = '{"by":"totp","at":"2026-01-01T00:00:00Z"}'"#).await;
        let refused = node.sign_in.authenticate(&Shown::Bearer(token), ADDRESS, &origin()).await;
        assert!(refused.is_err(), "{refused:?}");
    }

    async fn changes_want_a_second_factor_shown_a_quarter_of_an_hour_ago_at_most(house: Storehouse) {
        let node = Node::open(&house).await;
        let phone = node.enrol(&house).await;
        node.sign_in.begin_enrolment(&node.person(&phone.session).await).await.unwrap();
        house.clock.advance(15 * 60);
        let person = node.person(&phone.session).await;
        let refused = node.sign_in.begin_enrolment(&person).await.unwrap_err();
        assert!(matches!(refused, FactorError::OldProof), "{refused}");
        let otp = SecretString::from(code(&house, &phone.seed));
        let shown = Shown::Bearer(phone.session.clone());
        node.sign_in.step_up(&person, &shown, &otp, (ADDRESS, &origin())).await.unwrap();
        assert!(node.sign_in.step_up(&person, &shown, &otp, (ADDRESS, &origin())).await.is_err(), "once");
        node.sign_in.begin_enrolment(&node.person(&phone.session).await).await.unwrap();
    }

    async fn who_is_half_way_in_goes_on_in_the_same_browser_and_soon(house: Storehouse) {
        let node = Node::open(&house).await;
        let phone = node.enrol(&house).await;
        let Err(SignInError::OtpRequired(who)) = node.enters(None).await else { panic!("nobody was asked") };
        let carried = node.sign_in.carry(who.clone(), b"browser").unwrap();
        assert!(!carried.contains("secret"));
        assert_eq!(node.sign_in.carried(&carried, b"another"), None);
        assert_eq!(node.sign_in.carried(&carried[1..], b"browser"), None);
        house.clock.advance(299);
        assert_eq!(node.sign_in.carried(&carried, b"browser"), Some(who.clone()));
        let otp = SecretString::from(code(&house, &phone.seed));
        node.sign_in.finish(who, &otp, SessionKind::Browser, (ADDRESS, &origin())).await.unwrap();
        assert_eq!(node.sign_in.carried(&carried, b"browser"), None, "five minutes");
    }

    async fn a_secret_goes_to_another_master_key_and_opens_with_that_alone(house: Storehouse) {
        let both = [("k1", 1), ("k2", 2)];
        let phone = Node::over(&house, house.open_keyed(&both, "k1").await.unwrap()).enrol(&house).await;
        let node = Node::over(&house, house.open_keyed(&both, "k2").await.unwrap());
        let rekeyed = node.administration.rekey(&Administrator::on_the_host("root"), |_| ()).await.unwrap();
        assert_eq!((rekeyed.moved, rekeyed.left), (2, Vec::new()));
        let only = Node::over(&house, house.open_keyed(&[("k2", 2)], "k2").await.unwrap());
        only.enters(Some(&code(&house, &phone.seed))).await.unwrap();
    }
}
