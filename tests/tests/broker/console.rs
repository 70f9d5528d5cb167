//! AWS's console: in the browser, in one that keeps connectors apart, and as a link.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use tests::installed;
use tests::world::World;

use super::json::as_documented;
use super::{Machine, refused};

/// Gives the machine a browser that writes down what it was started with.
fn install(machine: &Machine, name: &str) {
    let program = "#!/bin/sh\nprintf '%s\\n' \"$@\" > ~/opened.new && mv ~/opened.new ~/opened\n";
    install_as(machine, name, program);
}

fn install_as(machine: &Machine, name: &str, program: &str) {
    let folder = machine.0.home().join("bin");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join(name), program).unwrap();
    fs::set_permissions(folder.join(name), Permissions::from_mode(0o700)).unwrap();
}

/// What a browser was started with.
fn opened(machine: &Machine, command: &str) -> Vec<String> {
    // Whoever comes later ends what is left of a program, and so the browser: this waits for it.
    let line = format!(
        "set -e; cd; PATH=~/bin:$PATH; {command}; until [ -e opened ]; do sleep 0.05; done; cat opened; rm opened"
    );
    machine.shell("sh", &line).succeeded().lines().map(str::to_owned).collect()
}

const DESTINATION: &str = "https://eu-central-1.console.aws.amazon.com/ecs?a=b";
const ENCODED: &str = "https%3A%2F%2Feu-central-1.console.aws.amazon.com%2Fecs%3Fa%3Db";

#[tokio::test(flavor = "multi_thread")]
async fn the_console_opens_without_a_secret_in_anybodys_arguments() {
    let world = World::open().await;
    let machine = Machine::of(&world, "ada");
    install(&machine, "mine");
    let browser = machine.0.home().join("bin/mine");
    let machine = machine.with("BROWSER", browser.to_str().unwrap());
    let arguments = opened(&machine, &format!("broker console deploy --destination '{DESTINATION}'"));
    assert_eq!(arguments, [format!("{}/console/deploy?destination={ENCODED}", world.brokerd.url())]);

    // Where none shows, the page is named; a program that reads JSON has it there.
    let named = machine.run(&["console", "deploy"]);
    assert_eq!(named.stderr.trim_end(), format!("Opening {}/console/deploy", world.brokerd.url()));
    let told = machine.run(&["console", "deploy", "--json"]);
    assert_eq!(told.stderr, "");
    let page = format!("{}/console/deploy", world.brokerd.url());
    assert_eq!(as_documented("console", told.json())["opens"], page.as_str());

    let link = machine.run(&["console", "deploy", "--print"]).succeeded();
    assert!(link.starts_with(&world.sim.federation_endpoint()) && link.contains("SigninToken="), "{link}");
    let link = machine.run(&["console", "deploy", "--print", "--json"]).json();
    assert!(link["url"].as_str().unwrap().contains("SigninToken=") && link["expires_at"].is_string());
    assert_eq!(refused(&machine.run(&["console", "raw", "--print"])).0, 2, "no console with session tokens");
    assert_eq!(refused(&machine.run(&["console", "treasury", "--print"])).0, 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_connector_has_a_container_or_a_profile_of_its_own() {
    let world = World::open().await;
    let machine = Machine::of(&world, "ada");
    for name in ["firefox", "google-chrome", "chromium", "microsoft-edge", "brave-browser"] {
        install(&machine, name);
    }
    let url = world.brokerd.url();
    let host = url.strip_prefix("http://").unwrap().replace(':', "-");
    let arguments = opened(&machine, &format!("broker console deploy --browser firefox --destination '{DESTINATION}'"));
    let [link] = &arguments[..] else { panic!("{arguments:?}") };
    let query = link.strip_prefix("ext+container:").unwrap();
    let read: Vec<(String, String)> = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    assert_eq!(read[0], ("name".to_owned(), format!("deploy@{host}")));
    assert_eq!(read[3], ("url".to_owned(), format!("{url}/console/deploy?destination={ENCODED}")));

    // By the argument, else by the variable, else by the file.
    let file = machine.0.home().join(".config/broker/config.toml");
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(&file, "console_browser = \"edge\"\n").unwrap();
    fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
    for (command, browser) in [
        ("broker console deploy", "edge"),
        ("BROKER_CONSOLE_BROWSER=brave broker console deploy", "brave"),
        ("BROKER_CONSOLE_BROWSER=brave broker console deploy --browser chrome", "chrome"),
        ("broker console deploy --browser chromium", "chromium"),
    ] {
        let folder = machine.state().join(format!("{browser}-deploy@{host}"));
        let profile = format!("--user-data-dir={}", folder.display());
        let page = format!("{url}/console/deploy");
        assert_eq!(opened(&machine, command), [&profile, "--no-first-run", "--no-default-browser-check", &page]);
        assert_eq!(fs::metadata(folder).unwrap().permissions().mode() & 0o777, 0o700, "cookies are in it");
    }
    assert_eq!(opened(&machine, "BROKER_CONSOLE_BROWSER=system BROWSER=firefox broker console deploy").len(), 1);

    fs::remove_file(machine.0.home().join("bin/google-chrome")).unwrap();
    let alone = machine.with("PATH", machine_bin().as_str());
    let ended = alone.run(&["console", "deploy", "--browser", "chrome"]);
    let (code, said) = refused(&ended);
    assert_eq!(code, 1);
    assert!(said.contains("there is no chrome here") && said.contains("/console/deploy yourself"), "{said}");
    let ended = alone.with("BROKER_CONSOLE_BROWSER", "lynx").run(&["console", "deploy"]);
    let (code, said) = refused(&ended);
    assert_eq!(code, 1);
    assert!(said.contains("system, firefox, chrome, chromium, edge, brave"), "{said}");
}

/// A PATH in which no browser is.
fn machine_bin() -> String {
    let folder = installed::python();
    folder.parent().unwrap().display().to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_browser_has_two_consoles_open_side_by_side() {
    let world = World::open().await;
    let machine = Machine::of(&world, "ada");
    let flags = "--headless --no-sandbox --disable-gpu --disable-dev-shm-usage --disable-background-networking --disable-component-update";
    let chromium = installed::program("chromium").display().to_string();
    install_as(&machine, "chromium", &format!("#!/bin/sh\nexec {chromium} {flags} \"$@\"\n"));
    let line = "PATH=~/bin:$PATH; broker console deploy --browser chromium && broker console reports --browser chromium && wait && sleep 600";
    let shell = machine.begin("sh", line);
    // Nobody is signed in there: the page asks for that first, in each of them.
    shell.wait_for("show both pages", || {
        (world.brokerd.log().matches("http.route=/console/{name}").count() >= 2).then_some(())
    });
    let profiles = fs::read_dir(machine.state()).unwrap().flatten();
    assert_eq!(
        profiles.filter(|profile| profile.path().join("SingletonLock").is_symlink()).count(),
        2,
        "both are open"
    );
}
