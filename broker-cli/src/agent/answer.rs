//! What the agent answers, in the spellings of those who ask: some of AWS's clients show their users `message`, others `Message`.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use http_body_util::Full;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::json;

use super::lender::NotLent;
use crate::failure::Next;
use crate::lent::Lent;
use crate::name::ConnectorName;

#[derive(Debug)]
pub(super) struct Answer {
    status: StatusCode,
    content_type: &'static str,
    body: Vec<u8>,
    /// The life of a machine's token.
    seconds: Option<u32>,
}

impl Answer {
    pub(super) fn credentials(lent: &Lent) -> Self {
        Self::json(StatusCode::OK, &lent.for_fetching())
    }

    pub(super) fn machine_credentials(lent: &Lent, now: Timestamp) -> Self {
        #[derive(Serialize)]
        #[serde(rename_all = "PascalCase")]
        struct OfMachine {
            code: &'static str,
            last_updated: Timestamp,
            r#type: &'static str,
            #[serde(flatten)]
            credentials: broker_api::ContainerCredentials,
        }
        let credentials = lent.for_fetching();
        Self::json(StatusCode::OK, &OfMachine { code: "Success", last_updated: now, r#type: "AWS-HMAC", credentials })
    }

    pub(super) fn machine_token(seconds: u32, token: &str) -> Self {
        Self { seconds: Some(seconds), ..Self::plain(token) }
    }

    pub(super) fn text(name: &ConnectorName) -> Self {
        Self::plain(name.as_str())
    }

    pub(super) fn refusal(status: StatusCode, code: &str, message: &str) -> Self {
        Self::json(status, &json!({ "code": code, "message": message, "Code": code, "Message": message }))
    }

    /// What kept the credentials from coming, in the words of the command.
    pub(super) fn not_lent(why: &NotLent) -> Self {
        let failure = match why {
            NotLent::Another => return Self::refusal(StatusCode::NOT_FOUND, "not_found", ANOTHER),
            NotLent::Failed(failure) => failure,
        };
        let status = match failure.next {
            Next::SignIn => StatusCode::UNAUTHORIZED,
            Next::AskFor => StatusCode::FORBIDDEN,
            Next::TryLater => StatusCode::SERVICE_UNAVAILABLE,
            Next::Mend | Next::CallOtherwise | Next::Choose | Next::CannotStart | Next::NoProgram | Next::Nothing => {
                StatusCode::INTERNAL_SERVER_ERROR
            }
        };
        Self::refusal(status, failure.code(), &failure.to_string())
    }

    pub(super) fn into_response(self) -> Response<Full<Bytes>> {
        let mut response = Response::new(Full::new(Bytes::from(self.body)));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(self.content_type));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(seconds) = self.seconds {
            headers.insert("x-aws-ec2-metadata-token-ttl-seconds", seconds.into());
        }
        response
    }

    fn json<T: Serialize>(status: StatusCode, value: &T) -> Self {
        match serde_json::to_vec(value) {
            Ok(body) => Self { status, content_type: "application/json", body, seconds: None },
            Err(_) => Self { status: StatusCode::INTERNAL_SERVER_ERROR, ..Self::plain("") },
        }
    }

    fn plain(text: &str) -> Self {
        Self { status: StatusCode::OK, content_type: "text/plain", body: text.as_bytes().to_vec(), seconds: None }
    }
}

const ANOTHER: &str = "this server lends for another connector";
