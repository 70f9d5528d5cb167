//! The way to the broker: whether it is there, what time it has, and what gets lost in between.

use http::{HeaderMap, Method, header};
use jiff::Timestamp;

use super::Finding;
use crate::api::{Broker, Seen};
use crate::clock;
use crate::failure::Failure;
use crate::holder::Holder;
use crate::lent::Token;
use crate::renewal;
use crate::site::Site;
use crate::text::Text;

pub(super) async fn examine(site: &Site) -> Vec<Finding> {
    let broker = match Broker::of(site) {
        Ok(broker) => broker,
        Err(failure) => return vec![of("broker", &failure)],
    };
    let start = match broker.look(Method::HEAD, &["start"], None).await {
        Ok(seen) => seen,
        Err(failure) => return vec![of("broker", &failure)],
    };
    let mut found = vec![Finding::good("broker", format!("{} answers", site.server))];
    found.extend(clock_of(&start.headers, clock::now()));
    found.push(start_url(&start));
    let holder = renewal::holder(site).await;
    found.push(match &holder {
        Ok(holder) => match broker.session(holder).await {
            Ok((identity, _)) => Finding::good("session", format!("signed in as {}", identity.shown())),
            Err(failure) => of("session", &failure),
        },
        Err(failure) => Finding::note("session", failure.said(), failure.advice()),
    });
    found.push(underscores(&broker, holder.ok().as_ref()).await);
    found
}

fn of(check: &'static str, failure: &Failure) -> Finding {
    Finding::bad(check, failure.said(), failure.advice())
}

/// AWS refuses what is signed more than five minutes off, and the broker a proof of possession that is one off.
fn clock_of(headers: &HeaderMap, now: Timestamp) -> Option<Finding> {
    let date = headers.get(header::DATE)?.to_str().ok()?;
    let theirs = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(date).ok()?;
    let off = now.as_second() - theirs.as_second();
    Some(if off.abs() <= CLOCKS_DIFFER {
        Finding::good("clock", "this machine's clock and the broker's agree")
    } else {
        let which = if off > 0 { "ahead of" } else { "behind" };
        let said = format!("this machine's clock is {} seconds {which} the broker's", off.abs());
        Finding::bad("clock", said, "set it, as by NTP: AWS refuses what is signed at another time")
    })
}

/// The AWS CLI asks there before it signs in, from 2.35.13 on, and wants to be led to AWS.
fn start_url(seen: &Seen) -> Finding {
    let location = seen.headers.get(header::LOCATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if seen.status == 302 && location.starts_with("https://identitycenter.amazonaws.com/") {
        return Finding::good("start URL", "/start answers as the AWS CLI wants it");
    }
    let leading = if location.is_empty() { String::new() } else { format!(" {}", Text::of(location)) };
    let said = format!("/start answers {}{leading}, and not as a broker does", seen.status);
    Finding::bad("start URL", said, "see to what stands between: HEAD /start must reach the broker")
}

/// Some proxies drop headers with underscores in their names, and AWS's own clients have their token in one.
async fn underscores(broker: &Broker<'_>, holder: Option<&Holder>) -> Finding {
    let ours = holder.filter(|holder| holder.renews()).and_then(|holder| holder.token().ok().cloned());
    let Some(token) = ours.or_else(|| Token::parse(NOBODYS.into())) else {
        return Finding::note("header", "no token can be made", "");
    };
    match broker.look(Method::GET, &["assignment", "accounts"], Some(&token)).await {
        Ok(seen) if String::from_utf8_lossy(&seen.body).contains("no token came in x-amz-sso_bearer_token") => {
            Finding::bad(
                "header",
                "something on the way to the broker drops the header x-amz-sso_bearer_token",
                "let it through, as by `underscores_in_headers on` in nginx: `aws sso login` does not work without it",
            )
        }
        Ok(Seen { status: 200 | 401, .. }) => {
            Finding::good("header", "x-amz-sso_bearer_token reaches the broker, underscores and all")
        }
        Ok(seen) => Finding::bad(
            "header",
            format!("/assignment/accounts answers {}, and not as a broker does", seen.status),
            "see to what stands between",
        ),
        Err(failure) => of("header", &failure),
    }
}

/// Of the kind that is looked for there: the broker says that it is nobody's, and so that it has come.
const NOBODYS: &str = "bka_broker-doctor-asks-whether-this-arrives";
/// Seconds.
const CLOCKS_DIFFER: i64 = 60;

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::super::State;
    use super::*;

    #[test]
    fn a_clock_that_is_off_is_told_by_how_much() {
        let mut headers = HeaderMap::new();
        headers.insert(header::DATE, HeaderValue::from_static("Sun, 22 Nov 2026 12:00:00 GMT"));
        let at = |time: &str| clock_of(&headers, time.parse().unwrap()).unwrap();
        assert_eq!(at("2026-11-22T12:00:59Z").state, State::Good);
        let behind = at("2026-11-22T11:55:00Z");
        assert_eq!((behind.state, behind.said.contains("300 seconds behind")), (State::Bad, true), "{behind:?}");
        assert!(at("2026-11-22T12:01:01Z").said.contains("61 seconds ahead of"));
        assert!(clock_of(&HeaderMap::new(), clock::now()).is_none());
    }
}
