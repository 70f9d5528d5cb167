//! An authenticator on a telephone, by which people show a second factor.

use broker_core::second_factor::Seed;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use crate::world::{Asker, now};

/// What somebody has enrolled.
#[derive(Debug)]
pub struct Phone {
    pub seed: Seed,
    pub id: Value,
    /// With the first one that somebody enrols.
    pub recovery_codes: Vec<String>,
}

impl Phone {
    /// Enrols one in somebody's session, by its code of this moment.
    pub async fn enrol(asker: &Asker) -> Self {
        Self::enrol_by(asker, |seed| seed.code_at(now()).unwrap()).await
    }

    /// The same, where a daemon goes by another clock.
    pub async fn enrol_by(asker: &Asker, code: impl Fn(&Seed) -> String) -> Self {
        let begun = asker.post("/v1/account/enrolments", &json!({})).await.good();
        let seed = Seed::read(SecretString::from(begun["secret"].as_str().unwrap())).unwrap();
        let body = json!({ "enrolment": begun["enrolment"], "otp": code(&seed), "label": "phone" });
        let added = asker.post("/v1/account/second-factors", &body).await;
        assert_eq!((added.status, added.header("cache-control")), (201, Some("no-store")), "{}", added.text);
        let added = added.json();
        let codes = added["recovery_codes"].as_array().into_iter().flatten();
        let recovery_codes = codes.map(|code| code.as_str().unwrap().to_owned()).collect();
        Self { seed, id: added["second_factor"]["id"].clone(), recovery_codes }
    }

    pub fn secret(&self) -> String {
        self.seed.text().expose_secret().to_owned()
    }
}
