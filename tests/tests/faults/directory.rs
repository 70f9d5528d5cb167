//! The directory is down, slow, and back again.

use std::time::{Duration, Instant};

use aws_sim::Sim;
use jiff::SignedDuration;
use reqwest::Method;
use serde_json::json;
use tests::barrier::Barrier;
use tests::brokerd::{Brokerd, Installation};
use tests::process::Signal;
use tests::slapd::{GROUPS, SERVICE, SERVICE_PASSWORD, Slapd, USERS};
use tests::wall_clock::WallClock;
use tests::world::{Answer, Asker, World, soon, trail};

/// Two daemons before one directory: one looks people up again each second, the other every five minutes.
struct Scene {
    slapd: Slapd,
    barrier: Barrier,
    _sim: Sim,
    strict: Brokerd,
    patient: Brokerd,
}

impl Scene {
    async fn set() -> Self {
        let slapd = Slapd::start();
        let port = slapd.ldaps_url().rsplit_once(':').unwrap().1.parse().unwrap();
        let barrier = Barrier::before(port).await;
        let prepared = World::prepare().await;
        let endpoint = prepared.sim.endpoint();
        let strict = installation(&slapd, barrier.port(), &endpoint, 1).serve();
        let patient = installation(&slapd, barrier.port(), &endpoint, 300).serve();
        Self { slapd, barrier, _sim: prepared.sim, strict, patient }
    }
}

fn installation(slapd: &Slapd, port: u16, endpoint: &str, recheck: u32) -> Installation {
    let more = format!(
        "aws = {{ endpoint_url = \"{endpoint}\", retries = 2 }}\nsessions = {{ recheck_seconds = {recheck} }}\n\
         [[directory]]\nname = \"corp\"\n[directory.backend.ldap]\nurls = [\"ldaps://127.0.0.1:{port}\"]\nca_file = \"ca.pem\"\n\
         bind_dn = \"{SERVICE}\"\nbind_password = {{ file = \"ldap.pw\" }}\nusers = {{ base = \"{USERS}\" }}\n\
         groups = {{ member_of = {{ base = \"{GROUPS}\" }} }}\n\
         connect_timeout_seconds = 2\noperation_timeout_seconds = 3\ndeadline_seconds = 5\nrest_seconds = 1\n",
    );
    let connectors = format!(
        "[[access_key]]\nname = \"main\"\nregion = \"us-east-1\"\nsource.stored = {{ access_key_id = \"{}\", secret_access_key = {{ file = \"keys/main\" }} }}\n\
         [[connector]]\nname = \"deploy\"\naccess_key = \"main\"\ngroups = [\"corp/staff\"]\n[connector.principal.assume_role]\n\
         role_arn = \"arn:aws:iam::{}:role/deploy\"\n",
        tests::world::KEY,
        tests::world::ACCOUNT,
    );
    let installation = Installation::new(&more, &connectors);
    installation.write("ca.pem", slapd.ca_pem());
    installation.write("ldap.pw", SERVICE_PASSWORD);
    installation.write("keys/main", tests::world::SECRET);
    installation
}

async fn signed_in(brokerd: &Brokerd, username: &str) -> Asker {
    Asker::at(&brokerd.url()).signed_in_with(username, &format!("{username} secret")).await
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_cannot_be_looked_up_while_nobody_asks_has_no_record_as_if_they_had() {
    let (slapd, clock) = (Slapd::start(), WallClock::new());
    let port = slapd.ldaps_url().rsplit_once(':').unwrap().1.parse().unwrap();
    let sim = World::prepare().await.sim;
    let installation = installation(&slapd, port, &sim.endpoint(), 300);
    let variables = clock.variables();
    let variables = variables.each_ref().map(|(name, value)| (name.as_str(), value.as_str()));
    let brokerd = installation.serve_with(&variables);
    let ada = signed_in(&brokerd, "ada").await;
    ada.get("/v1/container-credentials/deploy").await.good();
    drop(slapd);
    clock.set(SignedDuration::from_mins(45));
    let record = soon("the record", async || {
        trail(brokerd.installation()).into_iter().find(|record| record["action"] == "token_refused")
    })
    .await;
    let reason = record["reason"].as_str().unwrap();
    assert!(reason.contains("unavailable") && reason.contains("nobody asked"), "{record}");
    ada.get("/v1/connectors").await.problem("503 directory_unavailable");
    soon("their own", async || {
        let mut records = trail(brokerd.installation()).into_iter();
        records.find(|record| record["reason"] == "the directory is unavailable").map(drop)
    })
    .await;
}

/// Nobody gets in, and hears so in bounded time.
async fn nobody_signs_in(brokerd: &Brokerd) {
    let asked = Instant::now();
    let body = json!({ "username": "ada", "password": "ada secret" });
    Asker::at(&brokerd.url()).sign_in(&body).await.problem("503 directory_unavailable");
    assert!(asked.elapsed() < BOUND, "{:?}", asked.elapsed());
}

/// Those who are in go on within the bound, and not after it.
async fn goes_on_within_the_bound_only(scene: &Scene, strict: &Asker, patient: &Asker) {
    let answer = soon("the end of the bound", async || {
        let answer = strict.vend("deploy", &json!({})).await;
        (answer.status != 200).then_some(answer)
    })
    .await;
    answer.problem("503 directory_unavailable");
    assert!(!answer.text.contains("ASIA"));
    patient.vended("deploy", &json!({ "fresh": true })).await;
    nobody_signs_in(&scene.strict).await;
    nobody_signs_in(&scene.patient).await;
}

async fn all_is_well_again(scene: &Scene, strict: &Asker, patient: &Asker) {
    soon("its return", async || (strict.vend("deploy", &json!({})).await.status == 200).then_some(())).await;
    patient.vended("deploy", &json!({ "fresh": true })).await;
    for brokerd in [&scene.strict, &scene.patient] {
        let body = json!({ "username": "bob", "password": "bob secret" });
        let door = Asker::at(&brokerd.url());
        soon("signing in", async || (door.sign_in(&body).await.status == 201).then_some(())).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_that_is_down_comes_back_by_itself() {
    let mut scene = Scene::set().await;
    let (strict, patient) = (signed_in(&scene.strict, "ada").await, signed_in(&scene.patient, "ada").await);
    strict.vended("deploy", &json!({})).await;
    scene.barrier.shut().await;
    goes_on_within_the_bound_only(&scene, &strict, &patient).await;
    scene.barrier.open().await;
    all_is_well_again(&scene, &strict, &patient).await;
    for brokerd in [scene.strict, scene.patient] {
        brokerd.run(&["audit", "verify"], "").succeeded();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_leaves_needs_no_directory() {
    let mut scene = Scene::set().await;
    let (url, door) = (scene.strict.url(), Asker::at(&scene.strict.url()));
    let api = signed_in(&scene.strict, "ada").await;
    let cookie = door.cookie("bob", "bob secret").await;
    let home = async || Answer::of(door.request(Method::GET, "/").header("cookie", &cookie)).await;
    let csrf = home().await.field("csrf");
    scene.barrier.shut().await;
    soon("the end of the bound", async || (api.get("/v1/session").await.status == 503).then_some(())).await;
    soon("the end of the bound", async || (home().await.status == 503).then_some(())).await;

    assert_eq!(api.delete("/v1/session").await.status, 204);
    let form = door.request(Method::POST, "/sign-out").header("cookie", &cookie).header("origin", &url);
    let left = Answer::of(form.form(&[("csrf", &csrf)])).await;
    assert_eq!((left.status, left.header("location")), (303, Some("/sign-in")), "{}", left.text);
    assert!(left.header("set-cookie").unwrap().contains("Max-Age=0"), "{:?}", left.headers);
    api.get("/v1/session").await.problem("401 unauthenticated");
    assert_eq!(home().await.status, 303);
    let out: Vec<_> = trail(scene.strict.installation())
        .into_iter()
        .filter(|record| record["action"] == "sign_out")
        .map(|record| (record["actor"].clone(), record["outcome"].clone()))
        .collect();
    assert_eq!(out, [(json!("person:corp/ada"), json!("success")), (json!("person:corp/bob"), json!("success"))]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_directory_is_waited_for_and_one_that_is_too_slow_is_not() {
    let scene = Scene::set().await;
    scene.barrier.slow(Duration::from_millis(100));
    let (strict, patient) = (signed_in(&scene.strict, "ada").await, signed_in(&scene.patient, "ada").await);
    strict.vended("deploy", &json!({})).await;
    scene.barrier.slow(Duration::from_mins(10));
    goes_on_within_the_bound_only(&scene, &strict, &patient).await;
    scene.barrier.slow(Duration::ZERO);
    all_is_well_again(&scene, &strict, &patient).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_directory_that_is_stopped_for_good_lets_nobody_in() {
    let mut scene = Scene::set().await;
    let (strict, patient) = (signed_in(&scene.strict, "ada").await, signed_in(&scene.patient, "ada").await);
    scene.slapd.process().signal(Signal::STOP);
    goes_on_within_the_bound_only(&scene, &strict, &patient).await;
    scene.slapd.process().signal(Signal::CONT);
    all_is_well_again(&scene, &strict, &patient).await;
    scene.slapd.process().stop();
    goes_on_within_the_bound_only(&scene, &strict, &patient).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_loses_the_role_while_a_directory_is_asked_for_them_is_told_nothing() {
    let (home, asked) = (Slapd::start(), Slapd::start());
    let port = asked.ldaps_url().rsplit_once(':').unwrap().1.parse().unwrap();
    let barrier = Barrier::before(port).await;
    let directory = |name: &str, url: &str| {
        format!(
            "[[directory]]\nname = \"{name}\"\nmay_grant_admin = true\n[directory.backend.ldap]\nurls = [\"{url}\"]\nca_file = \"{name}.pem\"\n\
             bind_dn = \"{SERVICE}\"\nbind_password = {{ file = \"ldap.pw\" }}\nusers = {{ base = \"{USERS}\" }}\n\
             groups = {{ member_of = {{ base = \"{GROUPS}\" }} }}\noperation_timeout_seconds = 30\ndeadline_seconds = 30\n"
        )
    };
    let more = format!(
        "admin_groups = [\"corp/staff\"]\nsessions = {{ recheck_seconds = 1 }}\n{}{}",
        directory("corp", &home.ldaps_url()),
        directory("branch", &format!("ldaps://127.0.0.1:{}", barrier.port())),
    );
    let here = Installation::new(&more, "");
    here.write("corp.pem", home.ca_pem());
    here.write("branch.pem", asked.ca_pem());
    here.write("ldap.pw", SERVICE_PASSWORD);
    let brokerd = here.serve();
    let bob = Asker::at(&brokerd.url()).signed_in_with("bob", "bob secret").await;
    let ask =
        async |asker: &Asker| asker.post("/v1/admin/directories/branch/test", &json!({ "username": "carol" })).await;
    assert_eq!(ask(&bob).await.good()["found"], "one");
    let question = "(uid=carol)";
    let before = asked.logged(question);

    barrier.slow(Duration::from_mins(10));
    let waiting = bob.clone();
    let asking = tokio::spawn(async move {
        waiting.post("/v1/admin/directories/branch/test", &json!({ "username": "carol" })).await
    });
    soon("the question to be there", async || (asked.logged(question) > before).then_some(())).await;
    home.modify(&format!("dn: cn=staff,{GROUPS}\nchangetype: modify\ndelete: member\nmember: uid=bob,{USERS}\n"));
    // The bound is a second.
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    assert!(!asking.is_finished());
    barrier.slow(Duration::ZERO);
    let answer = asking.await.unwrap();
    answer.problem("403 forbidden");
    assert!(!answer.text.to_lowercase().contains("carol"), "{}", answer.text);
    let tests: Vec<_> =
        trail(brokerd.installation()).into_iter().filter(|it| it["action"] == "directory_tested").collect();
    assert_eq!(tests.iter().map(|it| it["outcome"].as_str().unwrap()).collect::<Vec<_>>(), ["success", "refused"]);
    assert_eq!(tests[1]["changes"], json!({ "directory": "branch", "found": null, "password": null }));
}

/// Twice the deadline that the configuration gives a directory, and then some for a busy machine.
const BOUND: Duration = Duration::from_secs(20);
