//! What can go wrong between us and Crowd, told to whoever runs the broker. Nothing that the server sent is repeated.

use reqwest::StatusCode;

use super::said::Reason;
use crate::directory::Failed;
use crate::file::with_causes;

/// Why a question has no usable answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum Trouble {
    #[error("no connection to it: {0}")]
    Connect(String),
    #[error("no connection to it a moment ago")]
    KnownOutage,
    #[error("no answer in time")]
    Timeout,
    #[error("the connection broke")]
    Broken,
    #[error("it answers with more than {}", super::answer::MOST_SHOWN)]
    TooMuch,
    /// Told in plain text, before anything else is looked at.
    #[error(
        "it does not take the broker's own name and password (401): give `application` and `password` as Crowd's administration has them under Applications"
    )]
    OwnCredential,
    #[error(
        "it takes no requests from this machine's address (403): add the address to the application's Remote addresses in Crowd's administration"
    )]
    AddressNotListed,
    #[error(
        "it leads elsewhere ({0}), and nobody follows: give as `url` where Crowd itself answers, by https and with its path"
    )]
    Redirect(StatusCode),
    #[error(
        "nothing of Crowd's is there ({0}): `url` is Crowd's base URL with its path, such as https://crowd.corp.example/crowd"
    )]
    NotThere(StatusCode),
    #[error("it fails ({0}): look at Crowd's own log")]
    Fails(StatusCode),
    #[error("it answers ({0}) with something else than JSON: `url` may lead to a proxy, or to another program")]
    NotJson(StatusCode),
    #[error("its JSON is cut, or is not what Crowd answers")]
    Malformed,
    #[error("it refuses the question ({0}): {1}")]
    Refused(StatusCode, Reason),
    #[error("it does not give the groups page by page")]
    Paging,
    #[error("asked for one person, it answers with another")]
    AnotherPerson,
    #[error("no answer within {0} seconds, all questions together")]
    Deadline(u64),
}

impl From<&Trouble> for Failed {
    fn from(trouble: &Trouble) -> Self {
        let advice = match trouble {
            Trouble::Connect(_) | Trouble::KnownOutage => {
                "see whether Crowd runs and listens there, whether a firewall lets this machine reach it, and whether `ca_file` has the certificate of the authority that signed its own"
            }
            Trouble::Timeout | Trouble::Deadline(_) => {
                "see whether Crowd, or a directory behind it, is overloaded or hangs; the limits are `operation_timeout_seconds` and `deadline_seconds`"
            }
            Trouble::Broken => "look into Crowd's own log, and into that of a proxy before it",
            Trouble::TooMuch | Trouble::Malformed | Trouble::Paging | Trouble::AnotherPerson => {
                "see whether it is Crowd that answers at `url`, and no other program"
            }
            Trouble::Refused(..) => "see in Crowd's own log why it refuses that to this application",
            // Their own words say it.
            Trouble::OwnCredential
            | Trouble::AddressNotListed
            | Trouble::Redirect(_)
            | Trouble::NotThere(_)
            | Trouble::Fails(_)
            | Trouble::NotJson(_) => "",
        };
        Self { said: with_causes(trouble), advice }
    }
}
