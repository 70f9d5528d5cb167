//! `brokerd directory test` against Crowd.

use tests::brokerd::Installation;
use tests::certificates::Authority;
use tests::crowd::{APPLICATION_PASSWORD, Crowd, Deed, Shape};
use tests::ended::Ended;
use tests::world::World;

use crate::installation;

/// Beside the Crowd that runs in this process.
async fn test(here: &Installation, arguments: &[&str], input: &str) -> Ended {
    let (command, input) = (here.command(&[&["directory", "test", "corp"], arguments].concat()), input.to_owned());
    let ended = tokio::task::spawn_blocking(move || tests::ended::run("brokerd directory test", command, &input))
        .await
        .unwrap();
    for secret in [APPLICATION_PASSWORD, "ada secret"] {
        assert!(!ended.stdout.contains(secret) && !ended.stderr.contains(secret), "{ended:?}");
    }
    ended
}

async fn beside(crowd: &Crowd, more: &str) -> Installation {
    installation(&World::prepare().await.sim, "", &crowd.configured(more))
}

fn has(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "no `{part}` in\n{text}");
    }
}

fn failed(ended: Ended, parts: &[&str]) {
    assert_eq!(ended.status.code(), Some(1), "{ended:?}");
    has(&ended.stdout, parts);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_question_is_told_with_its_answer() {
    let crowd = Crowd::start().await;
    let here = beside(&crowd, "").await;
    let text = test(&here, &["--user", "Ada", "--sign-in"], "ada secret").await.succeeded();
    has(
        &text,
        &[
            "GET /crowd/rest/usermanagement/1/config/cookie: 200 from 127.0.0.1:",
            "GET /crowd/rest/usermanagement/1/user: 200",
            "GET /crowd/rest/usermanagement/1/user/group/nested: 200",
            "`ada`",
            "1: corp/staff",
            "connectors of the connectors file: 1: deploy",
            "POST /crowd/rest/usermanagement/1/authentication: 200",
            "right: this lets the person in",
        ],
    );
    let json = test(&here, &["--user", "ada", "--json"], "").await.json();
    assert_eq!((json["kind"].as_str(), json["person"]["username"].as_str()), (Some("crowd"), Some("ada")));
    failed(test(&here, &["--user", "ada", "--sign-in"], "not hers").await, &["authentication: 400", "wrong password"]);
    failed(
        test(&here, &["--user", "nobody"], "").await,
        &["user: 404", "nobody has this name", "-> see in Crowd's administration"],
    );
    failed(test(&here, &["--user", "dora"], "").await, &["FAILED", "disabled"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn by_tls_the_certificate_is_told_and_a_strangers_is_refused() {
    let (authority, other) = (Authority::new(), Authority::new());
    let crowd = Crowd::start().await.over_tls(&authority.sign("127.0.0.1")).await;
    let directory = crowd.configured("ca_file = \"ca.pem\"").replace("plain_text_on_loopback = true\n", "");
    let here = installation(&World::prepare().await.sim, "", &directory);
    here.write("ca.pem", authority.pem());
    has(&test(&here, &[], "").await.succeeded(), &["config/cookie: 200", "certificate of `CN=", "days more"]);
    here.write("ca.pem", other.pem());
    failed(test(&here, &[], "").await, &["invalid peer certificate", "`ca_file`"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn faults_of_our_own_and_a_crowd_that_hangs_are_told_with_what_to_do() {
    let crowd = Crowd::start().await;
    let here = beside(&crowd, "operation_timeout_seconds = 1\ndeadline_seconds = 2").await;
    here.write("crowd.pw", "another one");
    let ended = test(&here, &[], "").await;
    assert!(!ended.stdout.contains("another one"));
    failed(ended, &["FAILED", "(401)", "`application` and `password`"]);
    here.write("crowd.pw", APPLICATION_PASSWORD);
    crowd.does_everywhere(&Deed::Answers(Shape::address_forbidden()));
    failed(test(&here, &[], "").await, &["(403)", "Remote addresses"]);
    crowd.does_everywhere(&Deed::Hangs);
    failed(test(&here, &["--user", "ada"], "").await, &["no answer in time", "`operation_timeout_seconds`"]);
}
