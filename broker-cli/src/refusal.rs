//! What the broker refused, and what to do about it.

use broker_api::Problem;

use crate::failure::{Failure, Next};
use crate::holder::Holder;
use crate::name::ConnectorName;
use crate::server::Server;
use crate::text::Text;

/// What was asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum About<'a> {
    SignIn,
    Token(&'a Holder),
    Connector(&'a Holder, &'a ConnectorName),
}

pub(crate) fn of(problem: &Problem, retry_after: Option<u32>, about: About<'_>, server: &Server) -> Failure {
    let detail = detail(problem);
    let failure = match (problem.code.as_str(), about) {
        ("unauthenticated", About::Token(holder) | About::Connector(holder, _)) => match holder {
            Holder::Person(_) => Failure::new(Next::SignIn, format!("your session at {server} is over"), SIGN_IN),
            Holder::Service(_) => Failure::new(
                Next::AskFor,
                format!("{server} does not take this service token"),
                "it is unknown, expired or revoked, or used from a network that is not its own: ask the broker's administrators",
            ),
        },
        ("not_found", About::Connector(_, connector)) => Failure::new(
            Next::AskFor,
            format!("there is no connector `{connector}` that you may use"),
            "`broker ls` lists those you may; ask the broker's administrators for others",
        ),
        ("invalid_credentials", _) => {
            Failure::new(Next::SignIn, format!("{server} takes neither this name nor this password"), "type them again")
        }
        _ => {
            let (next, advice) = advice(problem, retry_after);
            Failure::new(next, format!("{server} says: {detail}"), advice)
        }
    };
    failure.of_problem(Text::of(&problem.code), Text::of(&problem.request_id))
}

/// The broker's words, and AWS's where AWS refused.
fn detail(problem: &Problem) -> Text {
    let words = if problem.detail.is_empty() { &problem.title } else { &problem.detail };
    match &problem.aws {
        Some(aws) if !words.contains(&aws.message) => {
            Text::of(&format!("{words} (AWS: {}: {})", aws.code, aws.message))
        }
        Some(_) | None => Text::of(words),
    }
}

fn advice(problem: &Problem, retry_after: Option<u32>) -> (Next, String) {
    let later = || match retry_after {
        Some(seconds) => format!("try again in {seconds} seconds"),
        None => "try again later".to_owned(),
    };
    match problem.status {
        408 | 429 | 500.. if problem.code != "aws_refused" => (Next::TryLater, later()),
        401 => (Next::SignIn, SIGN_IN.to_owned()),
        400 | 413 | 415 => match &problem.field {
            Some(field) => (Next::CallOtherwise, format!("see to `{}`", Text::of(field))),
            None => (Next::CallOtherwise, "ask otherwise".to_owned()),
        },
        _ => (Next::AskFor, "ask the broker's administrators".to_owned()),
    }
}

pub(crate) const SIGN_IN: &str = "run `broker login`";
