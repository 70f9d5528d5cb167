//! The style sheet, the mark and the one script: embedded, and served under names that change with their contents, so that caches may keep them for good.

use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use broker_core::vault::digest;

use crate::problem::{Code, Problem};

/// A file that is part of the program.
#[derive(Debug)]
pub(crate) struct Asset {
    /// Where it is served.
    pub(crate) path: String,
    media_type: &'static str,
    contents: &'static str,
}

pub(crate) static STYLE: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("style", "css", "text/css; charset=utf-8", include_str!("assets/style.css")));

pub(crate) static MARK: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("mark", "svg", "image/svg+xml", include_str!("assets/mark.svg")));

/// For pages that ask for a passkey; the others have none.
pub(crate) static PASSKEY: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("passkey", "js", "text/javascript; charset=utf-8", include_str!("assets/passkey.js")));

/// `GET /assets/{file}`
#[utoipa::path(
    get,
    path = "/assets/{file}",
    tag = "Pages",
    operation_id = "asset",
    summary = "The style sheet, the mark and the script of the pages",
    description = "",
    params(
        ("file" = String, Path, description = "Its name, which changes with its contents"),
    ),
    responses(
        (status = 200, description = "The file", content((String = "text/css"), (String = "image/svg+xml"), (String = "text/javascript"))),
    ),
)]
pub(crate) async fn serve(Path(file): Path<String>) -> Result<Response, Problem> {
    let asked = |asset: &&Asset| asset.path.strip_prefix(FOLDER) == Some(file.as_str());
    let asset = [&*STYLE, &*MARK, &*PASSKEY].into_iter().find(asked);
    let asset = asset.ok_or_else(|| Problem::new(Code::NotFound, "there is no such file"))?;
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(asset.media_type)),
        (header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable")),
    ];
    Ok((headers, asset.contents).into_response())
}

impl Asset {
    fn new(name: &str, extension: &str, media_type: &'static str, contents: &'static str) -> Self {
        let hash: String = hex::encode(digest(&[contents.as_bytes()])).chars().take(HASH).collect();
        Self { path: format!("{FOLDER}{name}.{hash}.{extension}"), media_type, contents }
    }
}

const FOLDER: &str = "/assets/";
const HASH: usize = 16;
