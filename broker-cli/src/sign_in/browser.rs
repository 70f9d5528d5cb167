//! A browser on this machine: it is sent to the broker's page, and brings a code back (authorization code with PKCE, RFC 7636 and 8252).

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::callback::{Callback, REDIRECT};
use super::{our_name, unforeseen};
use crate::api::{Broker, Grant, NotGranted, Welcome};
use crate::failure::Failure;
use crate::out;

pub(crate) async fn by_browser(broker: &Broker<'_>) -> Result<Welcome, Failure> {
    let registration = broker.register(&our_name(), Some(REDIRECT)).await?;
    let callback = Callback::open().await?;
    let verifier = unforeseen()?;
    let challenge = URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier.as_bytes()).as_ref());
    let redirect = callback.redirect();
    let page = broker.authorize_page(&registration, &redirect, callback.state(), &challenge);
    out::say(
        "Sign in in the browser that opens now, and let this program in. If none opens, open this on this machine:",
    );
    out::say(page.as_str());
    // Some browsers hold on until they are closed.
    let opened = tokio::task::spawn_blocking(move || webbrowser::open(page.as_str()));
    tokio::spawn(async move {
        if let Ok(Err(error)) = opened.await {
            let said = format!("No browser can be started here ({error}).");
            out::say(&format!("{said} For a browser on another machine, use `broker login --device`."));
        }
    });
    let code = callback.code().await?;
    let grant = Grant::Code { code: &code, redirect: &redirect, verifier: &verifier };
    broker.sign_in_by(registration, grant).await.map_err(NotGranted::failure)
}
