//! Whom the company's directory, or a connector, takes something from: `broker` says so the next time that it asks, and hands out nothing of it any more.

use serde_json::{Value, json};
use tests::company::Company;
use tests::phone::Phone;
use tests::world::{World, password_of, soon};

use super::agent::Serving;
use super::{Machine, refused};

#[tokio::test(flavor = "multi_thread")]
async fn whose_account_is_disabled_is_told_so_once_and_nothing_that_was_lent_is_handed_out() {
    let company = Company::open().await;
    let machine = Machine::before(&company.world);
    for asking in [
        &["process", "deploy", "--fresh"][..],
        &["exec", "limited", "--no-cache", "--", "echo", "went on"],
        &["console", "deploy", "--print"],
        &["ls"],
    ] {
        machine.sign_in("ada").succeeded();
        let lent = ["deploy", "treasury"].map(|connector| machine.run(&["process", connector]).succeeded());
        company.ada_is_disabled();
        company.next_look().await;
        assert_eq!(machine.run(&["process", "deploy"]).succeeded(), lent[0], "what is kept asks nobody");

        let ended = machine.run(asking);
        let (code, said) = refused(&ended);
        assert_eq!(code, 4, "{asking:?}: {said}");
        assert!(
            said.contains("your account is disabled, or gone: ask whoever keeps your company's directory"),
            "{said}"
        );
        assert!(machine.sealed().is_empty(), "{asking:?}");
        for connector in ["deploy", "treasury"] {
            let ended = machine.run(&["process", connector]);
            let (code, said) = refused(&ended);
            assert_eq!(code, 3, "{asking:?}: {said}");
            assert!(said.contains("is over: run `broker login`"), "{said}");
        }
        company.ada_is_enabled();
    }
    machine.sign_in("ada").succeeded();
    company.ada_is_disabled();
    company.next_look().await;
    let told: Value = serde_json::from_str(&machine.run(&["whoami", "--json"]).failed()).unwrap();
    assert_eq!((&told["exit_code"], &told["code"]), (&json!(4), &json!("account_disabled")));
    let ended = machine.sign_in("ada");
    let (code, said) = refused(&ended);
    assert!(code == 3 && said.contains("takes neither this name nor this password"), "as anybody is told: {said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_remembers_forgets_what_it_lent_to_whose_account_is_disabled() {
    let company = Company::open().await;
    let machine = Machine::of(&company.world, "ada");
    let serving = Serving::on(&machine, &["--no-cache"]);
    for connector in ["deploy", "treasury"] {
        assert_eq!(serving.fetch(connector).0, 200, "{connector}");
    }
    company.ada_is_disabled();
    company.next_look().await;
    assert_eq!(serving.fetch("deploy").0, 200, "what is at hand asks nobody");
    let (status, told) = serving.fetch("limited");
    assert_eq!(status, 403, "{told}");
    assert!(told.contains("\"account_disabled\"") && told.contains("your account is disabled, or gone"), "{told}");
    for connector in ["deploy", "treasury", "limited"] {
        let (status, told) = serving.fetch(connector);
        assert_eq!(status, 401, "{connector}: {told}");
        assert!(told.contains("run `broker login`") && !told.contains("SecretAccessKey"), "{connector}: {told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_runs_already_gets_nothing_more_once_broker_was_told() {
    let company = Company::open().await;
    let machine = Machine::of(&company.world, "ada");
    let fetch = "curl -sS -H \"Authorization: $AWS_CONTAINER_AUTHORIZATION_TOKEN\" \"$AWS_CONTAINER_CREDENTIALS_FULL_URI\"; echo";
    let told = machine.0.home().join("told");
    let script = format!("{fetch}; while [ ! -e {} ]; do sleep 0.05; done; {fetch}", told.display());
    let mut running = machine.begin("sh", &format!("broker exec deploy -- sh -c '{script}'"));
    running.wait_for_line("SecretAccessKey");
    company.ada_is_disabled();
    company.next_look().await;
    assert_eq!(refused(&machine.run(&["process", "treasury"])).0, 4);
    std::fs::write(told, "").unwrap();
    assert!(running.wait().success(), "{}", running.stderr());
    let said = running.stdout();
    let answers: Vec<Value> = said.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let [before, after] = &answers[..] else { panic!("{said}") };
    assert!(before["Token"].is_string(), "{said}");
    assert_eq!((&after["code"], &after["Token"]), (&json!("unauthenticated"), &Value::Null), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_leaves_a_group_loses_its_connectors_at_the_next_refresh_and_stays_signed_in() {
    let company = Company::open().await;
    let machine = Machine::of(&company.world, "ada");
    let lent = machine.run(&["process", "deploy"]).succeeded();
    company.ada_leaves();
    company.next_look().await;
    assert_eq!(machine.run(&["process", "deploy"]).succeeded(), lent, "what is kept asks nobody");
    for asking in [
        &["process", "deploy", "--fresh"][..],
        &["process", "deploy"],
        &["exec", "deploy", "--", "echo", "went on"],
        &["console", "deploy", "--print"],
    ] {
        let ended = machine.run(asking);
        let (code, said) = refused(&ended);
        assert_eq!(code, 4, "{asking:?}: {said}");
        assert!(said.contains("there is no connector `deploy` that you may use"), "{asking:?}: {said}");
    }
    machine.run(&["process", "treasury"]).succeeded();
    let known = machine.run(&["whoami", "--json"]).json();
    assert!(!known["identity"]["groups"].to_string().contains("release"), "{known}");
    let serving = Serving::on(&machine, &[]);
    assert_eq!(["deploy", "treasury"].map(|connector| serving.fetch(connector).0), [403, 200]);

    company.ada_returns();
    company.next_look().await;
    assert_eq!(serving.fetch("deploy").0, 200, "nobody had to sign in");
    machine.run(&["process", "deploy"]).succeeded();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_needs_a_second_factor_from_now_on_is_handed_out_no_more_to_whoever_has_shown_none() {
    let world = World::open().await;
    let machine = Machine::of(&world, "ada");
    let lent = machine.run(&["process", "deploy"]).succeeded();
    let here = world.brokerd.installation();
    here.edit("connectors.toml", "name = \"deploy\"\n", "name = \"deploy\"\nrequire_second_factor = true\n");
    world.run(&["apply", "--yes"], "").succeeded();
    let fresh = ["process", "deploy", "--fresh"];
    soon("that it needs one", async || (!machine.run(&fresh).status.success()).then_some(())).await;
    for asking in [&fresh[..], &["process", "deploy"], &["exec", "deploy", "--", "echo", "went on"]] {
        let ended = machine.run(asking);
        let (code, said) = refused(&ended);
        assert_eq!(code, 3, "{asking:?}: {said}");
        assert!(said.contains("wants a second factor for this, and your session has none"), "{asking:?}: {said}");
        assert!(said.contains(&format!("enrol one at {}/account", world.brokerd.url())), "{asking:?}: {said}");
    }
    machine.run(&["process", "limited"]).succeeded();
    Phone::enrol(&world.stranger().with_token(&machine.token())).await;
    let now_lent = machine.run(&["process", "deploy"]).succeeded();
    assert_ne!(now_lent, lent, "whoever shows one in that very session gets new ones");
}

#[tokio::test(flavor = "multi_thread")]
async fn whose_password_has_expired_is_told_where_to_change_it() {
    let company = Company::open().await;
    let machine = Machine::before(&company.world);
    company.ada_must_change_her_password();
    let ended = machine.sign_in("ada");
    let (code, said) = refused(&ended);
    assert_eq!(code, 3, "{said}");
    assert!(said.contains("your password has expired, or must be changed: change it where it is kept"), "{said}");
    let login = ["login", "--username", "ada"];
    let ended = machine.run_with(&login, "not hers");
    let (code, said) = refused(&ended);
    assert!(code == 3 && !said.contains("expired"), "only whoever knows it is told: {said}");

    let new = "another pässwörd of ada's";
    company.ada_changes_her_password(new);
    machine.run_with(&login, new).succeeded();
    machine.run(&["process", "deploy"]).succeeded();
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_directory_does_not_answer_one_is_told_to_try_again_and_keeps_what_one_has() {
    let mut company = Company::open().await;
    let machine = Machine::of(&company.world, "ada");
    let lent = machine.run(&["process", "deploy"]).succeeded();
    let token = machine.token();
    company.directory_goes_down().await;
    company.next_look().await;
    for asking in [
        &["process", "deploy", "--fresh"][..],
        &["process", "treasury"],
        &["exec", "treasury", "--", "echo", "went on"],
        &["console", "deploy", "--print"],
        &["ls"],
    ] {
        let ended = machine.run(asking);
        let (code, said) = refused(&ended);
        assert_eq!(code, 5, "{asking:?}: {said}");
        assert!(said.contains("The company's directory does not answer: try again later"), "{asking:?}: {said}");
    }
    let elsewhere = Machine::before(&company.world);
    let ended = elsewhere.run_with(&["login", "--username", "ada"], &password_of("ada"));
    assert_eq!(refused(&ended).0, 5, "{}", ended.stderr);
    assert_eq!(machine.run(&["process", "deploy"]).succeeded(), lent);

    company.directory_comes_back().await;
    soon("its return", async || machine.run(&["process", "treasury"]).status.success().then_some(())).await;
    assert_eq!(machine.token(), token, "nobody had to sign in");
}
