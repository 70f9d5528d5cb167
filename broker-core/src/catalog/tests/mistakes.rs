use super::*;
use crate::access_key::KeySource;

#[test]
fn five_mistakes_are_five_errors_each_with_its_place() {
    let errors = Desk::new()
        .read(
            r#"
[[access_key]]
name = "main"
region = "mars"
[access_key.source.stored]
access_key_id = "AKIAIOSFODNN7EXAMPLE"
secret_access_key = { file = "keys/main" }

[[connector]]
name = "deploy"
access_key = "main"
groups = ["corp/a", "nowhere/b"]
[connector.principal.assume_role]
role_arn = "arn:aws:iam::123456789012:user/deploy"
sesion_name = "{username}"
max_duration_seconds = 60

[[connector]]
name = "deploy"
access_key = "other"
scope = "system"
groups = []
principal.session_token = {}
"#,
        )
        .unwrap_err();
    let starts = [
        "connectors.toml:4:10: access_key \"main\": region: `mars` is not the name of an AWS region",
        "connectors.toml:12:21: connector \"deploy\": groups[2]: no directory is called `nowhere`: a group is DIRECTORY/GROUP, of `corp`",
        "connectors.toml:14:12: connector \"deploy\": principal.assume_role.role_arn: `arn:aws:iam::123456789012:user/deploy` is not",
        "connectors.toml:15:1: connector \"deploy\": principal.assume_role.sesion_name: `sesion_name` is not a key that can stand here: use one of `role_arn`",
        "connectors.toml:16:24: connector \"deploy\": principal.assume_role.max_duration_seconds: 60 seconds is too short",
        "connectors.toml:19:8: connector \"deploy\": line 10 has this name already",
        "connectors.toml:20:1: connector \"deploy\": access_key: no access key is called `other`",
        "connectors.toml:22:1: connector \"deploy\": groups: a system connector is for service tokens: take `groups` away",
    ];
    assert_eq!(errors.len(), starts.len(), "{errors:#?}");
    for (error, start) in errors.iter().zip(starts) {
        assert!(error.starts_with(start), "{error}\n{start}");
    }
}

#[test]
fn an_entry_without_a_good_name_has_its_other_mistakes_told() {
    let errors = Desk::new()
        .read(
            r#"
[[access_key]]
region = "mars"

[[connector]]
name = "De ploy"
access_key = "gone"
scope = "nobody"

[[connector]]
name = 7
wrong = 1
"#,
        )
        .unwrap_err();
    let starts = [
        "connectors.toml:2:1: access_key[1]: `name` is missing: add it",
        "connectors.toml:3:10: access_key[1]: region: `mars` is not",
        "connectors.toml:5:1: connector \"De ploy\": `principal` is missing",
        "connectors.toml:6:8: connector \"De ploy\": name: ",
        "connectors.toml:7:1: connector \"De ploy\": access_key: no access key is called `gone`",
        "connectors.toml:8:9: connector \"De ploy\": scope: ",
        "connectors.toml:10:1: connector[2]: ",
        "connectors.toml:11:8: connector[2]: name: this is a integer: write a string",
        "connectors.toml:12:1: connector[2]: wrong: ",
    ];
    for start in starts {
        assert!(errors.iter().any(|error| error.starts_with(start)), "{start}\n{errors:#?}");
    }
}

#[test]
fn what_is_not_toml_or_not_ours_is_refused_with_its_place() {
    let desk = Desk::new();
    for (text, start) in [
        ("a = ", "connectors.toml:1:"),
        ("[[connectors]]\nname = \"a\"", "connectors.toml:1:3: connectors: `connectors` is not a key"),
        ("[connector]\nname = \"a\"", "connectors.toml:1:1: connector: begin each with [[connector]]"),
        ("connector = [1]", "connectors.toml:1:14: connector: begin each with [[connector]]"),
        ("[[connector]]\naccess_key = \"a\"", "connectors.toml:1:1: connector[1]: `name` is missing"),
        ("[[connector]]\nname = 7", "connectors.toml:2:8: connector[1]: name: this is a integer"),
        (
            "[[connector]]\nname = \"Deploy\"\naccess_key = \"a\"\nprincipal.session_token = {}",
            "connectors.toml:2:8: connector \"Deploy\": name: `Deploy` is not a name",
        ),
    ] {
        let errors = desk.read(text).unwrap_err();
        assert!(errors.iter().any(|error| error.starts_with(start)), "{errors:#?}");
    }
}

#[test]
fn a_file_that_is_no_text_or_that_others_write_is_refused() {
    let desk = Desk::new();
    assert!(desk.read(b"a = \"\xff\"").unwrap_err()[0].starts_with("connectors.toml:1:6: this is not UTF-8"));
    for mode in [0o664, 0o646] {
        desk.write("connectors.toml", KEY, mode);
        assert!(desk.read_again().unwrap_err()[0].contains("others may write"), "{mode:o}");
    }
    fs::remove_file(desk.path()).unwrap();
    assert!(desk.read_again().unwrap_err()[0].contains("cannot be read"));
    fs::create_dir(desk.path()).unwrap();
    assert!(desk.read_again().unwrap_err()[0].contains("not a regular file"));
}

#[test]
fn rubbish_is_refused_without_harm() {
    let desk = Desk::new();
    let mut noise = 0x2545_F491_4F6C_DD1D_u64;
    let random: Vec<u8> = std::iter::repeat_with(|| {
        noise ^= noise << 13;
        noise ^= noise >> 7;
        noise ^= noise << 17;
        noise.to_le_bytes()[0]
    })
    .take(100_000)
    .collect();
    let ascii: Vec<u8> = random.iter().map(|byte| b" \n[]{}=\"'.,#az09\\"[usize::from(*byte) % 17]).collect();
    let deep = format!("[[connector]]\nname = \"a\"\nprincipal = {}{}", "{ a = ".repeat(50_000), "}".repeat(50_000));
    let dotted = format!("[[connector]]\nname = \"a\"\n{}a = 1", "a.".repeat(50_000));
    let many = "[[connector]]\nname = \"a\"\n".repeat(20_000);
    for text in [&random[..], &ascii, deep.as_bytes(), dotted.as_bytes(), many.as_bytes()] {
        let errors = desk.read(text).unwrap_err();
        assert!((1..=110).contains(&errors.len()), "{}", errors.len());
    }
}

#[test]
fn a_secret_has_a_place_that_may_be_read_and_is_never_repeated() {
    let desk = Desk::new();
    desk.write("keys/open", "wJalr7", 0o644);
    desk.write("keys/empty", "\n", 0o600);
    desk.write("keys/two", "wJalr7\nwJalr7\n", 0o600);
    for (place, why) in [
        ("{ file = \"keys/open\" }", "others may read this secret: `chmod 600` it"),
        ("{ file = \"keys/absent\" }", "`keys/absent` cannot be used"),
        ("{ file = \"keys/empty\" }", "is empty"),
        ("{ file = \"keys/two\" }", "no AWS secret"),
        ("{ file = \"/etc/passwd\" }", "leads out of"),
        ("{ file = \"../absent\" }", "cannot be used"),
        ("{ env = \"HOME\" }", "begins with BROKERD_SECRET_"),
        ("{ env = \"BROKERD_SECRET_NONE\" }", "`BROKERD_SECRET_NONE` is not set"),
        ("{ file = \"keys/main\", env = \"BROKERD_SECRET_KEY\" }", "one place"),
        ("\"wJalr7\"", "the secret itself never stands here"),
    ] {
        let errors = desk.read(KEY.replace("{ file = \"keys/main\" }", place)).unwrap_err();
        let [error] = &errors[..] else { panic!("{errors:#?}") };
        let start = "connectors.toml:7:";
        assert!(
            error.starts_with(start) && error.contains("source.stored.secret_access_key") && error.contains(why),
            "{error}"
        );
        assert!(!error.contains("wJalr"), "{error}");
    }
}

#[test]
fn the_hosts_own_identity_assumes_roles_for_an_hour_and_nothing_else() {
    let key = KEY.split("[access_key.source.stored]").next().unwrap().to_owned() + "[access_key.source.ambient]\n";
    let connector = |principal: &str| {
        let entry = "[[connector]]\nname = \"a\"\naccess_key = \"main\"\ngroups = []\n";
        Desk::new().read(format!("{key}{entry}[connector.principal.{principal}\n"))
    };
    let role = "assume_role]\nrole_arn = \"arn:aws:iam::123456789012:role/deploy\"";
    let catalog = connector(role).unwrap();
    assert_eq!(catalog.access_keys[0].details.source, KeySource::Ambient);
    assert!(connector(&format!("{role}\nmax_duration_seconds = 3600")).is_ok());
    for (principal, why) in [
        (format!("{role}\nmax_duration_seconds = 3601"), "at most 3600 seconds"),
        ("session_token]".to_owned(), "AWS lets it assume roles and nothing else"),
        (
            "federated_user]\nresource_policies_grant_access = true".to_owned(),
            "AWS lets it assume roles and nothing else",
        ),
    ] {
        let errors = connector(&principal).unwrap_err();
        let [error] = &errors[..] else { panic!("{errors:#?}") };
        let start = "connectors.toml:8:1: connector \"a\": access_key: access key `main` is the host's own identity";
        assert!(error.starts_with(start) && error.contains(why), "{error}");
    }
    let errors = Desk::new().read(format!("{key}access_key_id = \"AKIAIOSFODNN7EXAMPLE\"\n")).unwrap_err();
    assert!(
        errors.len() == 1 && errors[0].starts_with("connectors.toml:6:") && errors[0].contains("access_key_id"),
        "{errors:?}"
    );
}

#[test]
fn a_policys_mistake_is_told_with_its_own_line() {
    let desk = Desk::new();
    let wrong = READ.replace("\"Allow\"", "\"allow\"");
    desk.write("policies/wrong.json", &wrong, 0o644);
    let connector = |policy: &str| {
        format!("[[connector]]\nname = \"a\"\naccess_key = \"main\"\n[connector.principal.federated_user]\n{policy}\n")
    };
    let filed = desk.mistake(&connector("policy_file = \"policies/wrong.json\""));
    let start = "policies/wrong.json:3:29: connector \"a\": principal.federated_user.policy_file: `allow`";
    assert!(filed.starts_with(start), "{filed}");
    let inline = desk.mistake(&connector(&format!("policy = '''\n{wrong}'''")));
    assert!(
        inline.starts_with("connectors.toml:15:29: connector \"a\": principal.federated_user.policy: `allow`"),
        "{inline}"
    );
    assert!(inline.ends_with("(line 3, column 29 of the policy)"), "{inline}");
    let escaped = desk.mistake(&connector("policy = \"{\\\"Statement\\\":[]}\""));
    assert!(escaped.starts_with("connectors.toml:12:10: "), "{escaped}");
    let both = desk.mistake(&connector(&format!("policy = '''{READ}'''\npolicy_file = \"policies/read.json\"")));
    assert!(both.contains("exclude each other"), "{both}");
}

#[test]
fn a_policy_for_another_partition_than_the_keys_is_told_with_its_line() {
    let desk = Desk::new();
    let wrong = READ.replace("arn:aws:", "arn:aws-cn:");
    desk.write("policies/wrong.json", &wrong, 0o644);
    let role = "assume_role]\nrole_arn = \"arn:aws:iam::123456789012:role/deploy\"";
    for (principal, line) in [("federated_user]", 14), (role, 15)] {
        let connector = |policy: &str| {
            format!("[[connector]]\nname = \"a\"\naccess_key = \"main\"\n[connector.principal.{principal}\n{policy}\n")
        };
        let told = "`arn:aws-cn:s3:::reports/*` lies in the partition aws-cn, the connector's access key in aws";
        let filed = desk.mistake(&connector("policy_file = \"policies/wrong.json\""));
        assert!(
            filed.starts_with("policies/wrong.json:3:71: connector \"a\": principal.") && filed.contains(told),
            "{filed}"
        );
        let inline = desk.mistake(&connector(&format!("policy = '''\n{wrong}'''")));
        assert!(
            inline.starts_with(&format!("connectors.toml:{}:71: connector \"a\": principal.", line + 1)),
            "{inline}"
        );
        assert!(inline.contains(told) && inline.ends_with("(line 3, column 71 of the policy)"), "{inline}");
        let any = READ.replace("arn:aws:", "arn:*:");
        assert!(desk.read(format!("{KEY}{}", connector(&format!("policy = '''\n{any}'''")))).is_ok());
    }
}

#[test]
fn what_follows_from_a_key_that_was_refused_is_not_told_but_its_neighbours_mistakes_are() {
    let desk = Desk::new();
    let connector = |more: &str| {
        format!(
            "[[connector]]\nname = \"deploy\"\naccess_key = \"main\"\n[connector.principal.assume_role]\n\
             role_arn = \"arn:aws:iam::123456789012:role/deploy\"\nsession_name = \"everybody\"\n{more}\n"
        )
    };
    let follows = desk.mistake(&connector("source_identity = \"{nobody}\""));
    assert!(follows.contains("principal.assume_role.source_identity: "), "{follows}");
    let beside = desk.mistakes(&connector("external_id = 7\ntags.a = { value = \"x\", from = \"email\" }"));
    let [name, external, tags] = &beside[..] else { panic!("{beside:#?}") };
    assert!(
        name.starts_with("connectors.toml:13:1: connector \"deploy\": principal.assume_role.session_name: "),
        "{name}"
    );
    assert!(
        tags.starts_with("connectors.toml:15:1: connector \"deploy\": principal.assume_role.tags: each of tags"),
        "{tags}"
    );
    assert!(external.contains("principal.assume_role.external_id: "), "{external}");
}

#[test]
fn a_policy_file_stays_in_the_folder_and_is_small_and_ours() {
    let desk = Desk::new();
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("p.json"), READ).unwrap();
    std::os::unix::fs::symlink(outside.path().join("p.json"), desk.folder.path().join("policies/link.json")).unwrap();
    desk.write("policies/large.json", " ".repeat(65_537), 0o644);
    desk.write("policies/open.json", READ, 0o666);
    desk.write("policies/binary.json", [0xff], 0o644);
    let absolute = outside.path().join("p.json").display().to_string();
    for (path, why) in [
        ("policies/link.json", "leads out of"),
        (absolute.as_str(), "leads out of"),
        ("policies/large.json", "more than 65536 bytes"),
        ("policies/open.json", "others may write"),
        ("policies/binary.json", "not UTF-8"),
        ("policies", "not a regular file"),
        ("policies/none.json", "cannot be used"),
    ] {
        let told = desk.mistake(&format!(
            "[[connector]]\nname = \"a\"\naccess_key = \"main\"\nprincipal.federated_user.policy_file = \"{path}\"\n"
        ));
        assert!(
            told.starts_with("connectors.toml:11:40: connector \"a\": principal.federated_user.policy_file: "),
            "{told}"
        );
        assert!(told.contains(why), "{told}");
    }
}

#[test]
fn a_bare_group_needs_exactly_one_directory() {
    let mut desk = Desk::new();
    desk.directories.push("other".to_owned().try_into().unwrap());
    let told = desk.mistake(
        "[[connector]]\nname = \"a\"\naccess_key = \"main\"\ngroups = [\"staff\"]\nprincipal.session_token = {}",
    );
    assert!(
        told.contains("`staff` does not say of which directory: write DIRECTORY/staff, of `corp`, `other`"),
        "{told}"
    );
}

#[test]
fn a_connector_keeps_to_what_its_key_serves() {
    let desk = Desk::new();
    let role = |arn: &str| {
        format!("[[connector]]\nname = \"a\"\naccess_key = \"main\"\nprincipal.assume_role.role_arn = \"{arn}\"\n")
    };
    let china = desk.mistake(&role("arn:aws-cn:iam::123456789012:role/deploy"));
    assert!(
        china.starts_with("connectors.toml:10:1: connector \"a\": access_key: access key `main` is of partition aws"),
        "{china}"
    );
    let console = "[[connector]]\nname = \"a\"\naccess_key = \"main\"\nconsole.destination = \"https://console.amazonaws.cn/\"\n\
                   principal.federated_user.resource_policies_grant_access = true";
    assert!(desk.mistake(console).contains("the console page of aws-cn"));
    let serves = |serves: &str| {
        let key = KEY.replace("region = \"eu-central-1\"", &format!("region = \"eu-central-1\"\nserves = {serves}"));
        desk.read(format!("{key}{}", role("arn:aws:iam::123456789012:role/deploy"))).unwrap_err().pop().unwrap()
    };
    assert!(serves("{ principals = [\"session_token\"] }").contains("serves.principals"));
    assert!(serves("{ role_arns = [\"arn:aws:iam::123456789012:role/x\"] }").contains("serves.role_arns"));
    assert!(serves("{ connectors = [\"b\"] }").contains("serves.connectors"));
    assert!(serves("{ role_arns = [\"arn:aws-cn:iam::123456789012:role/x\"] }").contains("another partition"));
}

#[test]
fn an_endpoint_gets_the_key_by_https_only() {
    for url in ["http://sts.example", "https://user:pass-of-the-file@sts.example", "https://sts.example?x"] {
        let text =
            KEY.replace("region = \"eu-central-1\"", &format!("region = \"eu-central-1\"\nendpoint_url = \"{url}\""));
        let errors = Desk::new().read(text).unwrap_err();
        assert!(errors[0].starts_with("connectors.toml:5:16: access_key \"main\": endpoint_url: "), "{errors:?}");
        assert!(!errors[0].contains("pass-of-the-file"));
    }
}

#[test]
fn with_several_directories_names_must_tell_them_apart() {
    let mut desk = Desk::new();
    desk.directories.push("other".to_owned().try_into().unwrap());
    let connector = |more: &str| {
        format!(
            "[[connector]]\nname = \"deploy\"\naccess_key = \"main\"\ngroups = [\"corp/a\"]\n\
             [connector.principal.assume_role]\nrole_arn = \"arn:aws:iam::123456789012:role/deploy\"\n{more}\n"
        )
    };
    let told = desk.mistake(&connector(""));
    assert!(
        told.contains("connector \"deploy\": principal.assume_role.session_name: with several directories"),
        "{told}"
    );
    let apart = "session_name = \"{directory}.{username}\"\n";
    for (bad, about) in [
        ("source_identity = \"{username}\"", "source_identity: with several directories it must have {directory}"),
        ("tags.who = { from = \"username\" }", "tags: with several directories a tag from"),
    ] {
        let told = desk.mistake(&connector(&format!("{apart}{bad}")));
        assert!(told.contains(&format!("principal.assume_role.{about}")), "{told}");
    }
    let told = desk.mistakes(&connector("session_name = \"{username}\"\ntags.who = { from = \"username\" }"));
    let [name, tags] = &told[..] else { panic!("{told:#?}") };
    assert!(
        name.starts_with("connectors.toml:14:1: connector \"deploy\": principal.assume_role.session_name: "),
        "{name}"
    );
    assert!(tags.starts_with("connectors.toml:15:1: connector \"deploy\": principal.assume_role.tags: "), "{tags}");
    let federated = "[[connector]]\nname = \"f\"\naccess_key = \"main\"\ngroups = [\"corp/a\"]\n\
                     [connector.principal.federated_user]\nresource_policies_grant_access = true\n\
                     session_name = \"{directory}.{username}\"\ntags.who = { from = \"username\" }\n";
    assert!(desk.mistake(federated).contains("principal.federated_user.tags: with several directories"));
    for good in [
        "session_name = \"{directory}.{username}\"",
        "source_identity = \"{directory}.{username}\"",
        &format!("{apart}tags.who = {{ from = \"username\" }}\ntags.where = {{ from = \"directory\" }}"),
        &format!("{apart}tags.mail = {{ from = \"email\" }}"),
    ] {
        assert!(desk.read(format!("{KEY}{}", connector(good))).is_ok(), "{good}");
    }
}
