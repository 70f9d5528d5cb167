//! How long whom may wait for AWS: a person before a page or a terminal less long than a job.

use std::time::{Duration, Instant};

use aws_sim::{Calls, Fault};
use serde_json::json;
use tests::world::{Answer, World, password_of};

#[tokio::test(flavor = "multi_thread")]
async fn people_are_cut_off_at_the_short_deadline_and_jobs_at_the_long_one() {
    let patience = "retries = 0, interactive_deadline_seconds = 1, deadline_seconds = 30";
    let world = World::prepare().await.configured("retries = 2", patience).serve();
    let ada = world.person("ada").await;
    let cookie = world.stranger().cookie("ada", &password_of("ada")).await;
    let token = world.run(&["token", "create", "nightly", "--connector", "ci"], "").succeeded();
    let job = world.stranger().with_token(token.trim());
    world.sim.faults().always(Calls::of("AssumeRole"), Fault::Stall(SLOW));

    let asked = Instant::now();
    ada.vend("anew", &json!({})).await.problem("503 aws_unavailable");
    assert!(asked.elapsed() < SLOW, "cut off before AWS answers: {:?}", asked.elapsed());

    let page = world.stranger().request(reqwest::Method::GET, "/console/anew");
    let page = Answer::of(page.header("cookie", &cookie).header("sec-fetch-site", "none")).await;
    assert_eq!((page.status, world.calls("getSigninToken").len()), (503, 0), "{}", page.text);

    let asked = Instant::now();
    assert_eq!(job.vended("ci", &json!({})).await["reused"], false);
    assert!(asked.elapsed() >= SLOW, "AWS was slow to the job as well: {:?}", asked.elapsed());
}

const SLOW: Duration = Duration::from_secs(4);
