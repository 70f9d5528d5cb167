use super::*;

#[test]
fn all_mistakes_are_told_at_once_each_with_its_place() {
    let errors = Desk::new()
        .load(
            r#"
public_url = "http://broker.corp.example"
admin_groups = ["corp/admins", "other/admins"]
listen = { address = "0.0.0.0:80", tls = true }
store = { url = "mysql:x" }
sessions = { recheck_seconds = 301 }
colour = "red"

[[master_key]]
id = "a"
source = { file = "none.key" }

[[master_key]]
id = "a"
source = { kms = { key_arn = "x" } }

[[directory]]
name = "corp"
backend.local = {}
"#,
        )
        .unwrap_err();
    let starts = [
        "brokerd.toml:2:14: public_url: write https",
        "brokerd.toml:3:17: admin_groups[1]: directory `corp` may not make administrators: set `may_grant_admin = true`",
        "brokerd.toml:3:32: admin_groups[2]: no directory is called `other`",
        "brokerd.toml:4:42: listen.tls: true or false stands here, but a table is needed",
        "brokerd.toml:5:11: store.url: the store's URL begins with sqlite: or postgres:",
        "brokerd.toml:6:32: sessions.recheck_seconds: 301 is out of bounds: write 1 to 300 seconds",
        "brokerd.toml:7:1: colour: `colour` is not a key that can stand here: use one of `public_url`",
        "brokerd.toml:11:1: master_key \"a\": source: `none.key` cannot be used",
        "brokerd.toml:15:",
    ];
    assert_eq!(errors.len(), starts.len(), "{errors:#?}");
    for (error, start) in errors.iter().zip(starts) {
        assert!(error.starts_with(start), "{error}\n{start}");
    }
}

#[test]
fn what_must_be_there_is_missed() {
    let errors = Desk::new().load("").unwrap_err();
    assert_eq!(errors.len(), 3, "{errors:#?}");
    for (error, key) in errors.iter().zip(["public_url", "master_key", "directory"]) {
        assert!(error.starts_with(&format!("brokerd.toml: {key}: ")), "{error}");
    }
}

#[test]
fn the_public_url_is_a_host_reached_by_https() {
    let desk = Desk::new();
    for (url, why) in [
        ("http://broker.corp.example", "write https"),
        ("https://u:p7@broker.corp.example", "user and password"),
        ("https://broker.corp.example/broker", "take the path off"),
        ("https://broker.corp.example?x=1", "take `?…`"),
        ("broker", "write a URL"),
    ] {
        let errors = desk.load(GOOD.replace("https://broker.corp.example", url)).unwrap_err();
        assert!(errors.len() == 1 && errors[0].starts_with("brokerd.toml:2:") && errors[0].contains(why), "{errors:?}");
        assert!(!errors[0].contains("p7"));
    }
    assert!(desk.load(GOOD.replace("https://broker.corp.example", "http://127.0.0.1:8080")).is_ok());
}

#[test]
fn plain_http_stays_on_the_machine_and_not_everybody_is_a_proxy() {
    let desk = Desk::new();
    assert!(desk.mistake("listen.address = \"0.0.0.0:80\"").contains("does not leave the machine"));
    assert!(desk.mistake("listen.address = \"192.0.2.7:80\"").contains("does not leave the machine"));
    assert!(desk.load(format!("listen.address = \"[::1]:80\"\n{GOOD}")).is_ok());
    for everything in ["0.0.0.0/0", "::/0", "0.0.0.0/1\", \"128.0.0.0/1"] {
        let told = desk.mistake(&format!("listen.trusted_proxies = [\"10.0.0.1\", \"{everything}\"]"));
        assert!(told.starts_with("brokerd.toml:1:8: listen.trusted_proxies: not everybody"), "{told}");
    }
    assert!(desk.mistake("listen.trusted_proxies = [\"proxy\"]").contains("write a network"));
}

#[test]
fn what_operators_are_told_stays_on_the_machine_or_goes_by_tls() {
    let desk = Desk::new();
    let at = |address: &str| format!("operations = {{ address = \"{address}\", token = {{ file = \"token\" }} }}");
    desk.write("token", "0123456789abcdef0123456789abcdef", 0o600);
    for beyond in ["0.0.0.0:9464", "192.0.2.7:9464", "[::]:9464"] {
        let told = desk.mistake(&at(beyond));
        assert!(
            told.starts_with("brokerd.toml:1:16: operations.address: plain HTTP does not leave the machine"),
            "{told}"
        );
        let proxied = format!("listen.trusted_proxies = [\"10.0.0.1\"]\n{}", at(beyond));
        assert!(
            desk.mistake(&proxied).contains("plain HTTP does not leave the machine"),
            "a proxy is for the other listener"
        );
        let secured = format!("listen.tls = {{ certificate = \"c.pem\", key = \"c.key\" }}\n{}\n{GOOD}", at(beyond));
        assert!(desk.load(secured).is_ok());
        assert!(
            desk.mistake(&format!(
                "operations.address = \"{beyond}\"\nlisten.tls = {{ certificate = \"c\", key = \"k\" }}"
            ))
            .contains("want a token")
        );
    }
    assert!(desk.load(format!("{}\n{GOOD}", at("127.0.0.1:9464"))).is_ok());
}

#[test]
fn the_store_has_its_password_elsewhere() {
    let desk = Desk::new();
    for (store, why) in [
        ("url = \"postgres://u:pass-of-the-file@h/d\"", "holds a password"),
        ("url = \"sqlite:\"", "followed by the path of a file"),
        ("url = \"sqlite:../x.db\"", "stays in this file's folder"),
        ("url = \"sqlite:x.db\", password = { file = \"password\" }", "SQLite has no password"),
        ("url = \"postgres://h/d?sslmode=require\"", "`h` is another machine"),
        ("url = \"postgres://h/d?sslrootcert=none.pem\"", "sslrootcert: `none.pem` cannot be used"),
        ("url = \"postgres://h/d?sslrootcert=password\"", "sslrootcert: `password` holds no certificates"),
        ("url = \"postgres://h/d?sslrootcert=/etc/ssl/certs/ca-certificates.crt\"", "leads out of"),
        ("url = \"postgres://h/d?sslkey=none.key\"", "sslkey: `none.key` cannot be used"),
        ("url = \"postgres://h/d\", password = \"pass-of-the-file\"", "the secret itself never stands here"),
        ("url = \"postgres://h/d\", password = { env = \"BROKERD_SECRET_NONE\" }", "not set"),
    ] {
        let told = desk.mistake(&format!("store = {{ {store} }}"));
        assert!(
            told.starts_with("brokerd.toml:1:") && told.contains(why) && !told.contains("pass-of-the-file"),
            "{told}"
        );
    }
    assert!(desk.load(format!("store.url = \"sqlite:/var/lib/brokerd/x.db\"\n{GOOD}")).is_ok());
}

#[test]
fn exactly_one_master_key_seals_and_each_is_a_secret() {
    let desk = Desk::new();
    let with = |from: &str, to: &str| desk.load(GOOD.replace(from, to)).unwrap_err().pop().unwrap();
    assert!(with("seals = true\n", "").starts_with("brokerd.toml:4:3: master_key: none of them seals"));
    let second = "[[master_key]]\nid = \"b\"\nseals = true\nsource = { file = \"master.key\" }\n\n[[directory]]";
    assert!(
        with("[[directory]]", second)
            .starts_with("brokerd.toml:11:1: master_key \"b\": seals: `2026-01` seals already")
    );
    assert!(
        with("[[directory]]", &second.replace("\"b\"", "\"2026-01\"").replace("seals = true\n", ""))
            .contains("another [[master_key]]")
    );
    assert!(with("2026-01", "A b").contains("a master key's id has"));
    desk.write("short.key", "c2hvcnQ=", 0o600);
    assert!(with("master.key", "short.key").contains("32 bytes in base64"));
    desk.write("open.key", KEY, 0o640);
    let open = with("master.key", "open.key");
    assert!(open.contains("others may read this secret") && !open.contains(KEY), "{open}");
}

#[test]
fn only_a_directory_that_may_makes_administrators() {
    let desk = Desk::new();
    let text = format!("admin_groups = [\"corp/admins\"]\n{}", GOOD.replace("may_grant_admin = true\n", ""));
    let errors = desk.load(text).unwrap_err();
    assert!(
        errors.len() == 1 && errors[0].starts_with("brokerd.toml:1:17: admin_groups[1]: directory `corp` may not"),
        "{errors:?}"
    );
}

#[test]
fn directories_have_names_of_their_own_and_settings_that_work() {
    let desk = Desk::new();
    let with = |directory: &str| desk.load(format!("{GOOD}[[directory]]\n{directory}")).unwrap_err().pop().unwrap();
    assert!(
        with("name = \"corp\"\nbackend.local = {}").starts_with("brokerd.toml:15:1: directory \"corp\": name: another")
    );
    assert!(
        with("name = \"Corp\"\nbackend.local = {}").starts_with("brokerd.toml:15:8: directory[2].name: `Corp` is not")
    );
    assert!(
        with("name = \"b\"\nbackend.nis = {}")
            .starts_with("brokerd.toml:16:9: directory[2].backend.nis: `nis` cannot stand here")
    );
    let ldap = |more: &str| {
        format!(
            "name = \"b\"\n[directory.backend.ldap]\nurls = [\"ldap://127.0.0.1\"]\nplain_text_on_loopback = true\n\
                 users = {{ base = \"dc=corp\" }}\ngroups = {{ member_of = {{ base = \"dc=corp\" }} }}\n{more}"
        )
    };
    let told = with(&ldap("bind_dn = \"nonsense\"\nbind_password = { file = \"password\" }"));
    assert!(
        told.starts_with("brokerd.toml:21:1: directory \"b\": backend.ldap.bind_dn: not a distinguished name"),
        "{told}"
    );
    let told = with(&ldap("bind_dn = \"cn=b\"\nbind_password = \"pass-of-the-file\""));
    assert!(
        told.starts_with("brokerd.toml:22:17: ")
            && told.contains("never stands here")
            && !told.contains("pass-of-the-file"),
        "{told}"
    );
    let told = with(&ldap("anonymous = true").replace("{ base = \"dc=corp\" } }", "{} }"));
    assert!(told.contains("backend.ldap.groups.member_of.base: groups elsewhere may have the same names"), "{told}");
    let told = with(&ldap("anonymous = true\ndeadline_seconds = 31"));
    assert!(told.contains("backend.ldap.deadline_seconds: 31 is out of bounds: write 1 to 30"), "{told}");
    let told = with(&ldap("anonymous = true\nca_file = \"none.pem\""));
    assert!(
        told.starts_with("brokerd.toml:22:1: directory \"b\": backend.ldap.ca_file: `none.pem` cannot be used"),
        "{told}"
    );
}

#[test]
fn a_people_file_has_places_of_its_own() {
    let desk = Desk::new();
    desk.write(
        "people.toml",
        "[[person]]\nusername = \"ada\"\n[[person]]\nusername = 7\npassword_hash = \"secret7\"\n",
        0o600,
    );
    let text = GOOD.replace("people = []", "people_file = \"people.toml\"");
    let errors = desk.load(&text).unwrap_err();
    assert_eq!(errors.len(), 3, "{errors:#?}");
    assert!(errors[0].starts_with("people.toml:1:1: person[1]: `password_hash` is missing"), "{errors:#?}");
    assert!(errors.iter().all(|error| !error.contains("secret7")));
    desk.write("people.toml", "", 0o602);
    assert!(desk.load(&text).unwrap_err()[0].contains("others may write"));
    assert!(desk.load(text.replace("people.toml", "/etc/passwd")).unwrap_err()[0].contains("leads out of"));
}

#[test]
fn the_way_to_aws_makes_sense() {
    let desk = Desk::new();
    for (aws, why) in [
        ("no_proxy = [\"x\"]", "this goes with aws.proxy"),
        ("proxy = { url = \"http://u:pass-of-the-file@proxy\" }", "out of the URL"),
        ("proxy = { url = \"socks5://proxy\" }", "write the proxy's URL"),
        (
            "proxy = { url = \"http://proxy\" }, no_proxy = [\"*.corp.example\"]",
            "write .corp.example for all hosts below",
        ),
        ("proxy = { url = \"http://proxy\" }, no_proxy = [\"sts.example:443\"]", "no scheme, no port"),
        ("proxy = { url = \"http://proxy\", username = \"u\" }", "go together"),
        ("deadline_seconds = 10", "nobody waits longer"),
        ("deadline_seconds = 61", "write 1 to 60 seconds"),
        ("interactive_deadline_seconds = 61", "write 1 to 60 seconds"),
        ("retries = 21", "at most 20"),
        ("endpoint_url = \"http://sts.example\"", "write https"),
        ("ca_file = \"password\"", "no certificates"),
        ("ca_file = \"/etc/ssl/certs/ca-certificates.crt\"", "leads out of"),
    ] {
        let told = desk.mistake(&format!("aws = {{ {aws} }}"));
        assert!(
            told.starts_with("brokerd.toml:1:") && told.contains(why) && !told.contains("pass-of-the-file"),
            "{told}"
        );
    }
}

#[test]
fn a_file_that_others_write_stops_the_start() {
    let desk = Desk::new();
    desk.write("brokerd.toml", GOOD, 0o666);
    assert!(desk.load_again().unwrap_err()[0].contains("others may write to this file"));
}

#[test]
fn rubbish_is_refused_without_harm() {
    let desk = Desk::new();
    let deep = format!("aws = {}{}", "{ a = ".repeat(50_000), "}".repeat(50_000));
    let entries = "[[directory]]\nname = 1\n".repeat(2_000);
    let large = "#".repeat((1 << 20) + 1);
    for text in [&[0xff; 100][..], b"\0\0\0", deep.as_bytes(), entries.as_bytes(), large.as_bytes(), b"[[[]]"] {
        let errors = desk.load(text).unwrap_err();
        assert!((1..=110).contains(&errors.len()), "{}", errors.len());
    }
}

#[test]
fn jobs_are_let_in_only_when_it_is_said_whose_they_are() {
    let desk = Desk::new();
    let github = "name = \"g\"\nissuer.github_actions = {}\n";
    let of = |entry: &str| desk.load(format!("{GOOD}\n[[workload_issuer]]\n{entry}"));
    let bound = "mapping = [{ connectors = [\"ci\"], claims = { repository_id = \"4711\" } }]\n";
    let good = of(&format!("{github}{bound}")).unwrap();
    let issuer = &good.workload_issuers[0];
    assert_eq!(issuer.url.as_str(), "https://token.actions.githubusercontent.com");
    assert_eq!(issuer.audience, "https://broker.corp.example", "this installation's own");

    let whose = "by one of `repository_id` or `repository_owner_id`";
    for (entry, why) in [
        (format!("{github}mapping = [{{ connectors = [\"ci\"] }}]"), whose),
        (format!("{github}mapping = [{{ connectors = [\"ci\"], claims = {{ repository = \"corp/app\" }} }}]"), whose),
        (format!("{github}mapping = [{{ connectors = [\"ci\"], claims = {{ repository_id = \"\" }} }}]"), whose),
        (format!("{github}mapping = [{{ connectors = [\"ci\"], patterns = {{ repository_id = \"4711\" }} }}]"), whose),
        (format!("{github}mapping = [{{ connectors = [], claims = {{ repository_id = \"1\" }} }}]"), "at least one connector"),
        (github.to_owned(), "without a mapping it opens nothing"),
        (format!("{github}audience = \"\"\n{bound}"), "an audience has 1 to 255"),
        (format!("{github}jwks_file = \"none.json\"\n{bound}"), "none.json"),
        (format!("{github}ca_file = \"none.pem\"\n{bound}"), "none.pem"),
        (format!("{github}mapping = [{{ connectors = [\"ci\"], claims = {{ repository_id = \"1\" }}, name = \"fixed\" }}]"), "write text with"),
        ("name = \"c\"\nissuer.custom = { url = \"https://10.1.2.3\", tenant_claim = \"p\" }\nmapping = [{ connectors = [\"ci\"], claims = { p = \"1\" } }]".to_owned(), "private_network"),
        ("name = \"c\"\nissuer.custom = { url = \"http://localhost:1\", tenant_claim = \"p\" }\nmapping = [{ connectors = [\"ci\"], claims = { p = \"1\" } }]".to_owned(), "private_network"),
        ("name = \"c\"\nissuer.custom = { url = \"http://ci.corp.example\", tenant_claim = \"p\" }\nmapping = [{ connectors = [\"ci\"], claims = { p = \"1\" } }]".to_owned(), "write the issuer's URL"),
        ("name = \"c\"\nissuer.custom = { url = \"https://ci.corp.example\", tenant_claim = \"p\" }\nmapping = [{ connectors = [\"ci\"], claims = { q = \"1\" } }]".to_owned(), "by one of `p`"),
        (format!("{github}{bound}\n[[workload_issuer]]\nname = \"h\"\nissuer.github_actions = {{}}\n{bound}"), "the same issuer and audience"),
        (format!("{github}{bound}\n[[workload_issuer]]\n{github}audience = \"other\"\n{bound}"), "has this name"),
    ] {
        let errors = of(&entry).unwrap_err();
        assert!(errors.iter().any(|error| error.contains(why)), "{entry}\n{why}: {errors:#?}");
    }
}
