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

/// Whether it is the session or the token that the broker does not take, or takes no more.
pub(crate) fn is_of_holder(problem: &Problem, about: About<'_>) -> bool {
    ends_everything(&problem.code) && !matches!(about, About::SignIn)
}

/// Whether whoever asked may use the connector no more, so that what it lent them is not handed out again.
pub(crate) fn ends_connector(code: &str) -> bool {
    matches!(code, "not_found" | "second_factor_required")
}

/// Whether whoever asked is nobody whom the broker knows any more: none of what it lent them is handed out again.
pub(crate) fn ends_everything(code: &str) -> bool {
    matches!(code, "unauthenticated" | "account_disabled")
}

pub(crate) fn of(problem: &Problem, retry_after: Option<u32>, about: About<'_>, server: &Server) -> Failure {
    let detail = detail(problem);
    let failure = match (problem.code.as_str(), about) {
        ("unauthenticated", About::Token(holder) | About::Connector(holder, _)) => match holder {
            Holder::Person(_) => Failure::new(Next::SignIn, format!("your session at {server} is over"), SIGN_IN),
            Holder::Service(_) => Failure::new(
                Next::AskFor,
                format!("{server} does not take the token of BROKER_TOKEN or BROKER_TOKEN_FILE"),
                "it is unknown, expired or revoked, or used from a network that is not its own, or, of a CI system's token: its audience or claims fit no mapping; ask the broker's administrators",
            ),
        },
        ("account_disabled", _) => Failure::new(
            Next::AskFor,
            format!("{server} says: your account is disabled, or gone"),
            "ask whoever keeps your company's directory; your session is over, so once that is mended run `broker login`",
        ),
        ("password_expired", _) => Failure::new(
            Next::SignIn,
            format!("{server} says: your password has expired, or must be changed"),
            "change it where it is kept (the company's directory), then sign in again",
        ),
        ("not_found", About::Connector(_, connector)) => Failure::new(
            Next::AskFor,
            format!("there is no connector `{connector}` that you may use"),
            "`broker ls` lists those you may; ask the broker's administrators for others",
        ),
        ("invalid_credentials", _) => {
            let said = format!("{server} takes neither this name nor this password nor this code");
            Failure::new(Next::SignIn, said, "type them again; a code is good once, and for half a minute")
        }
        ("otp_required", _) => Failure::new(
            Next::SignIn,
            format!("{server} wants a second factor beside the password"),
            "give --otp, and pipe the code in as a second line; or sign in on a terminal, or in a browser by `broker login`",
        ),
        ("passkey_required", _) => Failure::new(
            Next::SignIn,
            format!("{server} wants your passkey beside the password, and only a browser shows it"),
            "sign in by a browser: `broker login` (`--device`, where the browser is on another machine); or give --otp, and a recovery code as a second line",
        ),
        ("second_factor_required", _) => Failure::new(
            Next::SignIn,
            format!("{server} wants a second factor for this, and your session has none"),
            format!("enrol one at {server}/account; if you have one, sign in again with `broker login`"),
        ),
        ("mfa_code_required", About::Connector(_, connector)) => Failure::usage(
            format!("{server} says: {detail}"),
            format!(
                "run `broker creds {connector}` on a terminal, which asks for it, or give --mfa-code and pipe it in: what that is lent is given again here while it lives"
            ),
        ),
        ("mfa_code_refused", _) => Failure::usage(
            format!("{server} says: {detail}"),
            "wait until the device shows another code, and give that one",
        ),
        ("duration_out_of_range", About::Connector(..)) => {
            let advice = match (problem.minimum_seconds, problem.maximum_seconds) {
                (Some(minimum), Some(maximum)) => {
                    format!("give --duration from {} to {}", time(minimum), time(maximum))
                }
                _ => "give another --duration".to_owned(),
            };
            Failure::usage(format!("{server} lends for no such time"), advice)
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

/// Seconds, as `--duration` takes them: `4h`, `1h30m`, `100s`.
fn time(seconds: u32) -> String {
    let parts = [(seconds / 3_600, "h"), (seconds % 3_600 / 60, "m"), (seconds % 60, "s")];
    let shown = parts.iter().filter(|(number, _)| *number > 0).map(|(number, unit)| format!("{number}{unit}"));
    shown.collect::<Vec<_>>().concat()
}

pub(crate) const SIGN_IN: &str = "run `broker login`";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_said_as_it_is_given() {
        assert_eq!([900, 3_600, 5_400, 14_400, 3_661].map(time), ["15m", "1h", "1h30m", "4h", "1h1m1s"]);
    }
}
