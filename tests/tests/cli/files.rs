//! `init` and `check`: files, good and bad.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use tests::ended;
use tests::process::new_folder;

use super::{add_main, brokerd_in, code, installation};

#[test]
fn init_makes_what_check_finds_good_and_nobody_else_can_read() {
    let folder = new_folder();
    let stdout = brokerd_in(folder.path(), &["init", "--directory", "here"], "").succeeded();
    assert!(stdout.contains("made here/brokerd.toml") && stdout.contains("Next:"), "{stdout}");
    let here = folder.path().join("here");
    let key = fs::read_to_string(here.join("master.key")).unwrap();
    assert_eq!(key.trim().len(), 44, "32 bytes in base64");
    assert!(!stdout.contains(key.trim()));
    let mode = |name: &str| fs::metadata(here.join(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("master.key"), mode("brokerd.toml") & 0o022), (0o600, 0));

    let stdout = brokerd_in(&here, &["check"], "").succeeded();
    assert!(
        stdout.contains("brokerd.toml: good") && stdout.contains("connectors.toml: good; connectors: 0"),
        "{stdout}"
    );
    assert!(!here.join("brokerd.db").exists(), "check touches no store");
}

#[test]
fn init_overwrites_nothing_and_makes_what_is_missing() {
    let folder = new_folder();
    brokerd_in(folder.path(), &["init"], "").succeeded();
    let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
    let key = read("master.key");
    fs::write(folder.path().join("connectors.toml"), "# mine").unwrap();
    let stdout = brokerd_in(folder.path(), &["init"], "").succeeded();
    assert!(stdout.contains("there already, left as it is: brokerd.toml"), "{stdout}");
    assert!(!stdout.contains("Next:"), "nothing was made: {stdout}");
    assert_eq!((read("master.key"), read("connectors.toml").as_str()), (key.clone(), "# mine"));

    fs::remove_file(folder.path().join("master.key")).unwrap();
    brokerd_in(folder.path(), &["init"], "").succeeded();
    assert_ne!(read("master.key"), key, "a fresh one");
    // The folder cannot be made.
    let ended = brokerd_in(folder.path(), &["init", "--directory", "brokerd.toml/x"], "");
    assert_eq!(code(&ended), 1);
    assert!(ended.stderr.starts_with("error: cannot make the folder brokerd.toml/x: "), "{}", ended.stderr);
}

#[test]
fn init_makes_no_second_master_key_beside_a_store() {
    let here = installation();
    add_main(&here);
    let key = here.read("master.key");
    fs::rename(here.path("master.key"), here.path("copy.key")).unwrap();
    let said = here.run(&["init"], "").failed();
    for word in ["no master key is made: the store", "brokerd.db is there already", "master.key", "move the store away"]
    {
        assert!(said.contains(word), "{word}: {said}");
    }
    assert!(!here.path("master.key").exists());

    // Nor is another key taken for it, and it is said which and where.
    here.write("master.key", "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=\n");
    for arguments in [&["serve"][..], &["key", "list"]] {
        let said = here.run(arguments, "").failed();
        for word in ["does not fit this store", "the master key of id `test`", "in the file master.key now"] {
            assert!(said.contains(word), "{word}: {said}");
        }
    }
    here.write("master.key", &key);
    here.run(&["key", "list"], "").succeeded();
}

#[test]
fn check_says_every_mistake_with_its_line() {
    let here = installation();
    here.write(
        "connectors.toml",
        "[[connector]]\nname = \"a\"\naccess_key = 7\n\n[[connector]]\nname = \"B\"\nwrong = 1\n",
    );
    let ended = here.run(&["check"], "");
    assert_eq!(code(&ended), 1);
    for line in ["connectors.toml:3:", "connectors.toml:6:8: connector \"B\": name: ", "connectors.toml:7:"] {
        assert!(ended.stdout.contains(line), "{line}\n{}", ended.stdout);
    }
    assert!(ended.stdout.contains("\nerrors: "), "{}", ended.stdout);

    here.edit("brokerd.toml", "public_url", "public_ulr");
    let ended = here.run(&["check"], "");
    assert_eq!(code(&ended), 1);
    assert!(ended.stdout.contains("brokerd.toml:1:1: public_ulr: "), "{}", ended.stdout);
    assert!(ended.stdout.contains("connectors.toml:7:"), "the mistakes of both files at once: {}", ended.stdout);

    here.edit("brokerd.toml", "connectors_file = ", "connectors_fil = ");
    let ended = here.run(&["check"], "");
    assert!(ended.stdout.contains("the connectors file was not checked: "), "{}", ended.stdout);
}

/// Where the system has no certificates to trust, and the directory names none of its own.
#[test]
fn a_directory_that_nothing_could_vouch_for_is_refused_at_the_start() {
    let here = installation();
    let ldap = "\n[[directory]]\nname = \"staff\"\n[directory.backend.ldap]\nurls = [\"ldaps://127.0.0.1:1\"]\n\
                anonymous = true\nusers = { base = \"dc=corp\" }\ngroups = { member_of = { base = \"dc=corp\" } }\n";
    here.write("brokerd.toml", &(here.read("brokerd.toml") + ldap));
    let nothing = here.path("nothing");
    for arguments in [["check"], ["serve"]] {
        let mut command = here.command(&arguments);
        command.env("SSL_CERT_FILE", &nothing).env("SSL_CERT_DIR", &nothing);
        let ended = ended::run("brokerd", command, "");
        assert_eq!(code(&ended), 1);
        let said = ended.stdout + &ended.stderr;
        assert!(said.contains("the system has no certificates to trust"), "{said}");
        assert!(said.contains("name the ones that signed your directory's") && said.contains("ca_file"), "{said}");
    }
}

#[test]
fn check_says_all_mistakes_of_one_entry_and_of_one_policy_each_at_its_own_place() {
    let here = installation();
    here.write("narrow.json", NARROW);
    here.write("connectors.toml", MISTAKEN);
    let ended = here.run(&["check"], "");
    assert_eq!(code(&ended), 1);
    let expected = [
        "connectors.toml:5:1: connector \"one\": groups: a system connector",
        "connectors.toml:6:1: connector \"one\": console: a system connector",
        "connectors.toml:9:1: connector \"one\": principal.assume_role.default_duration_seconds: default",
        "connectors.toml:19:1: connector \"two\": principal.assume_role.session_name: session_name must have",
        "connectors.toml:20:1: connector \"two\": principal.assume_role.default_duration_seconds: default",
        "narrow.json:2:14: connector \"one\": principal.assume_role.policy_file: `2012` is not a version",
        "narrow.json:4:17: connector \"one\": principal.assume_role.policy_file: `allow` is not an effect",
        "narrow.json:4:37: connector \"one\": principal.assume_role.policy_file: `s3` is not an action",
        "narrow.json:4:54: connector \"one\": principal.assume_role.policy_file: `:x` is not an action",
        "narrow.json:5:25: connector \"one\": principal.assume_role.policy_file: `Acton` is not an element",
        "narrow.json:5:54: connector \"one\": principal.assume_role.policy_file: `bucket` is not a resource",
    ];
    for line in expected {
        assert!(ended.stdout.contains(line), "{line}\n{}", ended.stdout);
    }
    assert!(ended.stdout.contains(&format!("errors: {}", expected.len())), "and nothing else:\n{}", ended.stdout);
}

const NARROW: &str = r#"{
  "Version": "2012",
  "Statement": [
    { "Effect": "allow", "Action": ["s3", "s3:Get*", ":x"], "Resource": "*" },
    { "Effect": "Deny", "Acton": "s3:*", "Resource": "bucket" }
  ]
}"#;

const MISTAKEN: &str = r#"[[connector]]
name = "one"
access_key = "main"
scope = "system"
groups = ["staff"]
console = { destination = "https://console.aws.amazon.com/" }
[connector.principal.assume_role]
role_arn = "arn:aws:iam::111111111111:role/one"
default_duration_seconds = 7200
max_duration_seconds = 3600
policy_file = "narrow.json"

[[connector]]
name = "two"
access_key = "main"
groups = ["staff"]
[connector.principal.assume_role]
role_arn = "arn:aws:iam::111111111111:role/two"
session_name = "everybody"
default_duration_seconds = 7200
max_duration_seconds = 3600
"#;

#[test]
fn a_warning_about_a_policy_points_at_its_statement() {
    let here = installation();
    let everything = r#"{ "Effect": "Allow", "Action": "*", "Resource": "*" }"#;
    let policy = format!("{{ \"Version\": \"2012-10-17\",\n  \"Statement\": {everything} }}");
    here.write("wide.json", &policy);
    let connector = |name: &str, policy: &str| {
        format!(
            "[[connector]]\nname = \"{name}\"\naccess_key = \"main\"\ngroups = [\"staff\"]\n[connector.principal.assume_role]\n\
             role_arn = \"arn:aws:iam::111111111111:role/{name}\"\n{policy}\n\n"
        )
    };
    let inline = format!("policy = '''\n{policy}'''");
    here.write("connectors.toml", &(connector("one", "policy_file = \"wide.json\"") + &connector("two", &inline)));
    let said = here.run(&["check"], "").succeeded();
    for line in ["wide.json:2:16: connector \"one\"", "connectors.toml:17:16: connector \"two\""] {
        assert!(said.contains(line), "{line}\n{said}");
    }
}

#[test]
fn check_warns_of_mappings_that_give_jobs_nothing() {
    let here = installation();
    let entry = "[[workload_issuer]]\nname = \"ci\"\nissuer.github_actions = {}\n[[workload_issuer.mapping]]\nconnectors = [\"nope\", \"deploy\", \"jobs\"]\n\
                 claims = { repository_id = \"1\" }\n";
    here.write("brokerd.toml", &format!("{}\n{entry}", here.read("brokerd.toml")));
    let jobs = "[[connector]]\nname = \"jobs\"\naccess_key = \"main\"\nscope = \"system\"\nprincipal.assume_role.role_arn = \"arn:aws:iam::111111111111:role/deploy\"\n";
    here.write("connectors.toml", &format!("{}\n{jobs}", here.read("connectors.toml")));
    let said = here.run(&["check"], "").succeeded();
    for (connector, why) in [("nope", "is not in the connectors file"), ("deploy", "is for people")] {
        assert!(said.contains(&format!("`ci`: the connector `{connector}` of a mapping {why}")), "{said}");
    }
    assert!(!said.contains("`jobs`"), "{said}");
}

#[test]
fn check_warns_and_that_is_no_failure() {
    let stdout = installation().run(&["check"], "").succeeded();
    assert!(stdout.contains("warning: ") && stdout.contains("whether the store has it was not looked up"), "{stdout}");
    assert!(stdout.contains("connectors: 2, access keys: 0") && stdout.contains("errors: 0, warnings: 2"), "{stdout}");
}

#[test]
fn without_a_configuration_it_says_where_it_looked() {
    let folder = new_folder();
    let ended = brokerd_in(folder.path(), &["check"], "");
    assert_eq!(code(&ended), 1);
    assert!(
        ended.stderr.contains("neither brokerd.toml in this directory nor /etc/brokerd/brokerd.toml"),
        "{}",
        ended.stderr
    );
    let ended = brokerd_in(folder.path(), &["--config", "nowhere.toml", "key", "list"], "");
    assert_eq!(code(&ended), 1);
    assert!(ended.stderr.contains("nowhere.toml: this file cannot be read"), "{}", ended.stderr);
}

#[test]
fn a_master_key_that_others_can_read_or_that_does_not_fit_is_refused() {
    let here = installation();
    add_main(&here);
    let key = here.path("master.key");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    let ended = here.run(&["key", "list"], "");
    assert_eq!(code(&ended), 1);
    assert!(ended.stderr.contains("others may read this secret: `chmod 600` it"), "{}", ended.stderr);

    here.write("master.key", "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=\n");
    let ended = here.run(&["key", "list"], "");
    assert_eq!(code(&ended), 1);
    assert!(ended.stderr.contains("the master key does not fit this store"), "{}", ended.stderr);

    here.write("master.key", "not a key\n");
    let ended = here.run(&["key", "list"], "");
    assert_eq!(code(&ended), 1);
    assert!(ended.stderr.contains("a master key is 32 bytes in base64"), "{}", ended.stderr);
    assert!(!ended.stderr.contains("not a key"), "{}", ended.stderr);
    fs::remove_file(&key).unwrap();
    assert!(here.run(&["key", "list"], "").failed().contains("`brokerd init` makes one for a new installation"));
}
