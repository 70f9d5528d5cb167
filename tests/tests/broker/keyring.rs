//! What this machine keeps, where a desktop has a keyring: without it nothing of that opens.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use serde_json::Value;
use tests::keyring::Keyring;
use tests::world::World;

use super::{Machine, refused};

fn at_a_desktop(world: &World, keyring: &Keyring) -> Machine {
    let (name, address) = keyring.variable();
    Machine::before(world).with(name, &address)
}

fn kept(machine: &Machine) -> Value {
    serde_json::from_slice(&fs::read(machine.session()).unwrap()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_session_and_what_was_lent_open_with_the_keyring_alone() {
    let world = World::open().await;
    let keyring = Keyring::unlocked();
    let machine = at_a_desktop(&world, &keyring);
    machine.sign_in("ada").succeeded();
    let lent = machine.run(&["process", "deploy"]).json();
    assert_eq!(keyring.items().matches("object path").count(), 2, "a key for each");
    let (file, session) = (machine.session(), kept(&machine));
    assert!(session["sealed"].is_string() && session.get("token").is_none(), "{session}");
    assert!(!machine.state().join("cache.key").exists());
    assert_eq!(machine.run(&["process", "deploy"]).json(), lent);
    assert_eq!(super::vends(&world, "deploy"), 1, "the second came from the cache");

    // A copy of the home, where no keyring is, opens nothing; nor does a session that was made another's.
    let elsewhere = Machine(machine.0).with("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent/bus");
    for arguments in [&["process", "deploy"][..], &["whoami"]] {
        let ended = elsewhere.run(arguments);
        let (code, said) = refused(&ended);
        assert_eq!(code, 3);
        assert!(said.contains("keyring, which is not to be found") && said.contains("BROKER_KEYRING=off"), "{said}");
    }
    let (name, address) = keyring.variable();
    let machine = elsewhere.with(name, &address);
    let mut others = session.clone();
    others["identity"] = "person corp/eve".into();
    fs::write(machine.session(), others.to_string()).unwrap();
    assert_eq!(refused(&machine.run(&["whoami"])).0, 1);
    fs::write(machine.session(), session.to_string()).unwrap();
    assert!(machine.run(&["whoami"]).succeeded().starts_with("ada "));

    let ended = || world.trail().iter().filter(|record| record["action"] == "sign_out").count();
    machine.sign_in("eve").succeeded();
    assert_eq!(ended(), 1, "the session of before was opened, and ended");
    assert!(machine.run(&["logout"]).succeeded().starts_with("Signed out"));
    assert_eq!((ended(), keyring.items().matches("object path").count()), (2, 0));
    fs::write(&file, session.to_string()).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(refused(&machine.run(&["whoami"])).0, 3, "a copy of before opens no more");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_locked_keyring_is_said_to_be_locked_and_a_file_does() {
    let world = World::open().await;
    let keyring = Keyring::unlocked();
    let machine = at_a_desktop(&world, &keyring);
    machine.sign_in("ada").succeeded();
    let keyring = keyring.locked();
    let (name, address) = keyring.variable();
    let machine = machine.with(name, &address);
    let ended = machine.run(&["whoami"]);
    let (code, said) = refused(&ended);
    assert_eq!(code, 3);
    assert!(said.contains("system's keyring, which says: ") && said.contains("unlock it"), "{said}");
    let login = machine.sign_in("ada");
    assert!(login.stderr.contains("kept in a file that only you can read, for the system's keyring says"), "{login:?}");
    assert!(kept(&machine)["token"].is_string());
    machine.run(&["process", "deploy"]).succeeded();

    // Who wants no keyring is not asked for one.
    let keyring = Keyring::unlocked();
    let machine = at_a_desktop(&world, &keyring).with("BROKER_KEYRING", "off");
    machine.sign_in("ada").succeeded();
    machine.run(&["process", "deploy"]).succeeded();
    assert!(kept(&machine)["token"].is_string() && machine.state().join("cache.key").exists());
    assert_eq!(keyring.items().matches("object path").count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_keyring_that_does_not_give_back_what_it_took_is_not_trusted_with_a_key() {
    let world = World::open().await;
    let keyring = Keyring::forgetful();
    let machine = at_a_desktop(&world, &keyring);
    let login = machine.sign_in("ada");
    assert!(login.status.success(), "{login:?}");
    let said = "kept in a file that only you can read, for the system's keyring says: it does not give back what was put into it";
    assert!(login.stderr.contains(said), "{login:?}");
    assert!(kept(&machine)["token"].is_string());
    let lent = machine.run(&["process", "deploy"]).json();
    assert_eq!(machine.run(&["process", "deploy"]).json(), lent, "the cache's key is in a file as well");
}
