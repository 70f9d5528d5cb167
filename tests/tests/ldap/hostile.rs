//! Servers that hang, lie and flood: each is an outage, after bounded time and bounded bytes.
//!
//! Six kinds stand first, by their names: slow bytes, endless answers, wrong message ids, truncated BER, a referral loop, and closing after the bind.

use std::io::Write;
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use broker_core::directory::{Directory, Refusal};
use ldap3_proto::proto::LdapOp;

use crate::played::{
    Played, ada, bound, cut_within, deep, done, entry, extended, farewell, found, message, more_to_come, of_length,
    only, reference, search_elsewhere,
};
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
fn searches_give(bytes: impl Fn(i32) -> Vec<u8> + Send + Sync + 'static) -> Played {
    Played::that_answers_searches(move |id, stream| stream.write_all(&bytes(id)))
}

/// A server that answers a search with the same bytes until it is cut off, and counts them.
fn floods_with(bytes: impl Fn(i32) -> Vec<u8> + Send + Sync + 'static) -> (Played, Arc<AtomicUsize>) {
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
async fn one_that_sends_slow_bytes() {
    let drips = Played::that_answers_searches(|id, stream: &mut TcpStream| {
        for byte in message(id, ada()) {
            stream.write_all(&[byte])?;
            std::thread::sleep(Duration::from_millis(200));
        }
        Ok(())
    });
    assert!(outage_at(&drips).await.contains("in time"));
}

#[tokio::test]
async fn one_whose_answer_is_endless() {
    let (entries, sent) = floods_with(|id| message(id, ada()));
    assert!(outage_at(&entries).await.contains("the two entries"));
    assert!(sent.load(Ordering::SeqCst) < MUCH, "{}", sent.load(Ordering::SeqCst));
    let (elsewhere, sent) = floods_with(|id| message(id, reference(&["ldap://127.0.0.1/".to_owned()])));
    // A busy machine reads that much slower than it may take.
    let outage = outage_at(&elsewhere).await;
    assert!(outage.contains("more than") || outage.contains("in time"), "{outage}");
    assert!(sent.load(Ordering::SeqCst) < 2 * MUCH, "{}", sent.load(Ordering::SeqCst));
    let (fat, sent) = floods_with(|id| message(id, entry("uid=ada", &[("uid", &"x".repeat(900_000))])));
    assert!(outage_at(&fat).await.contains("more than"));
    assert!(sent.load(Ordering::SeqCst) < 2 * MUCH, "{}", sent.load(Ordering::SeqCst));
    let huge = searches_give(|id| message(id, entry("uid=ada", &[("uid", &"x".repeat(2_000_000))])));
    assert!(outage_at(&huge).await.contains("more than"));
}

#[tokio::test]
async fn one_whose_answers_have_wrong_message_ids() {
    for wrong in [|id| id + 1, |id| id - 1, |_| i32::MAX] {
        let entries = searches_give(move |id| message(wrong(id), ada()));
        assert!(outage_at(&entries).await.contains("not asked"));
        let ends = searches_give(move |id| [message(id, ada()), message(wrong(id), done(0))].concat());
        assert!(outage_at(&ends).await.contains("not asked"));
        let binds = Played::by(move |id, _, stream| stream.write_all(&message(id + 1, bound(0))));
        assert!(outage_at(&binds).await.contains("not asked"));
    }
}

#[tokio::test]
async fn one_that_sends_truncated_ber() {
    let whole = message(2, ada()).len();
    for length in [1, 2, 20, whole - 1] {
        let waits = searches_give(move |id| message(id, ada())[..length].to_vec());
        assert!(outage_at(&waits).await.contains("in time"), "{length} bytes of an entry that never ends");
        let closes = Played::that_answers_searches(move |id, stream| {
            stream.write_all(&message(id, ada())[..length])?;
            stream.shutdown(Shutdown::Both)
        });
        assert!(outage_at(&closes).await.contains("closed"), "{length} bytes");
    }
    // Whole by their length, and cut within: in an entry, and in what ends an operation.
    for length in 1..whole - 2 {
        let entries = searches_give(move |id| [cut_within(message(id, ada()), length), message(id, done(0))].concat());
        assert!(outage_at(&entries).await.contains("does not speak LDAP"), "{length} bytes of an entry");
    }
    for length in 1..message(1, bound(0)).len() - 2 {
        let binds = Played::by(move |id, _, stream| stream.write_all(&cut_within(message(id, bound(0)), length)));
        assert!(outage_at(&binds).await.contains("does not speak LDAP"), "{length} bytes of a bind's end");
    }
}

#[tokio::test]
async fn one_that_is_part_of_a_referral_loop() {
    for (in_entries, code) in [(false, 10), (false, 54), (true, 0)] {
        let (first, other) = (Arc::new(OnceLock::<String>::new()), Arc::new(OnceLock::<String>::new()));
        let loops = |to: &Arc<OnceLock<String>>| {
            let to = Arc::clone(to);
            searches_give(move |id| {
                let urls = [format!("{}/ou=people??sub", to.wait())];
                let before = if in_entries { message(id, reference(&urls)) } else { Vec::new() };
                let end = if in_entries { done(10) } else { search_elsewhere(code, &urls) };
                [before, message(id, end)].concat()
            })
        };
        let servers = [loops(&other), loops(&first)];
        first.set(servers[0].url()).unwrap();
        other.set(servers[1].url()).unwrap();
        let outage = outage_at(&servers[0]).await;
        let code = if in_entries { 10 } else { code };
        assert!(outage.contains(&format!("code {code}")), "{outage}");
        assert_eq!(servers.each_ref().map(Played::connections), [2, 0], "a sign-in, a probe, and not one step around");
    }
}

#[tokio::test]
async fn one_that_closes_after_the_bind() {
    let closes = Played::by(|id, asked, stream| {
        if matches!(asked, LdapOp::BindRequest(_)) {
            stream.write_all(&message(id, bound(0)))?;
        }
        stream.shutdown(Shutdown::Both)
    });
    let outage = outage_at(&closes).await;
    assert!(outage.contains("closed") || outage.contains("broke"), "{outage}");
    let says_goodbye = Played::by(|id, asked, stream| match asked {
        LdapOp::BindRequest(_) => stream.write_all(&[message(id, bound(0)), farewell()].concat()),
        _ => Ok(()),
    });
    assert!(outage_at(&says_goodbye).await.contains("closed"));
}

#[tokio::test]
async fn one_that_never_says_anything() {
    assert!(outage_at(&Played::that_hangs()).await.contains("in time"));
}

#[tokio::test]
async fn one_that_hangs_up() {
    let hangs_up = Played::by(|_, _, stream| stream.shutdown(Shutdown::Both));
    outage_at(&hangs_up).await;
}

#[tokio::test]
async fn one_that_says_goodbye() {
    assert!(outage_at(&searches_give(|_| farewell())).await.contains("closed"));
}

#[tokio::test]
async fn one_that_speaks_something_else() {
    let bind = message(1, bound(0));
    // A message of nothing, one of a number alone, one that does not say how long it is, and a code without a byte.
    let (nothing, number_alone, mut unmeasured) = (vec![bind[0], 0], cut_within(bind.clone(), 3), bind.clone());
    unmeasured[1] = 0x80;
    let mut no_code = cut_within(bind, 7);
    (no_code[6], no_code[8]) = (2, 0);
    for words in [
        b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(),
        b"SSH-2.0-OpenSSH_9.2p1\r\n".to_vec(),
        vec![0xff; 64],
        vec![0; 64],
        nothing,
        number_alone,
        unmeasured,
        no_code,
    ] {
        let babbles = Played::by(move |_, _, stream| stream.write_all(&words));
        let outage = outage_at(&babbles).await;
        assert!(outage.contains("LDAP") || outage.contains("more than"), "{outage}");
    }
    let not_text = searches_give(|id| {
        let mut entry = message(id, ada());
        let name = entry.windows(7).position(|bytes| bytes == b"uid=ada").unwrap();
        entry[name] = 0xff;
        entry
    });
    assert!(outage_at(&not_text).await.contains("does not speak LDAP"));
}

#[tokio::test]
async fn one_that_answers_with_something_else() {
    assert!(outage_at(&searches_give(|id| message(id, bound(0)))).await.contains("something else"));
    assert!(outage_at(&searches_give(|id| message(id, extended(0)))).await.contains("something else"));
    let searched = Played::by(|id, _, stream| stream.write_all(&message(id, done(0))));
    assert!(outage_at(&searched).await.contains("something else"));
}

#[tokio::test]
async fn one_that_promises_four_gigabytes() {
    let promise = searches_give(|id| [of_length(&message(id, ada()), u32::MAX), vec![2, 1]].concat());
    assert!(outage_at(&promise).await.contains("more than"));
    let (flood, sent) = floods_with(|id| of_length(&message(id, ada()), 0x7fff_ffff));
    assert!(outage_at(&flood).await.contains("more than"));
    assert!(sent.load(Ordering::SeqCst) < MUCH, "{}", sent.load(Ordering::SeqCst));
}

#[tokio::test]
async fn one_that_nests_a_hundred_thousand_levels() {
    assert!(outage_at(&searches_give(deep)).await.contains("does not speak LDAP"));
}

#[tokio::test]
async fn one_that_always_has_another_page() {
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = asked.clone();
    let pages = Played::that_answers_searches(move |id, stream| {
        // First the person, then pages of groups without end.
        if counted.fetch_add(1, Ordering::SeqCst) == 0 {
            stream.write_all(&found(id))
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
async fn one_that_gives_a_part_and_says_so() {
    for code in [3, 4, 11] {
        let partial = searches_give(move |id| [message(id, ada()), message(id, done(code))].concat());
        assert!(outage_at(&partial).await.contains(&format!("code {code}")));
    }
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
        (&[("uid", "ada"), ("entryUUID", "a"), ("memberOf;range=0-1499", "cn=staff")], "in parts"),
        (&[("uid", "ada"), ("entryUUID", "a"), ("memberOf", "staff")], "groups"),
        (&[("uid", "ada"), ("entryUUID", "a"), ("memberOf", "cn=staff+ou=x,ou=groups,dc=corp,dc=example")], "groups"),
        (&[("uid", "ada"), ("entryUUID", "a"), ("memberOf", "cn=a\\07,ou=groups,dc=corp,dc=example")], "groups"),
    ] {
        let found = entry("uid=x,dc=corp", attributes);
        let server = searches_give(move |id| only(id, found.clone()));
        let directory = Config::plain(&[&server.url()]).quick().open();
        match refusal(&directory, "ada", "ada secret").await {
            Refusal::UnusableEntry(reason) => assert!(reason.contains(why), "{reason}"),
            other => panic!("{attributes:?}: {other}"),
        }
        assert!(directory.look_up("a").await.is_err(), "{attributes:?}");
    }
    let nameless = searches_give(|id| only(id, entry("", &[])));
    assert!(outage_at(&nameless).await.contains("without a name"), "an empty name would bind anonymously");
}

#[tokio::test]
async fn one_that_answers_for_somebody_else() {
    let server = searches_give(found);
    let directory = Config::plain(&[&server.url()]).quick().open();
    assert!(directory.look_up("a-a-a").await.is_ok());
    let error = told(&directory.look_up("b-b-b").await.unwrap_err());
    assert!(error.contains("answers with another"), "{error}");
    let two = searches_give(|id| [message(id, ada()), found(id)].concat());
    let error = told(&Config::plain(&[&two.url()]).quick().open().look_up("a-a-a").await.unwrap_err());
    assert!(error.contains("several entries have the same immutable id"), "{error}");
}

/// What may be on its way before a server notices that nobody listens, sockets' buffers included.
const MUCH: usize = 16 * 1024 * 1024;
