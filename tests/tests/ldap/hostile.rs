//! Servers that hang, lie and flood: each is an outage, after bounded time and bounded bytes.

use std::io::Write;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use broker_core::directory::{Directory, Refusal};

use crate::played::{Played, ada, deep, element, entry, message, more_to_come, result};
use crate::{Config, outage, refusal, told};

/// Signs in at a played server; answers the outage that must come of it, in time.
async fn outage_at(server: &Played) -> String {
    let directory = Config::plain(&[&server.url()]).quick().open();
    let started = Instant::now();
    let outage = outage(&directory, "ada", "ada secret").await;
    assert!(started.elapsed() < Duration::from_secs(6), "{outage} took {:?}", started.elapsed());
    assert!(!outage.contains("secret"), "{outage}");
    let probe = directory.probe().await.unwrap_err();
    assert!(started.elapsed() < Duration::from_secs(12), "{}", told(&probe));
    outage
}

/// A server that answers each search with these bytes.
fn searches_give(bytes: impl Fn(u32) -> Vec<u8> + Send + Sync + 'static) -> Played {
    Played::that_answers_searches(move |id, stream| stream.write_all(&bytes(id)))
}

/// A server that answers a search with the same bytes until it is cut off, and counts them.
fn floods_with(bytes: impl Fn(u32) -> Vec<u8> + Send + Sync + 'static) -> (Played, Arc<AtomicUsize>) {
    let sent = Arc::new(AtomicUsize::new(0));
    let counted = sent.clone();
    let server = Played::that_answers_searches(move |id, stream| {
        let bytes = bytes(id);
        loop {
            stream.write_all(&bytes)?;
            counted.fetch_add(bytes.len(), Ordering::SeqCst);
        }
    });
    (server, sent)
}

#[tokio::test]
async fn one_that_never_says_anything() {
    assert!(outage_at(&Played::that_hangs()).await.contains("in time"));
}

#[tokio::test]
async fn one_that_hangs_up() {
    let hangs_up = Played::by(|_, _, _, stream| stream.shutdown(std::net::Shutdown::Both));
    outage_at(&hangs_up).await;
    let mid_word = searches_give(|id| message(id, &ada())[..20].to_vec());
    assert!(outage_at(&mid_word).await.contains("in time"), "an entry that never ends");
    let cut = Played::that_answers_searches(|id, stream| {
        stream.write_all(&message(id, &ada())[..20])?;
        stream.shutdown(std::net::Shutdown::Both)
    });
    assert!(outage_at(&cut).await.contains("closed"));
}

#[tokio::test]
async fn one_that_says_goodbye() {
    let goodbye = |_| message(0, &[result(0x78, 52), element(0x8a, b"1.3.6.1.4.1.1466.20036")].concat());
    assert!(outage_at(&searches_give(goodbye)).await.contains("closed"));
}

#[tokio::test]
async fn one_that_speaks_something_else() {
    for words in [
        &b"HTTP/1.1 400 Bad Request\r\n\r\n"[..],
        b"SSH-2.0-OpenSSH_9.2p1\r\n",
        &[0xff; 64],
        &[0; 64],
        &[0x30, 0x00],
        &[0x30, 0x03, 0x02, 0x01, 0x01],
        &[0x30, 0x80, 0x02, 0x01, 0x01],
        // Numbers and texts that are cut or are not text.
        &[0x30, 0x07, 0x02, 0x01, 0x02, 0x61, 0x02, 0x0a, 0x00],
        &[0x30, 0x0c, 0x02, 0x01, 0x02, 0x61, 0x07, 0x0a, 0x01, 0x00, 0x04, 0x01, 0xff, 0x04],
    ] {
        let words = words.to_vec();
        let babbles = Played::by(move |_, _, _, stream| stream.write_all(&words));
        let outage = outage_at(&babbles).await;
        assert!(outage.contains("LDAP") || outage.contains("more than"), "{outage}");
    }
}

#[tokio::test]
async fn one_that_answers_what_was_not_asked() {
    assert!(outage_at(&searches_give(|id| message(id + 1, &ada()))).await.contains("not asked"));
    assert!(outage_at(&searches_give(|id| message(id, &result(0x61, 0)))).await.contains("something else"));
    let searched = Played::by(|id, _, _, stream| stream.write_all(&message(id, &result(0x65, 0))));
    assert!(outage_at(&searched).await.contains("something else"));
}

#[tokio::test]
async fn one_that_promises_four_gigabytes() {
    let promise = searches_give(|_| vec![0x30, 0x84, 0xff, 0xff, 0xff, 0xff, 0x02, 0x01]);
    assert!(outage_at(&promise).await.contains("more than"));
    let (flood, sent) = floods_with(|_| vec![0x30, 0x84, 0x7f, 0xff, 0xff, 0xff]);
    assert!(outage_at(&flood).await.contains("more than"));
    assert!(sent.load(Ordering::SeqCst) < MUCH, "{}", sent.load(Ordering::SeqCst));
}

#[tokio::test]
async fn one_that_nests_a_hundred_thousand_levels() {
    assert!(outage_at(&searches_give(|id| message(id, &deep()))).await.contains("does not speak LDAP"));
}

#[tokio::test]
async fn one_whose_answer_never_ends() {
    let (entries, sent) = floods_with(|id| message(id, &ada()));
    assert!(outage_at(&entries).await.contains("the two entries"));
    assert!(sent.load(Ordering::SeqCst) < MUCH, "{}", sent.load(Ordering::SeqCst));
    let (elsewhere, sent) = floods_with(|id| message(id, &element(0x73, &element(4, b"ldap://127.0.0.1/"))));
    // A busy machine reads that much slower than it may take.
    let outage = outage_at(&elsewhere).await;
    assert!(outage.contains("more than") || outage.contains("in time"), "{outage}");
    assert!(sent.load(Ordering::SeqCst) < 2 * MUCH, "{}", sent.load(Ordering::SeqCst));
    let (fat, sent) = floods_with(|id| message(id, &entry("uid=ada", &[("uid", &"x".repeat(900_000))])));
    assert!(outage_at(&fat).await.contains("more than"));
    assert!(sent.load(Ordering::SeqCst) < 2 * MUCH, "{}", sent.load(Ordering::SeqCst));
    let huge = searches_give(|id| message(id, &entry("uid=ada", &[("uid", &"x".repeat(2_000_000))])));
    assert!(outage_at(&huge).await.contains("more than"));
}

#[tokio::test]
async fn one_that_always_has_another_page() {
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = asked.clone();
    let pages = Played::that_answers_searches(move |id, stream| {
        // First the person, then pages of groups without end.
        if counted.fetch_add(1, Ordering::SeqCst) == 0 {
            stream.write_all(&message(id, &ada()))?;
            stream.write_all(&message(id, &result(0x65, 0)))
        } else {
            stream.write_all(&more_to_come(id))
        }
    });
    let directory = Config::plain(&[&pages.url()]).quick().groups("search = { base = 'ou=groups' }").open();
    let outage = outage(&directory, "ada", "ada secret").await;
    assert!(outage.contains("pages") || outage.contains("in time"), "{outage}");
    let asked = asked.load(Ordering::SeqCst);
    assert!((2..20_000).contains(&asked), "{asked} pages");
}

#[tokio::test]
async fn one_that_refers_to_itself() {
    for code in [10, 54] {
        assert!(
            outage_at(&searches_give(move |id| message(id, &result(0x65, code))))
                .await
                .contains(&format!("code {code}"))
        );
    }
}

#[tokio::test]
async fn one_that_gives_a_part_and_says_so() {
    for code in [3, 4, 11] {
        let partial = searches_give(move |id| [message(id, &ada()), message(id, &result(0x65, code))].concat());
        assert!(outage_at(&partial).await.contains(&format!("code {code}")));
    }
    let ranged = searches_give(|id| {
        let attributes = [("uid", "ada"), ("entryUUID", "a"), ("memberOf;range=0-1499", "cn=staff")];
        [message(id, &entry("uid=ada", &attributes)), message(id, &result(0x65, 0))].concat()
    });
    let directory = Config::plain(&[&ranged.url()]).quick().open();
    let outage = outage(&directory, "ada", "ada secret").await;
    assert!(outage.contains("in parts"), "{outage}");
}

#[tokio::test]
async fn one_whose_entries_are_not_fit_for_us() {
    for (attributes, why) in [
        (&[("uid", "a\u{7}"), ("entryUUID", "a")][..], "name"),
        // To whoever reads it that is ada.
        (&[("uid", "ada "), ("entryUUID", "a")], "name"),
        (&[("uid", "ada"), ("entryUUID", "a b")], "immutable id"),
        (&[("uid", "ada"), ("entryUUID", "a"), ("entryUUID", "b")], "immutable id"),
        (&[("entryUUID", "a")], "name"),
        (&[("uid", "ada"), ("entryUUID", "a"), ("memberOf", "staff")], "groups"),
        (&[("uid", "ada"), ("entryUUID", "a"), ("memberOf", "cn=staff+ou=x,ou=groups,dc=corp,dc=example")], "groups"),
        (&[("uid", "ada"), ("entryUUID", "a"), ("memberOf", "cn=a\\07,ou=groups,dc=corp,dc=example")], "groups"),
    ] {
        let found = entry("uid=x,dc=corp", attributes);
        let server = searches_give(move |id| [message(id, &found), message(id, &result(0x65, 0))].concat());
        let directory = Config::plain(&[&server.url()]).quick().open();
        match refusal(&directory, "ada", "ada secret").await {
            Refusal::UnusableEntry(reason) => assert!(reason.contains(why), "{reason}"),
            other => panic!("{attributes:?}: {other}"),
        }
        assert!(directory.look_up("a").await.is_err(), "{attributes:?}");
    }
    let nameless = searches_give(|id| [message(id, &entry("", &[])), message(id, &result(0x65, 0))].concat());
    assert!(outage_at(&nameless).await.contains("without a name"), "an empty name would bind anonymously");
}

#[tokio::test]
async fn one_that_answers_for_somebody_else() {
    let server = searches_give(|id| [message(id, &ada()), message(id, &result(0x65, 0))].concat());
    let directory = Config::plain(&[&server.url()]).quick().open();
    assert!(directory.look_up("a-a-a").await.is_ok());
    let error = told(&directory.look_up("b-b-b").await.unwrap_err());
    assert!(error.contains("answers with another"), "{error}");
    let two = searches_give(|id| [message(id, &ada()), message(id, &ada()), message(id, &result(0x65, 0))].concat());
    let error = told(&Config::plain(&[&two.url()]).quick().open().look_up("a-a-a").await.unwrap_err());
    assert!(error.contains("several entries have the same immutable id"), "{error}");
}

#[tokio::test]
async fn one_that_drips() {
    let drips = Played::that_answers_searches(|id, stream: &mut TcpStream| {
        for byte in message(id, &ada()) {
            stream.write_all(&[byte])?;
            std::thread::sleep(Duration::from_millis(200));
        }
        Ok(())
    });
    assert!(outage_at(&drips).await.contains("in time"));
}

/// What may be on its way before a server notices that nobody listens, sockets' buffers included.
const MUCH: usize = 16 * 1024 * 1024;
