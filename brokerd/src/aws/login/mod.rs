//! `POST /v1/token`: credentials for `aws login`, and new ones for whoever renews, with proof of the key each time.

mod error;

pub(crate) use error::told_as_sign_in;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use axum::{Extension, Json};
use broker_core::caller::Caller;
use broker_core::clock::{after, seconds_between};
use broker_core::oauth::{LoginClient, LoginGrant, LoginShown, Stranger};
use broker_core::sign_in::SignInError;
use broker_core::trail::{Action, Actor, Entry, Outcome, Recorded, RefusalKind};
use broker_core::vend::{Asking, RenderError, VendError, VendRequest, Vended};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use self::error::LoginRefused;
use super::credentials::not_for_you;
use super::error::{TOLD, Told};
use crate::api::secret;
use crate::app::App;
use crate::body::SecretBody;
use crate::problem::{Code, Problem};
use crate::request::{Meta, Who};

/// What a client shows, beside the header `DPoP`. What else newer clients send is left aside.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LoginWanted {
    client_id: String,
    grant_type: String,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    code: Option<SecretString>,
    #[serde(default)]
    redirect_uri: Option<String>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    code_verifier: Option<SecretString>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    refresh_token: Option<SecretString>,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LoginGiven {
    access_token: LoginCredentials,
    token_type: &'static str,
    /// Seconds.
    expires_in: i64,
    #[serde(serialize_with = "broker_api::secret::expose")]
    #[schema(value_type = String)]
    refresh_token: SecretString,
    /// With a code alone: a JWT whose `sub` says as whom the credentials act.
    #[serde(skip_serializing_if = "Option::is_none")]
    id_token: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LoginCredentials {
    access_key_id: String,
    #[serde(serialize_with = "broker_api::secret::expose")]
    #[schema(value_type = String)]
    secret_access_key: SecretString,
    #[serde(serialize_with = "broker_api::secret::expose")]
    #[schema(value_type = String)]
    session_token: SecretString,
}

#[utoipa::path(
    post,
    path = "/v1/token",
    tag = "AWS's own clients",
    operation_id = "give_login_credentials",
    summary = "Credentials for aws login (Sign-In CreateOAuth2Token)",
    description = "`grantType` is `authorization_code` or `refresh_token`. Each request proves a key of the client's own (DPoP, ES256), which the refresh token is bound to; a proof counts once. Each refresh gives a new refresh token.",
    params(("DPoP" = String, Header, description = "RFC 9449: `htm` POST, `htu` this route at the public URL, `iat` of this minute")),
    request_body(content = LoginWanted),
    responses(
        (status = 200, description = "The credentials", body = LoginGiven),
        (status = "default", description = TOLD, body = Told),
    ),
)]
pub(crate) async fn give(
    State(app): State<App>,
    Extension(meta): Extension<Meta>,
    Extension(who): Extension<Who>,
    headers: HeaderMap,
    SecretBody(wanted): SecretBody<LoginWanted>,
) -> Result<Response, LoginRefused> {
    must_be_on(&app)?;
    let client = LoginClient::parse(&wanted.client_id).ok_or_else(|| {
        app.clients.note_stranger(Stranger::UnknownLogin, &meta.origin);
        LoginRefused::invalid("clientId is one of the two of `aws login`")
    })?;
    let is_first = wanted.grant_type == "authorization_code";
    let grant = granted(&app, &meta, &headers, client, wanted).await?;
    let caller = Caller::Person(grant.person.clone());
    who.is(&caller);
    let vended = lend(&app, &meta, &headers, &caller, &grant).await?;
    let Vended { credentials, arn, .. } = vended.value();
    let now = app.clock.now();
    // The clients take as much; whoever lasts longer is looked at again by then.
    let ends = credentials.expires_at.min(after(now, MAX_SECONDS));
    let arn = arn
        .as_deref()
        .ok_or_else(|| Problem::new(Code::AwsUnavailable, "AWS has not said as whom the credentials act: try again"))?;
    let subject = subject(vended.value(), arn);
    let id_token = is_first.then(|| app.clients.id_token(client, app.settings.public_url.origin(), &subject, ends));
    let id_token = id_token.transpose().map_err(|error| Problem::from(SignInError::from(error)))?;
    let refresh_token = app.clients.settle(grant, &meta.origin).await?.into_value();
    Ok(secret(Json(LoginGiven {
        access_token: LoginCredentials {
            access_key_id: credentials.access_key_id.clone(),
            secret_access_key: vended.secret_access_key().clone(),
            session_token: vended.session_token().clone(),
        },
        token_type: "aws_sigv4",
        expires_in: seconds_between(now, ends).max(1),
        refresh_token,
        id_token,
    })))
}

/// Whether `aws login` is to be met here at all.
pub(crate) fn must_be_on(app: &App) -> Result<(), Problem> {
    if app.settings.aws_clients.login {
        Ok(())
    } else {
        Err(Problem::new(
            Code::Forbidden,
            "`aws login` is switched off at this broker (aws_clients.login): use `aws sso login`, or `broker login`",
        ))
    }
}

/// What the client has shown, if it is all that it must.
async fn granted(
    app: &App,
    meta: &Meta,
    headers: &HeaderMap,
    client: LoginClient,
    wanted: LoginWanted,
) -> Result<LoginGrant, LoginRefused> {
    let url = format!("{}/v1/token", app.settings.public_url.origin());
    let proof = app.clients.login_proof(proof_of(headers), &url, &meta.origin)?;
    let shown = LoginShown { client, proof, origin: &meta.origin };
    match wanted.grant_type.as_str() {
        "authorization_code" => {
            let code = given(wanted.code, "code")?;
            let (redirect, verifier) =
                (given(wanted.redirect_uri, "redirectUri")?, given(wanted.code_verifier, "codeVerifier")?);
            Ok(app.clients.login_by_code(shown, &code, &redirect, &verifier).await?)
        }
        "refresh_token" => {
            let token = given(wanted.refresh_token, "refreshToken")?;
            Ok(app.clients.login_by_token(shown, &token).await?)
        }
        _ => {
            app.clients.note_stranger(Stranger::UnknownGrant, &meta.origin);
            Err(LoginRefused::unsupported_grant("grantType is authorization_code or refresh_token"))
        }
    }
}

/// The connector's credentials for whom they were granted, as any other vend: entitlement and freshness are proved now.
async fn lend(
    app: &App,
    meta: &Meta,
    headers: &HeaderMap,
    caller: &Caller,
    grant: &LoginGrant,
) -> Result<Recorded<Vended>, LoginRefused> {
    app.allow_vend(caller, &meta.origin)?;
    let name = &grant.connector.name;
    let another = || {
        let entry = Entry::new(Actor::of(caller), Action::Vend, Outcome::Refused, meta.origin.clone());
        let entry = entry.connector(name).reason(&"the connector that was picked is gone; this one has only its name");
        app.trail.note_refusal(RefusalKind::Vend, entry);
        LoginRefused::forbidden(not_for_you(app).into_message())
    };
    if app.broker.seen_by(caller, name).is_ok_and(|found| found.id != grant.connector.id) {
        return Err(another());
    }
    let deadline = meta.deadline(headers, app.settings.interactive_deadline);
    let asking = Asking { caller, by_memory: None, origin: &meta.origin, deadline };
    let ask = VendRequest { reason: grant.reason.clone(), ..VendRequest::default() };
    let vended = app.broker.vend(&asking, name, &ask).await.map_err(|error| match error {
        VendError::NoSuchConnector | VendError::NotEntitled(_) => {
            LoginRefused::forbidden(not_for_you(app).into_message())
        }
        VendError::Request(RenderError::ReasonRequired) => LoginRefused::invalid(
            "this connector wants to know why it is used: run `aws login` again and say why on the broker's page",
        ),
        VendError::Request(error @ RenderError::MfaCodeRequired(_)) => LoginRefused::invalid(format!(
            "{error} each time, and `aws login` renews its credentials by itself: run `broker creds {name}` or `broker exec {name}` on a terminal",
        )),
        error => Problem::from(error).into(),
    })?;
    if vended.value().connector.id == grant.connector.id { Ok(vended) } else { Err(another()) }
}

/// As whom the credentials act, and by which connector. Clients keep what they get under this name, and a profile names no more than this:
/// two connectors that act as the same would share what they get, and the one profile use what was meant for the other.
fn subject(vended: &Vended, arn: &str) -> String {
    format!("{arn}/{}", vended.connector.name)
}

/// The one header that holds the proof; none where there is not exactly one.
fn proof_of(headers: &HeaderMap) -> Option<&str> {
    let mut proofs = headers.get_all("dpop").iter();
    let proof = proofs.next()?.to_str().ok()?;
    proofs.next().is_none().then_some(proof)
}

fn given<T>(field: Option<T>, name: &str) -> Result<T, LoginRefused> {
    field.ok_or_else(|| LoginRefused::invalid(format!("the field `{name}` is missing")))
}

/// How long clients are told that credentials last, at most.
const MAX_SECONDS: u32 = 3_600;
