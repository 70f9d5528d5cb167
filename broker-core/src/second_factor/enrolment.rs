//! An enrolment that has begun: the secret has been shown, and counts once a code proves that it has arrived. Nothing of it is kept: whoever goes
//! on brings it along, proved by a keyed hash.

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};

use super::Seed;
use crate::caller::Subject;
use crate::clock::{Millis, after};
use crate::id::{SecondFactorId, SessionId};
use crate::vault::{Purpose, Seals};

/// What an authenticator was told, for one person in one session, and only for a quarter of an hour.
#[derive(Debug)]
pub struct Beginning {
    /// That it will have; once it is there, the same enrolment cannot be ended again.
    pub id: SecondFactorId,
    pub seed: Seed,
    pub expires_at: Timestamp,
}

/// It is not of this session, or over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this enrolment is over, or not of this session: begin again")]
pub struct NotBegun;

impl Beginning {
    pub(crate) fn new(seed: Seed, now: Timestamp) -> Self {
        Self { id: SecondFactorId::random(), seed, expires_at: after(now, LIFE_SECONDS) }
    }

    /// As it is brought along. It has the secret in it, as the page that shows that has.
    pub fn text(&self, subject: &Subject, session: SessionId, seals: &Seals) -> SecretString {
        let (expires, seed) = (Millis::from(self.expires_at).0, self.seed.text().expose_secret());
        let mac = hex::encode(seals.mac(Purpose::Enrolment, &parts(self.id, seed, expires, subject, session).each()));
        SecretString::from(format!("{}.{seed}.{expires}.{mac}", self.id))
    }

    /// Reads what somebody brings.
    pub(crate) fn read(
        text: &SecretString,
        subject: &Subject,
        session: SessionId,
        seals: &Seals,
        now: Timestamp,
    ) -> Result<Self, NotBegun> {
        let fields: Vec<&str> = text.expose_secret().split('.').collect();
        let [id, seed, expires, mac] = fields[..] else { return Err(NotBegun) };
        let id: SecondFactorId = id.parse().map_err(|_| NotBegun)?;
        let expires: i64 = expires.parse().map_err(|_| NotBegun)?;
        let mac = hex::decode(mac).map_err(|_| NotBegun)?;
        let is_ours = seals.verify(Purpose::Enrolment, &parts(id, seed, expires, subject, session).each(), &mac);
        let expires_at = Timestamp::from(Millis(expires));
        if !is_ours || expires_at <= now {
            return Err(NotBegun);
        }
        let seed = Seed::read(SecretString::from(seed)).map_err(|_| NotBegun)?;
        Ok(Self { id, seed, expires_at })
    }
}

/// What the hash is over.
struct Parts<'a> {
    id: [u8; 16],
    seed: &'a str,
    expires: [u8; 8],
    subject: String,
    session: [u8; 16],
}

impl Parts<'_> {
    fn each(&self) -> [&[u8]; 5] {
        [&self.id, self.seed.as_bytes(), &self.expires, self.subject.as_bytes(), &self.session]
    }
}

fn parts<'a>(id: SecondFactorId, seed: &'a str, expires: i64, subject: &Subject, session: SessionId) -> Parts<'a> {
    let (id, session) = (*id.as_bytes(), *session.as_bytes());
    Parts { id, seed, expires: expires.to_be_bytes(), subject: subject.to_string(), session }
}

const LIFE_SECONDS: u32 = 15 * 60;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_enrolment_goes_on_for_its_person_in_its_session_and_in_time() {
        let seals = Seals::derive(&SecretString::from("one")).unwrap();
        let subject = |id: &str| Subject { directory: "corp".to_owned().try_into().unwrap(), id: id.to_owned() };
        let (ada, session, now) = (subject("1"), SessionId::random(), Timestamp::from_second(1_000_000).unwrap());
        let begun = Beginning::new(Seed::generate().unwrap(), now);
        let text = begun.text(&ada, session, &seals);
        let read = |text: &str, subject: &Subject, session, seconds| {
            let text = SecretString::from(text);
            Beginning::read(&text, subject, session, &seals, after(now, seconds)).map(|read| read.id)
        };
        let whole = text.expose_secret();
        assert_eq!(read(whole, &ada, session, 899), Ok(begun.id));
        assert_eq!(read(whole, &ada, session, 900), Err(NotBegun));
        assert_eq!(read(whole, &subject("2"), session, 0), Err(NotBegun));
        assert_eq!(read(whole, &ada, SessionId::random(), 0), Err(NotBegun));
        let other = Seed::generate().unwrap();
        let swapped = whole.replace(begun.seed.text().expose_secret(), other.text().expose_secret());
        for rubbish in ["", "...", &whole[1..], &swapped, &format!("{whole}.")] {
            assert_eq!(read(rubbish, &ada, session, 0), Err(NotBegun), "{rubbish}");
        }
    }
}
