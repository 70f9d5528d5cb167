//! Jobs that a pull request started run a stranger's code: they are kept out until a mapping says otherwise, and then it binds them as any other.

use serde_json::{Value, json};
use tests::world::World;

use super::yard::Yard;

/// Of repository 4711 what is pushed; of 4712 nobody thought of the switch; of 4713 all events; of 4714 one event of one kind of branch.
const ENTRY: &str = r#"
[[workload_issuer]]
name = "github"
issuer.github_actions.url = "{url}"
private_network = true

[[workload_issuer.mapping]]
connectors = ["ci"]
claims = { repository_id = "4711" }

[[workload_issuer.mapping]]
connectors = ["ci"]
claims = { repository_id = "4712", event_name = "pull_request" }

[[workload_issuer.mapping]]
connectors = ["ci"]
claims = { repository_id = "4713" }
allow_pull_requests = true

[[workload_issuer.mapping]]
connectors = ["ci"]
claims = { repository_id = "4714", event_name = "pull_request" }
patterns = { ref = "refs/pull/*" }
allow_pull_requests = true
"#;

/// All that begin so. <https://docs.github.com/en/actions/reference/workflows-and-actions/events-that-trigger-workflows>
const EVENTS: [&str; 5] = [
    "pull_request",
    "pull_request_target",
    "pull_request_review",
    "pull_request_review_comment",
    "pull_request_comment",
];

#[tokio::test(flavor = "multi_thread")]
async fn a_pull_requests_job_gets_in_only_where_its_mapping_says_so_and_binds_it() {
    let yard = Yard::behind(World::prepare().await.behind_a_proxy(), ENTRY).await;
    let of = |repository: &str, event: &str| {
        json!({
            "sub": "repo:corp/app:pull_request", "repository_id": repository, "event_name": event, "ref": "refs/pull/7/merge",
        })
    };
    let with = |mut claims: Value, name: &str, value: &str| {
        claims[name] = json!(value);
        claims
    };
    yard.job(&of("4711", "push")).vended("ci", &json!({})).await;
    for event in EVENTS {
        let vended = yard.job(&of("4713", event)).vended("ci", &json!({})).await;
        assert_eq!(yard.world.record(&vended["vend_id"])["actor_id"], "repo:corp/app:pull_request", "{event}");
    }
    yard.job(&of("4713", "push")).vended("ci", &json!({})).await;
    yard.job(&of("4714", "pull_request")).vended("ci", &json!({})).await;

    let mut refused: Vec<Value> = ["4711", "4712"].iter().flat_map(|it| EVENTS.map(|event| of(it, event))).collect();
    refused.extend(EVENTS[1..].iter().map(|event| of("4714", event)));
    refused.extend([
        of("4712", "push"),
        of("4714", "push"),
        with(of("4714", "pull_request"), "ref", "refs/heads/main"),
        with(of("4714", "pull_request"), "repository_id", "4715"),
    ]);
    let mut told = Vec::new();
    for (number, claims) in refused.iter().enumerate() {
        let job = yard.job(claims).seen_at(&format!("192.0.2.{number}"));
        let answer = job.vend("ci", &json!({})).await;
        assert_eq!(answer.status, 401, "{claims}: {}", answer.text);
        answer.problem("401 unauthenticated");
        told.push(answer);
    }
    for (claims, record) in refused.iter().zip(yard.world.left_by(&told).await) {
        assert_eq!(record["action"], "token_refused", "{claims}: {record}");
        assert_eq!(record["reason"], "a workload's token: no mapping is for these claims", "{claims}: {record}");
        assert_eq!(record["actor_id"], "github:repo:corp/app:pull_request", "{claims}: {record}");
    }
}
