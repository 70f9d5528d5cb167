//! Whatever is at one of the broker's addresses, good or bad: for those who want to know what stands between.

use http::{HeaderMap, Method};
use reqwest::header::HeaderValue;

use super::Broker;
use crate::failure::Failure;
use crate::lent::Token;

/// What came.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Broker<'_> {
    /// Asks for a page, with a token in the header that AWS's own clients have for it, if one is given.
    pub(crate) async fn look(&self, method: Method, path: &[&str], token: Option<&Token>) -> Result<Seen, Failure> {
        let mut asked = self.http.request(method, self.at(path));
        if let Some(token) = token {
            let mut shown = HeaderValue::from_str(token.expose()).map_err(|_| self.no_broker("token"))?;
            shown.set_sensitive(true);
            asked = asked.header("x-amz-sso_bearer_token", shown);
        }
        let answer = self.whatever_comes(asked).await?;
        Ok(Seen { status: answer.status.as_u16(), headers: answer.headers, body: answer.body })
    }
}
