//! PostgreSQL on another machine: nothing is said to it before its certificate has proved who it is.

use broker_core::store::{Location, OpenError, Store};
use tests::certificates::Authority;
use tests::postgres::Postgres;
use tests::process::new_folder;
use tests::stage::Stage;
use tests::stores::{Hands, StoryClock, master_key};
use url::Url;

/// By the only address of this machine that does not look like it: what reaches the loopback address is not called so.
const ELSEWHERE: &str = "0.0.0.0";

#[tokio::test]
async fn a_server_elsewhere_proves_who_it_is() {
    let authority = Authority::new();
    let server = Postgres::start_with_tls(&authority.sign(ELSEWHERE));
    let url: Url = server.database("encrypted").parse().unwrap();
    let folder = new_folder();
    let trusted = folder.path().join("ca.pem");
    std::fs::write(&trusted, authority.pem()).unwrap();
    let stranger = folder.path().join("stranger.pem");
    std::fs::write(&stranger, Authority::new().pem()).unwrap();

    let store = open(&url, &format!("sslrootcert={}", trusted.display())).await.unwrap();
    let of_ours = "SELECT count(*) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
                   WHERE usename = current_user AND pid <> pg_backend_pid() AND ssl";
    let mut hands = Hands::of_postgres(url.as_str()).await;
    assert!(hands.number(of_ours).await > 0, "the broker's own connections are encrypted");
    store.probe().await.unwrap();

    for parameters in [String::new(), format!("sslrootcert={}", stranger.display())] {
        refused(open(&url, &parameters).await, &["invalid peer certificate", "sslrootcert in store.url"]);
    }
}

#[tokio::test]
async fn a_server_elsewhere_with_anothers_certificate_or_none_gets_no_password() {
    let folder = new_folder();
    let authority = Authority::new();
    let trusted = folder.path().join("ca.pem");
    std::fs::write(&trusted, authority.pem()).unwrap();
    let parameters = format!("sslrootcert={}", trusted.display());

    let anothers = Postgres::start_with_tls(&authority.sign("db.corp.example"));
    refused(open(&anothers.database("anothers").parse().unwrap(), &parameters).await, &["not valid for name"]);
    let plain = Postgres::start();
    refused(open(&plain.database("plain").parse().unwrap(), &parameters).await, &["does not support TLS"]);
    for weak in ["disable", "prefer", "require", "verify-ca"] {
        let opened = open(&plain.database("weak").parse().unwrap(), &format!("sslmode={weak}")).await;
        assert!(matches!(opened, Err(OpenError::Unproved(_))), "{weak}: {opened:?}");
    }
}

#[tokio::test]
async fn the_systems_own_authorities_count_and_files_stand_beside_the_configuration() {
    let authority = Authority::new();
    let server = Postgres::start_with_tls(&authority.sign(ELSEWHERE));
    let mut url: Url = server.database("system").parse().unwrap();
    url.set_host(Some(ELSEWHERE)).unwrap();
    let installation = Stage::set().await.on_postgres(url.as_str());
    installation.write("ca.pem", authority.pem());

    let unknown = installation.run(&["audit", "tail"], "");
    assert!(unknown.stderr.contains("UnknownIssuer"), "{}", unknown.stderr);
    let mut command = installation.command(&["audit", "tail"]);
    command.env("SSL_CERT_FILE", installation.path("ca.pem"));
    tests::ended::run("audit tail", command, "").succeeded();
    let database = url.path().to_owned();
    installation.edit("brokerd.toml", &format!("{database}\""), &format!("{database}?sslrootcert=ca.pem\""));
    installation.run(&["audit", "tail"], "").succeeded();
}

/// Opens a database as if its server stood elsewhere.
async fn open(url: &Url, parameters: &str) -> Result<Store, OpenError> {
    let mut bare = url.clone();
    bare.set_password(None).unwrap();
    bare.set_host(Some(ELSEWHERE)).unwrap();
    bare.set_query(Some(parameters));
    let location = Location::Postgres { url: bare.into(), password: url.password().map(Into::into) };
    Store::open(&location, vec![master_key(1)], "k1", &StoryClock::default()).await.map(|opened| opened.store)
}

fn refused(opened: Result<Store, OpenError>, words: &[&str]) {
    let Err(error @ OpenError::Unusable(_)) = opened else { panic!("{opened:?}") };
    let told = error.to_string();
    assert!(words.iter().all(|word| told.contains(word)), "{told}");
}
