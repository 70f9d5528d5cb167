//! Groups that the server gives in parts, as Active Directory does from 1,500 on: all of them, or a refusal of this one person.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use broker_core::directory::{Directory, Refusal};
use ldap3_proto::proto::{LdapOp, LdapSearchRequest};
use tests::slapd::GROUPS;

use crate::played::{Played, bound, entry_of, message, only};
use crate::{Config, refusal, welcome};

const ADA: &str = "uid=ada,ou=people";

/// A server that gives so many values of ada's `memberOf` at once, and how often it was asked for more.
fn in_parts(count: usize, at_once: usize) -> (Played, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&asked);
    let server = asked_for_more(part(0, count.min(at_once), count), move |first| {
        counted.fetch_add(1, Ordering::SeqCst);
        part(first, count.min(first + at_once), count)
    });
    (server, asked)
}

/// A server with ada, who has these attributes, and these ones when those from there on are asked for.
fn asked_for_more(at_first: Attributes, more: impl Fn(usize) -> Attributes + Send + Sync + 'static) -> Played {
    Played::by(move |id, asked, stream| match asked {
        LdapOp::BindRequest(_) => stream.write_all(&message(id, bound(0))),
        LdapOp::SearchRequest(search) => {
            let found = match asked_from(search) {
                Some(first) => more(first),
                None => [known_as_ada(), at_first.clone()].concat(),
            };
            stream.write_all(&only(id, ada_with(&found)))
        }
        _ => Ok(()),
    })
}

type Attributes = Vec<(String, Vec<Vec<u8>>)>;

fn known_as_ada() -> Attributes {
    vec![("uid".to_owned(), vec![b"ada".to_vec()]), ("entryUUID".to_owned(), vec![b"a-a-a".to_vec()])]
}

fn ada_with(attributes: &Attributes) -> LdapOp {
    let attributes: Vec<_> = attributes.iter().map(|(name, values)| (name.as_str(), values.clone())).collect();
    entry_of(ADA, &attributes)
}

/// From which value on the rest is asked for, of ada's entry and of nothing else.
fn asked_from(search: &LdapSearchRequest) -> Option<usize> {
    let first = search.attrs.first()?.strip_prefix("memberOf;range=")?.strip_suffix("-*")?.parse().unwrap();
    assert_eq!((search.base.as_str(), search.attrs.len()), (ADA, 1));
    Some(first)
}

/// The values from the one up to before the other, as [MS-ADTS] 3.1.1.3.1.3.3 has it: the attribute itself is there as well, and empty.
fn part(first: usize, end: usize, count: usize) -> Attributes {
    let last = if end == count { "*".to_owned() } else { (end - 1).to_string() };
    let values = (first..end).map(|number| format!("cn=group-{number:04},{GROUPS}").into_bytes()).collect();
    vec![("memberOf".to_owned(), Vec::new()), (format!("memberOf;range={first}-{last}"), values)]
}

#[tokio::test]
async fn who_is_in_more_groups_than_come_at_once_is_in_all_of_them() {
    for (count, at_once, more) in [(1_501, 1_500, 1), (2_000, 1_500, 1), (300, 30, 10), (4, 2, 2)] {
        let (server, asked) = in_parts(count, at_once);
        let directory = Config::plain(&[&server.url()]).open();
        let ada = welcome(&directory, "ada").await;
        let names: Vec<_> = ada.groups.iter().map(|group| group.name.clone()).collect();
        assert_eq!(names, (0..count).map(|number| format!("group-{number:04}")).collect::<Vec<_>>());
        assert_eq!(asked.load(Ordering::SeqCst), more, "{count} groups, {at_once} at once");
        directory.look_up("a-a-a").await.unwrap();
    }
}

#[tokio::test]
async fn parts_that_do_not_fit_together_are_a_refusal_and_no_outage_for_anybody() {
    let first = || part(0, 2, 4);
    let server = |more: fn(usize) -> Attributes| asked_for_more(first(), more);
    let servers = [
        ("nothing more", server(|_| Vec::new())),
        ("all at once, without saying so", server(|_| vec![("memberOf".to_owned(), part(0, 4, 4).remove(1).1)])),
        ("from another place on", server(|_| part(2, 4, 4))),
        ("from the first on", server(|_| part(0, 4, 4))),
        // One of those before was taken away in between, so that `group-0002` stands where `group-0001` did.
        ("moved by one", server(|_| vec![("memberOf;range=1-*".to_owned(), part(2, 4, 4).remove(1).1)])),
        // Another server has them in another order, and so `group-0000` on both sides of the seam, and `group-0002` on neither.
        (
            "in another order",
            server(|_| {
                let mut others = part(1, 4, 4).remove(1).1;
                others[1] = part(0, 1, 4).remove(1).1.remove(0);
                vec![("memberOf;range=1-*".to_owned(), others)]
            }),
        ),
        ("fewer than it says", server(|_| vec![("memberOf;range=1-9".to_owned(), part(1, 3, 4).remove(1).1)])),
        ("two parts", server(|_| [part(1, 3, 4), part(3, 4, 4)].concat())),
        ("a part of nothing", server(|_| vec![("memberOf;range=1-*".to_owned(), Vec::new())])),
        ("no number", server(|_| vec![("memberOf;range=a-*".to_owned(), part(1, 4, 4).remove(1).1)])),
        ("never any more, and never the end", server(|first| part(first, first + 1, 4_000))),
        ("one more each time", server(|first| part(first, first + 2, 4_000))),
        ("not from the first on", asked_for_more(part(1, 3, 4), |first| part(first, 4, 4))),
    ];
    for (what, server) in servers {
        let other = Played::that_lets_in();
        let directory = Config::plain(&[&server.url(), &other.url()]).open();
        let Refusal::UnusableEntry(why) = refusal(&directory, "ada", "ada secret").await else { panic!("{what}") };
        assert!(why.contains("parts"), "{what}: {why}");
        directory.probe().await.unwrap();
        assert_eq!(
            (server.connections(), other.connections()),
            (3, 0),
            "{what}: search, password and probe, at one server"
        );
    }
}

#[tokio::test]
async fn more_groups_in_parts_than_we_can_use_are_too_many() {
    for (count, at_once) in [(2_001, 1_500), (1_000_000, 1_500)] {
        let (server, asked) = in_parts(count, at_once);
        let directory = Config::plain(&[&server.url()]).open();
        let Refusal::UnusableEntry(why) = refusal(&directory, "ada", "ada secret").await else { panic!("{count}") };
        assert!(why.contains("too many groups"), "{why}");
        assert_eq!(asked.load(Ordering::SeqCst), 1, "and then nobody asks on");
    }
}

#[tokio::test]
async fn a_server_that_fails_between_two_parts_is_one_that_fails() {
    let silent = Played::by(|id, asked, stream| match asked {
        LdapOp::BindRequest(_) => stream.write_all(&message(id, bound(0))),
        LdapOp::SearchRequest(search) if asked_from(search).is_some() => Ok(()),
        LdapOp::SearchRequest(_) => {
            let found = [known_as_ada(), part(0, 2, 4)].concat();
            stream.write_all(&only(id, ada_with(&found)))
        }
        _ => Ok(()),
    });
    let (other, _) = in_parts(4, 2);
    let directory = Config::plain(&[&silent.url(), &other.url()]).quick().open();
    assert_eq!(welcome(&directory, "ada").await.groups.len(), 4, "the other one has the rest");
}
