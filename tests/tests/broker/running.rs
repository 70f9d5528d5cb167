//! `exec`: a program with credentials, which ends as it does.

use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;

use tests::brokerd::program;
use tests::process::{Process, Signal};
use tests::world::World;

use super::{Machine, refused};

#[tokio::test(flavor = "multi_thread")]
async fn a_program_gets_our_credentials_and_no_others() {
    let world = World::open().await;
    let machine = Machine::of(&world, "ada");
    let line = "AWS_PROFILE=other AWS_ACCESS_KEY_ID=AKIAOTHER AWS_SECURITY_TOKEN=x AWS_WEB_IDENTITY_TOKEN_FILE=/x \
                broker exec deploy --env -- aws sts get-caller-identity --output json";
    let identity = machine.shell("sh", line).json();
    assert!(identity["Arn"].as_str().unwrap().ends_with(":assumed-role/deploy/ada"), "{identity}");
    let line = "AWS_PROFILE=other AWS_SECURITY_TOKEN=x KEPT=kept broker exec deploy --env -- env";
    let shown = machine.shell("sh", line).succeeded();
    let names: Vec<_> = shown.lines().filter_map(|line| Some(line.split_once('=')?.0)).collect();
    assert!(!names.contains(&"AWS_PROFILE") && !names.contains(&"AWS_SECURITY_TOKEN"), "{names:?}");
    assert!(shown.contains("\nBROKER_CONNECTOR=deploy\n") && shown.contains("KEPT=kept\n"), "{names:?}");

    let token = world.run(&["token", "create", "payments-ci", "--connector", "ci"], "").succeeded();
    let job = Machine::before(&world).with("BROKER_TOKEN", token.trim());
    let shown = job.run(&["exec", "ci", "--env", "--", "env"]).succeeded();
    assert!(
        shown.contains("AWS_SESSION_TOKEN=") && !shown.contains(token.trim()),
        "nor the token, which is worth more"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_fetches_ours_whatever_its_files_say() {
    let world = World::open().await;
    let machine = Machine::of(&world, "ada");
    let others = machine.0.home().join(".aws");
    std::fs::create_dir(&others).unwrap();
    let config = "[default]\nregion = eu-north-1\ncredential_process = echo others\n[profile x]\nrole_arn = y\n";
    std::fs::write(others.join("config"), config).unwrap();
    let keys = "[default]\naws_access_key_id = AKIAOTHER\naws_secret_access_key = other\n";
    std::fs::write(others.join("credentials"), keys).unwrap();
    let line = "unset AWS_DEFAULT_REGION; AWS_PROFILE=x AWS_SESSION_TOKEN=y broker exec deploy -- \
                sh -c 'aws sts get-caller-identity --output json; aws configure get region >&2; echo $AWS_CONFIG_FILE >&2'";
    let ended = machine.shell("sh", line);
    let (region, copy) = ended.stderr.trim().split_once('\n').unwrap();
    assert_eq!(region, "eu-north-1", "what else the file says goes on to count");
    assert!(!std::path::Path::new(copy).exists(), "and its copy is gone");
    assert_eq!(std::fs::read_to_string(others.join("config")).unwrap(), config);
    assert!(ended.json()["Arn"].as_str().unwrap().ends_with(":assumed-role/deploy/ada"));

    let program =
        "import boto3; keys = boto3.Session().get_credentials(); keys.get_frozen_credentials(); print(keys.method)";
    let python = tests::installed::python();
    let said =
        machine.run(&["exec", "deploy", "--no-cache", "--", python.to_str().unwrap(), "-c", program]).succeeded();
    assert_eq!(said.trim(), "container-role");
    assert_eq!(
        super::vends(&world, "deploy"),
        2,
        "once with the disk and once without, however often they were fetched"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_cannot_be_understood_makes_nobody_somebody_else() {
    let world = World::open().await;
    let machine = Machine::of(&world, "ada");
    let home = machine.0.home();
    std::fs::create_dir(home.join(".aws")).unwrap();
    let other = "echo '{\"Version\":1,\"AccessKeyId\":\"AKIAOTHER\",\"SecretAccessKey\":\"other\"}'";
    std::fs::write(home.join("other.sh"), other).unwrap();
    let process = format!("credential_process = sh {}\n", home.join("other.sh").display());
    let config = home.join(".aws/config");
    let method = "import boto3; print(boto3.Session().get_credentials().method)";
    let run = |line: &str| machine.shell("sh", &format!("{line} broker exec deploy -- {} -c '{method}'", python()));
    for text in [
        [&b"# M\xc3\xbcller, \xe2\x82\xac\n[default]\n"[..], process.as_bytes()].concat(),
        format!("[profile \"default\"]\n{process}").into_bytes(),
        format!("[default]\n{}", process.replace(" =", ":")).into_bytes(),
        format!("[default]\n  {process}").into_bytes(),
    ] {
        std::fs::write(&config, &text).unwrap();
        let text = String::from_utf8_lossy(&text).into_owned();
        assert_eq!(run("").succeeded().trim(), "container-role", "{text}");
        let kept = machine.shell("sh", "broker exec deploy -- sh -c 'cat ${AWS_CONFIG_FILE:-.aws/config}'").succeeded();
        assert!(!kept.contains("credential_process"), "{kept}");
    }
    std::fs::write(&config, [b"# M\xfcller\n[default]\n", process.as_bytes()].concat()).unwrap();
    let kept = machine.shell("sh", "broker exec deploy -- sh -c 'cat \"$AWS_CONFIG_FILE\"' | od -c").succeeded();
    assert!(kept.contains("374") && !kept.contains("c   r   e   d"), "whatever its bytes: {kept}");
    // A name that AWS's clients take apart, and we do not.
    std::fs::write(&config, "").unwrap();
    std::fs::write(home.join("theirs"), format!("[default]\n{process}")).unwrap();
    for named in ["~/theirs", "$HOME/theirs"] {
        assert_eq!(run(&format!("AWS_CONFIG_FILE='{named}'")).succeeded().trim(), "container-role", "{named}");
    }
    std::fs::write(home.join(".boto"), "[Credentials]\naws_access_key_id = AKIAOTHER\naws_secret_access_key = x\n")
        .unwrap();
    assert_eq!(run("").succeeded().trim(), "container-role");
    let shown = machine.shell("sh", "AWS_BEARER_TOKEN_BEDROCK=x broker exec deploy -- env").succeeded();
    assert!(!shown.contains("AWS_BEARER_TOKEN"), "{shown}");

    std::fs::remove_file(&config).unwrap();
    assert_eq!(run("").succeeded().trim(), "container-role", "no file at all is good");
    std::fs::create_dir(&config).unwrap();
    let said = run("");
    assert_eq!(refused(&said).0, 1);
    assert!(said.stderr.contains("which may say who the program is"), "{}", said.stderr);
}

fn python() -> String {
    tests::installed::python().display().to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_program_gets_new_credentials_until_somebody_signs_out() {
    let world = World::open().await;
    let machine = Machine::of(&world, "ada");
    let fetch = "curl -sS -H \"Authorization: $AWS_CONTAINER_AUTHORIZATION_TOKEN\" \"$AWS_CONTAINER_CREDENTIALS_FULL_URI\"; echo";
    let other = fetch
        .replace("FULL_URI", "FULL_URI%/*}/reports")
        .replace("$AWS_CONTAINER_CREDENTIALS", "${AWS_CONTAINER_CREDENTIALS");
    let script = format!("{fetch}; {fetch}; {other}; broker logout >&2; {fetch}");
    let said = machine.shell("sh", &format!("broker exec deploy --duration 15m -- sh -c '{script}'")).succeeded();
    let answers: Vec<serde_json::Value> = said.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let [first, second, other, third] = &answers[..] else { panic!("{said}") };
    assert!(first["Token"].is_string() && second["Token"].is_string(), "{said}");
    assert_eq!(super::vends(&world, "deploy"), 1, "however short they live, the broker is not asked each time");
    assert_eq!(other["code"], "not_found", "the program was given one connector, not all of ada's");
    assert_eq!(third["code"], "unauthenticated");
    assert!(third["Message"].as_str().unwrap().contains("run `broker login"), "{third}");
}

#[tokio::test(flavor = "multi_thread")]
async fn beside_a_server_it_ends_as_the_program_does_and_hands_on_signals() {
    let world = World::open().await;
    let machine = Machine::of(&world, "ada");
    let run = |line: &str| machine.run(&["exec", "deploy", "--", "sh", "-c", line]).status.code();
    assert_eq!(run("exit 42"), Some(42));
    assert_eq!(run("kill -TERM $$; sleep 60"), Some(128 + 15));
    assert_eq!(refused(&machine.run(&["exec", "deploy", "--", "no-such-program"])).0, 127);
    assert_eq!(refused(&machine.run(&["exec", "treasury", "--", "echo", "went on"])).0, 4);

    for (signal, name) in [(Signal::TERM, "TERM"), (Signal::INT, "INT"), (Signal::HUP, "HUP"), (Signal::USR1, "USR1")] {
        let script = format!("trap 'echo got {name}; exit 7' {name}; echo ready; while :; do sleep 0.05; done");
        let mut command = machine.0.command(&program("broker"));
        command.args(["exec", "deploy", "--", "sh", "-c", &script]);
        let mut running = Process::start("broker exec", command);
        running.wait_for_line("ready");
        running.signal(signal);
        assert_eq!(running.wait().code(), Some(7), "{name}");
        assert!(running.stdout().contains(&format!("got {name}")));
    }
}

/// The terminal itself sends it to all that run there.
#[tokio::test(flavor = "multi_thread")]
async fn an_interrupt_that_is_typed_reaches_the_program_once() {
    let world = World::open().await;
    let machine = Machine::of(&world, "ada");
    let script = "import signal\nsignal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})\nprint('ready', flush=True)\nfrom_whom = []\n\
                  wait = 30\nwhile (seen := signal.sigtimedwait({signal.SIGINT}, wait)):\n    from_whom.append(seen.si_pid)\n    wait = 0.5\n\
                  print('interrupts from:', from_whom)\nraise SystemExit(7)";
    let (trace, python) = (machine.0.home().join("trace"), tests::installed::program("python3"));
    let mut command = machine.0.command(&python);
    command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/typed.py")).arg(tests::installed::program("strace"));
    command.args(["-f", "-e", "trace=kill", "-o"]).arg(&trace).arg(program("broker"));
    command.args(["exec", "deploy", "--"]).arg(&python).args(["-c", script]);
    let steps = serde_json::json!([["ready", "\u{3}"]]);
    let ended = tests::ended::run("broker exec on a terminal", command, &steps.to_string());
    assert_eq!(ended.status.code(), Some(7), "{ended:?}");
    assert!(ended.stdout.contains("interrupts from: [0]"), "the terminal, which is no process: {ended:?}");
    // A second one might have come before the first was seen, and so be lost among them.
    let trace = std::fs::read_to_string(trace).unwrap();
    assert!(trace.contains("SIGINT {") && !trace.contains("kill("), "{trace}");
}

#[tokio::test(flavor = "multi_thread")]
async fn it_ends_as_the_program_does() {
    let world = World::open().await;
    let machine = Machine::of(&world, "ada");
    let run = |line: &str| machine.run(&["exec", "deploy", "--env", "--", "sh", "-c", line]);
    assert_eq!(run("exit 42").status.code(), Some(42));
    assert_eq!(run("kill -TERM $$; sleep 60").status.signal(), Some(15), "a signal reaches the program itself");
    assert_eq!(run("printf out; printf err >&2").stdout, "out");

    let missing = machine.run(&["exec", "deploy", "--env", "--", "no-such-program"]);
    assert_eq!(refused(&missing).0, 127);
    let path = machine.0.home().join("data");
    std::fs::write(&path, "data").unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(refused(&machine.run(&["exec", "deploy", "--env", "--", path.to_str().unwrap()])).0, 126);
    let refusal = machine.run(&["exec", "treasury", "--env", "--", "echo", "went on"]);
    assert_eq!(refused(&refusal).0, 4, "without credentials nothing runs");
}
