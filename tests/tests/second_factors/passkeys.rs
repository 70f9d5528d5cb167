//! Passkeys, by an authenticator that says what no browser would: only the very answer that was asked for counts, of the very person, once, on
//! whichever node.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use broker_core::assurance::FactorUsed;
use broker_core::caller::Caller;
use broker_core::permission::{Administrator, Permission};
use broker_core::second_factor::{Answer, Asked, FactorLabel};
use broker_core::sign_in::{ByPasskey, FactorError, HalfWay, SessionKind, Shown, SignInError, SignedIn};
use broker_core::store::TrailFilter;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use tests::authenticator::Authenticator;
use tests::stores::Storehouse;
use tests::where_others_reach_in;
use tests::world::{World, soon};

use crate::nodes::{ADDRESS, Node, SITE, is_refused, origin};

const BROWSER: &[u8] = b"this browser";

/// Ada's passkey, and the session in which she enrolled it.
struct Enrolled {
    key: Authenticator,
    session: SecretString,
    codes: Vec<SecretString>,
    id: broker_core::id::SecondFactorId,
}

impl Node {
    async fn enrol_passkey(&self, key: Authenticator) -> Enrolled {
        self.enrol_passkey_of("ada", key).await
    }

    async fn enrol_passkey_of(&self, username: &str, key: Authenticator) -> Enrolled {
        let session = self.enters_as(username, None).await.unwrap().token;
        let (added, key) = self.add_passkey(&session, key).await;
        let (codes, id) = (added.recovery_codes, added.factor.id);
        Enrolled { key, session, codes, id }
    }

    async fn add_passkey(
        &self,
        session: &SecretString,
        key: Authenticator,
    ) -> (broker_core::sign_in::Added, Authenticator) {
        let person = self.person(session).await;
        let asked = self.sign_in.begin_passkey(&person).await.unwrap();
        let answer = Answer { credential: key.made(&asked.options), question: asked.question };
        let shown = Shown::Bearer(session.clone());
        let added = self.sign_in.add_passkey(&person, &shown, &answer, label(), &origin()).await.unwrap();
        (added, key)
    }

    /// Whom the password has brought half way, and what their browser is asked.
    async fn asked(&self) -> (HalfWay, Asked) {
        self.asked_as("ada", BROWSER).await
    }

    async fn asked_as(&self, username: &str, browser: &[u8]) -> (HalfWay, Asked) {
        let who = match self.enters_as(username, None).await {
            Err(SignInError::PasskeyRequired(who) | SignInError::OtpRequired(who)) => who,
            other => panic!("{other:?}"),
        };
        let asked = self.sign_in.ways_on(&who, browser).await.unwrap().passkey.asked().unwrap();
        (who, asked)
    }

    async fn shows(&self, who: &HalfWay, answer: &Answer, browser: &[u8]) -> Result<SignedIn, SignInError> {
        let (kind, from) = (SessionKind::Browser, (ADDRESS, &origin()));
        self.sign_in.finish_by_passkey(who.clone(), (answer, browser), kind, from).await
    }

    /// The whole way in.
    async fn enters_by(&self, key: &Authenticator) -> Result<SignedIn, SignInError> {
        let (who, asked) = self.asked().await;
        self.shows(&who, &answer(key, &asked), BROWSER).await
    }

    /// Newest first.
    async fn records(&self) -> Vec<Value> {
        let links = self.store.newest_links(&TrailFilter::default(), None, 100).await.unwrap();
        links.iter().map(|link| serde_json::from_str(&link.record).unwrap()).collect()
    }

    /// Waits until the trail says why somebody was refused.
    async fn refused_because(&self, reason: &str) {
        soon(reason, async || {
            let records = self.records().await;
            let said = |record: &Value| record["reason"].as_str().is_some_and(|said| said.contains(reason));
            records.iter().any(said).then_some(())
        })
        .await;
    }
}

fn label() -> FactorLabel {
    "blue key".to_owned().try_into().unwrap()
}

fn answer(key: &Authenticator, asked: &Asked) -> Answer {
    Answer { credential: key.shown(&asked.options), question: asked.question.clone() }
}

where_others_reach_in! {
    async fn a_passkey_lets_its_owner_in_once_for_each_question_on_whichever_node(house: Storehouse) {
        let (one, other) = (Node::open(&house).await, Node::open(&house).await);
        let Enrolled { key, codes, id, .. } = one.enrol_passkey(Authenticator::at(SITE)).await;
        assert_eq!(codes.len(), 10, "with the first thing that one enrols");
        assert!(matches!(other.enters(None).await, Err(SignInError::PasskeyRequired(_))));
        for _ in 0..4 {
            let (who, asked) = one.asked().await;
            let answer = answer(&key, &asked);
            let (first, second) = tokio::join!(one.shows(&who, &answer, BROWSER), other.shows(&who, &answer, BROWSER));
            assert_eq!(u8::from(first.is_ok()) + u8::from(second.is_ok()), 1, "{first:?} {second:?}");
            assert!(is_refused(&first) || is_refused(&second), "{first:?} {second:?}");
            assert!(is_refused(&other.shows(&who, &answer, BROWSER).await), "nor ever again");
            let signed_in = first.or(second).unwrap();
            assert_eq!(signed_in.caller.assurance.proved.unwrap().by, FactorUsed::Passkey);
        }
        one.refused_because("the passkey was refused: its answer had been shown before").await;
        let records = one.records().await;
        let entered = records.iter().find(|record| record["action"] == "sign_in" && record["outcome"] == "success");
        let changes = &entered.unwrap()["changes"];
        assert_eq!(
            (&changes["second_factor"], &changes["second_factor_id"], &changes["second_factor_label"]),
            (&json!("passkey"), &json!(id), &json!("blue key"))
        );
        // Who has lost it has codes, at a program as well.
        let code = codes[0].expose_secret();
        assert!(one.enters(Some(code)).await.is_ok() && is_refused(&one.enters(Some(code)).await));
    }

    async fn nothing_but_the_very_answer_counts(house: Storehouse) {
        let node = Node::open(&house).await;
        let Enrolled { mut key, .. } = node.enrol_passkey(Authenticator::at(SITE)).await;
        let refuses = async |key: &Authenticator, what: &str| {
            house.clock.advance(3_600);
            assert!(is_refused(&node.enters_by(key).await), "{what}");
        };
        let pages = ["https://evil.example", "http://broker.corp.example", "https://broker.corp.example:8443",
                     "https://x.broker.corp.example", "https://corp.example"];
        for page in pages {
            key.origin = page.to_owned();
            refuses(&key, page).await;
        }
        SITE.clone_into(&mut key.origin);
        for site in ["corp.example", "evil.example", SITE] {
            key.rp_id = site.to_owned();
            refuses(&key, site).await;
        }
        "broker.corp.example".clone_into(&mut key.rp_id);
        key.verified = false;
        refuses(&key, "its owner was not asked for a PIN").await;
        key.verified = true;
        key.kind = "webauthn.create";
        refuses(&key, "it is no signature in").await;
        key.kind = "webauthn.get";
        for around in [json!({ "crossOrigin": true }), json!({ "crossOrigin": false, "topOrigin": "https://evil.example" })] {
            key.around = around;
            refuses(&key, "within a page of another's").await;
        }
        key.around = json!({ "crossOrigin": false });
        node.refused_because("the passkey was refused: it was asked for within a page of another site's").await;
        refuses(&Authenticator::at(SITE), "another key").await;
        node.refused_because("the passkey was refused: The clients relying party origin does not match").await;

        house.clock.advance(3_600);
        let (_, asked) = node.asked().await;
        let text = answer(&key, &asked).credential;
        let rubbish: Vec<String> = [
            String::new(), "{}".to_owned(), "null".to_owned(), "\u{202e}".repeat(100), "[".repeat(16_384), "x".repeat(16_385),
            text[..text.len() / 2].to_owned(), text.replace("signature\":\"", "signature\":\"AAAA"), text.replace("rawId\":\"", "rawId\":\"AAAA"),
            text.replace("authenticatorData\":\"", "authenticatorData\":\"AAAA"), text.replace("clientDataJSON\":\"", "clientDataJSON\":\"AAAA"),
        ].to_vec();
        for credential in rubbish {
            house.clock.advance(1_800);
            let (who, asked) = node.asked().await;
            let answer = Answer { credential, question: asked.question };
            assert!(is_refused(&node.shows(&who, &answer, BROWSER).await), "{}", answer.credential);
        }
    }

    /// Each of these would be right in its own place.
    async fn a_question_is_of_one_person_one_browser_or_session_and_five_minutes(house: Storehouse) {
        let node = Node::open(&house).await;
        let Enrolled { key, session, .. } = node.enrol_passkey(Authenticator::at(SITE)).await;
        let bobs = node.enrol_passkey_of("bob", Authenticator::at(SITE)).await.key;
        let person = node.person(&session).await;
        let (who, asked) = node.asked().await;
        let in_a_session = node.sign_in.ways_of(&person).await.unwrap().passkey.asked().unwrap();
        let to_enrol = node.sign_in.begin_passkey(&person).await.unwrap();
        let (bob, of_bob) = node.asked_as("bob", BROWSER).await;
        let (_, elsewhere) = node.asked_as("ada", b"another browser").await;
        let (_, on_another_page) = node.asked().await;
        let good = answer(&key, &asked);
        let mixed = Answer { question: on_another_page.question, ..good.clone() };
        let cut = Answer { question: asked.question[1..].to_owned(), ..good.clone() };
        let mut hands = house.hands().await;
        let long = Answer { question: "A".repeat(40_000), ..good.clone() };
        for (what, wrong) in [
            ("of a session", answer(&key, &in_a_session)),
            ("to enrol one", answer(&key, &to_enrol)),
            ("of another browser", answer(&key, &elsewhere)),
            ("of another person", answer(&bobs, &of_bob)),
            ("another person's key", answer(&bobs, &asked)),
            ("on another page", mixed),
            ("cut", cut),
            ("long", long),
        ] {
            // Nobody is to be refused for having been refused.
            hands.run("DELETE FROM throttles").await;
            assert!(is_refused(&node.shows(&who, &wrong, BROWSER).await), "{what}");
        }
        hands.run("DELETE FROM throttles").await;
        let origin = origin();
        let at_the_door = node.sign_in.step_up_by_passkey(&person, &Shown::Bearer(session), &good, (ADDRESS, &origin)).await;
        assert!(at_the_door.is_err(), "at the door");
        node.shows(&who, &good, BROWSER).await.unwrap();
        node.shows(&bob, &answer(&bobs, &of_bob), BROWSER).await.unwrap();
        node.refused_because("the passkey was refused: the question was somebody else's").await;
        let (who, asked) = node.asked().await;
        house.clock.advance(300);
        for _ in 0..20 {
            let late = node.shows(&who, &answer(&key, &asked), BROWSER).await;
            assert!(matches!(late, Err(SignInError::TookTooLong)), "five minutes, and no guess: {late:?}");
        }
        node.refused_because("the passkey was refused: the question is over").await;
        node.enters_by(&key).await.unwrap();
    }

    async fn a_key_whose_counter_goes_back_is_taken_for_a_copy(house: Storehouse) {
        let node = Node::open(&house).await;
        let mut key = Authenticator::at(SITE);
        key.counter = 7;
        let Enrolled { mut key, .. } = node.enrol_passkey(key).await;
        for (counter, is_good) in [(7, false), (0, false), (6, false), (8, true), (8, false), (5, false), (40, true), (39, false), (0, false)] {
            key.counter = counter;
            assert_eq!(node.enters_by(&key).await.is_ok(), is_good, "{counter}");
            house.clock.advance(1_800);
        }
        node.refused_because("the passkey was refused: its counter did not go forward, so there may be a copy of it").await;
        // Two at once with the same counter, to questions of their own.
        key.counter = 50;
        let (who, one) = node.asked().await;
        let (_, another) = node.asked().await;
        let (one, another) = (answer(&key, &one), answer(&key, &another));
        let (first, second) = tokio::join!(node.shows(&who, &one, BROWSER), node.shows(&who, &another, BROWSER));
        assert_eq!(u8::from(first.is_ok()) + u8::from(second.is_ok()), 1, "{first:?} {second:?}");
    }

    async fn a_passkey_that_was_taken_away_is_no_good_though_it_was_asked_for(house: Storehouse) {
        let node = Node::open(&house).await;
        let Enrolled { key, session, id, .. } = node.enrol_passkey(Authenticator::at(SITE)).await;
        let (_, other) = node.add_passkey(&session, Authenticator::at(SITE)).await;
        let (who, asked) = node.asked().await;
        let person = node.person(&session).await;
        node.sign_in.remove_second_factor(&person, &Shown::Bearer(session), id, &origin()).await.unwrap();
        assert!(is_refused(&node.shows(&who, &answer(&key, &asked), BROWSER).await));
        node.refused_because("the passkey was refused: it is not enrolled, or not any more").await;
        node.enters_by(&other).await.unwrap();
    }

    async fn an_enrolment_ends_once_in_its_session_and_with_a_key_that_is_not_there(house: Storehouse) {
        let node = Node::open(&house).await;
        let Enrolled { key, session, .. } = node.enrol_passkey(Authenticator::at(SITE)).await;
        let (shown, person) = (Shown::Bearer(session.clone()), node.person(&session).await);
        let add = async |answer: &Answer| node.sign_in.add_passkey(&person, &shown, answer, label(), &origin()).await;
        let asked = node.sign_in.begin_passkey(&person).await.unwrap();
        let again = Answer { credential: key.made(&asked.options), question: asked.question.clone() };
        assert!(matches!(add(&again).await.unwrap_err(), FactorError::Passkey(_)), "it is enrolled");
        let mut wrong = Authenticator::at("https://evil.example");
        "broker.corp.example".clone_into(&mut wrong.rp_id);
        let mut unverified = Authenticator::at(SITE);
        unverified.verified = false;
        for key in [wrong, unverified] {
            let answer = Answer { credential: key.made(&asked.options), question: asked.question.clone() };
            assert!(matches!(add(&answer).await.unwrap_err(), FactorError::Passkey(_)), "{key:?}");
        }
        let second = Authenticator::at(SITE);
        let answer = Answer { credential: second.made(&asked.options), question: asked.question.clone() };
        add(&answer).await.unwrap();
        let third = Answer { credential: Authenticator::at(SITE).made(&asked.options), question: asked.question };
        assert!(matches!(add(&third).await.unwrap_err(), FactorError::EndedBefore));
        // A question to show one is none to make one; and none of another session, or of a quarter of an hour ago.
        let ways = node.sign_in.ways_of(&person).await.unwrap().passkey.asked().unwrap();
        let mixed = Answer { credential: Authenticator::at(SITE).made(&ways.options), question: ways.question };
        assert!(matches!(add(&mixed).await.unwrap_err(), FactorError::Passkey(_)));
        let elsewhere = Shown::Cookie(node.enters_by(&second).await.unwrap().token);
        let elsewhere = node.sign_in.authenticate(&elsewhere, ADDRESS, &origin()).await.unwrap();
        let Caller::Person(elsewhere) = elsewhere else { panic!("{elsewhere:?}") };
        let asked = node.sign_in.begin_passkey(&elsewhere).await.unwrap();
        let stolen = Answer { credential: Authenticator::at(SITE).made(&asked.options), question: asked.question };
        assert!(matches!(add(&stolen).await.unwrap_err(), FactorError::Passkey(_)));
        let asked = node.sign_in.begin_passkey(&person).await.unwrap();
        let late = Answer { credential: Authenticator::at(SITE).made(&asked.options), question: asked.question };
        house.clock.advance(15 * 60);
        let person = node.person(&session).await;
        assert!(matches!(node.sign_in.begin_passkey(&person).await.unwrap_err(), FactorError::OldProof));
        let way = node.sign_in.ways_of(&person).await.unwrap().passkey.asked().unwrap();
        let (answer, origin) = (self::answer(&second, &way), origin());
        let step_up = async || node.sign_in.step_up_by_passkey(&person, &shown, &answer, (ADDRESS, &origin)).await;
        step_up().await.unwrap();
        assert!(step_up().await.is_err(), "once");
        let person = node.person(&session).await;
        let added = node.sign_in.add_passkey(&person, &shown, &late, label(), &origin).await;
        assert!(matches!(added.unwrap_err(), FactorError::Passkey(_)), "a quarter of an hour");
    }

    async fn the_page_carries_no_keys_and_what_an_authenticator_says_of_its_make_is_not_read(house: Storehouse) {
        let node = Node::open(&house).await;
        let mut key = Authenticator::at(SITE);
        // A chain of certificates that are none.
        key.statement = b"\x63fmt\x63tpm\x67attStmt\xa1\x63x5c\x82\x43\x30\x82\xff\x41\x00";
        let Enrolled { key, .. } = node.enrol_passkey(key).await;
        let (who, asked) = node.asked().await;
        assert!(asked.options.contains(&key.id()), "the browser has to know which");
        let carried = asked.question.split('.').next().unwrap();
        let carried = String::from_utf8(URL_SAFE_NO_PAD.decode(carried).unwrap()).unwrap();
        assert!(carried.contains("challenge") && !carried.contains(&key.id()) && carried.len() < 1_000, "{carried}");
        node.shows(&who, &answer(&key, &asked), BROWSER).await.unwrap();
    }

    async fn one_that_opens_no_more_keeps_nobody_out(house: Storehouse) {
        let both = [("k1", 1), ("k2", 2)];
        let before = Node::over(&house, house.open_keyed(&both, "k1").await.unwrap());
        let Enrolled { key: lost, session, codes, id } = before.enrol_passkey(Authenticator::at(SITE)).await;
        let (_, good) = before.add_passkey(&session, Authenticator::at(SITE)).await;
        let mut hands = house.hands().await;
        hands.run(&format!("CREATE TABLE kept AS SELECT * FROM second_factors WHERE id = '{id}'")).await;
        let node = Node::over(&house, house.open_keyed(&both, "k2").await.unwrap());
        node.administration.rekey(&Administrator::on_the_host("root"), |_| ()).await.unwrap();
        hands
            .run(&format!(
                "UPDATE second_factors SET sealed = (SELECT sealed FROM kept), mac = (SELECT mac FROM kept) WHERE id = '{id}'"
            ))
            .await;
        let only = Node::over(&house, house.open_keyed(&[("k2", 2)], "k2").await.unwrap());
        let (who, asked) = only.asked().await;
        assert!(asked.options.contains(&good.id()) && !asked.options.contains(&lost.id()), "{asked:?}");
        assert!(is_refused(&only.shows(&who, &answer(&lost, &asked), BROWSER).await));
        only.enters_by(&good).await.unwrap();
        let session = only.enters(Some(codes[1].expose_secret())).await.unwrap().token;
        only.add_passkey(&session, Authenticator::at(SITE)).await;
        let enrolled = only.sign_in.second_factors_of(&only.person(&session).await).await.unwrap();
        for factor in enrolled.factors.iter().filter(|factor| factor.id != id) {
            let person = only.person(&session).await;
            only.sign_in.remove_second_factor(&person, &Shown::Bearer(session.clone()), factor.id, &origin()).await.unwrap();
        }
        // With that one alone left the page still comes, without it.
        let Err(SignInError::PasskeyRequired(who)) = only.enters(None).await else { panic!("it counts") };
        assert_eq!(only.sign_in.ways_on(&who, BROWSER).await.unwrap().passkey, ByPasskey::Off);
        let by_code = only.enters(Some(codes[0].expose_secret())).await.unwrap().token;
        let person = only.person(&by_code).await;
        only.sign_in.remove_second_factor(&person, &Shown::Bearer(by_code), id, &origin()).await.unwrap();
        only.enters(None).await.unwrap();
    }

    async fn a_passkey_of_another_name_of_the_brokers_is_not_asked_for(house: Storehouse) {
        let node = Node::open(&house).await;
        let Enrolled { key, codes, .. } = node.enrol_passkey(Authenticator::at(SITE)).await;
        let moved = Node::at("https://moved.corp.example", &house, house.open().await);
        let Err(SignInError::PasskeyRequired(who)) = moved.enters(None).await else { panic!("it counts") };
        assert_eq!(moved.sign_in.ways_on(&who, BROWSER).await.unwrap().passkey, ByPasskey::Off);
        let session = moved.enters(Some(codes[0].expose_secret())).await.unwrap().token;
        let (_, new) = moved.add_passkey(&session, Authenticator::at("https://moved.corp.example")).await;
        moved.enters_by(&new).await.unwrap();
        node.enters_by(&key).await.unwrap();
    }

    async fn a_passkey_goes_to_another_master_key(house: Storehouse) {
        let both = [("k1", 1), ("k2", 2)];
        let before = Node::over(&house, house.open_keyed(&both, "k1").await.unwrap());
        let Enrolled { key, .. } = before.enrol_passkey(Authenticator::at(SITE)).await;
        let node = Node::over(&house, house.open_keyed(&both, "k2").await.unwrap());
        let rekeyed = node.administration.rekey(&Administrator::on_the_host("root"), |_| ()).await.unwrap();
        assert_eq!((rekeyed.moved, rekeyed.left), (2, Vec::new()));
        let only = Node::over(&house, house.open_keyed(&[("k2", 2)], "k2").await.unwrap());
        only.enters_by(&key).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_that_is_known_by_an_address_says_that_it_takes_none() {
    let world = World::open().await;
    let log = world.brokerd.log();
    assert!(log.contains("passkeys are off: they need a public URL whose host is a name"), "{log}");
}
