//! When what `aws login` got is over, by a clock that a story owns, on each engine.

use std::sync::Arc;

use broker_core::caller::{Caller, PersonCaller};
use broker_core::clock::Clock;
use broker_core::entitlement::{Entitlement, Rules};
use broker_core::oauth::{
    Callback, Challenge, DpopError, LoginAsked, LoginClient, LoginError, LoginGrant, LoginRedirect, LoginShown,
};
use broker_core::trail::Origin;
use secrecy::{ExposeSecret, SecretString};
use tests::stores::{Storehouse, connector};

use crate::desk::{Desk, origin};
use crate::program::{CALLBACK, CHALLENGE, VERIFIER};
use tests::dpop::{DpopKey, claims_of};

const BROKER: &str = "https://broker.corp.example";

/// `aws login` at somebody's desk.
pub(crate) struct Login {
    pub(crate) desk: Desk,
    key: DpopKey,
}

impl Login {
    pub(crate) async fn at(house: Storehouse) -> Self {
        Self { desk: Desk::open(house).await, key: DpopKey::new() }
    }

    async fn code(&self) -> SecretString {
        let ada = self.desk.ada.clone();
        let entitlement = entitlement(&ada);
        let redirect = LoginRedirect::Callback(Callback::parse(CALLBACK).unwrap());
        let asked = LoginAsked::new(LoginClient::SameDevice, redirect, Challenge::parse(CHALLENGE).unwrap());
        let code = self.desk.clients.authorize_login(&ada, &asked, &entitlement, None, &origin()).await;
        code.unwrap().into_value().0
    }

    /// A proof made now.
    fn proof(&self) -> String {
        self.key.signed(&self.key.header(), &claims_of(BROKER, self.desk.house.clock.now()))
    }

    fn shown<'o>(&self, proof: &str, origin: &'o Origin) -> Result<LoginShown<'o>, LoginError> {
        let proof = self.desk.clients.login_proof(Some(proof), &format!("{BROKER}/v1/token"), origin)?;
        Ok(LoginShown { client: LoginClient::SameDevice, proof, origin })
    }

    async fn granted(&self, code: &SecretString) -> Result<LoginGrant, LoginError> {
        let origin = origin();
        let (shown, verifier) = (self.shown(&self.proof(), &origin)?, SecretString::from(VERIFIER));
        self.desk.clients.login_by_code(shown, code, CALLBACK, &verifier).await
    }

    async fn renewed_by(&self, token: &SecretString, proof: &str) -> Result<SecretString, LoginError> {
        let origin = origin();
        let grant = self.desk.clients.login_by_token(self.shown(proof, &origin)?, token).await?;
        Ok(self.desk.clients.settle(grant, &origin).await?.into_value())
    }

    pub(crate) async fn renewed(&self, token: &SecretString) -> Result<SecretString, LoginError> {
        self.renewed_by(token, &self.proof()).await
    }

    pub(crate) async fn token(&self) -> SecretString {
        let grant = self.granted(&self.code().await).await.unwrap();
        self.desk.clients.settle(grant, &origin()).await.unwrap().into_value()
    }
}

fn entitlement(ada: &PersonCaller) -> Entitlement {
    let rules = Rules { administrators_use_every_connector: false };
    Entitlement::prove(&Caller::Person(ada.clone()), &Arc::new(connector("deploy", "main")), rules).unwrap()
}

tests::on_every_engine! {
    async fn a_code_of_aws_login_holds_for_a_minute_and_is_taken_last(house: Storehouse) {
        let login = Login::at(house).await;
        let (early, late) = (login.code().await, login.code().await);
        login.desk.house.clock.advance(59);
        // What fails before there are credentials takes nothing: the client may ask once more.
        login.granted(&early).await.unwrap();
        let grant = login.granted(&early).await.unwrap();
        assert_eq!(grant.connector.name.as_str(), "deploy");
        let token = login.desk.clients.settle(grant, &origin()).await.unwrap().into_value();
        assert!(login.renewed(&token).await.is_ok());
        login.desk.house.clock.advance(1);
        assert!(matches!(login.granted(&late).await, Err(LoginError::Code(reason)) if reason.contains("holds for a minute")));
    }

    async fn of_two_who_have_shown_a_code_at_once_neither_keeps_anything(house: Storehouse) {
        let login = Login::at(house).await;
        let code = login.code().await;
        let (one, other) = (login.granted(&code).await.unwrap(), login.granted(&code).await.unwrap());
        let token = login.desk.clients.settle(one, &origin()).await.unwrap().into_value();
        let late = login.desk.clients.settle(other, &origin()).await;
        assert!(matches!(late, Err(LoginError::Code(_))), "{late:?}");
        assert!(matches!(login.renewed(&token).await, Err(LoginError::Over(_))));
    }

    async fn a_replaced_token_of_aws_login_counts_for_another_minute(house: Storehouse) {
        let login = Login::at(house).await;
        let first = login.token().await;
        let second = login.renewed(&first).await.unwrap();
        login.desk.house.clock.advance(59);
        assert_eq!(login.renewed(&first).await.unwrap().expose_secret(), second.expose_secret());
        login.desk.house.clock.advance(1);
        assert!(matches!(login.renewed(&first).await, Err(LoginError::Over(_))));
        assert!(matches!(login.renewed(&second).await, Err(LoginError::Over(_))), "an old one ends the family");
    }

    async fn a_proof_counts_once_and_for_a_minute(house: Storehouse) {
        let login = Login::at(house).await;
        let (token, proof, unused) = (login.token().await, login.proof(), login.proof());
        let token = login.renewed_by(&token, &proof).await.unwrap();
        let again = login.renewed_by(&token, &proof).await;
        assert!(matches!(again, Err(LoginError::Proof(DpopError::Used))), "{again:?}");
        login.desk.house.clock.advance(60);
        let token = login.renewed_by(&token, &unused).await.unwrap();
        login.desk.house.clock.advance(1);
        let late = login.renewed_by(&token, &unused).await;
        assert!(matches!(late, Err(LoginError::Proof(DpopError::Clock(61)))), "{late:?}");
    }

    async fn two_who_have_shown_the_same_proof_at_once_get_one_answer(house: Storehouse) {
        let login = Login::at(house).await;
        let (token, proof, origin) = (login.token().await, login.proof(), origin());
        let shown = || login.shown(&proof, &origin).unwrap();
        let one = login.desk.clients.login_by_token(shown(), &token).await.unwrap();
        let other = login.desk.clients.login_by_token(shown(), &token).await.unwrap();
        login.desk.clients.settle(one, &origin).await.unwrap();
        let late = login.desk.clients.settle(other, &origin).await;
        assert!(matches!(late, Err(LoginError::Proof(DpopError::Used))), "{late:?}");
    }
}
