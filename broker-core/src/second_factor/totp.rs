//! Codes of the moment (TOTP, RFC 6238): six digits, every half minute others, as every authenticator reckons them.

use aws_lc_rs::rand;
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use totp_rs::{Algorithm, Builder, Secret, Totp};
use zeroize::Zeroizing;

use crate::vault::SealBroken;

/// The secret that an authenticator shares with us: 160 bits (RFC 4226, section 4, R6), in base32.
pub struct Seed(SecretString);

/// The text is not the secret of an authenticator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not the secret of an authenticator")]
pub struct UnfitSeed;

impl Seed {
    /// A new one, from the operating system's randomness.
    pub fn generate() -> Result<Self, SealBroken> {
        let mut bytes = Zeroizing::new([0; BYTES]);
        rand::fill(&mut *bytes).map_err(|_| SealBroken::Damaged)?;
        Ok(Self(SecretString::from(Secret::new(Box::new(*bytes)).to_base32())))
    }

    /// Reads what [`text`](Self::text) gave.
    pub fn read(text: SecretString) -> Result<Self, UnfitSeed> {
        match Secret::try_from_base32(text.expose_secret()) {
            Ok(secret) if secret.as_bytes().len() == BYTES => Ok(Self(text)),
            Ok(_) | Err(_) => Err(UnfitSeed),
        }
    }

    /// For whoever types it into an authenticator.
    pub fn text(&self) -> &SecretString {
        &self.0
    }

    /// For an authenticator's camera: where it is used, by whom, and the secret itself.
    pub fn uri(&self, issuer: &str, username: &str) -> Result<SecretString, UnfitSeed> {
        // Neither may have a colon: it stands between them.
        let [issuer, username] = [issuer, username].map(|text| text.replace(':', "_"));
        let totp = self.builder()?.with_issuer(Some(issuer)).with_account_name(username).build();
        let uri = totp.and_then(|totp| totp.to_url()).map_err(|_| UnfitSeed)?;
        Ok(SecretString::from(uri))
    }

    /// The step of time that a code is of: the present one, the one before, or the next, since clocks differ. Each code is compared in one time.
    pub fn step_of(&self, code: &str, now: Timestamp) -> Option<i64> {
        let seconds = u64::try_from(now.as_second()).ok()?;
        let step = self.totp().ok()?.check(code, seconds)?;
        i64::try_from(step).ok()
    }

    /// The code of a moment, as an authenticator shows it.
    pub fn code_at(&self, now: Timestamp) -> Result<String, UnfitSeed> {
        let seconds = u64::try_from(now.as_second()).map_err(|_| UnfitSeed)?;
        Ok(self.totp()?.generate(seconds).to_string())
    }

    fn totp(&self) -> Result<Totp, UnfitSeed> {
        self.builder()?.build().map_err(|_| UnfitSeed)
    }

    fn builder(&self) -> Result<Builder, UnfitSeed> {
        let secret = Secret::try_from_base32(self.0.expose_secret()).map_err(|_| UnfitSeed)?;
        let builder = Builder::new().with_algorithm(Algorithm::SHA1).with_digits(6).with_skew(1).with_step_duration(30);
        Ok(builder.with_secret(secret))
    }
}

impl std::fmt::Debug for Seed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Seed").finish_non_exhaustive()
    }
}

const BYTES: usize = 20;

#[cfg(test)]
mod tests {
    use super::*;

    /// The secret of RFC 6238, appendix B: "12345678901234567890".
    const OF_THE_RFC: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn codes_are_those_of_the_rfc() {
        let seed = Seed::read(SecretString::from(OF_THE_RFC)).unwrap();
        // The last six digits of the eight of appendix B.
        for (second, code, step) in
            [(59, "287082", 1), (1_111_111_109, "081804", 37_037_036), (20_000_000_000, "353130", 666_666_666)]
        {
            assert_eq!(seed.code_at(at(second)).unwrap(), code);
            assert_eq!(seed.step_of(code, at(second)), Some(step));
        }
    }

    #[test]
    fn a_clock_may_be_half_a_minute_wrong_and_no_more() {
        let seed = Seed::read(SecretString::from(OF_THE_RFC)).unwrap();
        let code = seed.code_at(at(3_000)).unwrap();
        let good = [2_969, 2_970, 3_029, 3_059, 3_060].map(|now| seed.step_of(&code, at(now)).is_some());
        assert_eq!(good, [false, true, true, true, false]);
        for rubbish in ["", "28708", "2870822", "+28708", "abcdef", "２８７０８２"] {
            assert_eq!(seed.step_of(rubbish, at(59)), None, "{rubbish}");
        }
    }

    #[test]
    fn an_address_for_cameras_names_the_installation_and_the_person() {
        let seed = Seed::read(SecretString::from(OF_THE_RFC)).unwrap();
        let uri = seed.uri("broker.corp.example", "ada:l").unwrap();
        let expected =
            format!("otpauth://totp/broker.corp.example:ada_l?secret={OF_THE_RFC}&issuer=broker.corp.example");
        assert_eq!(uri.expose_secret(), expected);
    }

    #[test]
    fn only_a_whole_secret_is_one() {
        for text in ["", "GEZDGNBV", "not base32!", &OF_THE_RFC.repeat(2)] {
            assert!(Seed::read(SecretString::from(text)).is_err(), "{text}");
        }
        assert_eq!(Seed::generate().unwrap().text().expose_secret().len(), 32);
    }
}
