//! One-time codes: a device's serial number and the six digits that it shows.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use super::Request;
use super::fields::{Check, SERIAL_NUMBER, TOKEN_CODE};
use crate::caller::Caller;
use crate::params::Params;
use crate::refusal::Refusal;

/// `SerialNumber` and `TokenCode` as they came.
#[derive(Debug)]
pub(crate) struct MfaRequest {
    serial_number: Option<String>,
    code: Option<String>,
}

impl MfaRequest {
    pub(crate) fn read(params: &mut Params, check: &mut Check) -> Self {
        let serial_number = check.optional("serialNumber", params.take("SerialNumber"), SERIAL_NUMBER);
        let code = check.optional("tokenCode", params.take("TokenCode"), TOKEN_CODE);
        Self { serial_number, code }
    }

    /// Whether the caller has shown a code: both or neither must be given, and the code must be right.
    pub(crate) fn prove(self, request: &Request<'_>) -> Result<bool, Refusal> {
        let (serial_number, code) = match (self.serial_number, self.code) {
            (None, None) => return Ok(false),
            (Some(serial_number), Some(code)) => (serial_number, code),
            (Some(_), None) | (None, Some(_)) => {
                return Err(failed(", must provide both MFA serial number and one time pass code."));
            }
        };
        let device = match request.caller {
            Caller::User { arn, .. } => request.world.users.get(arn).and_then(|user| user.mfa.as_ref()),
            Caller::Root { .. } | Caller::Session(_) => None,
        };
        match device {
            Some((serial, codes)) if *serial == serial_number => {
                let is_right = codes.contains(&code) && request.cloud.used_codes.take(serial_number, code);
                is_right.then_some(true).ok_or_else(|| failed(" with invalid MFA one time pass code."))
            }
            Some(_) | None => Err(failed(
                ", unable to validate MFA code. Please verify your MFA serial number is valid \
                                          and associated with this user.",
            )),
        }
    }
}

/// The codes that were taken, of each device: none is taken twice.
#[derive(Debug, Default)]
pub(crate) struct UsedCodes(Mutex<HashSet<(String, String)>>);

impl UsedCodes {
    /// Whether the code had not been used yet. It has now.
    fn take(&self, serial_number: String, code: String) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert((serial_number, code))
    }
}

fn failed(why: &str) -> Refusal {
    Refusal::access_denied(format!("MultiFactorAuthentication failed{why}"))
}
