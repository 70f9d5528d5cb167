//! How PostgreSQL is reached: beyond this machine only by TLS that proves who answers.

use std::net::IpAddr;

use sqlx::postgres::{PgConnectOptions, PgSslMode};
use url::Url;

use super::location::OpenError;

/// What a URL says, and the proof of the server's name where another machine is meant and the URL says nothing of it.
pub(super) fn options(url: &str) -> Result<PgConnectOptions, OpenError> {
    let parsed = Url::parse(url).map_err(|error| OpenError::Url(sqlx::Error::Configuration(error.into())))?;
    let options: PgConnectOptions = url.parse().map_err(OpenError::Url)?;
    // In a certificate an address stands without the brackets that it has in a URL.
    let host = options.get_host().trim_matches(['[', ']']).to_owned();
    let options = options.host(&host);
    if options.get_socket().is_some() || stays_here(&host) {
        return Ok(options);
    }
    // What the environment says (PGSSLMODE) is not looked at: nobody would see it in the configuration.
    let says = parsed.query_pairs().any(|(key, _)| matches!(&*key, "sslmode" | "ssl-mode"));
    if says && !matches!(options.get_ssl_mode(), PgSslMode::VerifyFull) {
        return Err(OpenError::Unproved(host));
    }
    Ok(options.ssl_mode(PgSslMode::VerifyFull))
}

fn stays_here(host: &str) -> bool {
    host.starts_with('/') || host == "localhost" || host.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_machine_proves_who_it_is_or_is_not_asked() {
        for remote in [
            "postgres://u@db.corp.example/d",
            "postgres://u@db.corp.example/d?sslmode=verify-full",
            "postgres://u@db.corp.example/d?sslrootcert=/etc/ca.pem",
            "postgres://u@192.0.2.7/d",
            "postgres://u@[2001:db8::7]/d",
            "postgres://u@0.0.0.0/d",
            "postgres://u@localhost.corp.example/d",
            "postgres://u@127.0.0.1/d?host=db.corp.example",
            "postgres://u@127.0.0.1/d?hostaddr=192.0.2.7",
        ] {
            let options = options(remote).unwrap();
            assert!(matches!(options.get_ssl_mode(), PgSslMode::VerifyFull), "{remote}");
            assert!(!options.get_host().contains('['), "{remote}");
        }
        for mode in ["disable", "allow", "prefer", "require", "verify-ca"] {
            for key in ["sslmode", "ssl-mode", "sslmode=verify-full&sslmode", "%73slmode"] {
                let weak = format!("postgres://u@db.corp.example/d?{key}={mode}");
                assert!(
                    matches!(options(&weak), Err(OpenError::Unproved(host)) if host == "db.corp.example"),
                    "{weak}"
                );
            }
        }
    }

    #[test]
    fn on_this_machine_nobody_listens_in() {
        for here in [
            "postgres://u@127.0.0.1/d",
            "postgres://u@127.1.2.3/d",
            "postgres://u@[::1]:5433/d",
            "postgres://u@localhost/d",
            "postgres://u@%2Frun%2Fpostgresql/d",
            "postgres:///d?host=/run/postgresql&user=u",
        ] {
            for mode in ["disable", "prefer", "verify-full"] {
                let sign = if here.contains('?') { '&' } else { '?' };
                let url = format!("{here}{sign}sslmode={mode}");
                assert_eq!(
                    format!("{:?}", options(&url).unwrap().get_ssl_mode()).to_lowercase(),
                    mode.replace('-', "")
                );
            }
        }
    }
}
