//! `setup`: our block in `~/.aws/config`, and nobody else's line.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;

use serde_json::json;
use tests::brokerd::program;
use tests::ended::Ended;
use tests::installed;
use tests::python::Client;
use tests::world::{World, password_of};

use super::{Machine, refused};

const OTHERS: &str = "# mine: \u{e4}\r\n[default]\r\nregion=eu-north-1\r\n\r\n[profile own]\nrole_arn = arn:aws:iam::1:role/x\n  s3 =\n    a = b";

fn config(machine: &Machine) -> PathBuf {
    machine.0.home().join(".aws/config")
}

fn write(machine: &Machine, text: &str, mode: u32) {
    fs::create_dir_all(config(machine).parent().unwrap()).unwrap();
    fs::write(config(machine), text).unwrap();
    fs::set_permissions(config(machine), Permissions::from_mode(mode)).unwrap();
}

fn read(machine: &Machine) -> String {
    fs::read_to_string(config(machine)).unwrap()
}

/// The files that were kept beside it.
fn kept(machine: &Machine) -> Vec<PathBuf> {
    let beside = fs::read_dir(config(machine).parent().unwrap()).unwrap().flatten().map(|entry| entry.path());
    beside.filter(|path| path.to_str().unwrap().contains("config.before-")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_connector_becomes_a_profile_that_works() {
    let world = World::open().await;
    let machine = Machine::of(&world, "ada");
    machine.run(&["setup", "--yes", "--region", "eu-central-1"]).succeeded();
    assert_eq!(fs::metadata(config(&machine)).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(kept(&machine).is_empty(), "there was nothing to keep");
    let identity = machine.0.aws(&["sts", "get-caller-identity", "--profile", "deploy"]).json();
    assert!(identity["Arn"].as_str().unwrap().ends_with(":assumed-role/deploy/ada"), "{identity}");
    let region = "print(json.dumps(boto3.Session(profile_name='reports').get_config_variable('region')))";
    let of_file = "import os; os.environ.pop('AWS_DEFAULT_REGION')\nimport botocore.session\nprint(json.dumps(botocore.session.Session(profile='reports').get_config_variable('region')))";
    assert!(machine.0.boto3(&region.replace("get_config_variable('region')", "region_name")).status.success());
    assert_eq!(machine.0.boto3(of_file).json(), "eu-central-1");
    let listed = machine.run(&["ls", "--json"]).json()["connectors"].as_array().unwrap().len();
    let profiles = read(&machine).lines().filter(|line| line.starts_with("[profile ")).count();
    assert_eq!(profiles, listed);

    machine.run(&["setup", "--yes", "--profile", "corp-{account}-{connector}"]).succeeded();
    let profile = "corp-111111111111-deploy";
    machine.0.aws(&["sts", "get-caller-identity", "--profile", profile]).succeeded();
    assert!(!read(&machine).contains("[profile deploy]"), "the block is written anew");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_aws_cli_signs_in_by_itself_with_what_is_written_for_it() {
    let world = World::open().await;
    // Only STS is somewhere else: AWS_ENDPOINT_URL would count before what the file says.
    let client = Client::new().with("AWS_ENDPOINT_URL_STS", &world.sim.endpoint());
    let machine = Machine(client).with("BROKER_URL", &world.brokerd.url());
    machine.sign_in("ada").succeeded();
    let said = machine.run(&["setup", "--yes", "--style", "sso", "--region", "eu-central-1"]).succeeded();
    let session = world.brokerd.url().strip_prefix("http://").unwrap().replace(':', "-");
    assert!(said.contains(&format!("aws sso login --sso-session {session}")), "{said}");
    let cookie = machine.0.home().join("cookie");
    fs::write(&cookie, world.stranger().cookie("ada", &password_of("ada")).await).unwrap();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/say_yes.py");
    let browser = format!("{} {script} {} %s &", installed::python().display(), cookie.display());
    let client = machine.with("BROWSER", &browser);
    client.0.aws(&["sso", "login", "--sso-session", &session]).succeeded();
    client.run(&["logout"]).succeeded();
    let identity = client.0.aws(&["sts", "get-caller-identity", "--profile", "deploy"]).json();
    assert!(identity["Arn"].as_str().unwrap().ends_with(":assumed-role/deploy/ada"), "{identity}");
    assert_eq!(client.0.aws(&["configure", "get", "region", "--profile", "deploy"]).succeeded(), "eu-central-1\n");
    let found = client.run(&["doctor"]).succeeded();
    assert!(found.contains("profiles lead to the broker") && !found.contains("BAD"), "{found}");

    // Another style takes the place of the first, and what somebody has under [default] stays theirs.
    client.sign_in("ada").succeeded();
    client.run(&["setup", "--yes", "--style", "login"]).succeeded();
    let now = read(&client);
    assert!(now.contains("signin =\n  endpoint_url = http://") && !now.contains("sso_session"), "{now}");
    write(&client, OTHERS, 0o600);
    let said = client.run(&["setup", "--yes", "--style", "sso"]).succeeded();
    assert!(said.contains("under your `[default]`") && read(&client).matches("[default]").count() == 1, "{said}");
    client.0.aws(&["configure", "list-profiles"]).succeeded();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_ours_stays_to_the_byte_and_what_is_lost_goes() {
    let world = World::open().await;
    let machine = Machine::of(&world, "ada");
    write(&machine, OTHERS, 0o644);
    let said = machine.run(&["setup", "--dry-run"]).succeeded();
    assert!(said.contains("+[profile deploy]") && !said.contains("role/x"), "our lines alone: {said}");
    assert_eq!((read(&machine).as_str(), kept(&machine).len()), (OTHERS, 0));
    let (code, _) = refused(&Ended { stdout: String::new(), ..machine.run(&["setup"]) });
    assert_eq!((code, read(&machine).as_str()), (2, OTHERS), "nobody is there to be asked");

    machine.run(&["setup", "--yes"]).succeeded();
    assert!(read(&machine).starts_with(&format!("{OTHERS}\n# >>> broker http")), "{}", read(&machine));
    assert_eq!(fs::metadata(config(&machine)).unwrap().permissions().mode() & 0o777, 0o644, "as it was");
    assert_eq!(fs::read_to_string(&kept(&machine)[0]).unwrap(), OTHERS);
    let said = machine.run(&["setup", "--yes"]).succeeded();
    assert!(said.contains("is as it should be"), "{said}");

    let behind = "[profile behind]\nregion = x\n";
    write(&machine, &(read(&machine) + behind), 0o644);
    machine.sign_in("fred").succeeded();
    let said = machine.run(&["setup", "--yes"]).succeeded();
    assert!(said.contains("-[profile deploy]") && said.contains("+[profile treasury]"), "{said}");
    let now = read(&machine);
    assert!(now.contains("[profile treasury]") && !now.contains("[profile deploy]"), "{now}");
    assert!(now.starts_with(OTHERS) && now.ends_with(behind), "{now}");
    machine.run(&["setup", "--remove", "--yes"]).succeeded();
    assert_eq!(read(&machine), format!("{OTHERS}\n{behind}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_written_over_somebody_elses_profile_or_a_damaged_block() {
    let world = World::open().await;
    let machine = Machine::of(&world, "ada");
    let damaged = format!("# >>> broker {} >>> written\n[profile x]\n", world.brokerd.url());
    for (text, said) in
        [("[profile deploy]\nregion = a\n", "a profile `deploy` already"), (damaged.as_str(), "are damaged")]
    {
        write(&machine, text, 0o600);
        let ended = machine.run(&["setup", "--yes"]);
        assert!(refused(&ended).1.contains(said), "{ended:?}");
        assert_eq!((refused(&ended).0, read(&machine).as_str(), kept(&machine).len()), (1, text, 0));
    }
    assert_eq!(machine.run(&["setup", "--profile", "x]"]).status.code(), Some(2));
    assert_eq!(machine.run(&["setup", "--profile", "same"]).status.code(), Some(2));
    // Whoever keeps the file elsewhere, and a link to it here, keeps the link.
    let elsewhere = machine.0.home().join("dotfiles");
    fs::rename(config(&machine), &elsewhere).unwrap();
    fs::write(&elsewhere, "").unwrap();
    symlink(&elsewhere, config(&machine)).unwrap();
    machine.run(&["setup", "--yes"]).succeeded();
    assert!(fs::symlink_metadata(config(&machine)).unwrap().is_symlink());
    assert!(fs::read_to_string(&elsewhere).unwrap().contains("[profile deploy]"));
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_terminal_the_change_is_shown_and_asked_for() {
    let world = World::open().await;
    let machine = Machine::of(&world, "ada");
    write(&machine, OTHERS, 0o600);
    let typed = |answer: &str| {
        let mut python = machine.0.command(&installed::program("python3"));
        python.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/typed.py")).arg(program("broker")).arg("setup");
        tests::ended::run("broker setup on a terminal", python, &json!([["[y/N] ", answer]]).to_string())
    };
    let no = typed("n");
    assert_eq!((no.status.code(), read(&machine).as_str()), (Some(1), OTHERS), "{no:?}");
    assert!(no.stdout.contains("+[profile deploy]"), "{no:?}");
    let yes = typed("y");
    assert_eq!(yes.status.code(), Some(0), "{yes:?}");
    assert!(read(&machine).contains("[profile deploy]"));
}
