//! Faults of our own, which Crowd tells in other words than a wrong password: people hear that the directory does not answer, and who runs
//! the broker hears what to do.

use tests::crowd::{Crowd, Deed, Shape};
use tests::world::{World, soon};

use crate::{Scene, installation};

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_application_password_is_the_operators_business_and_nobodys_wrong_password() {
    let crowd = Crowd::start().await;
    let sim = World::prepare().await.sim;
    let installation = installation(&sim, "", &crowd.configured(""));
    installation.write("crowd.pw", "another one");
    let scene = Scene { crowd, brokerd: installation.serve(), _sim: sim };
    is_told_to_operators_alone(&scene, "401", "`application` and `password`").await;
    assert!(!scene.brokerd.log().contains("another one"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_crowd_does_not_know_is_the_operators_business_too() {
    let scene = Scene::set("").await;
    scene.crowd.does_everywhere(&Deed::Answers(Shape::address_forbidden()));
    is_told_to_operators_alone(&scene, "403", "Remote addresses").await;
    scene.crowd.is_itself_again();
    soon("readiness", async || (scene.readiness().await["status"] == "ready").then_some(())).await;
    scene.person("ada").await;
}

async fn is_told_to_operators_alone(scene: &Scene, status: &str, what_to_do: &str) {
    let answer = scene.tries("ada", "ada secret").await;
    answer.problem("503 directory_unavailable");
    assert!(!answer.text.contains(status) && !answer.text.contains(&scene.crowd.url()), "{}", answer.text);
    // On loopback whoever asks is on this machine, so that causes are told here.
    let readiness = scene.readiness().await;
    let cause = readiness["causes"]["directories"].as_str().unwrap();
    let log = scene.brokerd.log();
    for told in [cause, log.as_str()] {
        assert!(told.contains(status) && told.contains(what_to_do), "{told}");
        assert!(!told.contains("ada secret") && !told.contains("is forbidden from making requests"), "{told}");
    }
    assert!(scene.reasons().is_empty(), "it was not refused: {:?}", scene.reasons());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guess_that_crowd_did_not_answer_to_counts_and_one_that_it_never_saw_does_not() {
    let scene = Scene::set("lockout = { failures = 5 }").await;
    scene.crowd.does("user", Deed::Answers(Shape::address_forbidden()));
    for _ in 0..4 {
        scene.tries("ada", "ada secret").await.problem("503 directory_unavailable");
    }
    scene.crowd.is_itself_again();
    scene.crowd.does("authentication", Deed::Sends(Vec::new()));
    for _ in 0..2 {
        scene.tries("ada", "ada secret").await.problem("503 directory_unavailable");
    }
    scene.crowd.is_itself_again();
    scene.tries("ada", "ada secret").await.problem("401 invalid_credentials");
    scene.has_refused("too many attempts").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_answer_than_no_such_user_leads_to_no_other_directory() {
    let scene = Scene::set("").await;
    for shape in [
        Shape::new(404, "text/html", "<html>Not Found</html>"),
        Shape::refusal(404, "GROUP_NOT_FOUND", "…"),
        Shape::refusal(403, "APPLICATION_PERMISSION_DENIED", "…"),
    ] {
        scene.crowd.does("user", Deed::Answers(shape.clone()));
        scene.tries("ada", "ada secret").await.problem("503 directory_unavailable");
        scene.crowd.does("user", Deed::Answers(Shape::no_such_user("ada")));
        scene.tries("ada", "ada secret").await.problem("401 invalid_credentials");
        scene.crowd.is_itself_again();
    }
    // Renamed since they were found, or removed: in which groups they are nobody has said.
    scene.crowd.does("user/group/nested", Deed::Answers(Shape::no_such_user("ada")));
    scene.tries("ada", "ada secret").await.problem("503 directory_unavailable");
    scene.crowd.is_itself_again();
    scene.crowd.does("authentication", Deed::Answers(Shape::refusal(403, "APPLICATION_ACCESS_DENIED", "…")));
    scene.tries("ada", "ada secret").await.problem("401 invalid_credentials");
    scene.has_refused("use the broker").await;
}
