//! Servers that hang, lie and flood in Crowd's place: each is an outage, after bounded time and bounded bytes, and lets nobody in.

use std::time::{Duration, Instant};

use serde_json::json;
use tests::crowd::{Crowd, Deed, JSON, Shape};

use crate::Scene;

/// Quick, since each is waited for.
const QUICK: &str = "connect_timeout_seconds = 1\noperation_timeout_seconds = 1\ndeadline_seconds = 2";

#[tokio::test(flavor = "multi_thread")]
async fn whatever_it_sends_nobody_is_let_in_and_the_daemon_goes_on() {
    let scene = Scene::before(Crowd::start().await, "sessions = { recheck_seconds = 1 }", QUICK).await;
    let elsewhere = Crowd::start().await;
    let ada = scene.person("ada").await;
    let user = Shape::user("ada", Some("32769:ada-0000"), true);
    let truncated = Shape { body: user.body[..user.body.len() / 2].to_owned(), ..user.clone() };
    let shorter = {
        let head = format!("HTTP/1.1 200 OK\r\ncontent-type: {JSON}\r\ncontent-length: 5000\r\n\r\n");
        [head.as_bytes(), user.body.as_bytes()].concat()
    };
    let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
    let deep_within = user.body.replacen('{', &format!("{{\"x\":{deep},"), 1);
    let to =
        |status| Deed::Answers(Shape::redirect(status, &format!("{}/rest/usermanagement/1/user", elsewhere.url())));
    for (what, deed, told) in [
        ("silence", Deed::Hangs, "in time"),
        ("drops", Deed::Drips(user.clone(), Duration::from_millis(100)), "in time"),
        ("fifty megabytes", Deed::Floods(50 << 20), "1 MiB"),
        ("a redirect", to(302), "leads elsewhere"),
        ("a redirect that keeps the method", to(307), "leads elsewhere"),
        ("half of the JSON", Deed::Answers(truncated), "cut"),
        ("less than it promised", Deed::Sends(shorter), "broke"),
        ("a page", Deed::Answers(Shape::new(200, "text/html", user.body.clone())), "something else than JSON"),
        (
            "no type",
            Deed::Sends(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}".to_vec()),
            "something else than JSON",
        ),
        ("a depth", Deed::Answers(Shape::new(200, JSON, deep)), "not what Crowd answers"),
        ("another kind of JSON", Deed::Answers(Shape::new(200, JSON, "[]")), "not what Crowd answers"),
        ("nothing", Deed::Sends(Vec::new()), "broke"),
        ("noise", Deed::Sends(vec![0xff; 4_096]), "broke"),
        ("an endless head", Deed::Sends([b"HTTP/1.1 200 OK\r\nx: ".to_vec(), vec![b'a'; 2 << 20]].concat()), "broke"),
        ("a failure", Deed::Answers(Shape::new(503, "text/html", "<html>")), "Crowd's own log"),
    ] {
        scene.crowd.does_everywhere(&deed);
        let before = scene.brokerd.log().len();
        let asked = Instant::now();
        let answer = scene.tries("ada", "ada secret").await;
        answer.problem("503 directory_unavailable");
        ada.vend("deploy", &json!({})).await.problem("503 directory_unavailable");
        assert!(asked.elapsed() < Duration::from_secs(15), "{what} took {:?}", asked.elapsed());
        let log = scene.brokerd.log()[before..].to_owned();
        assert!(log.contains(told), "{what}: {log}");
        assert!(!log.contains("ada secret") && !log.contains("JSESSIONID"), "{what}: {log}");
        scene.crowd.is_itself_again();
    }
    assert_eq!(elsewhere.asked(), Vec::<String>::new(), "nobody followed");
    // Past over what is not known, however deep.
    scene.crowd.does("user", Deed::Answers(Shape::new(200, JSON, deep_within)));
    let answer = scene.tries("ada", "ada secret").await;
    assert!([201, 503].contains(&answer.status), "{}", answer.text);
    scene.crowd.is_itself_again();
    scene.person("ada").await;
    ada.vended("deploy", &json!({})).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_answers_for_somebody_else() {
    let scene = Scene::before(Crowd::start().await, "sessions = { recheck_seconds = 1 }", QUICK).await;
    let bob = Shape::user("bob", Some("32769:bob-0000"), true);
    scene.crowd.does("authentication", Deed::Answers(bob.clone()));
    scene.tries("ada", "ada secret").await.problem("503 directory_unavailable");
    assert!(scene.brokerd.log().contains("answers with another"));
    // By their key: whoever has got her name since she was found is another.
    let namesake = Shape::user("ada", Some("32769:another"), true);
    scene.crowd.does("authentication", Deed::Answers(namesake));
    scene.tries("ada", "ada secret").await.problem("503 directory_unavailable");
    scene.crowd.is_itself_again();
    let ada = scene.person("ada").await;
    scene.crowd.does("user", Deed::Answers(bob));
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    ada.get("/v1/session").await.problem("503 directory_unavailable");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_whose_pages_never_end_or_hold_more_than_was_asked_for() {
    let scene = Scene::set(QUICK).await;
    for count in [500, 501] {
        let page: Vec<String> = (0..count).map(|number| format!("group {number}")).collect();
        scene.crowd.does("user/group/nested", Deed::Answers(Shape::groups(&page)));
        let before = scene.crowd.asked().len();
        scene.tries("ada", "ada secret").await.problem("503 directory_unavailable");
        assert!(scene.brokerd.log().contains("page by page"), "{count}: {}", scene.brokerd.log());
        assert!(scene.crowd.asked().len() - before < 6, "{:?}", scene.crowd.asked());
    }
    for (before, unfit) in ["", "a\u{7}b", &"x".repeat(2_000)].into_iter().enumerate() {
        scene.crowd.does("user/group/nested", Deed::Answers(Shape::groups(&[unfit.to_owned()])));
        scene.tries("ada", "ada secret").await.problem("401 invalid_credentials");
        let reasons = scene.so_many_reasons(before + 1).await;
        assert!(reasons.last().unwrap().contains("groups has a name"), "{reasons:?}");
    }
}
