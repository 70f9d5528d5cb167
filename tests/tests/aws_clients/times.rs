//! When codes and tokens are over, by a clock that a story owns, on each engine.

use std::collections::BTreeSet;

use broker_core::caller::Caller;
use broker_core::oauth::{AuthorizeError, DeviceError, GrantError, Tokens};
use broker_core::sign_in::{AuthenticateError, Shown};
use broker_core::store::Store;
use broker_core::trail::Origin;
use secrecy::ExposeSecret;
use tests::stores::Storehouse;

use crate::desk::{ADDRESS, Desk, origin};

tests::on_every_engine! {
    async fn a_code_holds_for_a_minute(house: Storehouse) {
        let desk = Desk::open(house).await;
        let (early, late) = (desk.code().await.unwrap(), desk.code().await.unwrap());
        desk.house.clock.advance(59);
        assert!(desk.redeem(&early).await.is_ok());
        desk.house.clock.advance(1);
        let over = desk.redeem(&late).await.unwrap_err();
        assert!(matches!(over, GrantError::InvalidGrant(_)), "{over:?}");
        desk.house.clock.advance(3_601);
        desk.clients.sweep().await.unwrap();
        assert!(matches!(desk.redeem(&late).await, Err(GrantError::InvalidGrant(reason)) if reason.contains("no such code")));
    }

    async fn a_replaced_refresh_token_counts_for_another_minute(house: Storehouse) {
        let desk = Desk::open(house).await;
        let first = desk.tokens().await;
        let second = desk.refresh(&first).await.unwrap();
        desk.house.clock.advance(59);
        let again = desk.refresh(&first).await.unwrap();
        assert_eq!(again.refresh_token.expose_secret(), second.refresh_token.expose_secret());
        assert!(desk.opens(&again).await && desk.opens(&second).await);
        desk.house.clock.advance(1);
        assert!(matches!(desk.refresh(&first).await, Err(GrantError::InvalidGrant(_))));
        assert!(!desk.opens(&second).await, "an old one that comes back ends the family");
        assert!(desk.refresh(&second).await.is_err());
    }

    async fn processes_that_renew_again_and_again_never_end_their_own_sign_in(house: Storehouse) {
        let desk = Desk::open(house).await;
        let first = desk.tokens().await;
        // Less than a quarter of an hour is left, so that each call of theirs renews: with what they read in the same file, some of it a moment ago.
        for _ in 0..4 {
            desk.house.clock.advance(1_600);
            assert!(desk.sign_in.authenticate(&Shown::Cookie(desk.token.clone()), ADDRESS, &origin()).await.is_ok());
        }
        let (mut read, mut current) = (first, None);
        for _ in 0..3 {
            let renewed = desk.refresh(&read).await.unwrap();
            let expected = renewed.refresh_token.expose_secret();
            for seconds in [0, 30, 29] {
                desk.house.clock.advance(seconds);
                for shown in [&renewed, &read, &renewed] {
                    assert_eq!(desk.refresh(shown).await.unwrap().refresh_token.expose_secret(), expected);
                }
            }
            assert_ne!(current.replace(expected.to_owned()), current, "the next minute gives another one");
            desk.house.clock.advance(1);
            read = renewed;
        }
        assert!(desk.opens(&read).await);
    }

    async fn an_access_token_holds_for_an_hour_and_never_longer_than_its_session(house: Storehouse) {
        let desk = Desk::open(house).await;
        let first = desk.tokens().await;
        assert_eq!(first.expires_in_seconds, 3_600);
        for seconds in [1_000, 1_000, 1_000, 599] {
            desk.house.clock.advance(seconds);
            assert!(desk.opens(&first).await);
        }
        desk.house.clock.advance(1);
        assert!(!desk.opens(&first).await);
        let second = desk.refresh(&first).await.unwrap();
        assert!(desk.opens(&second).await);
        // Two hours are all that a session has here.
        for seconds in [1_500, 1_500] {
            desk.house.clock.advance(seconds);
            assert!(desk.opens(&second).await);
        }
        let third = desk.refresh(&second).await.unwrap();
        assert_eq!(third.expires_in_seconds, 600);
        desk.house.clock.advance(599);
        assert!(desk.opens(&third).await);
        desk.house.clock.advance(1);
        assert!(!desk.opens(&third).await);
        assert!(matches!(desk.refresh(&third).await, Err(GrantError::InvalidGrant(_))));
    }

    async fn a_token_that_was_read_a_moment_ago_is_over_when_its_hour_is(house: Storehouse) {
        let desk = Desk::open(house).await;
        let shown = Shown::Portal(desk.tokens().await.access_token);
        let recognised = async || desk.sign_in.recognise(&shown, ADDRESS, &origin()).await;
        // Her session goes on, and has been asked about just now.
        for seconds in [1_790, 1_790] {
            desk.house.clock.advance(seconds);
            assert!(desk.sign_in.authenticate(&Shown::Cookie(desk.token.clone()), ADDRESS, &origin()).await.is_ok());
        }
        assert!(recognised().await.unwrap().by_memory.is_none());
        assert!(recognised().await.unwrap().by_memory.is_some());
        desk.house.clock.advance(20);
        let over = recognised().await;
        assert!(matches!(over, Err(AuthenticateError::Unauthenticated)), "{over:?}");
    }

    async fn a_client_that_is_used_keeps_its_session_from_idling_and_one_that_is_not_does_not(house: Storehouse) {
        let desk = Desk::open(house).await;
        let tokens = desk.tokens().await;
        for _ in 0..3 {
            desk.house.clock.advance(1_000);
            assert!(desk.opens(&tokens).await);
        }
        let tokens = desk.refresh(&tokens).await.unwrap();
        desk.house.clock.advance(1_800);
        assert!(!desk.opens(&tokens).await && desk.refresh(&tokens).await.is_err());
    }

    async fn no_client_can_allow_another(house: Storehouse) {
        let mut desk = Desk::open(house).await;
        let tokens = desk.tokens().await;
        let shown = Shown::Portal(tokens.access_token.clone());
        let Ok(Caller::Person(client)) = desk.sign_in.authenticate(&shown, ADDRESS, &origin()).await else { panic!() };
        desk.ada = client;
        assert!(matches!(desk.code().await, Err(AuthorizeError::NotAPerson)));
    }

    async fn a_session_that_ended_gives_no_code(house: Storehouse) {
        let desk = Desk::open(house).await;
        let entry = tests::stores::entry(broker_core::trail::Action::SignOut);
        let end = vec![Store::end_session(desk.ada.session)];
        desk.trail.take_away(end, broker_core::trail::Vec1::new(entry)).await.unwrap();
        assert!(matches!(desk.code().await, Err(AuthorizeError::SessionOver)));
    }

    async fn a_new_epoch_ends_all_of_it(house: Storehouse) {
        let desk = Desk::open(house).await;
        let (tokens, code) = (desk.tokens().await, desk.code().await.unwrap());
        let seen = desk.store.epoch_as_stored().await.unwrap();
        desk.store.know_epoch(seen.proved().unwrap().next(desk.ada.signed_in_at));
        assert!(!desk.opens(&tokens).await);
        assert!(desk.refresh(&tokens).await.is_err() && desk.redeem(&code).await.is_err());
    }
    async fn a_device_code_holds_for_ten_minutes_and_a_yes_for_one(house: Storehouse) {
        let desk = Desk::open(house).await;
        let (early, late) = (desk.device().await, desk.device().await);
        desk.house.clock.advance(200);
        desk.clients.allow_device(&desk.ada, &early.user_code, &origin()).await.unwrap();
        desk.house.clock.advance(59);
        assert!(desk.ask_device(&early).await.is_ok());
        desk.clients.allow_device(&desk.ada, &late.user_code, &origin()).await.unwrap();
        desk.house.clock.advance(60);
        assert!(matches!(desk.ask_device(&late).await, Err(GrantError::InvalidGrant(_))));
        let third = desk.device().await;
        desk.house.clock.advance(600);
        assert!(matches!(desk.ask_device(&third).await, Err(GrantError::Expired)));
        desk.house.clock.advance(3_601);
        desk.clients.sweep().await.unwrap();
        assert!(matches!(desk.ask_device(&third).await, Err(GrantError::InvalidGrant(_))));
    }

    async fn only_somebody_who_has_just_signed_in_lets_a_device_in(house: Storehouse) {
        let desk = Desk::open(house).await;
        desk.house.clock.advance(299);
        let device = desk.device().await;
        assert!(desk.clients.device(&desk.ada, &device.user_code).await.is_ok());
        desk.house.clock.advance(1);
        let late = desk.clients.allow_device(&desk.ada, &device.user_code, &origin()).await;
        assert!(matches!(late, Err(DeviceError::SignInTooOld)), "{late:?}");
        assert!(matches!(desk.ask_device(&device).await, Err(GrantError::Pending)));
    }

    async fn a_device_that_asks_too_often_is_told_to_slow_down(house: Storehouse) {
        let desk = Desk::open(house).await;
        let device = desk.device().await;
        for expected in ["Pending", "Pending", "SlowDown", "SlowDown"] {
            assert_eq!(format!("{:?}", desk.ask_device(&device).await.unwrap_err()), expected);
        }
        for _ in 0..3 {
            desk.house.clock.advance(5);
            assert!(matches!(desk.ask_device(&device).await, Err(GrantError::Pending)));
        }
    }

    async fn one_address_has_no_more_than_fifty_devices_waiting(house: Storehouse) {
        let desk = Desk::open(house).await;
        for _ in 0..50 {
            desk.device().await;
        }
        assert!(matches!(desk.clients.begin_device(&desk.client(), &origin()).await, Err(DeviceError::TooMany)));
        desk.house.clock.advance(601);
        desk.device().await;
    }

    async fn a_network_of_ipv6_is_one_address(house: Storehouse) {
        let desk = Desk::open(house).await;
        let begins = async |address: &str| {
            let origin = Origin { client_address: Some(address.to_owned()), ..origin() };
            desk.clients.begin_device(&desk.client(), &origin).await
        };
        for number in 0..50 {
            begins(&format!("2001:db8:1:2::{number:x}")).await.unwrap();
        }
        assert!(matches!(begins("2001:db8:1:2:ffff::1").await, Err(DeviceError::TooMany)));
        begins("2001:db8:1:3::1").await.unwrap();
        begins("192.0.2.1").await.unwrap();
    }

    async fn who_may_let_in_no_devices_any_more_has_none_that_goes_on(house: Storehouse) {
        let desk = Desk::open(house).await;
        let device = desk.device().await;
        desk.clients.allow_device(&desk.ada, &device.user_code, &origin()).await.unwrap();
        let (elsewhere, near) = (desk.ask_device(&device).await.unwrap(), desk.tokens().await);
        let waiting = desk.device().await;
        desk.clients.allow_device(&desk.ada, &waiting.user_code, &origin()).await.unwrap();
        for groups in [BTreeSet::new(), ["corp/others".to_owned().try_into().unwrap()].into()] {
            let clients = desk.clients_for(groups);
            let renewed = async |tokens: &Tokens| {
                clients.refresh(&desk.client(), &tokens.refresh_token, &origin()).await
            };
            let refused = renewed(&elsewhere).await.unwrap_err();
            assert!(matches!(refused, GrantError::InvalidGrant(reason) if reason.contains("aws_clients.device_groups")));
            let late = clients.redeem_device(&desk.client(), &waiting.device_code, &origin()).await;
            assert!(matches!(late, Err(GrantError::InvalidGrant(_))), "{late:?}");
            renewed(&near).await.unwrap();
        }
        desk.refresh(&elsewhere).await.unwrap();
    }
}
