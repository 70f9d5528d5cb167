//! Names that nobody has, typed at each door by somebody who knows a password and wants the name to be more than a name.

use reqwest::Method;
use serde_json::json;
use tokio::task::JoinSet;

use crate::world::{Answer, Asker};

/// Each would find somebody, or everybody, were any part of it taken for a part of the question that a directory is asked.
pub const QUESTIONS: [&str; 27] = [
    "*",
    "a*",
    "ad*",
    "*da",
    "*)(uid=*",
    "ada)(objectClass=*",
    "ada)(|(uid=*",
    "x)(|(uid=ada",
    "x))(|(uid=ada)(uid=ada",
    "*))%00",
    r"\61da",
    r"\2a",
    r"ada\",
    r"ada\00",
    "(ada)",
    "!(uid=bob)",
    "{username}",
    "{dn}",
    "ada,ou=people",
    "ada&username=bob",
    "ada%00",
    "%61da",
    "ada#bob",
    "ada?x=1",
    "ada;x",
    "../user?username=ada",
    "ada/../bob",
];

/// What nobody can be called, and is asked of no directory.
pub fn untypable() -> Vec<String> {
    // Of different people: what a spelling hides does not count for the limit on guesses.
    let texts = ["ada\0one", "\0", "\0ada", "car\nol", "ad\u{200b}a", "\u{202e}bob", "do\u{ad}ra", "ev\u{2028}e"];
    let long = ["a", "*", "(", "\\", "я"].map(|char| char.repeat(10 * 1024));
    texts.into_iter().map(str::to_owned).chain(["x".repeat(257)]).chain(long).collect()
}

/// What looks like `ada` to people and is written otherwise; the last two by letters of another form (mathematical, of full width), which some servers take for the same.
pub const LOOK_ALIKES: [&str; 4] = ["аda", "adа", "ad\u{1d51e}", "\u{ff41}\u{ff44}\u{ff41}"];

/// Tries a name and a password by the API, by the page and with a request (Basic), each from an address of its own; what each answered.
pub async fn at_each_door(broker: &Asker, number: u8, name: &str, password: &str) -> [(&'static str, Answer); 3] {
    let from = |door: u8| broker.seen_at(&format!("198.51.{door}.{number}"));
    let asked = json!({ "username": name, "password": password });
    let by_api = from(1).sign_in(&asked).await;
    let by_page = from(2).by_form(name, password).await;
    let connectors = from(3).request(Method::GET, CONNECTORS).basic_auth(name, Some(password));
    [("the API", by_api), ("the page", by_page), ("Basic", Answer::of(connectors).await)]
}

/// The same with all these names, some at a time; panics if anybody is let in, or is told anything else than that it is wrong. Says how often
/// it was tried.
pub async fn nobody_gets_in(broker: &Asker, names: &[String], password: &str) -> usize {
    let mut number = 0;
    for names in names.chunks(AT_ONCE) {
        let mut tries = JoinSet::new();
        for name in names {
            number += 1;
            let (broker, name, password) = (broker.clone(), name.clone(), password.to_owned());
            tries.spawn(async move { (at_each_door(&broker, number, &name, &password).await, name) });
        }
        for (answers, name) in tries.join_all().await {
            let shown: String = name.chars().take(40).collect();
            for (door, answer) in answers {
                assert_eq!(answer.status, 401, "{shown:?} by {door}: {}", answer.text);
                let mut cookies = answer.headers.get_all("set-cookie").iter().filter_map(|it| it.to_str().ok());
                assert!(!cookies.any(|it| it.contains("=bkb_")), "{shown:?} by {door}: {:?}", answer.headers);
                if door == "the page" {
                    assert!(answer.text.contains("Unknown user name or wrong password."), "{shown:?}: {}", answer.text);
                } else {
                    answer.problem("401 invalid_credentials");
                }
            }
        }
    }
    names.len() * 3
}

const CONNECTORS: &str = "/rest/identity-federation-for-aws/2.2/connectors";
const AT_ONCE: usize = 8;
