//! The last part of a path: the name or the id of one thing. What cannot be one is not there.

use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;

use crate::app::App;
use crate::problem::{Code, Problem};

/// The text in the path, whatever it is.
#[derive(Debug)]
pub(crate) struct ById(pub(crate) String);

impl FromRequestParts<App> for ById {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let path = Path::<String>::from_request_parts(parts, app).await;
        path.map(|Path(text)| Self(text)).map_err(|_| Problem::new(Code::NotFound, "there is no such thing"))
    }
}
