//! Where the broker is, and whom to trust: by arguments, environment and files.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use tests::certificates::Authority;
use tests::world::{World, password_of};

use super::{Machine, refused};

#[tokio::test(flavor = "multi_thread")]
async fn the_broker_is_found_by_argument_then_environment_then_file() {
    let world = World::open().await;
    let machine = Machine::before(&world).with("BROKER_URL", "");
    let nowhere = machine.run(&["whoami"]);
    let (code, said) = refused(&nowhere);
    assert_eq!(code, 1);
    assert!(
        said.contains("no broker is named: set BROKER_URL") && said.contains(".config/broker/config.toml"),
        "{said}"
    );

    let file = machine.0.home().join(".config/broker/config.toml");
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    let write = |text: &str, mode| {
        fs::write(&file, text).unwrap();
        fs::set_permissions(&file, Permissions::from_mode(mode)).unwrap();
    };
    write(&format!("url = \"{}\"\n", world.brokerd.url()), 0o644);
    machine.sign_in("ada").succeeded();
    let machine = machine.with("BROKER_URL", "http://127.0.0.1:1");
    assert!(refused(&machine.run(&["whoami"])).1.contains("nobody is signed in at http://127.0.0.1:1"));
    machine.run(&["--url", &world.brokerd.url(), "whoami"]).succeeded();

    let machine = machine.with("BROKER_URL", "");
    write("url = \"https://a\"\n# a comment\nurls = 1\n", 0o644);
    assert!(refused(&machine.run(&["whoami"])).1.contains("config.toml:3: unknown field `urls`"));
    for mode in [0o664, 0o646] {
        write("", mode);
        assert!(refused(&machine.run(&["whoami"])).1.contains("say where your password goes: run `chmod go-w"));
    }
    let elsewhere = machine.0.home().join("other.toml");
    fs::write(&elsewhere, format!("url = \"{}\"\n", world.brokerd.url())).unwrap();
    fs::set_permissions(&elsewhere, Permissions::from_mode(0o600)).unwrap();
    machine.run(&["--config", elsewhere.to_str().unwrap(), "whoami"]).succeeded();
    machine.with("BROKER_CONFIG", elsewhere.to_str().unwrap()).run(&["whoami"]).succeeded();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_is_not_the_brokers_own_is_to_be_mended() {
    let world = World::open().await;
    let other = world.brokerd.url().replace("127.0.0.1", "localhost");
    let machine = Machine::before(&world).with("BROKER_URL", &other);
    for ended in [machine.sign_in("ada"), machine.run(&["login", "--device"])] {
        let (code, said) = refused(&ended);
        assert_eq!(code, 1, "{said}");
        assert!(said.contains("see to the URL: this broker answers at another one"), "{said}");
    }
    let found = machine.run(&["doctor"]);
    assert_eq!(found.status.code(), Some(1));
    assert!(found.stdout.contains("BAD   broker: ") && found.stdout.contains("answers at another one"), "{found:?}");
    assert!(!found.stdout.contains("/start"), "what is right is not blamed: {found:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_goes_nowhere_in_clear() {
    let world = World::open().await;
    let machine = Machine::before(&world);
    for url in
        ["http://broker.corp.example", "ftp://127.0.0.1", "https://ada:secret@corp.example", "https://corp.example/v1"]
    {
        let ended = machine.run_with(&["--url", url, "login", "--username", "ada"], &password_of("ada"));
        assert_eq!(refused(&ended).0, 1, "{url}");
        assert!(!ended.stderr.contains("secret"), "{}", ended.stderr);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_companys_own_authority_is_trusted_where_it_is_named_and_nobody_else() {
    let (authority, other) = (Authority::new(), Authority::new());
    let signed = authority.sign("127.0.0.1");
    let prepared = World::prepare().await.configured("public_url = \"http:", "public_url = \"https:");
    let prepared = prepared
        .configured("listen = { ", "listen = { tls = { certificate = \"tls/chain.pem\", key = \"tls/key.pem\" }, ");
    prepared.installation.write("tls/chain.pem", &signed.certificate);
    prepared.installation.write("tls/key.pem", &signed.key);
    let world = prepared.serve();
    let url = world.brokerd.url().replace("http:", "https:");
    let machine = Machine::before(&world).with("BROKER_URL", &url);
    let unknown = machine.sign_in("ada");
    let (code, said) = refused(&unknown);
    assert_eq!(code, 5);
    assert!(said.contains("certificate") && said.contains("BROKER_CA_FILE"), "{said}");

    fs::write(machine.0.home().join("ca.pem"), authority.pem()).unwrap();
    fs::write(machine.0.home().join("other.pem"), other.pem()).unwrap();
    fs::create_dir_all(machine.0.home().join(".config/broker")).unwrap();
    let file = machine.0.home().join(".config/broker/config.toml");
    for (named, works) in [("other.pem", false), ("ca.pem", true)] {
        fs::write(&file, format!("ca_file = \"../../{named}\"\n")).unwrap();
        fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
        assert_eq!(machine.sign_in("ada").status.success(), works, "{named}");
    }
    machine.run(&["process", "deploy"]).succeeded();
    let ca = machine.0.home().join("ca.pem");
    for mode in [0o664, 0o646] {
        fs::set_permissions(&ca, Permissions::from_mode(mode)).unwrap();
        assert!(refused(&machine.run(&["whoami"])).1.contains("say where your password goes: run `chmod go-w"));
    }
    let rubbish = machine.with("BROKER_CA_FILE", "/nowhere.pem");
    assert_eq!(refused(&rubbish.run(&["whoami"])).0, 1);
}
