//! What must not be forgotten does not compile when forgotten. Each program differs from one that does compile by the one thing
//! that it forgets, and the compiler must complain of that thing and of nothing else.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::SystemTime;

use serde_json::Value;

/// Everything that the other programs do, done rightly.
const RIGHT: &str = "
    pub async fn ask(sts: &dyn Sts, caller: &Caller, connector: &Arc<Connector>, with: &With<'_>) -> Option<Credentials> {
        let entitlement = Entitlement::prove(caller, connector, with.rules).ok()?;
        sts.issue(&entitlement, with.key, with.request, with.asking.deadline).await.ok()
    }
    pub async fn answer(broker: &Broker, with: &With<'_>, name: &ConnectorName) -> Result<usize, VendError> {
        let vended: Recorded<Vended> = broker.vend(with.asking, name, &VendRequest::default()).await?;
        let (_, _, id) = (vended.secret_access_key(), vended.session_token(), &vended.value().credentials.access_key_id);
        Ok(id.len())
    }
    pub async fn open(broker: &Broker, with: &With<'_>, name: &ConnectorName) -> Result<usize, VendError> {
        let link: Recorded<ConsoleLink> = broker.console_link(with.asking, name, &LinkWanted::default()).await?;
        Ok(link.expose().len())
    }
    pub async fn write(store: &Store, trail: &Trail, connector: &Connector, entry: Entry) -> Result<(), TrailError> {
        let change: Change = store.add_connector(connector).map_err(TrailError::Change)?;
        trail.commit(vec![change], Vec1::new(entry)).await
    }
    pub fn granted(entitlement: &Entitlement) -> (&Caller, &Arc<Connector>, &Grant) {
        (entitlement.caller(), entitlement.connector(), entitlement.grant())
    }
    pub async fn store_it(trail: &Trail, entry: Entry) -> Result<Recorded<u8>, TrailError> {
        trail.record(entry, 7).await
    }
    pub async fn let_in(directory: &dyn Directory, name: &TypedName, gate: &dyn Gate) -> Option<Attested> {
        directory.authenticate(name, gate).await.ok()
    }
    pub async fn find<'a>(gate: &'a dyn Gate, subject: &Subject) -> Option<&'a Password> {
        gate.admit(subject).await.ok()
    }
    pub async fn change(rooms: &Rooms<'_>, caller: &PersonCaller, key: &AccessKeyName, session: SessionId) -> Result<(), NotPermitted> {
        let administrator = Administrator::prove(caller, rooms.origin, rooms.clock.now())?;
        drop(rooms.administration.remove_access_key(key, None, &administrator).await);
        let operator = Operator::prove(caller, rooms.origin, rooms.clock.now())?;
        drop(rooms.sign_in.end_session(session, &operator).await);
        let auditor = Auditor::prove(caller, rooms.origin, rooms.clock.now())?;
        drop(rooms.administration.records(&auditor, &TrailFilter::default(), None, 1).await);
        Ok(())
    }
";

#[test]
fn the_programs_compile_when_nothing_is_forgotten() {
    assert_eq!(complaints(RIGHT), []);
}

#[test]
fn aws_is_not_asked_without_an_entitlement() {
    let ask = |arguments: &str| {
        format!("pub async fn ask(sts: &dyn Sts, with: &With<'_>) {{ drop(sts.issue({arguments}).await); }}")
    };
    refused(
        &ask("with.key, with.request, with.asking.deadline"),
        "E0061",
        "argument #1 of type `&Entitlement` is missing",
    );
    refused(
        &ask("with.asking.caller, with.key, with.request, with.asking.deadline"),
        "E0308",
        "expected `&Entitlement`, found `&Caller`",
    );
    refused(
        &ask("None, with.key, with.request, with.asking.deadline"),
        "E0308",
        "expected `&Entitlement`, found `Option<_>`",
    );
}

#[test]
fn nobody_makes_an_entitlement_by_hand() {
    let make = |made: &str| {
        format!("pub fn make(caller: Caller, connector: Arc<Connector>, grant: Grant) -> Entitlement {{ {made} }}")
    };
    refused(
        &make("Entitlement { caller, connector, grant }"),
        "E0451",
        "fields `caller`, `connector` and `grant` of struct `Entitlement` are private",
    );
    refused(
        &make("drop((caller, connector, grant)); Default::default()"),
        "E0277",
        "the trait `Default` is not implemented for `Entitlement`",
    );
    refused(
        &make("Entitlement::new(caller, connector, grant)"),
        "E0599",
        "no function or associated item named `new` found for struct `Entitlement`",
    );
}

#[test]
fn an_entitlement_is_not_turned_into_another_connectors() {
    refused(
        "pub fn turn(mut mine: Entitlement, other: Arc<Connector>) -> Entitlement { mine.connector = other; mine }",
        "E0616",
        "field `connector` of struct `Entitlement` is private",
    );
    refused(
        "pub fn turn(mine: Entitlement, connector: Arc<Connector>) -> Entitlement { Entitlement { connector, ..mine } }",
        "E0451",
        "of struct `Entitlement`",
    );
}

#[test]
fn what_aws_gave_is_not_read_before_it_is_recorded() {
    for secret in ["secret_access_key", "session_token"] {
        let private = format!("field `{secret}` of struct `Credentials` is private");
        refused(&format!("pub fn read(given: &Credentials) {{ let _ = &given.{secret}; }}"), "E0616", &private);
        refused(&format!("pub fn read(given: &Vended) {{ let _ = &given.credentials.{secret}; }}"), "E0616", &private);
        refused(
            &format!(
                "pub fn read(given: Credentials) {{ let Credentials {{ {secret}, .. }} = given; drop({secret}); }}"
            ),
            "E0451",
            &private,
        );
        // Having been in a record once is not enough: it must be one of the vend, whole.
        refused(
            &format!("pub fn read(given: Recorded<Vended>) {{ let _ = given.into_value().{secret}(); }}"),
            "E0599",
            &format!("no method named `{secret}` found for struct `Vended`"),
        );
        refused(
            &format!("pub fn read(given: &Recorded<Credentials>) {{ let _ = given.{secret}(); }}"),
            "E0599",
            &format!("no method named `{secret}` found for reference `&Recorded<Credentials>`"),
        );
    }
}

#[test]
fn a_console_link_is_not_read_before_it_is_recorded() {
    refused(
        "pub fn read(link: &ConsoleLink) { let _ = &link.url; }",
        "E0616",
        "field `url` of struct `ConsoleLink` is private",
    );
    refused(
        "pub fn read(link: &ConsoleLink) { let _ = link.expose(); }",
        "E0599",
        "no method named `expose` found for reference `&ConsoleLink`",
    );
}

#[test]
fn nobody_but_the_trail_makes_a_recorded_value() {
    let make = |made: &str| format!("pub fn make(old: &Recorded<u8>, value: Vended) -> Recorded<Vended> {{ {made} }}");
    refused(
        &make("Recorded { id: old.id(), at: old.at(), value }"),
        "E0451",
        "fields `id`, `at` and `value` of struct `Recorded` are private",
    );
    refused(
        &make("Recorded::new(value)"),
        "E0599",
        "no function or associated item named `new` found for struct `Recorded<T>`",
    );
    refused(&make("value.into()"), "E0277", "the trait `From<Vended>` is not implemented for `Recorded<Vended>`");
    refused(
        "pub fn swap(mut one: Recorded<Vended>, other: Vended) -> Recorded<Vended> { one.value = other; one }",
        "E0616",
        "field `value` of struct `Recorded` is private",
    );
}

#[test]
fn a_connector_is_not_written_without_the_trail() {
    let change = "pub async fn write(store: &Store, connector: &Connector) { let change = store.add_connector(connector).unwrap();";
    refused(&format!("{change} drop(store.commit(vec![change]).await); }}"), "E0624", "method `commit` is private");
    refused(&format!("{change} drop(change.values); }}"), "E0616", "field `values` of struct `Change` is private");
    refused("pub fn make(other: Change) -> Change { Change { sql: \"\", ..other } }", "E0451", "of struct `Change`");
    refused(
        "pub async fn write(trail: &Trail, change: Change) { drop(trail.commit(vec![change]).await); }",
        "E0061",
        "argument #2 of type `Vec1<Entry>` is missing",
    );
    refused(
        "pub async fn write(trail: &Trail, change: Change) { drop(trail.commit(vec![change], vec![]).await); }",
        "E0308",
        "expected `Vec1<Entry>`, found `Vec<_>`",
    );
    refused(
        "pub fn reach(store: &Store) { let _ = &store.pool; }",
        "E0616",
        "field `pool` of struct `Store` is private",
    );
}

#[test]
fn a_long_term_secret_is_not_read_outside_the_signing_room() {
    refused(
        "pub fn read(key: &OpenKey) { let _ = &key.signs; }",
        "E0616",
        "field `signs` of struct `OpenKey` is private",
    );
}

#[test]
fn a_password_is_not_tried_before_it_is_known_whose_it_would_be() {
    refused(
        "pub async fn find(gate: &dyn Gate) { drop(gate.admit().await); }",
        "E0061",
        "argument #1 of type `&Subject` is missing",
    );
    refused(
        "pub async fn let_in(directory: &dyn Directory, name: &TypedName, password: &Password) { drop(directory.authenticate(name, password).await); }",
        "E0277",
        "the trait `Gate` is not implemented for `Password`",
    );
}

#[test]
fn nothing_is_administered_without_the_permission_that_it_wants() {
    let change = |call: &str| {
        format!(
            "pub async fn change(rooms: &Rooms<'_>, with: Wanted<'_>, auditor: &Auditor, operator: &Operator) {{
                let Wanted {{ key, new, connector, spec, session, token, wanted, revocation, aws, proof }} = with;
                drop(rooms.{call}.await); }}"
        )
    };
    let of_administrators = [
        ("administration.add_access_key(new, proof", 3),
        ("administration.replace_access_key(new, None, proof", 4),
        ("administration.remove_access_key(key, None", 3),
        ("administration.add_connector(connector.clone(), spec", 3),
        ("administration.replace_connector(connector, spec, None", 4),
        ("administration.remove_connector(connector, None", 3),
        ("administration.revoke_sessions(revocation, aws", 3),
        ("administration.confirm_service_tokens(&[]", 2),
    ];
    for (call, place) in of_administrators {
        let missing = format!("argument #{place} of type `&Administrator` is missing");
        refused(&change(&format!("{call})")), "E0061", &missing);
        for (less, of) in [("operator", "Operator"), ("auditor", "Auditor")] {
            let mismatch = format!("expected `&Administrator`, found `&{of}`");
            refused(&change(&format!("{call}, {less})")), "E0308", &mismatch);
        }
    }
    let of_operators = [
        ("administration.create_service_token(wanted", 2),
        ("administration.revoke_service_token(token", 2),
        ("sign_in.end_session(session", 2),
    ];
    for (call, place) in of_operators {
        let missing = format!("argument #{place} of type `&Operator` is missing");
        refused(&change(&format!("{call})")), "E0061", &missing);
        refused(&change(&format!("{call}, auditor)")), "E0308", "expected `&Operator`, found `&Auditor`");
    }
}

#[test]
fn nothing_of_the_installation_is_shown_to_somebody_who_is_not_an_auditor() {
    let look = |call: &str| {
        format!(
            "pub async fn look(rooms: &Rooms<'_>, caller: &PersonCaller, filter: &TrailFilter, whose: &Whose) {{ drop(rooms.{call}.await); }}"
        )
    };
    for (call, rest) in [
        ("administration.records", "filter, None, 1"),
        ("administration.access_keys", ""),
        ("administration.service_tokens", ""),
        ("sign_in.sessions", "whose, None, 1"),
    ] {
        refused(&look(&format!("{call}({rest})")), "E0061", "argument #1 of type `&Auditor` is missing");
        let with = if rest.is_empty() { "caller".to_owned() } else { format!("caller, {rest}") };
        refused(&look(&format!("{call}({with})")), "E0308", "expected `&Auditor`, found `&PersonCaller`");
    }
}

#[test]
fn nobody_makes_a_permission_by_hand() {
    for permission in ["Auditor", "Operator", "Administrator"] {
        let make = |made: &str| {
            format!("pub fn make(by: By, caller: &PersonCaller, auditor: Auditor) -> {permission} {{ {made} }}")
        };
        refused(
            &make(&format!("{permission}(by)")),
            "E0423",
            "cannot initialize a tuple struct which contains private fields",
        );
        refused(
            &make(&format!("{permission}::of(by)")),
            "E0599",
            &format!("no function or associated item named `of` found for struct `{permission}`"),
        );
        refused(
            &make(&format!("<{permission} as broker_core::permission::sealed::Made>::of(by)")),
            "E0603",
            "module `sealed` is private",
        );
        refused(&make("by.into()"), "E0277", &format!("the trait `From<By>` is not implemented for `{permission}`"));
        refused(
            &make("Default::default()"),
            "E0277",
            &format!("the trait `Default` is not implemented for `{permission}`"),
        );
        refused(
            &format!("pub fn change(mut mine: {permission}, by: By) -> {permission} {{ mine.0 = by; mine }}"),
            "E0616",
            &format!("field `0` of struct `{permission}` is private"),
        );
    }
    refused(
        "pub fn turn(auditor: Auditor) -> Administrator { auditor.into() }",
        "E0277",
        "the trait `From<Auditor>` is not implemented for `Administrator`",
    );
    refused(
        "pub struct Mine; impl Permission for Mine { const ROLE: AdminRole = AdminRole::Auditor; const CHANGES: bool = false; }",
        "E0277",
        "the trait `Made` is not implemented for `Mine`",
    );
}

#[test]
fn who_signed_in_long_ago_cannot_be_left_out_of_the_proof() {
    refused(
        "pub fn prove(caller: &PersonCaller, origin: &Origin) { drop(Administrator::prove(caller, origin)); }",
        "E0061",
        "argument #3 of type `Timestamp` is missing",
    );
}

/// The program does not compile, for this reason and no other.
fn refused(program: &str, code: &str, named: &str) {
    let found = complaints(program);
    let [(found_code, text)] = &found[..] else { panic!("one complaint was due for\n{program}\n{found:#?}") };
    assert_eq!(found_code, code, "{program}\n{text}");
    assert!(text.contains(named), "`{named}` is not what the compiler says of\n{program}\n{text}");
}

/// Every error of the compiler: its code, and all that it says.
fn complaints(program: &str) -> Vec<(String, String)> {
    compile(&format!("{PRELUDE}{program}"), broker_core())
}

/// The library that these tests are linked with: the newest one that the compiler can load. Others lie about, of other profiles and earlier
/// days; that the right program compiles with one of those proves nothing.
fn broker_core() -> &'static Path {
    static FOUND: OnceLock<PathBuf> = OnceLock::new();
    FOUND.get_or_init(|| {
        let mut built: Vec<(SystemTime, PathBuf)> = std::fs::read_dir(deps())
            .unwrap()
            .flatten()
            .filter(|entry| {
                entry
                    .file_name()
                    .to_str()
                    .is_some_and(|name| name.starts_with("libbroker_core-") && name.contains(".rlib"))
            })
            .map(|entry| (entry.metadata().unwrap().modified().unwrap(), entry.path()))
            .collect();
        built.sort();
        assert!(!built.is_empty(), "no libbroker_core-*.rlib in {}", deps().display());
        let newest_first = built.into_iter().rev().map(|(_, path)| path);
        let mut why = Vec::new();
        let found = newest_first.take(CANDIDATES).find(|path| {
            let complaints = compile("pub use broker_core::vend::Broker;", path);
            why.extend(complaints.first().cloned());
            complaints.is_empty()
        });
        found.unwrap_or_else(|| panic!("no library can be loaded: {why:#?}"))
    })
}

fn compile(program: &str, broker_core: &Path) -> Vec<(String, String)> {
    let folder = tests::process::new_folder();
    let source = folder.path().join("program.rs");
    std::fs::write(&source, program).unwrap();
    let mut rustc = Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    rustc.args([
        "--edition",
        "2024",
        "--crate-type",
        "lib",
        "--emit",
        "metadata",
        "--error-format",
        "json",
        "--out-dir",
    ]);
    rustc.arg(folder.path()).arg("-L").arg(format!("dependency={}", deps().display()));
    rustc.arg("--extern").arg(format!("broker_core={}", broker_core.display())).arg(&source);
    let output = rustc.current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    let errors: Vec<(String, String)> = said
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("rustc says: {said}")))
        .filter(|message: &Value| message["level"] == "error" && message["spans"] != serde_json::json!([]))
        .map(|message| {
            (message["code"]["code"].to_string().replace('"', ""), short(message["rendered"].as_str().unwrap()))
        })
        .collect();
    assert_eq!(output.status.success(), errors.is_empty(), "{said}");
    errors
}

/// Without the paths of modules, which the compiler names only where it sees fit.
fn short(text: &str) -> String {
    let is_module = |word: &str| word.ends_with("::") && word.starts_with(char::is_lowercase);
    text.split_inclusive("::")
        .flat_map(|part| part.split_inclusive([' ', '`', '&', '<', '(']))
        .filter(|word| !is_module(word))
        .collect()
}

fn deps() -> PathBuf {
    std::env::current_exe().unwrap().parent().unwrap().to_owned()
}

const PRELUDE: &str = "
    #![allow(unused_imports, dead_code)]
    use std::sync::Arc;
    use broker_core::administration::{Administration, Aws, NewAccessKey, NewServiceToken, Proof, Revocation, TokenIdentifier};
    use broker_core::caller::{AdminRole, Caller, Person, PersonCaller, Subject};
    use broker_core::clock::Clock;
    use broker_core::connector::{Connector, ConnectorSpec};
    use broker_core::console::ConsoleLink;
    use broker_core::directory::{Attested, Directory, Gate, Password, TypedName};
    use broker_core::entitlement::{Entitlement, Grant, Rules};
    use broker_core::id::SessionId;
    use broker_core::name::{AccessKeyName, ConnectorName};
    use broker_core::permission::{Administrator, Auditor, By, NotPermitted, Operator, Permission};
    use broker_core::sign_in::SignIn;
    use broker_core::session::Whose;
    use broker_core::store::{Change, Store, TrailFilter};
    use broker_core::sts::{Credentials, OpenKey, Sts, StsRequest};
    use broker_core::trail::{Entry, Origin, Recorded, Trail, TrailError, Vec1};
    use broker_core::vend::{Asking, Broker, LinkWanted, VendError, VendRequest, Vended};
    pub struct With<'a> { asking: &'a Asking<'a>, rules: Rules, key: &'a OpenKey, request: &'a StsRequest }
    pub struct Rooms<'a> { administration: &'a Administration, sign_in: &'a SignIn, clock: &'a dyn Clock, origin: &'a Origin }
    pub struct Wanted<'a> {
        key: &'a AccessKeyName, new: NewAccessKey, connector: &'a ConnectorName, spec: ConnectorSpec, session: SessionId,
        token: &'a TokenIdentifier, wanted: NewServiceToken, revocation: &'a Revocation, aws: Aws<'a>, proof: Proof<'a>,
    }
";
const CANDIDATES: usize = 6;
