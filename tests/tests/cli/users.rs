//! `user` and `group`: people whom the store keeps, from the command line.

use serde_json::{Value, json};
use tests::brokerd::Installation;
use tests::stores::Hands;

use super::{code, installation, typed};

const PASSWORD: &str = "four quite ordinary words";

fn listed(here: &Installation, what: &str) -> Value {
    here.run(&[what, "list", "--json"], "").json()
}

fn actions(here: &Installation) -> Vec<String> {
    let records = here.run(&["audit", "export", "--format", "jsonl"], "").succeeded();
    assert!(!records.contains("ordinary") && !records.contains("argon2"), "{records}");
    let records = records.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    records.map(|record| record["action"].as_str().unwrap().to_owned()).filter(|it| it.starts_with("local_")).collect()
}

#[test]
fn a_user_comes_gets_a_group_changes_and_goes() {
    let here = installation();
    here.run(&["group", "add", "admins"], "").succeeded();
    let added = here
        .run(&["user", "add", "ada", "--group", "admins", "--email", "ada@corp.example", "--json"], PASSWORD)
        .json();
    assert_eq!(
        (&added["name"], &added["groups"], &added["role"]),
        (&json!("ada"), &json!(["admins"]), &json!("administrator"))
    );
    assert_eq!(listed(&here, "user"), json!([added]));
    let table = here.run(&["user", "list"], "").succeeded();
    assert!(table.starts_with("NAME  DIRECTORY  GROUPS") && table.contains("command line or API"), "{table}");
    assert!(here.run(&["user", "show", "ADA"], "").succeeded().contains("ada@corp.example"));
    assert_eq!(here.run(&["user", "show", added["id"].as_str().unwrap(), "--json"], "").json(), added);

    here.run(&["user", "add", "bob", "--password-stdin", "--break-glass"], &format!("{PASSWORD}\n")).succeeded();
    assert!(here.run(&["user", "list"], "").succeeded().contains("good, break-glass"));
    here.run(&["group", "add", "staff", "--member", "bob"], "").succeeded();
    here.run(&["group", "members", "local/staff", "--add", "ADA", "--remove", "Bob"], "").succeeded();
    let staff = &listed(&here, "group")[1];
    assert_eq!((&staff["name"], &staff["members"]), (&json!("staff"), &json!(["ada"])));

    here.run(&["user", "passwd", "ada"], "five other ordinary words").succeeded();
    here.run(&["user", "disable", "ada"], "").succeeded();
    let ada = here.run(&["user", "show", "ada", "--json"], "").json();
    assert_eq!(
        (&ada["disabled"], &ada["groups"], &ada["email"]),
        (&json!(true), &json!(["admins", "staff"]), &json!("ada@corp.example"))
    );
    here.run(&["user", "enable", "ada"], "").succeeded();
    let dry = here.run(&["user", "delete", "ada", "--dry-run"], "");
    assert!(code(&dry) == 0 && dry.stderr.contains("would be removed"), "{dry:?}");
    here.run(&["group", "delete", "staff", "--dry-run"], "").succeeded();
    assert_eq!(actions(&here).len(), 8);
    here.run(&["group", "delete", "staff", "--yes"], "").succeeded();
    here.run(&["user", "delete", "ada"], "").succeeded();
    let users = listed(&here, "user");
    assert_eq!(
        (users.as_array().unwrap().len(), &users[0]["name"], &users[0]["groups"]),
        (1, &json!("bob"), &json!([]))
    );
    let expected = [
        "group_added",
        "user_added",
        "user_added",
        "group_added",
        "group_changed",
        "user_password_changed",
        "user_changed",
        "user_changed",
        "group_removed",
        "user_removed",
    ];
    assert_eq!(actions(&here), expected.map(|action| format!("local_{action}")));
}

#[test]
fn members_come_and_go_by_name_and_by_id() {
    let here = installation();
    let id = |name: &str| {
        let added = here.run(&["user", "add", name, "--json"], PASSWORD).json();
        added["id"].as_str().unwrap().to_owned()
    };
    let (ada, bob) = (id("ada"), id("bob"));
    here.run(&["group", "add", "staff", "--member", &ada], "").succeeded();
    let members = |arguments: &[&str]| here.run(&[&["group", "members", "staff"], arguments].concat(), "");
    let of_staff = || listed(&here, "group")[0]["members"].clone();
    let said = members(&["--remove", &bob]).failed();
    assert!(said.contains("is not in the group") && said.contains(&bob), "{said}");
    assert_eq!(of_staff(), json!(["ada"]));
    members(&["--add", &bob, "--remove", &ada]).succeeded();
    assert_eq!(of_staff(), json!(["bob"]));
    members(&["--add", "ada", "--remove", &bob]).succeeded();
    assert_eq!(of_staff(), json!(["ada"]));
}

#[test]
fn what_is_known_of_a_user_is_changed_a_part_at_a_time() {
    let here = installation();
    here.run(&["group", "add", "staff"], "").succeeded();
    let added =
        ["user", "add", "ada", "--group", "staff", "--email", "ada@corp.example", "--display-name", "Ada", "--json"];
    let added = here.run(&added, PASSWORD).json();
    let change = |what: &[&str]| here.run(&[&["user", "change", "ADA", "--json"], what].concat(), "").json();
    let as_is = |changes: Value| {
        let mut expected = added.as_object().unwrap().clone();
        expected.extend(changes.as_object().unwrap().clone());
        Value::Object(expected)
    };
    assert_eq!(change(&["--display-name", "Ada L"]), as_is(json!({ "display_name": "Ada L" })));
    let other = json!({ "display_name": "Ada L", "email": "l@corp.example", "break_glass": true });
    assert_eq!(change(&["--email", "l@corp.example", "--break-glass"]), as_is(other));
    let bare = change(&["--no-email", "--no-display-name", "--no-break-glass"]);
    assert!(bare["email"].is_null() && bare["display_name"].is_null(), "{bare}");
    assert_eq!((&bare["groups"], &bare["break_glass"]), (&json!(["staff"]), &json!(false)));
    assert_eq!(actions(&here)[2..], ["local_user_changed"; 3]);

    here.run(&["user", "disable", "ada"], "").succeeded();
    let said = here.run(&["user", "change", "ada", "--display-name", "Ada"], "");
    assert!(code(&said) == 0 && said.stderr.contains("user `ada` is changed"), "{said:?}");
    let shown = here.run(&["user", "show", "ada", "--json"], "").json();
    assert_eq!((&shown["disabled"], &shown["display_name"]), (&json!(true), &json!("Ada")));
    for (what, text) in [
        (&[][..], "required"),
        (&["--email", "nothing"], "email"),
        (&["--email", "l@corp.example", "--no-email"], "cannot be used with"),
        (&["--break-glass", "--no-break-glass"], "cannot be used with"),
    ] {
        let refused = here.run(&[&["user", "change", "ada"], what].concat(), "");
        assert!(code(&refused) == 2 && refused.stderr.contains(text), "{what:?}: {refused:?}");
    }
}

#[test]
fn what_cannot_be_is_refused_and_nothing_changes() {
    let here = installation();
    here.edit("brokerd.toml", "people = []", "people = [{ username = \"root\", password_hash = \"$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHQxMjM0$MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI\", groups = [\"staff\"] }]");
    here.run(&["user", "add", "ada"], PASSWORD).succeeded();
    for (arguments, input, status, text) in [
        (&["user", "add", "Ada"][..], PASSWORD, 1, "is taken"),
        (&["user", "add", "ROOT"], PASSWORD, 1, "the configuration has somebody"),
        (&["user", "add", "a b"], PASSWORD, 2, "not a user name"),
        (&["user", "add", "bob"], "short", 1, "12 characters"),
        (&["user", "add", "bob"], "", 1, "standard input is empty"),
        (&["user", "add", "bob"], "password1234", 1, "tried first"),
        (&["user", "add", "bob", "--group", "none"], PASSWORD, 1, "no group of this directory"),
        (&["user", "add", "bob", "--directory", "none"], PASSWORD, 1, "no local directory is called so"),
        (&["user", "add", "bob", "--email", "nowhere"], PASSWORD, 2, "not a mail address"),
        (&["user", "add", "bob", "--password", "x"], PASSWORD, 2, "unexpected argument"),
        (&["user", "passwd", "root"], PASSWORD, 1, "belongs to the configuration"),
        (&["user", "disable", "root"], "", 1, "belongs to the configuration"),
        (&["user", "delete", "nobody", "--yes"], "", 1, "no local user has the name"),
        (&["group", "delete", "staff", "--yes"], "", 1, "belongs to the configuration"),
        (&["group", "delete", "none", "--yes"], "", 1, "no local group has the name"),
        (&["group", "add", "team", "--member", "root"], "", 1, "belongs to the configuration"),
        (&["group", "add", "team", "--member", "nobody"], "", 1, "no user of this directory"),
    ] {
        let ended = here.run(arguments, input);
        assert_eq!(code(&ended), status, "{arguments:?}: {ended:?}");
        assert!(ended.stderr.contains(text) && ended.stdout.is_empty(), "{arguments:?}: {ended:?}");
        assert!(!ended.stderr.contains("ordinary"), "{ended:?}");
    }
    assert_eq!(actions(&here), ["local_user_added"]);
}

#[test]
fn people_and_groups_of_the_file_are_listed_as_the_files() {
    let here = installation();
    here.edit("brokerd.toml", "people = []", "people = [{ username = \"root\", password_hash = \"$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHQxMjM0$MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI\", groups = [\"staff\"] }]");
    here.run(&["group", "add", "team"], "").succeeded();
    here.run(&["user", "add", "ada", "--group", "team"], PASSWORD).succeeded();
    for (what, expected, arguments) in [
        ("user", json!([["ada", "api"], ["root", "file"]]), ["user", "list"]),
        ("group", json!([["staff", "file"], ["team", "api"]]), ["group", "list"]),
    ] {
        let rows = listed(&here, what);
        let owners: Vec<_> =
            rows.as_array().unwrap().iter().map(|row| json!([row["name"], row["managed_by"]])).collect();
        assert_eq!(json!(owners), expected, "{what}");
        let table = here.run(&arguments, "").succeeded();
        let of_the_file = |line: &&str| line.split_whitespace().any(|word| word == "file");
        let [line] = table.lines().filter(of_the_file).collect::<Vec<_>>()[..] else { panic!("{table}") };
        assert!(line.starts_with(["root", "staff"][usize::from(what == "group")]), "{table}");
    }
    let root = here.run(&["user", "show", "root", "--json"], "").json();
    assert_eq!((&root["managed_by"], &root["created_at"]), (&json!("file"), &json!(null)));
}

#[test]
fn a_password_is_typed_twice_and_shown_to_nobody() {
    let here = installation();
    let steps = [("Password of ada: ", PASSWORD), ("The same again: ", PASSWORD)];
    let ended = typed(&here, &["user", "add", "ada"], &steps);
    assert_eq!(code(&ended), 0, "{ended:?}");
    assert!(!ended.stdout.contains("ordinary") && !ended.stderr.contains("ordinary"), "{ended:?}");
    let ended = typed(
        &here,
        &["user", "passwd", "ada"],
        &[("New password of ada: ", PASSWORD), ("The same again: ", "five other ordinary words")],
    );
    assert!(code(&ended) != 0 && format!("{ended:?}").contains("not the same"), "{ended:?}");
    assert_eq!(actions(&here), ["local_user_added"]);
}

#[test]
fn check_names_the_configurations_accounts_for_emergencies() {
    let here = installation();
    let quiet = here.run(&["check"], "");
    assert!(!quiet.stdout.contains("break-glass"), "{quiet:?}");
    here.edit("brokerd.toml", "people = []", "people = [{ username = \"red\", break_glass = true, password_hash = \"$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHQxMjM0$MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI\" }]");
    let told = here.run(&["check"], "");
    assert!(told.stdout.contains("break-glass accounts of the configuration: local/red"), "{told:?}");
    assert_eq!(listed(&here, "user")[0]["break_glass"], true);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_user_or_group_is_listed_taken_away_and_told_to_the_nodes() {
    let here = installation();
    here.run(&["group", "add", "staff"], "").succeeded();
    here.run(&["user", "add", "ada", "--group", "staff"], PASSWORD).succeeded();
    let mut hands = Hands::of_sqlite(&here.path("brokerd.db")).await;
    assert_eq!(hands.run("UPDATE local_users SET revision = revision + 1").await, 1);
    assert_eq!(hands.run("UPDATE local_groups SET revision = revision + 1").await, 1);
    let counted = "SELECT people_revision FROM installation";
    for what in ["user", "group"] {
        let (rows, before) = (listed(&here, what), hands.number(counted).await);
        assert_eq!((rows.as_array().unwrap().len(), &rows[0]["damaged"]), (1, &json!("not_ours")), "{rows}");
        let name = rows[0]["name"].as_str().unwrap().to_owned();
        let removed = here.run(&[what, "delete", &name], "");
        assert!(code(&removed) == 0 && removed.stderr.contains(&format!("the damaged row `{name}`")), "{removed:?}");
        assert_eq!(listed(&here, what), json!([]));
        assert!(hands.number(counted).await > before, "those who hold copies of people read again");
    }
    assert_eq!(actions(&here)[2..], ["local_user_removed", "local_group_removed"]);
}
