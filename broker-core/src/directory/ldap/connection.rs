//! One connection to one server, with one operation at a time. Whoever fails on it drops it.

use std::pin::Pin;
use std::time::Duration;

use bytes::BytesMut;
use secrecy::{ExposeSecret, SecretString};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::answer::{Answer, Entry, Outcome};
use super::ber::Malformed;
use super::dial::dial;
use super::filter::Filter;
use super::password_policy;
use super::receive::{Budget, LARGE, SMALL, receive};
use super::request::{self, Amount, NO_ATTRIBUTES, PAGED_RESULTS, Scope, Search};
use super::server::{Security, Server};
use super::tls::Tls;
use super::trouble::{ADMIN_LIMIT, REFERRAL, SIZE_LIMIT, SUCCESS, TIME_LIMIT, Trouble};
use crate::directory::{About, Step, Told, Watch};

/// A connection of its own: it cannot be cloned, so what is bound on it is bound for its holder only.
pub(super) struct Connection {
    stream: Pin<Box<dyn Stream>>,
    /// What has been received and not been read.
    received: BytesMut,
    last_id: u32,
    /// A question was asked whose answer has not been read to its end.
    is_asked: bool,
    operation_timeout: Duration,
    watch: Watch,
}

trait Stream: AsyncRead + AsyncWrite + Send {}

impl<T: AsyncRead + AsyncWrite + Send> Stream for T {}

impl Connection {
    /// Connects, with TLS wherever the server's address is not plain. Nothing of ours has been said when this returns.
    pub(super) async fn open(
        server: &Server,
        tls: &Tls,
        connect_timeout: Duration,
        operation_timeout: Duration,
        watch: Watch,
    ) -> Result<Self, Trouble> {
        // Large, and seldom.
        let connected = Box::pin(Self::connect(server, tls, (connect_timeout, operation_timeout), watch));
        timeout(connect_timeout, connected).await.map_err(|_| Trouble::ConnectTimeout)?
    }

    async fn connect(
        server: &Server,
        tls: &Tls,
        (connect_timeout, operation_timeout): (Duration, Duration),
        watch: Watch,
    ) -> Result<Self, Trouble> {
        let tcp = dial(server, connect_timeout, &watch).await?;
        let stream: Pin<Box<dyn Stream>> = match &server.security {
            Security::Plain => Box::pin(tcp),
            Security::Tls(name) => Box::pin(tls.connect(name, tcp, &watch).await?),
            Security::StartTls(name) => {
                let tcp = watch.doing(|| Step::StartTls, start_tls(tcp), |_| Told::Done).await?;
                Box::pin(tls.connect(name, tcp, &watch).await?)
            }
        };
        Ok(Self { stream, received: BytesMut::new(), last_id: 0, is_asked: false, operation_timeout, watch })
    }

    /// Who watches what is done on it.
    pub(super) fn watch(&self) -> &Watch {
        &self.watch
    }

    /// Whether whatever was asked has been answered: who gives a question up in the middle leaves its answer to whoever comes next.
    pub(super) fn is_at_rest(&self) -> bool {
        !self.is_asked
    }

    /// Proves that the server still answers, whatever it says.
    pub(super) async fn prove_alive(&mut self) -> Result<(), Trouble> {
        // Told to nobody: a connection that has gone stale is given up in silence, and another one taken.
        match self.paged(&root(&[NO_ATTRIBUTES])).await {
            Ok(_) | Err(Trouble::SearchRefused(_)) => Ok(()),
            Err(trouble) => Err(trouble),
        }
    }

    /// Binds. The outcome says whether that worked; only the server's silence is trouble.
    pub(super) async fn bind(&mut self, dn: &str, password: &SecretString) -> Result<Outcome, Trouble> {
        let id = self.next_id();
        let request = request::bind(id, dn, password.expose_secret());
        timeout(self.operation_timeout, async {
            self.send(&request).await?;
            match self.answer(id, &mut SMALL.clone()).await? {
                Answer::Bound(outcome) => Ok(outcome),
                _ => Err(Malformed("a bind is answered with something else").into()),
            }
        })
        .await
        .map_err(|_| Trouble::Timeout)?
    }

    /// Searches, page by page. Never fewer entries than there are, except that two stand for any number above one where one is
    /// expected.
    pub(super) async fn search(&mut self, search: &Search) -> Result<Vec<Entry>, Trouble> {
        let watch = self.watch.clone();
        let doing = watch.begins(|| step(search));
        let found = self.paged(search).await;
        doing.ended(&found, told);
        found.map(|(entries, _)| entries)
    }

    /// The entries, and in how many pages they came.
    async fn paged(&mut self, search: &Search) -> Result<(Vec<Entry>, usize), Trouble> {
        let mut budget = LARGE.clone();
        let mut entries = Vec::new();
        let mut cookie = Vec::new();
        for page_number in 1..=MAX_PAGES {
            let limit = self.operation_timeout;
            let page = self.page(search, &cookie, &mut entries, &mut budget);
            let outcome = timeout(limit, page).await.map_err(|_| Trouble::Timeout)??;
            match (outcome.code, search.amount, outcome.cookie) {
                (SUCCESS, Amount::All { .. }, Some(next)) if !next.is_empty() => cookie = next,
                (SUCCESS, ..) => return Ok((entries, page_number)),
                (SIZE_LIMIT, Amount::One, _) if entries.len() > 1 => return Ok((entries, page_number)),
                (TIME_LIMIT | SIZE_LIMIT | ADMIN_LIMIT | REFERRAL, _, cookie) => {
                    return Err(Trouble::Incomplete(Outcome { cookie, ..outcome }));
                }
                (_, _, cookie) => return Err(Trouble::SearchRefused(Outcome { cookie, ..outcome })),
            }
        }
        Err(Trouble::TooMuch("any search should have pages"))
    }

    /// Whether the server says of itself that it is Active Directory, or its like (RFC 4512, 5.1).
    pub(super) async fn is_active_directory(&mut self) -> Result<bool, Trouble> {
        let found = self.search(&root(&[SUPPORTED_CAPABILITIES])).await?;
        Ok(found.iter().any(|root| has(root, SUPPORTED_CAPABILITIES, ACTIVE_DIRECTORY)))
    }

    /// What the server says of itself; nothing at all where it lets nobody read that.
    pub(super) async fn about(&mut self) -> Result<About, Trouble> {
        let watch = self.watch.clone();
        let doing = watch.begins(|| Step::Root);
        let found = self.paged(&root(ABOUT)).await;
        let about = found.map(|(found, _)| found.first().map_or_else(About::default, about));
        doing.ended(&about, |about| Told::About(about.clone()));
        about
    }

    /// Says farewell, if the server still listens.
    pub(super) async fn close(mut self) {
        let request = request::unbind(self.next_id());
        // Nothing depends on it: the connection is dropped either way.
        let _ = timeout(FAREWELL, self.send(&request)).await;
    }

    async fn page(
        &mut self,
        search: &Search,
        cookie: &[u8],
        entries: &mut Vec<Entry>,
        budget: &mut Budget,
    ) -> Result<Outcome, Trouble> {
        let id = self.next_id();
        self.is_asked = true;
        self.send(&request::search(id, search, cookie)).await?;
        loop {
            match self.answer(id, budget).await? {
                Answer::Found(entry) if entry.dn.is_empty() && !search.base.is_empty() => {
                    return Err(Malformed("an entry without a name").into());
                }
                Answer::Found(entry) if entries.len() < search.amount.most() => entries.push(entry),
                Answer::Found(_) => {
                    return Err(match search.amount {
                        Amount::One => Trouble::TooMuch("the two entries that were asked for"),
                        Amount::All { .. } => Trouble::TooManyEntries,
                    });
                }
                Answer::Elsewhere | Answer::Intermediate => {}
                Answer::SearchDone(outcome) => {
                    self.is_asked = false;
                    return Ok(outcome);
                }
                Answer::Bound(_) | Answer::Extended(_) => {
                    return Err(Malformed("a search is answered with something else").into());
                }
            }
        }
    }

    async fn send(&mut self, request: &[u8]) -> Result<(), Trouble> {
        self.stream.write_all(request).await?;
        Ok(self.stream.flush().await?)
    }

    async fn answer(&mut self, id: u32, budget: &mut Budget) -> Result<Answer, Trouble> {
        receive(&mut self.stream, &mut self.received, id, budget).await
    }

    fn next_id(&mut self) -> u32 {
        self.last_id = self.last_id % MAX_ID + 1;
        self.last_id
    }
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection").finish_non_exhaustive()
    }
}

fn step(search: &Search) -> Step {
    Step::Search { base: search.base.clone(), scope: search.scope.as_str(), filter: search.filter.as_text().to_owned() }
}

fn told((entries, pages): &(Vec<Entry>, usize)) -> Told {
    let first = entries.iter().take(FEW).map(|entry| entry.dn.clone()).collect();
    Told::Entries { count: entries.len(), pages: *pages, first }
}

fn about(root: &Entry) -> About {
    let text = |attribute| root.texts(attribute).ok().and_then(|found| Some((*found.first()?).to_owned()));
    // OpenLDAP does not say its name unless it is told to.
    let is_openldap = has(root, "objectClass", "OpenLDAProotDSE");
    About {
        vendor: text("vendorName").or_else(|| is_openldap.then(|| "OpenLDAP".to_owned())),
        version: text("vendorVersion"),
        host: text("dnsHostName"),
        pages: has(root, SUPPORTED_CONTROL, PAGED_RESULTS),
        password_policy: has(root, SUPPORTED_CONTROL, password_policy::OID),
        active_directory: has(root, SUPPORTED_CAPABILITIES, ACTIVE_DIRECTORY),
    }
}

fn has(root: &Entry, attribute: &str, value: &str) -> bool {
    root.bytes(attribute).iter().any(|told| told.eq_ignore_ascii_case(value.as_bytes()))
}

/// Asks the server about itself (RFC 4512, 5.1).
fn root(attributes: &[&str]) -> Search {
    Search {
        base: String::new(),
        scope: Scope::Base,
        filter: Filter::anything(),
        attributes: attributes.iter().map(|&attribute| attribute.to_owned()).collect(),
        amount: Amount::One,
    }
}

/// Asks for TLS, and makes sure that nothing was said before it that would be taken for having been said under it.
async fn start_tls(mut tcp: TcpStream) -> Result<TcpStream, Trouble> {
    tcp.write_all(&request::start_tls(1)).await?;
    let mut received = BytesMut::new();
    match receive(&mut tcp, &mut received, 1, &mut SMALL.clone()).await? {
        Answer::Extended(outcome) if outcome.code != SUCCESS => Err(Trouble::StartTlsRefused(outcome)),
        Answer::Extended(_) if received.is_empty() => Ok(tcp),
        _ => Err(Malformed("StartTLS is answered with something else, or with more").into()),
    }
}

const SUPPORTED_CAPABILITIES: &str = "supportedCapabilities";
const SUPPORTED_CONTROL: &str = "supportedControl";
const ABOUT: &[&str] =
    &["objectClass", "vendorName", "vendorVersion", "dnsHostName", SUPPORTED_CONTROL, SUPPORTED_CAPABILITIES];

/// How many names of entries are told.
const FEW: usize = 5;

/// Who says so knows the rule for chains and `tokenGroups` ([MS-ADTS], 3.1.1.3.4.3). Others answer as if nobody were in any group.
const ACTIVE_DIRECTORY: &str = "1.2.840.113556.1.4.800";

const MAX_PAGES: usize = 5_000;
const MAX_ID: u32 = 0x7fff_ffff;
const FAREWELL: Duration = Duration::from_secs(1);
