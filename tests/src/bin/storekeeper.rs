//! A process that has a store of its own accord: `storekeeper open|count|record|serve FILE`, for stories of many processes.

#![expect(clippy::print_stdout, reason = "a program for tests: it tells what it did, or fails")]

use std::sync::Arc;

use broker_core::clock::{Millis, SystemClock};
use broker_core::store::{CountedAttempt, Failures, Location, Store};
use broker_core::trail::{Action, Trail};
use broker_core::vault::Purpose;
use tests::stores::{entry, master_key};

#[tokio::main]
async fn main() {
    let [_, command, file] = &std::env::args().collect::<Vec<_>>()[..] else { panic!("storekeeper COMMAND FILE") };
    let location = Location::Sqlite(file.into());
    let lock = (command == "serve").then(|| location.lock_for_daemon());
    if let Some(Err(error)) = &lock {
        println!("refused: {error}");
        std::process::exit(1);
    }
    let opened = match Store::open(&location, vec![master_key(1)], "k1", &SystemClock).await {
        Ok(opened) => opened,
        Err(error) => {
            println!("not opened: {}", whole(&error));
            std::process::exit(1);
        }
    };
    println!("opened {:?}", opened.store.seals().mac(Purpose::Token, &[b"the same for all of one installation"]));
    match command.as_str() {
        "open" => {}
        "count" => {
            let now = Failures { count: 1, last: Some(Millis(1)) };
            let attempt = CountedAttempt { subject: "ada", before: Failures::default(), now };
            println!("counted: {:?}", opened.store.count_attempt(attempt).await);
        }
        "record" => {
            let trail = Trail::start(opened.store.clone(), Arc::new(SystemClock), "node-1");
            match trail.record(entry(Action::Vend), "credentials").await {
                Ok(recorded) => println!("recorded, so here are the {}", recorded.value()),
                Err(error) => println!("not recorded: {}", whole(&error)),
            }
        }
        "serve" => std::future::pending().await,
        _ => panic!("what is {command}?"),
    }
    opened.store.close().await;
}

/// The error with all its causes.
fn whole(error: &dyn std::error::Error) -> String {
    error.source().map_or_else(|| error.to_string(), |source| format!("{error}: {}", whole(source)))
}
