//! Questions to Crowd, each with our own credential and a limit on its time.

use reqwest::header::{ACCEPT, HeaderValue};
use reqwest::tls::TlsInfo;
use reqwest::{Client as Http, Method, Response, redirect};
use secrecy::ExposeSecret;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::time::timeout;

use super::answer::{Answer, of};
use super::base::Base;
use super::said::Said;
use super::settings::CrowdSettings;
use super::trouble::Trouble;
use crate::directory::outage::Outage;
use crate::directory::{Step, Told, Watch};

/// The connections to one Crowd server, kept for whoever asks next. No cookie is kept and none is sent: every question proves itself.
#[derive(Debug)]
pub(super) struct Client {
    http: Http,
    settings: CrowdSettings,
    watch: Watch,
    outage: Outage,
}

/// No client can be made from the settings and what the system trusts.
#[derive(Debug, thiserror::Error)]
#[error("no client for Crowd can be made: the system may have no certificates to trust (`ca_file` names others)")]
pub struct NoClient;

impl Client {
    pub(super) fn new(settings: CrowdSettings, watch: &Watch) -> Result<Self, NoClient> {
        let mut builder = Http::builder()
            .redirect(redirect::Policy::none())
            // The company's own server, as other directories are: no proxy is on the way to it, and none sees its passwords.
            .no_proxy()
            .https_only(settings.base.uses_tls())
            .user_agent(concat!("brokerd/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(settings.connect_timeout)
            .tls_info(watch.is_on())
            .pool_idle_timeout(MAX_IDLE);
        if !settings.certificates.is_empty() {
            builder = builder.tls_certs_only(settings.certificates.iter().cloned());
        }
        Ok(Self {
            http: builder.build().map_err(|_| NoClient)?,
            watch: watch.of(&settings.base),
            settings,
            outage: Outage::default(),
        })
    }

    pub(super) fn settings(&self) -> &CrowdSettings {
        &self.settings
    }

    pub(super) fn base(&self) -> &Base {
        &self.settings.base
    }

    /// Reads a resource.
    pub(super) async fn get<T: DeserializeOwned>(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
    ) -> Result<Said<T>, Trouble> {
        self.ask(Method::GET, path, query, None::<&()>).await
    }

    /// Asks with a body, which may be secret.
    pub(super) async fn post<T: DeserializeOwned>(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
        body: &impl Serialize,
    ) -> Result<Said<T>, Trouble> {
        self.ask(Method::POST, path, query, Some(body)).await
    }

    async fn ask<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &[&str],
        query: &[(&str, &str)],
        body: Option<&impl Serialize>,
    ) -> Result<Said<T>, Trouble> {
        let CrowdSettings { base, application, password, operation_timeout, .. } = &self.settings;
        let url = base.resource(path);
        let step = || Step::Ask { method: method.to_string(), path: url.path().to_owned() };
        let mut request = self.http.request(method.clone(), url.clone()).header(ACCEPT, JSON);
        request = request.query(query).basic_auth(application, Some(password.expose_secret()));
        if let Some(body) = body {
            request = request.json(body);
        }
        // Whoever looks on wants to see each question asked.
        let turn = if self.watch.is_on() { None } else { Some(self.outage.turn().ok_or(Trouble::KnownOutage)?) };
        let asked = async {
            let response = match request.send().await.map_err(|error| of(&error)) {
                Err(trouble @ Trouble::Connect(_)) => {
                    if let Some(turn) = turn {
                        turn.nobody_there();
                    }
                    return Err(trouble);
                }
                answer => answer?,
            };
            if let Some(turn) = turn {
                turn.reached();
            }
            let told = self.watch.is_on().then(|| told(&response));
            let answer = Answer::read(response).await?;
            Ok((Said::read(&answer)?, told))
        };
        let asked = async { timeout(*operation_timeout, asked).await.map_err(|_| Trouble::Timeout)? };
        let (said, _) = self.watch.doing(step, asked, |(_, told)| told.clone().unwrap_or(Told::Done)).await?;
        Ok(said)
    }
}

fn told(response: &Response) -> Told {
    let certificate = response.extensions().get::<TlsInfo>().and_then(TlsInfo::peer_certificate);
    Told::Answer {
        status: response.status().as_u16(),
        from: response.remote_addr(),
        certificate: certificate.map(<[u8]>::to_vec),
    }
}

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// Below the twenty seconds after which Crowd's own server, as it is delivered, closes a connection that nobody uses.
const MAX_IDLE: std::time::Duration = std::time::Duration::from_secs(15);
