//! How long is waited for what, so that each limit stays above those within it: what a request waits for, the request, the daemon's end.

use std::time::Duration;

use broker_core::directory::LONGEST_ANSWER;
use broker_core::sign_in::{LAST_PROOF, LONGEST_SIGN_IN};

/// The most that may be allowed for the body of a request.
pub const BODY: Duration = Duration::from_secs(30);
/// The most that may be allowed for one vend or console link, from when its request came.
pub const DEADLINE: Duration = Duration::from_mins(1);
/// The very last limit on a request, which nothing should ever meet: it can say no more than that it was met.
pub const REQUEST: Duration = Duration::from_mins(2);
/// The longest that somebody is in who shows a password with one request, should nothing else end it.
pub const VISIT: Duration = REQUEST.saturating_add(Duration::from_secs(30));
/// How long the daemon's end waits for what is in flight.
pub const END: Duration = Duration::from_secs(65);
/// How long it takes after that to write out the trail, to anchor it and to let the store go. `docs/brokerd.service` gives both some more.
pub const CLOSING: Duration = Duration::from_secs(25);

/// A vend: a slow body and a look at the caller's account take of its deadline; the last proof may come after it.
const VEND: Duration = longer(DEADLINE, BODY.saturating_add(LONGEST_ANSWER)).saturating_add(LAST_PROOF);
/// A sign-in, over however many directories.
const SIGN_IN: Duration = BODY.saturating_add(LONGEST_SIGN_IN);
/// An administrator's test of a directory: their own account may be looked at before and after.
const TEST: Duration = BODY.saturating_add(LONGEST_ANSWER).saturating_add(LONGEST_SIGN_IN).saturating_add(LAST_PROOF);

const fn longer(one: Duration, other: Duration) -> Duration {
    if one.as_nanos() > other.as_nanos() { one } else { other }
}

const fn is_below(one: Duration, other: Duration) -> bool {
    one.as_nanos() < other.as_nanos()
}

const _: () = {
    assert!(is_below(VEND, END), "whoever waits for AWS when the daemon is told to stop gets an answer");
    assert!(is_below(SIGN_IN, END), "so does whoever signs in");
    assert!(is_below(TEST, REQUEST), "and nobody is told `overloaded` who waits for a directory");
    assert!(is_below(END, REQUEST), "a request that the daemon's end waits for ends by its own limits");
};
