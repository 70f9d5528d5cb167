//! The steps of a directory's work, told as they end to whoever watches: for an operator's test. Nobody watches the daemon's own.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::Instant;

/// Where steps are told; nowhere by default, which costs nothing.
#[derive(Clone, Debug, Default)]
pub struct Watch(Option<Telling>);

#[derive(Clone, Debug)]
struct Telling {
    to: UnboundedSender<Seen>,
    server: Option<Arc<str>>,
}

/// A step that has ended.
#[derive(Clone, Debug)]
pub struct Seen {
    /// The address of the server that it is about; nothing where it is about all of them.
    pub server: Option<Arc<str>>,
    pub step: Step,
    pub took: Duration,
    pub outcome: Result<Told, Failed>,
}

/// What is done. No password is in any of it; names and filters are as they go to the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// The server's name is looked up.
    Resolve {
        host: String,
    },
    Connect,
    StartTls,
    /// The certificate must be for this name.
    Tls {
        name: String,
    },
    /// With our own credential; without a name, none is needed.
    ServiceBind {
        dn: Option<String>,
    },
    /// The server is asked about itself.
    Root,
    Search {
        base: String,
        scope: &'static str,
        filter: String,
    },
    /// Somebody's password is shown to the server.
    Password {
        of: String,
    },
    /// All that is asked for somebody's groups, in this way.
    Groups {
        by: &'static str,
    },
    /// From now on the server is asked last, for so long.
    Rest {
        seconds: u64,
    },
    /// A question to Crowd: the method and the path, without what is asked.
    Ask {
        method: String,
        path: String,
    },
}

/// What came of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    Done,
    Addresses(Vec<IpAddr>),
    Connected(SocketAddr),
    Secured(Secured),
    About(About),
    Entries {
        count: usize,
        /// How many requests that took.
        pages: usize,
        /// The names of the first of them.
        first: Vec<String>,
    },
    Groups(usize),
    /// What is made of the server's answer to a password, and the answer.
    Verdict {
        verdict: String,
        said: String,
    },
    /// An answer by HTTP.
    Answer {
        status: u16,
        from: Option<SocketAddr>,
        certificate: Option<Vec<u8>>,
    },
}

/// A connection under TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Secured {
    pub version: Option<String>,
    pub cipher: Option<String>,
    /// The server's own, in DER.
    pub certificate: Option<Vec<u8>>,
}

/// What a server says of itself (RFC 4512, 5.1).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct About {
    pub vendor: Option<String>,
    pub version: Option<String>,
    /// What the server calls itself.
    pub host: Option<String>,
    /// It gives entries page by page (RFC 2696).
    pub pages: bool,
    /// It tells what the password policy has to say (draft-behera-ldap-password-policy-10).
    pub password_policy: bool,
    /// It says that it is Active Directory, and so knows `tokenGroups` and the rule for chains.
    pub active_directory: bool,
}

/// Why a step came to nothing, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failed {
    pub said: String,
    /// Empty where what is said says it.
    pub advice: &'static str,
}

/// A step that has begun. Given up, it ended without an answer in time.
#[derive(Debug)]
pub(super) struct Doing<'a>(Option<Begun<'a>>);

#[derive(Debug)]
struct Begun<'a> {
    telling: &'a Telling,
    step: Step,
    began: Instant,
}

impl Watch {
    /// Begins to watch.
    pub fn begin() -> (Self, UnboundedReceiver<Seen>) {
        let (to, seen) = unbounded_channel();
        (Self(Some(Telling { to, server: None })), seen)
    }

    pub(super) fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// The same, about one server.
    pub(super) fn of(&self, server: &impl ToString) -> Self {
        let telling = |telling: &Telling| Telling { server: Some(server.to_string().into()), ..telling.clone() };
        Self(self.0.as_ref().map(telling))
    }

    /// Begins a step, whose end is to be told.
    pub(super) fn begins(&self, step: impl FnOnce() -> Step) -> Doing<'_> {
        Doing(self.0.as_ref().map(|telling| Begun { telling, step: step(), began: Instant::now() }))
    }

    /// Does the work, and tells how it ended.
    pub(super) async fn doing<T, E>(
        &self,
        step: impl FnOnce() -> Step,
        work: impl Future<Output = Result<T, E>>,
        told: impl FnOnce(&T) -> Told,
    ) -> Result<T, E>
    where
        for<'a> Failed: From<&'a E>,
    {
        let doing = self.begins(step);
        let outcome = work.await;
        doing.ended(&outcome, told);
        outcome
    }

    /// Tells what takes no time.
    pub(super) fn notes(&self, step: impl FnOnce() -> Step) {
        self.begins(step).tell(Ok(Told::Done));
    }
}

impl Doing<'_> {
    pub(super) fn ended<T, E>(mut self, outcome: &Result<T, E>, told: impl FnOnce(&T) -> Told)
    where
        for<'a> Failed: From<&'a E>,
    {
        if self.0.is_some() {
            self.tell(outcome.as_ref().map(told).map_err(Failed::from));
        }
    }

    fn tell(&mut self, outcome: Result<Told, Failed>) {
        let Some(Begun { telling, step, began }) = self.0.take() else { return };
        let seen = Seen { server: telling.server.clone(), step, took: began.elapsed(), outcome };
        // Whoever does not watch any more misses nothing.
        let _ = telling.to.send(seen);
    }
}

impl Drop for Doing<'_> {
    fn drop(&mut self) {
        self.tell(Err(Failed { said: "no answer in time".to_owned(), advice: SILENT }));
    }
}

const SILENT: &str = "see whether the server is overloaded or hangs, and what firewalls between here and there drop; the time limits are `connect_timeout_seconds`, `operation_timeout_seconds` and `deadline_seconds`";

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    struct Oops;

    impl From<&Oops> for Failed {
        fn from(_: &Oops) -> Self {
            Self { said: "oops".to_owned(), advice: "mend it" }
        }
    }

    #[tokio::test]
    async fn a_step_is_told_once_however_it_ends() {
        let (watch, mut seen) = Watch::begin();
        let server = watch.of(&"ldap://127.0.0.1");
        assert_eq!(server.doing(|| Step::Connect, async { Ok::<_, Oops>(7) }, |_| Told::Done).await.ok(), Some(7));
        assert!(watch.doing(|| Step::Root, async { Err::<u8, _>(Oops) }, |_| Told::Done).await.is_err());
        let hangs = watch.doing(|| Step::StartTls, std::future::pending::<Result<u8, Oops>>(), |_| Told::Done);
        assert!(tokio::time::timeout(Duration::from_millis(1), hangs).await.is_err());
        drop((watch, server));
        let mut told = Vec::new();
        while let Some(Seen { server, step, outcome, .. }) = seen.recv().await {
            told.push((server.is_some(), step, outcome.map_err(|failed| failed.said)));
        }
        let late = Err("no answer in time".to_owned());
        assert_eq!(
            told,
            [
                (true, Step::Connect, Ok(Told::Done)),
                (false, Step::Root, Err("oops".to_owned())),
                (false, Step::StartTls, late)
            ]
        );
    }
}
