//! `apply`: a plan is shown, agreed to, and done whole.

use super::{add_main, apply, code, installation, typed};

#[test]
fn a_plan_is_shown_and_done_only_when_somebody_says_so() {
    let here = installation();
    add_main(&here);
    let plan = here.run(&["apply", "--dry-run"], "").succeeded();
    assert!(
        plan.contains("+ connector deploy") && plan.contains("2 to add, 0 to change, 0 to remove, 0 unchanged"),
        "{plan}"
    );

    let ended = here.run(&["apply"], "");
    assert_eq!(code(&ended), 2, "nobody is there to be asked");
    assert!(ended.stderr.contains("nothing was changed") && ended.stderr.contains("--yes"), "{}", ended.stderr);
    let ended = here.run(&["apply"], "yes\n");
    assert_eq!(code(&ended), 2, "a pipe is nobody");
    let again = here.run(&["apply", "--dry-run"], "").succeeded();
    assert_eq!(again, plan);

    let ended = here.run(&["apply", "--yes"], "");
    assert_eq!((code(&ended), ended.stdout.as_str()), (0, plan.as_str()));
    assert!(ended.stderr.contains("applied"), "{}", ended.stderr);
    let nothing = here.run(&["apply"], "").succeeded();
    assert_eq!(nothing, "0 to add, 0 to change, 0 to remove, 2 unchanged\n", "nothing to do needs nobody");
}

#[test]
fn on_a_terminal_it_asks() {
    let here = installation();
    add_main(&here);
    let ended = typed(&here, &["apply"], &[("[y/N] ", "")]);
    assert_eq!(code(&ended), 1);
    assert!(ended.stdout.contains("nothing was changed"), "{ended:?}");
    let ended = typed(&here, &["apply"], &[("[y/N] ", "yes")]);
    assert_eq!(code(&ended), 0, "{ended:?}");
    assert!(here.run(&["apply", "--dry-run"], "").succeeded().contains("2 unchanged"));
}

#[test]
fn an_empty_file_is_said_to_remove_everything() {
    let here = installation();
    apply(&here);
    here.write("connectors.toml", "");
    let ended = here.run(&["apply"], "");
    assert_eq!(code(&ended), 2);
    assert!(ended.stderr.contains("this removes all or most connectors"), "{}", ended.stderr);
    here.run(&["apply", "--yes"], "").succeeded();
    let records = here.run(&["audit", "export", "--format", "jsonl"], "").succeeded();
    assert_eq!(records.matches(r#""action":"connector_removed""#).count(), 2, "{records}");
}

#[test]
fn a_bad_file_is_told_line_by_line_and_changes_nothing() {
    let here = installation();
    apply(&here);
    here.edit("connectors.toml", "scope = \"system\"", "scope = \"systems\"\nwrong = 1");
    let ended = here.run(&["apply", "--yes"], "");
    assert_eq!(code(&ended), 1);
    for text in ["connectors.toml:11:", "connectors.toml:12:", "there are 2 mistakes"] {
        assert!(ended.stderr.contains(text), "{text}: {}", ended.stderr);
    }
    here.write(
        "connectors.toml",
        "[[connector]]\nname = \"x\"\naccess_key = \"nobody\"\nprincipal.session_token = {}\n",
    );
    let ended = here.run(&["apply", "--yes"], "");
    assert_eq!(code(&ended), 1);
    assert!(ended.stderr.contains("no access key is called `nobody`"), "{}", ended.stderr);
    here.write("other.toml", "[[access_key]]\n");
    let ended = here.run(&["apply", "--yes", here.path("other.toml").to_str().unwrap()], "");
    assert_eq!(code(&ended), 1);
    assert!(ended.stderr.contains("other.toml:1:1: access_key[1]: `name` is missing"), "{}", ended.stderr);
}

#[test]
fn another_file_than_the_configured_one_is_applied_with_a_warning() {
    let here = installation();
    add_main(&here);
    here.write("other.toml", &here.read("connectors.toml"));
    let ended = here.run(&["apply", "--yes", here.path("other.toml").to_str().unwrap()], "");
    assert_eq!(code(&ended), 0);
    assert!(ended.stderr.contains("not the configuration's connectors_file"), "{}", ended.stderr);
    let ended = here.run(&["apply", "--yes", "--dry-run"], "");
    assert_eq!(code(&ended), 2, "one or the other");
}
