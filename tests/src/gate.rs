//! A gate that admits everybody: for stories about a directory alone.

use async_trait::async_trait;
use broker_core::caller::Subject;
use broker_core::directory::{Gate, NotAdmitted, Password};
use secrecy::SecretString;

/// Lets the password out to whoever is found.
#[derive(Debug)]
pub struct OpenGate(Password);

impl OpenGate {
    pub fn before(password: &str) -> Self {
        Self(Password::parse(SecretString::from(password)).unwrap())
    }
}

#[async_trait]
impl Gate for OpenGate {
    async fn admit(&self, _: &Subject) -> Result<&Password, NotAdmitted> {
        Ok(&self.0)
    }
}
