//! One table that says which routes there are and which kinds of credentials each takes. What is not in it takes none.

use axum::http::Method;

/// The kinds of credentials that a route takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Takes {
    /// A person's session token in `Authorization`.
    pub(crate) session: bool,
    /// The browser's session cookie.
    pub(crate) cookie: Cookie,
    /// A service token in `Authorization`.
    pub(crate) service: bool,
    /// An access token of one of AWS's own clients.
    pub(crate) client: Client,
    /// How a token stands in `Authorization`.
    pub(crate) scheme: Scheme,
}

/// What may stand before a token in `Authorization`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scheme {
    Bearer,
    /// Or nothing at all: AWS's clients send what their users wrote down, to the letter.
    BearerOrNone,
    /// Or a name and a password, by somebody who has no browser: for scripts that did so with IFAWS.
    BearerOrBasic,
}

/// Whether an access token of one of AWS's own clients will do, and where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Client {
    Never,
    /// In `Authorization`, where other tokens stand.
    Bearer,
    /// In `x-amz-sso_bearer_token`, and nothing else will do.
    Portal,
}

/// Whether a cookie will do, and what the browser must show beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cookie {
    Never,
    /// Nothing changes and nothing is vended.
    Reads,
    /// It must be shown that one of our own pages asks.
    OwnPage,
    /// And the session's CSRF token must be there.
    OwnPageWithToken,
}

/// What a route takes; nothing where the table is silent.
pub(crate) fn takes(method: &Method, route: &str) -> Takes {
    // HEAD is GET without the body (RFC 9110, 9.3.2).
    let method = if *method == Method::HEAD { &Method::GET } else { method };
    let line = TABLE.iter().find(|(of, path, _)| *of == method.as_str() && *path == route);
    line.map_or(NONE, |(_, _, takes)| *takes)
}

#[cfg(test)]
pub(crate) fn listed() -> impl Iterator<Item = (&'static str, &'static str)> {
    TABLE.iter().map(|(method, path, _)| (*method, *path))
}

/// Where AWS's clients fetch what they call container credentials, and read errors in spellings of their own.
pub(crate) const CONTAINER_CREDENTIALS: &str = "/v1/container-credentials/{name}";

const NONE: Takes =
    Takes { session: false, cookie: Cookie::Never, service: false, client: Client::Never, scheme: Scheme::Bearer };

const fn anybody(cookie: Cookie) -> Takes {
    Takes { service: true, ..people_or_client(cookie) }
}

/// People, in person or by a client of theirs.
const fn people_or_client(cookie: Cookie) -> Takes {
    Takes { client: Client::Bearer, ..people(cookie) }
}

const fn people(cookie: Cookie) -> Takes {
    Takes { session: true, cookie, ..NONE }
}

/// People themselves, and no client of theirs.
const fn in_person() -> Takes {
    people(Cookie::OwnPageWithToken)
}

const fn browsers(cookie: Cookie) -> Takes {
    Takes { cookie, ..NONE }
}

const fn aws_clients() -> Takes {
    Takes { scheme: Scheme::BearerOrNone, client: Client::Never, ..anybody(Cookie::Never) }
}

const fn moved_over(takes: Takes) -> Takes {
    Takes { scheme: Scheme::BearerOrBasic, client: Client::Never, ..takes }
}

const PORTAL: Takes = Takes { client: Client::Portal, ..NONE };

const TABLE: &[(&str, &str, Takes)] = &[
    ("GET", "/v1/session", anybody(Cookie::Reads)),
    ("DELETE", "/v1/session", people(Cookie::OwnPageWithToken)),
    ("POST", "/v1/session/second-factor", in_person()),
    ("GET", "/v1/account/second-factors", people(Cookie::OwnPage)),
    ("POST", "/v1/account/second-factors", in_person()),
    ("PUT", "/v1/account/second-factors/{id}", in_person()),
    ("DELETE", "/v1/account/second-factors/{id}", in_person()),
    ("POST", "/v1/account/enrolments", in_person()),
    ("POST", "/v1/account/recovery-codes", in_person()),
    ("POST", "/v1/session/password", in_person()),
    ("GET", "/v1/connectors", anybody(Cookie::Reads)),
    ("GET", "/v1/connectors/{name}", anybody(Cookie::Reads)),
    ("POST", "/v1/connectors/{name}/credentials", anybody(Cookie::OwnPageWithToken)),
    ("GET", "/v1/connectors/{name}/caller-identity", anybody(Cookie::OwnPage)),
    ("POST", "/v1/connectors/{name}/console-url", people_or_client(Cookie::OwnPageWithToken)),
    ("POST", "/v1/connectors/{name}/ecr-credentials", anybody(Cookie::OwnPageWithToken)),
    ("POST", "/v1/connectors/{name}/codeartifact-credentials", anybody(Cookie::OwnPageWithToken)),
    ("GET", CONTAINER_CREDENTIALS, aws_clients()),
    ("GET", "/rest/identity-federation-for-aws/2.2/connectors", moved_over(anybody(Cookie::Never))),
    ("GET", "/rest/identity-federation-for-aws/2.2/connectors/{id}", moved_over(anybody(Cookie::Never))),
    ("GET", "/rest/identity-federation-for-aws/2.2/connectors/{id}/credentials", moved_over(anybody(Cookie::Never))),
    (
        "GET",
        "/rest/identity-federation-for-aws/2.2/connectors/{id}/caller-identity",
        moved_over(anybody(Cookie::Never)),
    ),
    ("GET", "/rest/identity-federation-for-aws/2.2/connectors/{id}/console/url", moved_over(people(Cookie::Never))),
    ("GET", "/v1/admin/access-keys", people(Cookie::OwnPage)),
    ("POST", "/v1/admin/access-keys", people(Cookie::OwnPageWithToken)),
    ("GET", "/v1/admin/access-keys/{name}", people(Cookie::OwnPage)),
    ("PUT", "/v1/admin/access-keys/{name}", people(Cookie::OwnPageWithToken)),
    ("DELETE", "/v1/admin/access-keys/{name}", people(Cookie::OwnPageWithToken)),
    ("GET", "/v1/admin/audit", people(Cookie::OwnPage)),
    ("GET", "/v1/admin/connectors", people(Cookie::OwnPage)),
    ("POST", "/v1/admin/connectors", people(Cookie::OwnPageWithToken)),
    ("PUT", "/v1/admin/connectors/{name}", people(Cookie::OwnPageWithToken)),
    ("GET", "/v1/admin/connectors/{name}", people(Cookie::OwnPage)),
    ("DELETE", "/v1/admin/connectors/{name}", people(Cookie::OwnPageWithToken)),
    ("POST", "/v1/admin/connectors/{name}/try", people(Cookie::OwnPageWithToken)),
    ("POST", "/v1/admin/directories/{name}/test", people(Cookie::OwnPageWithToken)),
    ("GET", "/v1/admin/users", people(Cookie::OwnPage)),
    ("POST", "/v1/admin/users", people(Cookie::OwnPageWithToken)),
    ("GET", "/v1/admin/users/{name}", people(Cookie::OwnPage)),
    ("PUT", "/v1/admin/users/{name}", people(Cookie::OwnPageWithToken)),
    ("DELETE", "/v1/admin/users/{name}", people(Cookie::OwnPageWithToken)),
    ("PUT", "/v1/admin/users/{name}/password", people(Cookie::OwnPageWithToken)),
    ("GET", "/v1/admin/groups", people(Cookie::OwnPage)),
    ("POST", "/v1/admin/groups", people(Cookie::OwnPageWithToken)),
    ("GET", "/v1/admin/groups/{name}", people(Cookie::OwnPage)),
    ("PUT", "/v1/admin/groups/{name}", people(Cookie::OwnPageWithToken)),
    ("DELETE", "/v1/admin/groups/{name}", people(Cookie::OwnPageWithToken)),
    ("GET", "/v1/admin/service-tokens", people(Cookie::OwnPage)),
    ("POST", "/v1/admin/service-tokens", people(Cookie::OwnPageWithToken)),
    ("DELETE", "/v1/admin/service-tokens/{id}", people(Cookie::OwnPageWithToken)),
    ("POST", "/v1/admin/service-tokens/{id}/confirm", people(Cookie::OwnPageWithToken)),
    ("GET", "/v1/admin/sessions", people(Cookie::OwnPage)),
    ("DELETE", "/v1/admin/sessions", people(Cookie::OwnPageWithToken)),
    ("DELETE", "/v1/admin/sessions/{id}", people(Cookie::OwnPageWithToken)),
    ("DELETE", "/v1/admin/second-factors/{directory}/{id}", people(Cookie::OwnPageWithToken)),
    ("GET", "/federation/credentials", PORTAL),
    ("GET", "/assignment/accounts", PORTAL),
    ("GET", "/assignment/roles", PORTAL),
    ("POST", "/logout", PORTAL),
    // Pages look at the cookie themselves: without one they lead to the sign-in page, and their forms carry the token.
    ("GET", "/", browsers(Cookie::Reads)),
    ("GET", "/sign-in", browsers(Cookie::Reads)),
    ("POST", "/sign-in", browsers(Cookie::OwnPage)),
    ("POST", "/sign-in/second-factor", browsers(Cookie::OwnPage)),
    ("POST", "/sign-out", browsers(Cookie::OwnPage)),
    ("GET", "/account", browsers(Cookie::Reads)),
    ("POST", "/account", browsers(Cookie::OwnPage)),
    ("GET", "/account/password", browsers(Cookie::Reads)),
    ("POST", "/account/password", browsers(Cookie::OwnPage)),
    ("GET", "/start", browsers(Cookie::Reads)),
    ("GET", "/authorize", browsers(Cookie::Reads)),
    ("POST", "/authorize", browsers(Cookie::OwnPage)),
    ("GET", "/v1/authorize", browsers(Cookie::Reads)),
    ("POST", "/v1/authorize", browsers(Cookie::OwnPage)),
    ("GET", "/v1/sessions/confirmation", browsers(Cookie::Reads)),
    ("GET", "/device", browsers(Cookie::Reads)),
    ("POST", "/device", browsers(Cookie::OwnPage)),
    ("GET", "/console/{name}", browsers(Cookie::Reads)),
    ("POST", "/console/{name}", browsers(Cookie::OwnPage)),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_in_the_table_takes_nothing() {
        assert_eq!(takes(&Method::PUT, "/v1/session"), NONE);
        assert_eq!(takes(&Method::PATCH, "/v1/admin/access-keys"), NONE);
        assert_eq!(takes(&Method::HEAD, "/v1/session"), takes(&Method::GET, "/v1/session"));
        assert_eq!(takes(&Method::HEAD, "/v1/sessions"), NONE);
    }

    #[test]
    fn service_tokens_open_the_routes_of_the_contract_and_no_others() {
        let open: Vec<(&str, &str)> =
            TABLE.iter().filter(|(_, _, takes)| takes.service).map(|(method, path, _)| (*method, *path)).collect();
        assert_eq!(
            open,
            [
                ("GET", "/v1/session"),
                ("GET", "/v1/connectors"),
                ("GET", "/v1/connectors/{name}"),
                ("POST", "/v1/connectors/{name}/credentials"),
                ("GET", "/v1/connectors/{name}/caller-identity"),
                ("POST", "/v1/connectors/{name}/ecr-credentials"),
                ("POST", "/v1/connectors/{name}/codeartifact-credentials"),
                ("GET", "/v1/container-credentials/{name}"),
                ("GET", "/rest/identity-federation-for-aws/2.2/connectors"),
                ("GET", "/rest/identity-federation-for-aws/2.2/connectors/{id}"),
                ("GET", "/rest/identity-federation-for-aws/2.2/connectors/{id}/credentials"),
                ("GET", "/rest/identity-federation-for-aws/2.2/connectors/{id}/caller-identity"),
            ]
        );
    }

    #[test]
    fn passwords_are_taken_by_the_routes_of_those_who_moved_over_and_no_cookie_is() {
        for (method, path, takes) in TABLE {
            let moved_over = path.starts_with("/rest/");
            assert_eq!(takes.scheme == Scheme::BearerOrBasic, moved_over, "{method} {path}");
            assert!(!moved_over || takes.cookie == Cookie::Never, "{method} {path}");
        }
    }

    #[test]
    fn no_client_of_awss_administrates_changes_an_account_or_sees_a_page() {
        for (method, path, takes) in TABLE {
            let persons_own = ["/v1/admin", "/v1/account", "/v1/session/"];
            let persons_own = persons_own.iter().any(|prefix| path.starts_with(prefix));
            let vends = path.starts_with("/v1/") && !persons_own && *method != "DELETE";
            let vends = vends && *path != CONTAINER_CREDENTIALS;
            let expected = match (takes.session, takes.cookie) {
                (true, _) if vends => Client::Bearer,
                (false, Cookie::Never) => Client::Portal,
                _ => Client::Never,
            };
            assert_eq!(takes.client, expected, "{method} {path}");
            assert!(takes.client != Client::Portal || (!takes.service && takes.cookie == Cookie::Never), "{path}");
        }
    }

    #[test]
    fn a_cookie_alone_never_vends_nor_changes() {
        for (method, path, takes) in TABLE {
            let harmless = *method == "GET" && !path.ends_with("caller-identity") && !path.contains("credentials");
            assert!(harmless || takes.cookie != Cookie::Reads, "{method} {path}");
        }
    }
}
