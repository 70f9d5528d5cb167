//! The main job, done once through the front door, each answer shown: sign in, list, vend, use, open the console, refuse, prove.

use anyhow::{Context, bail, ensure};
use aws_credential_types::Credentials as SdkCredentials;
use aws_sdk_sts::config::{BehaviorVersion, Region};
use broker_api::{Connectors, ConsoleUrl, Credentials, PrincipalType, Problem, SignedIn};
use broker_core::store::Store;
use broker_core::trail::verify;
use reqwest::StatusCode;
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;

use crate::folder::SYSTEM_CONNECTOR;
use crate::people::{People, Person};
use crate::say;

/// What the journey needs to know.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Journey<'a> {
    pub(crate) url: &'a str,
    pub(crate) aws_endpoint: &'a str,
    pub(crate) people: &'a People,
    pub(crate) service_token: &'a SecretString,
}

impl Journey<'_> {
    /// Takes every step, or says which one went wrong.
    pub(crate) async fn travel(&self, store: &Store) -> anyhow::Result<()> {
        let http = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build()?;
        let developer = self.people.developer();
        let token = self.sign_in(&http, developer).await.context("signing in")?;
        let connectors = self.list(&http, &token).await.context("listing connectors")?;

        for (kind, call) in [
            (PrincipalType::AssumeRole, "AssumeRole"),
            (PrincipalType::FederatedUser, "GetFederationToken"),
            (PrincipalType::SessionToken, "GetSessionToken"),
        ] {
            let connector = connectors.connectors.iter().find(|connector| connector.principal == kind);
            let connector = connector.with_context(|| format!("no connector of type {kind:?} for the developer"))?;
            self.vend_and_use(&http, &token, &connector.name, call)
                .await
                .with_context(|| format!("vending by {call}"))?;
        }
        let with_console = connectors.connectors.iter().find(|connector| connector.console).context("no console")?;
        self.console(&http, &token, &with_console.name).await.context("opening the console")?;

        let outsider = self.people.outsider();
        let outsiders = self.sign_in(&http, outsider).await.context("signing the outsider in")?;
        self.refusal(&http, &outsiders, &with_console.name).await.context("refusing the outsider")?;
        self.vend_and_use(&http, self.service_token, SYSTEM_CONNECTOR, "AssumeRole, for a CI job")
            .await
            .context("vending to a CI job")?;

        let report = verify(store).await?;
        ensure!(report.breaks.is_empty(), "the audit trail does not hold: {:?}", report.breaks);
        say(&format!("Audit trail: {} records, every link of the chain proved", report.records));
        Ok(())
    }

    async fn sign_in(&self, http: &reqwest::Client, person: &Person) -> anyhow::Result<SecretString> {
        let body = json!({ "username": person.username, "password": person.password.expose_secret() });
        let answer = http.post(format!("{}/v1/sessions", self.url)).json(&body).send().await?;
        ensure!(answer.status() == StatusCode::CREATED, "{}", answer.text().await?);
        let signed_in: SignedIn = answer.json().await?;
        say(&format!("POST /v1/sessions as {}", person.username));
        say(&format!(
            "  token bks_…, until {}; groups {}\n",
            signed_in.expires_at,
            signed_in.identity.groups.join(", ")
        ));
        Ok(signed_in.token)
    }

    async fn list(&self, http: &reqwest::Client, token: &SecretString) -> anyhow::Result<Connectors> {
        let answer = http.get(format!("{}/v1/connectors", self.url)).bearer_auth(token.expose_secret()).send().await?;
        let connectors: Connectors = answer.error_for_status()?.json().await?;
        say("GET /v1/connectors");
        for connector in &connectors.connectors {
            let kind = format!("{:?}", connector.principal);
            say(&format!("  {:<14} {kind:<14} {}", connector.name, connector.description));
        }
        say("");
        Ok(connectors)
    }

    async fn vend_and_use(
        &self,
        http: &reqwest::Client,
        token: &SecretString,
        connector: &str,
        call: &str,
    ) -> anyhow::Result<()> {
        let path = format!("/v1/connectors/{connector}/credentials");
        let answer = http.post(format!("{}{path}", self.url)).bearer_auth(token.expose_secret()).send().await?;
        if answer.status() != StatusCode::OK {
            bail!("{}", answer.text().await?);
        }
        let credentials: Credentials = answer.json().await?;
        say(&format!("POST {path}   ({call})"));
        say(&format!(
            "  access_key_id {}, secret and session token not shown, until {}, vend_id {}",
            credentials.access_key_id, credentials.expiration, credentials.vend_id
        ));
        let arn = self.caller_identity(&credentials).await?;
        say(&format!("  GetCallerIdentity with them: {arn}\n"));
        ensure!(
            credentials.arn.as_deref() == Some(arn.as_str()),
            "AWS says {arn}, the broker said {:?}",
            credentials.arn
        );
        Ok(())
    }

    /// Asks AWS by AWS's own SDK, as whoever received the credentials would.
    async fn caller_identity(&self, credentials: &Credentials) -> anyhow::Result<String> {
        let temporary = SdkCredentials::new(
            &credentials.access_key_id,
            credentials.secret_access_key.expose_secret(),
            Some(credentials.session_token.expose_secret().to_owned()),
            None,
            "demo",
        );
        let config = aws_sdk_sts::Config::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(Region::new("eu-central-1"))
            .endpoint_url(self.aws_endpoint)
            .credentials_provider(temporary)
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .build();
        let identity = aws_sdk_sts::Client::from_conf(config).get_caller_identity().send().await;
        identity.ok().and_then(|identity| identity.arn).context("AWS does not take the credentials")
    }

    async fn console(&self, http: &reqwest::Client, token: &SecretString, connector: &str) -> anyhow::Result<()> {
        let path = format!("/v1/connectors/{connector}/console-url");
        let answer = http.post(format!("{}{path}", self.url)).bearer_auth(token.expose_secret()).send().await?;
        if answer.status() != StatusCode::OK {
            bail!("{}", answer.text().await?);
        }
        let link: ConsoleUrl = answer.json().await?;
        say(&format!("POST {path}"));
        say(&format!(
            "  a link that opens the console signed in, until {}; not shown: whoever has it is signed in",
            link.expires_at
        ));
        let page = http.get(link.url.expose_secret()).send().await?.error_for_status()?.text().await?;
        ensure!(page.contains("arn:"), "the console's page does not say who is signed in");
        say("  followed it: the console is open\n");
        Ok(())
    }

    async fn refusal(&self, http: &reqwest::Client, token: &SecretString, connector: &str) -> anyhow::Result<()> {
        let path = format!("/v1/connectors/{connector}/credentials");
        let answer = http.post(format!("{}{path}", self.url)).bearer_auth(token.expose_secret()).send().await?;
        let status = answer.status();
        let problem: Problem = answer.json().await?;
        say(&format!("POST {path} as the outsider"));
        say(&format!("  {} {}: {}\n", status.as_u16(), problem.code, problem.detail));
        ensure!(status == StatusCode::NOT_FOUND && problem.code == "not_found", "the outsider was not refused");
        Ok(())
    }
}
