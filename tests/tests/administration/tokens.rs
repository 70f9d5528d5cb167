//! Service tokens are made, used and revoked.

use std::net::IpAddr;
use std::num::NonZeroU32;

use broker_core::administration::{NewServiceToken, Proof, ServiceTokenError, TokenIdentifier};
use broker_core::caller::{AdminGroups, Caller};
use broker_core::clock::{Clock, after};
use broker_core::id::{RequestId, ServiceTokenId};
use broker_core::sign_in::{AuthenticateError, LONGEST_SIGN_IN, Settings, Shown, SignIn};
use broker_core::trail::{Action, Origin};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use tests::stores::Storehouse;

use super::{MAIN, Office, SECRET, by, new_key};

tests::where_others_reach_in! {
    async fn a_token_works_until_it_is_revoked_or_ends(house: Storehouse) {
        let office = Office::with_connectors(&house).await;
        let sign_in = office.sign_in(&house);
        let (text, token) = office.administration.create_service_token(wanted("ci", &["nightly"]), &by()).await.unwrap();
        assert!(text.expose_secret().starts_with("bkt_") && text.expose_secret().len() > 40);
        assert_eq!(token.expires_at, after(house.clock.now(), 90 * 86_400), "ninety days by default");
        let Ok(Caller::Service(caller)) = authenticate(&sign_in, &text).await else { panic!("it is good") };
        assert_eq!((caller.name.as_str(), caller.connectors.len()), ("ci", 1));

        let listed = office.administration.service_tokens(&by()).await.unwrap();
        assert_eq!(listed[0].terms, token.terms);
        let records = office.records(Action::ServiceTokenCreated).await;
        assert_eq!(records[0]["changes"]["connectors"], json!({ "to": ["nightly"] }));
        assert!(!records[0].to_string().contains(text.expose_secret()));

        let by_name = TokenIdentifier::Name("ci".to_owned().try_into().unwrap());
        let revoked = office.administration.revoke_service_token(&by_name, &by()).await.unwrap();
        assert!(revoked.recorded && revoked.id == token.id);
        assert!(matches!(authenticate(&sign_in, &text).await, Err(AuthenticateError::Unauthenticated)));
        let error = office.administration.revoke_service_token(&by_name, &by()).await.unwrap_err();
        assert!(matches!(error, ServiceTokenError::Unknown), "{error:?}");
        assert_eq!(office.records(Action::ServiceTokenRevoked).await.len(), 1);

        let (text, token) = office.administration.create_service_token(wanted("ci", &["nightly"]), &by()).await.unwrap();
        house.clock.advance(90 * 86_400);
        assert!(matches!(authenticate(&sign_in, &text).await, Err(AuthenticateError::Unauthenticated)), "it has ended");
        office.administration.revoke_service_token(&TokenIdentifier::Id(token.id), &by()).await.unwrap();
    }

    async fn a_token_is_for_system_connectors_that_are_there(house: Storehouse) {
        let office = Office::with_connectors(&house).await;
        let create = async |connectors: &[&str]| {
            office.administration.create_service_token(wanted("ci", connectors), &by()).await.unwrap_err()
        };
        assert!(matches!(create(&[]).await, ServiceTokenError::NoConnector));
        assert!(matches!(create(&["nightly", "no-such"]).await, ServiceTokenError::UnknownConnector(name) if name.as_str() == "no-such"));
        assert!(matches!(create(&["nightly", "deploy"]).await, ServiceTokenError::NotSystem(name) if name.as_str() == "deploy"));
        assert!(office.administration.service_tokens(&by()).await.unwrap().is_empty());
        assert!(office.records(Action::ServiceTokenCreated).await.is_empty());
    }

    async fn a_token_ends_within_a_year_and_has_a_name_of_its_own(house: Storehouse) {
        let office = Office::with_connectors(&house).await;
        let create = async |name: &str, seconds: u32| {
            let expires_at = Some(after(house.clock.now(), seconds));
            let new = NewServiceToken { expires_at, ..wanted(name, &["nightly"]) };
            office.administration.create_service_token(new, &by()).await
        };
        assert!(matches!(create("a", 0).await, Err(ServiceTokenError::Expiry)));
        assert!(matches!(create("a", 365 * 86_400 + 1).await, Err(ServiceTokenError::Expiry)));
        create("a", 1).await.unwrap();
        create("b", 365 * 86_400).await.unwrap();
        assert!(matches!(create("b", 60).await, Err(ServiceTokenError::Taken(name)) if name.as_str() == "b"));
    }

    async fn revoking_does_not_wait_for_the_trail(house: Storehouse) {
        let office = Office::with_connectors(&house).await;
        let sign_in = office.sign_in(&house);
        let (text, token) = office.administration.create_service_token(wanted("ci", &["nightly"]), &by()).await.unwrap();
        house.hands().await.run("ALTER TABLE trail RENAME TO trail_elsewhere").await;
        let by_id = TokenIdentifier::Id(token.id);
        let revoked = office.administration.revoke_service_token(&by_id, &by()).await.unwrap();
        assert!(!revoked.recorded);
        assert!(authenticate(&sign_in, &text).await.is_err());

        house.hands().await.run("ALTER TABLE trail_elsewhere RENAME TO trail").await;
        for _ in 0..200 {
            if !office.records(Action::ServiceTokenRevoked).await.is_empty() {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        panic!("it was never recorded");
    }

    async fn a_row_that_is_not_ours_can_still_be_revoked(house: Storehouse) {
        let office = Office::with_connectors(&house).await;
        let (_, token) = office.administration.create_service_token(wanted("ci", &["nightly"]), &by()).await.unwrap();
        house.hands().await.run("UPDATE service_tokens SET name = 'root'").await;
        let revoked = office.administration.revoke_service_token(&TokenIdentifier::Id(token.id), &by()).await.unwrap();
        assert_eq!(revoked.name, None);
        let nobody = TokenIdentifier::Id(ServiceTokenId::random());
        assert!(matches!(office.administration.revoke_service_token(&nobody, &by()).await, Err(ServiceTokenError::Unknown)));
    }
}

impl Office {
    /// With the connectors `deploy`, for people, and `nightly`, for jobs.
    pub(super) async fn with_connectors(house: &Storehouse) -> Self {
        let office = Self::open(house).await;
        office.administration.add_access_key(new_key("main", MAIN, SECRET), Proof::Skipped, &by()).await.unwrap();
        office.connector("deploy", "main", "user").await;
        office.connector("nightly", "main", "system").await;
        office
    }

    pub(super) fn sign_in(&self, house: &Storehouse) -> SignIn {
        let settings = Settings {
            idle_seconds: 600,
            absolute_seconds: 600,
            recheck_seconds: 300,
            sessions_per_person: NonZeroU32::MAX,
            sign_in_within: LONGEST_SIGN_IN,
            admin_groups: AdminGroups::default(),
        };
        SignIn::new(self.store.clone(), Vec::new(), self.trail.clone(), house.clock.clone(), settings)
    }
}

async fn authenticate(sign_in: &SignIn, token: &SecretString) -> Result<Caller, AuthenticateError> {
    let origin = Origin { request_id: RequestId::random(), client_address: None };
    sign_in.authenticate(&Shown::Bearer(token.clone()), IpAddr::from([127, 0, 0, 1]), &origin).await
}

pub(super) fn wanted(name: &str, connectors: &[&str]) -> NewServiceToken {
    NewServiceToken {
        name: name.to_owned().try_into().unwrap(),
        connectors: connectors.iter().map(|name| (*name).to_owned().try_into().unwrap()).collect(),
        expires_at: None,
        networks: Vec::new(),
    }
}
