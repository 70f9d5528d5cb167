//! What others on the machine can see of the daemon's process: no secret that it was started with.

use std::fs;
use std::io::ErrorKind;

use tests::brokerd::Installation;

const KEY: &str = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";

#[test]
fn a_master_key_from_the_environment_serves_and_is_not_in_the_environment_any_more() {
    let more = "[[directory]]\nname = \"local\"\n[directory.backend.local]\npeople = []\n";
    let installation = Installation::new(&format!("\n{more}"), "");
    let config =
        installation.read("brokerd.toml").replace("{ file = \"master.key\" }", "{ env = \"BROKERD_SECRET_MASTER\" }");
    installation.write("brokerd.toml", &config);
    fs::remove_file(installation.path("master.key")).unwrap();

    let served = installation.serve_with(&[("BROKERD_SECRET_MASTER", KEY)]);
    let process = format!("/proc/{}", served.id());
    // Who is not root may not even look.
    let seen = |what: &str| match fs::read(format!("{process}/{what}")) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(error) if what == "environ" && error.kind() == ErrorKind::PermissionDenied => String::new(),
        Err(error) => panic!("{what}: {error}"),
    };
    assert!(seen("cmdline").contains("serve"), "it is the same process");
    for what in ["environ", "cmdline"] {
        assert!(!seen(what).contains(KEY), "{what}");
    }
    assert!(!seen("environ").contains("BROKERD_SECRET_MASTER"));
    let core = seen("limits").lines().find(|line| line.starts_with("Max core file size")).unwrap().to_owned();
    assert_eq!(core.split_whitespace().nth(4), Some("0"), "{core}");
}
