//! One answer of the server's, whole, and no more than it may send.

use reqwest::{Response, StatusCode, header};
use serde::de::DeserializeOwned;

use super::trouble::Trouble;

/// A status, whether the body is said to be JSON, and the body.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) is_json: bool,
    pub(super) body: Vec<u8>,
}

impl Answer {
    /// Reads the body to its end, and not beyond what any answer of Crowd's has.
    pub(super) async fn read(mut response: Response) -> Result<Self, Trouble> {
        let kind = response.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let essence = kind.split(';').next().unwrap_or_default().trim();
        let (status, is_json) = (response.status(), essence.eq_ignore_ascii_case("application/json"));
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| of(&error))? {
            if body.len() + chunk.len() > MOST {
                return Err(Trouble::TooMuch);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Self { status, is_json, body })
    }

    /// Arrays and objects in each other are read to a depth of 128, by the parser's own limit.
    pub(super) fn parse<T: DeserializeOwned>(&self) -> Result<T, Trouble> {
        serde_json::from_slice(&self.body).map_err(|_| Trouble::Malformed)
    }
}

/// What kept us from an answer. The library's own text would repeat the URL, in which people's names are.
pub(super) fn of(error: &reqwest::Error) -> Trouble {
    // A connection that does not come in time is both.
    if error.is_connect() {
        let mut innermost: &dyn std::error::Error = error;
        while let Some(source) = innermost.source() {
            innermost = source;
        }
        Trouble::Connect(innermost.to_string())
    } else if error.is_timeout() {
        Trouble::Timeout
    } else {
        Trouble::Broken
    }
}

/// A page of 500 groups with the longest names there are has a quarter of it.
const MOST: usize = 1 << 20;
pub(super) const MOST_SHOWN: &str = "1 MiB";
