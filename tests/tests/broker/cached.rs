//! What is kept on the disk: for whom it opens, for how long, and what is not trusted.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};

use tests::world::{World, password_of};

use super::{Machine, refused, vends};

#[tokio::test(flavor = "multi_thread")]
async fn credentials_come_from_the_disk_while_the_broker_is_away() {
    let world = World::open().await;
    let machine = Machine::of(&world, "ada");
    let first = machine.run(&["process", "deploy"]).succeeded();
    let World { sim: _sim, brokerd } = world;
    let _installation = brokerd.stop();
    assert_eq!(machine.run(&["process", "deploy"]).succeeded(), first);
    for arguments in
        [&["process", "deploy", "--fresh"][..], &["process", "deploy", "--no-cache"], &["process", "reports"]]
    {
        let ended = machine.run(arguments);
        let (code, said) = refused(&ended);
        assert_eq!(code, 5, "{said}");
        assert!(said.contains("cannot reach http://127.0.0.1:") && said.contains("try again later"), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn once_the_broker_said_that_a_session_is_over_nothing_of_it_is_handed_out() {
    let world = World::open().await;
    let machine = Machine::of(&world, "ada");
    for asking in [&["ls"][..], &["whoami"], &["process", "reports"], &["doctor"]] {
        machine.sign_in("ada").succeeded();
        let lent = machine.run(&["process", "deploy"]).succeeded();
        assert_eq!(world.stranger().with_token(&machine.token()).delete("/v1/session").await.status, 204);
        assert_eq!(machine.run(&["process", "deploy"]).succeeded(), lent, "what is kept asks nobody");
        assert!(!machine.run(asking).status.success());
        let ended = machine.run(&["process", "deploy"]);
        let (code, said) = refused(&ended);
        assert_eq!(code, 3, "{asking:?}: {said}");
        assert!(said.contains("is over: run `broker login`"), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_is_kept_shows_a_secret_or_a_name() {
    let world = World::open().await;
    let machine = Machine::of(&world, "ada");
    let lent = machine.run(&["creds", "deploy", "--json"]).json();
    let [kept] = &machine.sealed()[..] else { panic!("one, that is all") };
    let bytes = fs::read(kept).unwrap();
    for field in ["access_key_id", "secret_access_key", "session_token", "connector"] {
        let secret = lent[field].as_str().unwrap().as_bytes();
        assert!(!bytes.windows(secret.len()).any(|window| window == secret), "{field}");
    }
    assert!(!kept.to_str().unwrap().contains("deploy"));
    machine.run(&["creds", "deploy", "--json", "--no-cache", "--duration", "20m"]).succeeded();
    assert_eq!(machine.sealed().len(), 1, "and nothing of what shall not be kept");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_sealed_for_one_opens_for_no_other() {
    let world = World::open().await;
    let machine = Machine::of(&world, "ada");
    machine.run(&["process", "deploy"]).succeeded();
    let [deploy] = &machine.sealed()[..] else { panic!("one") };
    machine.run(&["process", "reports"]).succeeded();
    let reports = machine.sealed().into_iter().find(|path| path != deploy).unwrap();
    // Under the other's name it is worth nothing, so that the broker is asked.
    fs::copy(deploy, &reports).unwrap();
    let lent = machine.run(&["creds", "reports", "--json"]).json();
    assert_eq!((lent["connector"].as_str(), vends(&world, "reports")), (Some("reports"), 2));
    // Nor is rubbish, of whatever length.
    for rubbish in [&b""[..], b"\x01", &[0x5a; 4_096]] {
        fs::write(deploy, rubbish).unwrap();
        machine.run(&["process", "deploy"]).succeeded();
    }
    assert_eq!(vends(&world, "deploy"), 4);
    fs::write(deploy, vec![0; 1 << 20]).unwrap();
    assert!(refused(&machine.run(&["process", "deploy"])).1.contains("more than"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_others_could_read_or_exchange_is_not_used() {
    let world = World::open().await;
    let machine = Machine::of(&world, "ada");
    machine.run(&["process", "deploy"]).succeeded();
    let [kept] = &machine.sealed()[..] else { panic!("one") };
    let key = machine.state().join("cache.key");
    let session =
        fs::read_dir(machine.state()).unwrap().flatten().map(|entry| entry.path()).find(|path| *path != key).unwrap();
    let open = |path: &std::path::Path, mode| fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    for path in [&machine.cache(), &machine.state(), kept, &key, &session] {
        let good = fs::metadata(path).unwrap().permissions().mode() & 0o777;
        for mode in [good | 0o040, good | 0o001] {
            open(path, mode);
            let ended = machine.run(&["process", "deploy"]);
            let (code, said) = refused(&ended);
            assert_eq!(code, 1, "{said}");
            assert!(said.contains("others may get at") && said.contains("chmod go= "), "{said}");
        }
        open(path, good);
    }
    for path in [kept, &key, &session] {
        let elsewhere = machine.0.home().join("elsewhere");
        fs::rename(path, &elsewhere).unwrap();
        symlink(&elsewhere, path).unwrap();
        assert_eq!(refused(&machine.run(&["process", "deploy"])).0, 1, "a link at {}", path.display());
        fs::remove_file(path).unwrap();
        fs::rename(&elsewhere, path).unwrap();
    }
    for path in [machine.cache(), machine.state()] {
        let elsewhere = machine.0.home().join("elsewhere");
        fs::rename(&path, &elsewhere).unwrap();
        symlink(&elsewhere, &path).unwrap();
        assert!(refused(&machine.run(&["process", "deploy"])).1.contains("is not a folder"), "a link");
        fs::remove_file(&path).unwrap();
        fs::rename(&elsewhere, &path).unwrap();
    }
    assert_eq!(vends(&world, "deploy"), 1, "nothing was asked for in all this");
    machine.run(&["process", "deploy"]).succeeded();
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_that_ask_at_once_one_asks_the_broker() {
    let world = World::open().await;
    let machine = Machine::of(&world, "ada");
    let said: Vec<_> = std::thread::scope(|scope| {
        let asked: Vec<_> = (0..6).map(|_| scope.spawn(|| machine.run(&["process", "deploy"]).succeeded())).collect();
        asked.into_iter().map(|asked| asked.join().unwrap()).collect()
    });
    assert!(said.iter().all(|one| *one == said[0]));
    assert_eq!(vends(&world, "deploy"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_holds_the_place_for_ever_keeps_nobody_waiting() {
    let world = World::open().await;
    let machine = Machine::of(&world, "ada");
    machine.run(&["process", "deploy"]).succeeded();
    let [kept] = &machine.sealed()[..] else { panic!("one") };
    let place = fs::File::open(kept.with_extension("lock")).unwrap();
    place.lock().unwrap();
    machine.run(&["process", "deploy", "--fresh"]).succeeded();
    assert_eq!(vends(&world, "deploy"), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_kept_is_lent_all_the_same() {
    let world = World::open().await;
    let machine = Machine::of(&world, "ada");
    machine.run(&["process", "deploy"]).succeeded();
    // No file of its may have a byte.
    let said = machine.shell("sh", "(trap '' XFSZ; ulimit -f 0; broker process reports 2>&1) | cat").succeeded();
    let (warning, lent) = said.split_once('\n').unwrap();
    assert!(warning.starts_with("what was lent is not kept: cannot write "), "{said}");
    assert!(lent.contains("\"SecretAccessKey\":"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_quarter_of_an_hour_left_the_next_are_asked_for() {
    let world = World::open().await;
    let machine = Machine::of(&world, "ada");
    let short = ["creds", "deploy", "--json", "--duration", "15m"];
    let first = machine.run(&short).json();
    assert_eq!(machine.run(&short).json()["access_key_id"], first["access_key_id"]);
    let asked = (vends(&world, "deploy"), world.calls("AssumeRole").len());
    assert_eq!(asked, (1, 1), "the shortest life that AWS lends is given again for half of it");
    // The broker would give what it gave before; of this much life, that is not enough.
    let (short, faketime) = (["process", "deploy", "--duration", "20m"], tests::installed::faketime());
    machine.run(&short).succeeded();
    let later = Machine(tests::python::Client::new()).with("BROKER_URL", &world.brokerd.url());
    later.sign_in("ada").succeeded();
    let later = later.with("LD_PRELOAD", faketime.to_str().unwrap()).with("FAKETIME", "+6m");
    let lent = later.run(&short).json();
    let calls = world.calls("AssumeRole");
    assert_ne!(lent["AccessKeyId"], first["access_key_id"]);
    assert_eq!(calls.len(), 3, "once for 15 minutes, and twice for 20: {calls:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn brokers_and_people_do_not_share_what_is_kept() {
    let (world, other) = (World::open().await, World::open().await);
    let machine = Machine::of(&world, "ada");
    let elsewhere = |arguments: &[&str]| machine.run(&[&["--url", &other.brokerd.url()], arguments].concat());
    assert_eq!(refused(&elsewhere(&["process", "deploy"])).0, 3, "nobody is signed in there");
    let signed_in =
        machine.run_with(&["--url", &other.brokerd.url(), "login", "--username", "ada"], &password_of("ada"));
    signed_in.succeeded();
    let here = machine.run(&["process", "deploy"]).json();
    assert_ne!(elsewhere(&["process", "deploy"]).json()["AccessKeyId"], here["AccessKeyId"]);
    assert_eq!((vends(&world, "deploy"), vends(&other, "deploy")), (1, 1));
    // Nor does a token go to another broker because a file was moved.
    let sessions = fs::read_dir(machine.state()).unwrap().flatten().map(|entry| entry.path());
    let sessions: Vec<_> = sessions.filter(|path| path.extension().is_some_and(|kind| kind == "json")).collect();
    let [first, second] = &sessions[..] else { panic!("{sessions:?}") };
    fs::copy(first, second).unwrap();
    let said = [machine.run(&["whoami"]), elsewhere(&["whoami"])];
    assert!(said.iter().any(|ended| ended.stderr.contains("is damaged")), "{said:?}");

    let lent = ["payments", "invoices"].map(|name| {
        let token = world.run(&["token", "create", name, "--connector", "ci"], "").succeeded();
        let line = format!("BROKER_TOKEN={} broker creds ci --json", token.trim());
        machine.shell("sh", &line).json()["arn"].as_str().unwrap().to_owned()
    });
    assert!(lent[0].ends_with("/svc.payments") && lent[1].ends_with("/svc.invoices"), "{lent:?}");
}
