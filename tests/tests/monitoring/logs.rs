//! Every line that the daemon may log is documented with its level and fields, and every documented one may be logged.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use serde_json::{Value, json};
use tests::world::{Answer, World, soon};

const PAGE: &str = include_str!("../../../docs/logs.md");

/// The fields of each message, by level and message.
type Lines = BTreeMap<(String, String), BTreeSet<String>>;

fn documented() -> Lines {
    let rows = PAGE.lines().filter_map(|line| line.strip_prefix("| `")?.strip_suffix(" |"));
    let lines = rows.map(|row| {
        let [level, message, fields, advice] = *row.split('|').map(str::trim).collect::<Vec<_>>() else {
            panic!("four columns: {row}")
        };
        assert!(!advice.is_empty(), "{message}");
        let fields = fields.split(", ").map(|field| field.trim_matches('`').to_owned());
        ((level.trim_end_matches('`').to_owned(), message.to_owned()), fields.filter(|it| !it.is_empty()).collect())
    });
    let all: Vec<_> = lines.collect();
    let number = all.len();
    let lines: Lines = all.into_iter().collect();
    assert_eq!(lines.len(), number, "a line is documented twice");
    lines
}

/// What the sources may log: `tracing::LEVEL!(…)`, wherever it stands, in other macros too.
fn written() -> Lines {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut lines = Lines::new();
    for folder in ["broker-core/src", "brokerd/src"] {
        for file in files(&root.join(folder)) {
            let text = std::fs::read_to_string(&file).unwrap();
            let tokens: TokenStream = text.parse().unwrap_or_else(|error| panic!("{}: {error}", file.display()));
            look_through(tokens, &file, &mut lines);
        }
    }
    lines
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).filter(|it| is_source(it)).collect()
}

fn is_source(file: &Path) -> bool {
    file.extension().is_some_and(|extension| extension == "rs")
}

fn look_through(tokens: TokenStream, file: &Path, lines: &mut Lines) {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    for (number, token) in tokens.iter().enumerate() {
        let TokenTree::Group(group) = token else { continue };
        look_through(group.stream(), file, lines);
        let before: Vec<String> = tokens[number.saturating_sub(5)..number].iter().map(ToString::to_string).collect();
        let [.., bang] = before.as_slice() else { continue };
        let Some(level) = before.iter().rev().nth(1).filter(|it| bang == "!" && LEVELS.contains(&it.as_str())) else {
            continue;
        };
        assert_eq!(before[..before.len() - 2], ["tracing", ":", ":"], "{}: say tracing::{level}!", file.display());
        let (mut message, mut fields) = (None, BTreeSet::new());
        call(group.stream(), &mut message, &mut fields);
        let message = message.unwrap_or_else(|| panic!("{}: no message in {group}", file.display()));
        assert!(!message.contains(['{', '|']), "{}: a message is one fixed sentence: {message}", file.display());
        lines.entry((level.clone(), message)).or_default().extend(fields);
    }
}

/// The fields and the message of a call, which a list in braces may hold, too.
fn call(tokens: TokenStream, message: &mut Option<String>, fields: &mut BTreeSet<String>) {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    for part in tokens.split(|token| matches!(token, TokenTree::Punct(comma) if comma.as_char() == ',')) {
        match part {
            [] => {}
            [TokenTree::Ident(target), TokenTree::Punct(colon), ..] if target == "target" && colon.as_char() == ':' => {
            }
            [TokenTree::Group(list)] if list.delimiter() == Delimiter::Brace => call(list.stream(), message, fields),
            [TokenTree::Literal(text)] => {
                let text = text.to_string();
                *message = Some(text.trim_matches('"').replace("\\\"", "\""));
            }
            part => {
                let name = part.split(|token| matches!(token, TokenTree::Punct(equals) if equals.as_char() == '='));
                let name: String = name.into_iter().next().unwrap().iter().map(ToString::to_string).collect();
                fields.insert(name.trim_start_matches(['%', '?']).to_owned());
            }
        }
    }
}

#[test]
fn what_may_be_logged_is_documented_and_what_is_documented_may_be_logged() {
    let (written, documented) = (written(), documented());
    assert!(written.len() > 50, "the sources are not understood any more: {written:?}");
    let named = |lines: &Lines| lines.keys().cloned().collect::<BTreeSet<_>>();
    let undocumented: Vec<_> = named(&written).difference(&named(&documented)).cloned().collect();
    let unwritten: Vec<_> = named(&documented).difference(&named(&written)).cloned().collect();
    assert!(
        undocumented.is_empty() && unwritten.is_empty(),
        "not documented: {undocumented:#?}\nnot written: {unwritten:#?}"
    );
    assert_eq!(written, documented);
}

#[tokio::test]
async fn what_a_daemon_logs_is_what_is_documented() {
    let world = World::prepare().await.with("log = { format = 'json', level = 'debug' }").serve();
    let ada = world.person("ada").await;
    let asked = ada.request(reqwest::Method::POST, "/v1/connectors/deploy/credentials").header("x-request-id", "mine");
    let answer = Answer::of(asked).await;
    answer.good();
    ada.vend("closed", &json!({})).await.problem("502 aws_refused");
    // There is no record of who looked, so the line says it.
    world.person("vera").await.get("/v1/admin/audit").await.good();
    world.stranger().get("/nowhere").await.problem("404 not_found");
    let documented = documented();
    let last = async || Some(world.brokerd.log()).filter(|log| log.contains("\"http.status\":404"));
    let log = soon("the line of the last request", last).await;
    let lines: Vec<Value> =
        log.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"))).collect();
    let ours = |line: &&Value| line["target"].as_str().unwrap().starts_with("broker");
    for line in lines.iter().filter(ours) {
        let key = (line["level"].as_str().unwrap().to_lowercase(), line["message"].as_str().unwrap().to_owned());
        let fields = documented.get(&key).unwrap_or_else(|| panic!("not documented: {line}"));
        let told = line.as_object().unwrap().keys().filter(|name| !FRAME.contains(&name.as_str()));
        for field in told {
            assert!(fields.contains(field), "`{field}` is not documented: {line}");
        }
    }
    let requests: Vec<&Value> = lines.iter().filter(|line| line["message"] == "request").collect();
    let of_vend = requests.iter().find(|line| line["http.route"] == "/v1/connectors/{name}/credentials").unwrap();
    for field in &documented[&("info".to_owned(), "request".to_owned())] {
        assert!(of_vend.get(field).is_some(), "no {field}: {of_vend}");
    }
    assert_eq!(of_vend["request.id"].as_str(), answer.header("x-request-id"));
    assert_eq!((&of_vend["request.client_id"], &of_vend["caller"]), (&json!("mine"), &json!("person:corp/ada")));
    let of_auditor = requests.iter().find(|line| line["http.route"] == "/v1/admin/audit").unwrap();
    assert_eq!(of_auditor["caller"], "person:corp/vera");
    let of_nothing = requests.iter().find(|line| line["http.status"] == 404).unwrap();
    assert_eq!(of_nothing["http.route"], "-");
    assert!(of_nothing.get("caller").is_none(), "{of_nothing}");
    // One line for each, and no more: three that are asked for above, two sign-ins, the unknown one, and the kit's own knocking.
    let answered = requests.iter().filter(|line| line["http.route"] != "/healthz").count();
    assert_eq!(answered, 6, "{requests:?}");
}

const LEVELS: [&str; 5] = ["error", "warn", "info", "debug", "trace"];
/// What every line has.
const FRAME: [&str; 6] = ["timestamp", "level", "target", "message", "span", "spans"];
