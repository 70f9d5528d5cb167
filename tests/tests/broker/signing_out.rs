//! A session that must not live on: whatever became of its file, and of the next one's.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use tests::world::World;

use super::{Machine, refused};

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_others_could_read_is_ended_all_the_same() {
    let world = World::open().await;
    let machine = Machine::before(&world);
    for open in [
        |machine: &Machine| let_others_in(&machine.session(), 0o644),
        |machine: &Machine| let_others_in(&machine.state(), 0o755),
        |machine: &Machine| let_others_in(&machine.cache(), 0o777),
    ] {
        machine.sign_in("ada").succeeded();
        machine.run(&["process", "deploy"]).succeeded();
        let token = machine.token();
        open(&machine);
        assert_eq!(refused(&machine.run(&["process", "deploy"])).0, 1, "it is not used");
        assert!(machine.run(&["logout"]).succeeded().starts_with("Signed out"));
        assert!(!is_known(&world, &token).await);
        for folder in [machine.state(), machine.cache()] {
            assert_eq!(fs::read_dir(&folder).unwrap().count(), 0, "{}", folder.display());
            let_others_in(&folder, 0o700);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_cannot_end_the_session_is_told_so_and_how_to() {
    let world = World::open().await;
    let machine = Machine::of(&world, "ada");
    machine.run(&["process", "deploy"]).succeeded();
    let token = machine.token();
    fs::write(machine.session(), "rubbish").unwrap();
    fs::write(machine.state().join(".tmpAbCdEf"), &token).unwrap();
    fs::create_dir(machine.cache().join("a-folder")).unwrap();
    let ended = machine.run(&["logout"]);
    let (code, said) = refused(&ended);
    assert_eq!(code, 1);
    assert!(said.contains("may live on") && said.contains("/v1/admin/sessions") && !said.contains(&token), "{said}");
    assert_eq!(fs::read_dir(machine.state()).unwrap().count(), 0, "nor is a half written one left");
    assert!(machine.sealed().is_empty(), "what can be deleted is deleted, whatever becomes of the rest");
    assert!(is_known(&world, &token).await, "so it is true");

    fs::remove_dir(machine.cache().join("a-folder")).unwrap();
    machine.sign_in("ada").succeeded();
    let World { sim: _sim, brokerd } = world;
    let _installation = brokerd.stop();
    let ended = machine.run(&["logout"]);
    let (code, said) = refused(&ended);
    assert_eq!(code, 5);
    assert!(said.contains("may live on: cannot reach") && said.contains("/v1/admin/sessions"), "{said}");
    assert_eq!(fs::read_dir(machine.state()).unwrap().count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_cannot_be_kept_is_given_back_or_not_asked_for() {
    let world = World::open().await;
    let machine = Machine::of(&world, "ada");
    let (first, session) = (machine.token(), machine.session());
    for folder in [machine.state(), machine.cache()] {
        fs::create_dir_all(&folder).unwrap();
        let_others_in(&folder, 0o755);
        assert_eq!(refused(&machine.sign_in("ada")).0, 1);
        let_others_in(&folder, 0o700);
    }
    assert_eq!(told(&world, "sign_in"), 1, "no password was sent in vain");

    // Where the new one shall be, something lies that cannot be written over.
    let kept = fs::read(&session).unwrap();
    fs::remove_file(&session).unwrap();
    fs::create_dir(&session).unwrap();
    assert_eq!(refused(&machine.sign_in("ada")).0, 1);
    assert_eq!((told(&world, "sign_in"), told(&world, "sign_out")), (2, 1), "what was given is given back");
    fs::remove_dir(&session).unwrap();
    fs::write(&session, kept).unwrap();

    let_others_in(&session, 0o644);
    machine.sign_in("ada").succeeded();
    assert!(!is_known(&world, &first).await, "the session of before, which others could read, is over");
    assert_eq!(fs::metadata(&session).unwrap().permissions().mode() & 0o777, 0o600);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_key_of_the_cache_is_made_anew() {
    let world = World::open().await;
    let machine = Machine::of(&world, "ada");
    machine.run(&["process", "deploy"]).succeeded();
    for damaged in ["", "short"] {
        fs::write(machine.state().join("cache.key"), damaged).unwrap();
        let lent = machine.run(&["process", "deploy"]).succeeded();
        assert_eq!(fs::read(machine.state().join("cache.key")).unwrap().len(), 32);
        assert_eq!(machine.run(&["process", "deploy"]).succeeded(), lent);
    }
    assert_eq!(super::vends(&world, "deploy"), 3, "what the old key sealed is asked for again, once");
}

fn let_others_in(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

async fn is_known(world: &World, token: &str) -> bool {
    world.stranger().with_token(token).get("/v1/session").await.status == 200
}

/// How often something was done, as the trail tells it.
fn told(world: &World, action: &str) -> usize {
    world.trail().iter().filter(|record| record["action"] == action).count()
}
