//! The machine's time.

use jiff::Timestamp;

#[expect(clippy::disallowed_methods, reason = "the one place where this program looks at the clock")]
pub(crate) fn now() -> Timestamp {
    Timestamp::now()
}
