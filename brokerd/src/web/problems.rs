//! Problems as pages: the one that a request ran into, and one for each code that says what to do.

use askama::Template;
use axum::Extension;
use axum::extract::{Path, Request};
use axum::http::{HeaderMap, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::page::{FormsLead, instead_of, page};
use crate::problem::{Code, Problem, carry};
use crate::request::Meta;

#[derive(Template)]
#[template(path = "problem.html")]
struct ProblemPage<'a> {
    status: String,
    title: &'a str,
    detail: Option<String>,
    advice: Vec<(bool, &'a str)>,
    word: &'a str,
    request_id: Option<String>,
}

/// `GET /problems/{code}`
#[utoipa::path(
    get,
    path = "/problems/{code}",
    tag = "Pages",
    operation_id = "problem_page",
    summary = "What to do about a problem",
    description = "",
    params(
        ("code" = String, Path, description = "Of the problem"),
    ),
    responses(
        (status = 200, description = "The page", body = String, content_type = "text/html"),
    ),
)]
pub(crate) async fn show(Path(word): Path<String>) -> Result<Response, Problem> {
    let code = Code::ALL.into_iter().find(|code| code.word() == word);
    let code = code.ok_or_else(|| Problem::new(Code::NotFound, "there is no problem of that name"))?;
    page(&about(code), &FormsLead::home())
}

/// Where no route leads: a page for those who can read one.
pub(crate) async fn nothing_here(Extension(meta): Extension<Meta>, headers: HeaderMap) -> Response {
    let problem = Problem::new(Code::NotFound, "there is no such route");
    let accepts = |value: &str| value.split(',').any(|kind| kind.trim_start().starts_with("text/html"));
    let reads_pages = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).is_some_and(accepts);
    if reads_pages { told(problem, &meta) } else { problem.into_response() }
}

/// A layer: whatever problem a page's handler returns is told as a page.
pub(crate) async fn told_as_page(Extension(meta): Extension<Meta>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    match response.extensions_mut().remove::<Problem>() {
        Some(problem) => {
            let mut page = told(problem, &meta);
            carry(&response, &mut page);
            page
        }
        None => response,
    }
}

fn told(problem: Problem, meta: &Meta) -> Response {
    let request_id = meta.origin.request_id;
    let template = ProblemPage {
        detail: Some(problem.detail().to_owned()),
        request_id: Some(request_id.to_string()),
        ..about(problem.code())
    };
    match page(&template, &FormsLead::home()) {
        Ok(page) => instead_of(problem, page, request_id),
        Err(_) => problem.into_response_for(request_id),
    }
}

fn about(code: Code) -> ProblemPage<'static> {
    let (status, word, title, advice) = (code.status(), code.word(), code.title(), code.advice());
    // What stands between backticks is code, every second piece.
    let advice = advice.split('`').enumerate().map(|(number, text)| (number % 2 == 1, text)).collect();
    ProblemPage { status: status.to_string(), title, detail: None, advice, word, request_id: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_has_a_line_for_each_code_and_no_others() {
        let documented: Vec<&str> =
            include_str!("../../../docs/problems.md").lines().filter(|line| line.starts_with("| `")).collect();
        let expected: Vec<String> = Code::ALL
            .into_iter()
            .map(|code| {
                let (status, word, title, advice) = (code.status(), code.word(), code.title(), code.advice());
                format!("| `{word}` | {} | {title} | {advice} |", status.as_u16())
            })
            .collect();
        assert_eq!(documented, expected, "docs/problems.md should have these lines:\n{}", expected.join("\n"));
    }
}
