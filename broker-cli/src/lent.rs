//! Temporary credentials, each part parsed into what it must be before it reaches a shell, a file or a program.

use std::fmt;

use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret, SecretString};
use serde::{Serialize, Serializer};

use crate::name::ConnectorName;
use crate::text::Text;

#[derive(Clone, Debug)]
pub(crate) struct Lent {
    pub(crate) connector: ConnectorName,
    pub(crate) access_key_id: AccessKeyId,
    pub(crate) secret_access_key: Token,
    pub(crate) session_token: Token,
    pub(crate) expiration: Timestamp,
    pub(crate) account_id: Option<AccountId>,
    pub(crate) arn: Option<Arn>,
    /// The audit record's id.
    pub(crate) vend_id: Text,
    /// Whether the broker gave these before.
    pub(crate) reused: bool,
}

/// Credentials that are given again for as long as they have enough of their life.
#[derive(Clone, Debug)]
pub(crate) struct Kept {
    pub(crate) lent: Lent,
    /// Whole seconds: with so much left, who asks is given others.
    pub(crate) enough: i64,
    /// Whole seconds, and more than those: with so much left, who has time fetches the next.
    pub(crate) early: i64,
}

impl Kept {
    /// Those that came now. AWS lends for no less than 15 minutes: of so short a life, half is enough, or they would never be given again.
    pub(crate) fn since(lent: Lent, now: Timestamp) -> Self {
        let life = lent.seconds_left(now);
        let is_short = !lent.reused && life <= ENOUGH + NEAR;
        Self { enough: if is_short { life / 2 } else { ENOUGH }, early: EARLY.min(life * 2 / 3), lent }
    }

    /// Those that came of an MFA device's code, which somebody typed: they are given again while they live, and nobody can fetch the next.
    pub(crate) fn by_a_code(lent: Lent) -> Self {
        Self { lent, enough: NEAR, early: 0 }
    }

    pub(crate) fn is_good(&self, now: Timestamp) -> bool {
        self.lent.seconds_left(now) > self.enough
    }

    /// Whether the next are to be fetched now, by somebody who has time.
    pub(crate) fn is_due(&self, now: Timestamp) -> bool {
        self.due() <= now
    }

    /// From when on they are.
    pub(crate) fn due(&self) -> Timestamp {
        let end = self.lent.expiration;
        end.saturating_sub(SignedDuration::from_secs(self.early)).unwrap_or(end)
    }

    /// Whether they are of use at all: good for a call that is made now.
    pub(crate) fn lives(&self, now: Timestamp) -> bool {
        self.lent.seconds_left(now) > NEAR
    }
}

/// `ASIA` and 16 more; its alphabet, whatever its length.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub(crate) struct AccessKeyId(String);

/// Twelve digits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub(crate) struct AccountId(String);

/// `arn:aws:sts::111111111111:assumed-role/deploy/ada`
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub(crate) struct Arn(String);

/// A secret of printable ASCII: no space, no line break.
#[derive(Clone, Debug)]
pub(crate) struct Token(SecretString);

impl TryFrom<broker_api::Credentials> for Lent {
    type Error = &'static str;

    fn try_from(told: broker_api::Credentials) -> Result<Self, Self::Error> {
        Ok(Self {
            connector: told.connector.parse().map_err(|_| "connector")?,
            access_key_id: AccessKeyId::parse(told.access_key_id)?,
            secret_access_key: Token::parse(told.secret_access_key).ok_or("secret_access_key")?,
            session_token: Token::parse(told.session_token).ok_or("session_token")?,
            expiration: told.expiration,
            account_id: told.account_id.map(AccountId::parse).transpose()?,
            arn: told.arn.map(Arn::parse).transpose()?,
            vend_id: Text::of(&told.vend_id),
            reused: told.reused,
        })
    }
}

impl Lent {
    /// Whole seconds of life that are left.
    pub(crate) fn seconds_left(&self, now: Timestamp) -> i64 {
        self.expiration.as_second() - now.as_second()
    }

    /// Key id, secret and session token, to sign with.
    pub(crate) fn keys(&self) -> (&str, &str, &str) {
        (&self.access_key_id.0, self.secret_access_key.expose(), self.session_token.expose())
    }

    /// The variables by which AWS's clients take them.
    pub(crate) fn variables(&self) -> [(&'static str, String); 4] {
        [
            ("AWS_ACCESS_KEY_ID", self.access_key_id.0.clone()),
            ("AWS_SECRET_ACCESS_KEY", self.secret_access_key.expose().to_owned()),
            ("AWS_SESSION_TOKEN", self.session_token.expose().to_owned()),
            ("AWS_CREDENTIAL_EXPIRATION", self.expiration.to_string()),
        ]
    }

    /// In the broker's own JSON.
    pub(crate) fn in_full(&self) -> broker_api::Credentials {
        broker_api::Credentials {
            access_key_id: self.access_key_id.0.clone(),
            secret_access_key: self.secret_access_key.0.clone(),
            session_token: self.session_token.0.clone(),
            expiration: self.expiration,
            connector: self.connector.to_string(),
            arn: self.arn.as_ref().map(ToString::to_string),
            account_id: self.account_id.as_ref().map(|id| id.0.clone()),
            packed_policy_size: None,
            vend_id: self.vend_id.to_string(),
            reused: self.reused,
        }
    }

    /// As AWS's clients fetch them from a container's or a machine's agent.
    pub(crate) fn for_fetching(&self) -> broker_api::ContainerCredentials {
        broker_api::ContainerCredentials {
            access_key_id: self.access_key_id.0.clone(),
            secret_access_key: self.secret_access_key.0.clone(),
            token: self.session_token.0.clone(),
            expiration: self.expiration,
            account_id: self.account_id.as_ref().map(|id| id.0.clone()),
        }
    }

    /// As an AWS `credential_process` prints them.
    pub(crate) fn for_process(&self) -> broker_api::CredentialProcess {
        broker_api::CredentialProcess {
            version: 1,
            access_key_id: self.access_key_id.0.clone(),
            secret_access_key: self.secret_access_key.0.clone(),
            session_token: self.session_token.0.clone(),
            expiration: self.expiration,
            account_id: self.account_id.as_ref().map(|id| id.0.clone()),
        }
    }
}

impl AccessKeyId {
    fn parse(text: String) -> Result<Self, &'static str> {
        let fits =
            (16..=128).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
        if fits { Ok(Self(text)) } else { Err("access_key_id") }
    }
}

impl AccountId {
    pub(crate) fn parse(text: String) -> Result<Self, &'static str> {
        let fits = text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit());
        if fits { Ok(Self(text)) } else { Err("account_id") }
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl Arn {
    pub(crate) fn parse(text: String) -> Result<Self, &'static str> {
        let fits = text.starts_with("arn:") && text.len() <= 2_048 && text.bytes().all(|b| b.is_ascii_graphic());
        if fits { Ok(Self(text)) } else { Err("arn") }
    }
}

impl fmt::Display for Arn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Token {
    pub(crate) fn parse(secret: SecretString) -> Option<Self> {
        let text = secret.expose_secret();
        let fits = (16..=LONGEST).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
        fits.then_some(Self(secret))
    }

    pub(crate) fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

/// Where a secret leaves in clear: for our own sealed and private files.
impl Serialize for Token {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.expose())
    }
}

/// With 15 minutes left, AWS's CLI and boto3 ask again for each call.
pub(crate) const ENOUGH: i64 = 15 * 60;
/// Some minutes before boto3 and the AWS CLI come back, who are the first to.
const EARLY: i64 = ENOUGH + 5 * 60;
/// What two clocks may be apart, and a call may take.
pub(crate) const NEAR: i64 = 60;
/// AWS's session tokens have some hundreds of bytes, with many tags a few thousand.
const LONGEST: usize = 32 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_life_is_given_again_for_half_of_it() {
        let now: Timestamp = "2026-01-02T03:00:00Z".parse().unwrap();
        let after = |seconds: i64| Timestamp::from_second(now.as_second() + seconds).unwrap();
        let good = |reused, life, at| {
            let told = broker_api::Credentials { expiration: after(life), reused, ..told() };
            Kept::since(Lent::try_from(told).unwrap(), now).is_good(after(at))
        };
        assert!(good(false, 900, 449) && !good(false, 900, 450));
        assert!(good(false, 3_600, 2_699) && !good(false, 3_600, 2_700));
        assert!(!good(true, 900, 0), "the rest of a longer life is not given again");
    }

    #[test]
    fn the_next_are_fetched_before_anybody_comes_for_them() {
        let now: Timestamp = "2026-01-02T03:00:00Z".parse().unwrap();
        let after = |seconds: i64| Timestamp::from_second(now.as_second() + seconds).unwrap();
        let kept = |reused, life| {
            let told = broker_api::Credentials { expiration: after(life), reused, ..told() };
            Kept::since(Lent::try_from(told).unwrap(), now)
        };
        for (reused, life, due) in [(false, 3_600, 2_400), (true, 3_600, 2_400), (false, 900, 300), (true, 600, 200)] {
            let kept = kept(reused, life);
            assert!(!kept.is_due(after(due - 1)) && kept.is_due(after(due)), "{life}: {kept:?}");
        }
        let kept = kept(false, 900);
        assert!(kept.lives(after(839)) && !kept.lives(after(840)), "a call takes its time");
    }

    #[test]
    fn what_came_of_a_code_is_given_again_while_it_lives_and_no_next_is_fetched() {
        let now: Timestamp = "2026-01-02T03:00:00Z".parse().unwrap();
        let after = |seconds: i64| Timestamp::from_second(now.as_second() + seconds).unwrap();
        let told = broker_api::Credentials { expiration: after(3_600), ..told() };
        let kept = Kept::by_a_code(Lent::try_from(told).unwrap());
        assert!(kept.is_good(after(3_539)) && !kept.is_good(after(3_540)));
        assert!(kept.lives(after(3_539)) && !kept.is_due(after(3_599)), "{kept:?}");
    }

    #[test]
    fn only_credentials_are_credentials() {
        assert!(Lent::try_from(told()).is_ok());
        let bad: [(&str, Spoil); 8] = [
            ("access_key_id", |told| told.access_key_id = "ASIA; rm -rf /; AAAA".to_owned()),
            ("access_key_id", |told| told.access_key_id.clear()),
            ("secret_access_key", |told| told.secret_access_key = "".into()),
            ("secret_access_key", |told| told.secret_access_key = "wJalrXUtnFEMI\nAWS_PROFILE=x".into()),
            ("session_token", |told| told.session_token = "a b c d e f g h i j k".into()),
            ("session_token", |told| told.session_token = "\u{1b}[2Jxxxxxxxxxxxxxxxx".into()),
            ("account_id", |told| told.account_id = Some("11111111111x".to_owned())),
            ("arn", |told| told.arn = Some("arn:aws:sts::1:x\u{202e}".to_owned())),
        ];
        for (field, spoil) in bad {
            let mut told = told();
            spoil(&mut told);
            assert_eq!(Lent::try_from(told).unwrap_err(), field);
        }
        let told = broker_api::Credentials { connector: "../x".to_owned(), ..told() };
        assert_eq!(Lent::try_from(told).unwrap_err(), "connector");
    }

    type Spoil = fn(&mut broker_api::Credentials);

    fn told() -> broker_api::Credentials {
        broker_api::Credentials {
            access_key_id: "ASIAIOSFODNN7EXAMPLE".to_owned(),
            secret_access_key: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY".into(),
            session_token: "IQoJb3JpZ2luX2VjEXAMPLETOKEN==".into(),
            expiration: "2026-01-02T03:04:05Z".parse().unwrap(),
            connector: "deploy".to_owned(),
            arn: Some("arn:aws:sts::111111111111:assumed-role/deploy/ada".to_owned()),
            account_id: Some("111111111111".to_owned()),
            packed_policy_size: None,
            vend_id: "0192".to_owned(),
            reused: false,
        }
    }
}
