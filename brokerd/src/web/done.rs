//! What a page says was done just now: the way there carries a keyed hash, so that nobody is told it by an address that somebody else wrote.

use broker_core::id::SessionId;
use broker_core::vault::Purpose;

use crate::app::App;

/// Something that one of our pages says was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Done {
    /// The password is another one.
    PasswordChanged,
    /// A program on another machine was refused.
    ProgramRefused,
}

impl Done {
    /// For the address of the page that says so; good in this session alone, and for a minute.
    pub(crate) fn proof(self, app: &App, session: SessionId) -> String {
        let at = app.clock.now().as_second();
        let mac = app.store.seals().mac(Purpose::Form, &[self.label(), session.as_bytes(), &at.to_be_bytes()]);
        format!("{at}.{}", hex::encode(mac))
    }

    /// Whether it was done in this session, and just now.
    pub(crate) fn is_proved(self, app: &App, session: SessionId, proof: &str) -> bool {
        let Some((at, mac)) = proof.split_once('.') else { return false };
        let (Ok(at), Ok(mac)) = (at.parse::<i64>(), hex::decode(mac)) else { return false };
        let parts: [&[u8]; 3] = [self.label(), session.as_bytes(), &at.to_be_bytes()];
        let age = app.clock.now().as_second().saturating_sub(at);
        app.store.seals().verify(Purpose::Form, &parts, &mac) && age <= MAX_AGE_SECONDS
    }

    /// Keeps these hashes apart from each other, and from those of forms.
    fn label(self) -> &'static [u8] {
        match self {
            Self::PasswordChanged => b"password changed",
            Self::ProgramRefused => b"program refused",
        }
    }
}

/// Long enough to be led to the page, and to load it once more.
const MAX_AGE_SECONDS: i64 = 60;
