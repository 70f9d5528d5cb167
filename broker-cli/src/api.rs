//! Asks the broker. Answers have limits in size and time, redirects are not followed, and what comes is parsed before it is used.

mod look;
mod oauth;

use broker_api::{
    CallerIdentity, Connectors, ConsoleUrl, ConsoleUrlRequest, Credentials, CredentialsRequest, Problem, Session,
    SignInRequest, SignedIn,
};
use http::HeaderMap;
use jiff::Timestamp;
use reqwest::{Client, RequestBuilder, StatusCode};
use serde::de::DeserializeOwned;
use url::Url;

use crate::cache::Cache;
use crate::failure::{Failure, Next};
use crate::folders::Folders;
use crate::holder::Holder;
use crate::identity::Identity;
use crate::lent::{AccountId, Arn, Lent, Token};
use crate::listed::Listed;
use crate::name::ConnectorName;
use crate::out;
use crate::outbound::{self, Trust};
use crate::refusal::{self, About};
use crate::server::Server;
use crate::session::{Renewal, Signed};
use crate::site::Site;
use crate::text::Text;

pub(crate) use self::look::Seen;
pub(crate) use self::oauth::{DeviceCodes, Grant, NotGranted, Tokens};

#[derive(Debug)]
pub(crate) struct Broker<'a> {
    server: &'a Server,
    folders: &'a Folders,
    http: Client,
}

/// A sign-in that the broker took.
#[derive(Debug)]
pub(crate) struct Welcome {
    pub(crate) token: Token,
    pub(crate) expires_at: Timestamp,
    pub(crate) identity: Identity,
    /// How it gets its next token; nothing where the token lives as long as the session.
    pub(crate) renewal: Option<Renewal>,
}

/// What came, whatever it says.
struct Answer {
    status: StatusCode,
    /// Seconds.
    retry_after: Option<u32>,
    headers: HeaderMap,
    body: Vec<u8>,
}

/// Whom AWS says the credentials act as.
#[derive(Debug)]
pub(crate) struct ActsAs {
    pub(crate) account: AccountId,
    pub(crate) arn: Arn,
    pub(crate) user_id: Text,
}

impl<'a> Broker<'a> {
    pub(crate) fn of(site: &'a Site) -> Result<Self, Failure> {
        Self::trusting(site, site.ca.as_deref().map_or(Trust::System, Trust::Also))
    }

    /// The same, with these authorities: for those who want to know by which it is known.
    pub(crate) fn trusting(site: &'a Site, trust: Trust<'_>) -> Result<Self, Failure> {
        let http = outbound::client(trust, site.server.is_here())?;
        Ok(Self { server: &site.server, folders: &site.folders, http })
    }

    pub(crate) async fn sign_in(&self, request: &SignInRequest) -> Result<Welcome, Failure> {
        let asked = self.http.post(self.at(&["v1", "sessions"])).json(request);
        let SignedIn { token, expires_at, identity } = self.ask(asked, About::SignIn).await?;
        let token = Token::parse(token).ok_or_else(|| self.no_broker("token"))?;
        Ok(Welcome { token, expires_at, identity: identity.into(), renewal: None })
    }

    /// Who this is, and until when.
    pub(crate) async fn session(&self, holder: &Holder) -> Result<(Identity, Timestamp), Failure> {
        let asked = with(self.http.get(self.at(&["v1", "session"])), holder)?;
        let Session { identity, expires_at, .. } = self.ask(asked, About::Token(holder)).await?;
        Ok((identity.into(), expires_at))
    }

    /// Ends the session, of whichever kind it is.
    pub(crate) async fn sign_out(&self, signed: Signed) -> Result<(), Failure> {
        if signed.renews() {
            return self.leave(signed.token()?).await;
        }
        let holder = Holder::Person(signed);
        let asked = with(self.http.delete(self.at(&["v1", "session"])), &holder)?;
        self.answer(asked, About::Token(&holder)).await?;
        Ok(())
    }

    pub(crate) async fn connectors(&self, holder: &Holder) -> Result<Vec<Listed>, Failure> {
        let asked = with(self.http.get(self.at(&["v1", "connectors"])), holder)?;
        let Connectors { connectors } = self.ask(asked, About::Token(holder)).await?;
        let parsed = connectors.into_iter().map(|told| Listed::try_from(told).map_err(|field| self.no_broker(field)));
        parsed.collect()
    }

    pub(crate) async fn lend(
        &self,
        holder: &Holder,
        connector: &ConnectorName,
        request: &CredentialsRequest,
    ) -> Result<Lent, Failure> {
        let asked = with(self.http.post(self.of_connector(connector, "credentials")), holder)?.json(request);
        let told: Credentials = self.ask(asked, About::Connector(holder, connector)).await?;
        let lent = Lent::try_from(told).map_err(|field| self.no_broker(field))?;
        if lent.connector == *connector { Ok(lent) } else { Err(self.no_broker("connector")) }
    }

    pub(crate) async fn caller_identity(
        &self,
        holder: &Holder,
        connector: &ConnectorName,
        reason: Option<&str>,
    ) -> Result<ActsAs, Failure> {
        let asked = with(self.http.get(self.of_connector(connector, "caller-identity")), holder)?;
        let asked = reason.iter().fold(asked, |asked, reason| asked.query(&[("reason", reason)]));
        let CallerIdentity { account, arn, user_id } = self.ask(asked, About::Connector(holder, connector)).await?;
        let wrong = |field| self.no_broker(field);
        Ok(ActsAs {
            account: AccountId::parse(account).map_err(wrong)?,
            arn: Arn::parse(arn).map_err(wrong)?,
            user_id: Text::of(&user_id),
        })
    }

    /// A link that opens the console signed in, and when it dies unused.
    pub(crate) async fn console_url(
        &self,
        holder: &Holder,
        connector: &ConnectorName,
        request: &ConsoleUrlRequest,
    ) -> Result<(Token, Timestamp), Failure> {
        let asked = with(self.http.post(self.of_connector(connector, "console-url")), holder)?.json(request);
        let ConsoleUrl { url, expires_at } = self.ask(asked, About::Connector(holder, connector)).await?;
        let url = Token::parse(url).filter(|url| {
            let parsed = Url::parse(url.expose());
            parsed
                .is_ok_and(|parsed| parsed.scheme() == "https" || (parsed.scheme() == "http" && self.server.is_here()))
        });
        Ok((url.ok_or_else(|| self.no_broker("url"))?, expires_at))
    }

    fn at(&self, segments: &[&str]) -> Url {
        self.server.at(segments)
    }

    fn of_connector(&self, connector: &ConnectorName, what: &str) -> Url {
        self.at(&["v1", "connectors", connector.as_str(), what])
    }

    async fn ask<T: DeserializeOwned>(&self, asked: RequestBuilder, about: About<'_>) -> Result<T, Failure> {
        let body = self.answer(asked, about).await?;
        serde_json::from_slice(&body).map_err(|_| self.no_broker("JSON"))
    }

    /// The body of a good answer.
    async fn answer(&self, asked: RequestBuilder, about: About<'_>) -> Result<Vec<u8>, Failure> {
        let Answer { status, retry_after, body, headers: _ } = self.whatever_comes(asked).await?;
        if status.is_success() {
            return Ok(body);
        }
        match serde_json::from_slice(&body) {
            Ok(problem) => {
                if refusal::is_of_holder(&problem, about) {
                    self.forget_lent();
                }
                Err(refusal::of(&problem, retry_after, about, self.server))
            }
            Err(_) => Err(self.not_by_a_broker(status)),
        }
    }

    /// The broker stands no more by whom it lent to: what was kept of it is handed out no more, though AWS would still take it.
    fn forget_lent(&self) {
        if let Err(failure) = Cache::empty(self.folders) {
            out::say(&format!("what was lent before is still kept here: {failure}"));
        }
    }

    /// Whoever sits there is told when it takes longer than a second.
    async fn whatever_comes(&self, asked: RequestBuilder) -> Result<Answer, Failure> {
        let answer = out::patiently(&format!("waiting for {}", self.server), self.in_silence(asked)).await?;
        if answer.status == StatusCode::MISDIRECTED_REQUEST { Err(self.misdirected(&answer.body)) } else { Ok(answer) }
    }

    async fn in_silence(&self, asked: RequestBuilder) -> Result<Answer, Failure> {
        let mut response = asked.send().await.map_err(|error| self.unreachable(&error))?;
        let (status, headers) = (response.status(), response.headers().clone());
        let retry_after = response.headers().get(reqwest::header::RETRY_AFTER);
        let retry_after = retry_after.and_then(|value| value.to_str().ok()?.parse::<u32>().ok());
        let body = outbound::body(&mut response).await.map_err(|error| self.unreachable(&error))?;
        let body = body.ok_or_else(|| self.no_broker("end"))?;
        Ok(Answer { status, retry_after, headers, body })
    }

    fn unreachable(&self, error: &reqwest::Error) -> Failure {
        let causes = outbound::causes(error);
        let advice = if error.is_timeout() {
            "try again later"
        } else if causes.contains("certificate") {
            "if your company signs its own certificates, name its certificate authority in BROKER_CA_FILE or `ca_file`"
        } else {
            "see to the broker's URL and the network, or try again later"
        };
        let said = if error.is_timeout() {
            format!("{} did not answer in time", self.server)
        } else {
            format!("cannot reach {}: {causes}", self.server)
        };
        Failure::new(Next::TryLater, said, advice)
    }

    fn misdirected(&self, body: &[u8]) -> Failure {
        let said = format!("{} is not where this broker is to be asked", self.server);
        let failure = Failure::mend(said, "see to the URL: this broker answers at another one, its `public_url`");
        match serde_json::from_slice::<Problem>(body) {
            Ok(problem) => failure.of_problem(Text::of(&problem.code), Text::of(&problem.request_id)),
            Err(_) => failure,
        }
    }

    fn not_by_a_broker(&self, status: StatusCode) -> Failure {
        let said = format!("{} answered {}, and not as a broker does", self.server, status.as_u16());
        let advice = "see to the broker's URL, and to what stands between";
        Failure::new(if status.is_server_error() { Next::TryLater } else { Next::Mend }, said, advice)
    }

    /// Something came that no broker sends.
    fn no_broker(&self, field: &str) -> Failure {
        let said = format!("{} answered with something that no broker sends (`{field}`)", self.server);
        Failure::mend(said, "see to the broker's URL, and that this program is as new as the broker")
    }
}

fn with(asked: RequestBuilder, holder: &Holder) -> Result<RequestBuilder, Failure> {
    // Marked as sensitive by `bearer_auth`.
    Ok(asked.bearer_auth(holder.token()?.expose()))
}
