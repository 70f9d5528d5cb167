//! When another server is asked, and when the answer of the first one is final.

use std::io::Write;

use broker_core::directory::Directory;
use ldap3_proto::proto::LdapOp;

use crate::played::{Played, bound, done, found, message, with_nameless_code};
use crate::{Config, outage, welcome};

/// What is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    Bind,
    Search,
}

/// A server that answers each request of one kind with this code, and all others as it should.
fn refuses(at: At, code: u8) -> Played {
    Played::by(move |id, asked, stream| {
        let refusal = |end: fn(i64) -> LdapOp| match code {
            NAMELESS => with_nameless_code(message(id, end(80)), code),
            code => message(id, end(code.into())),
        };
        stream.write_all(&match (asked, at) {
            (LdapOp::BindRequest(_), At::Bind) => refusal(bound),
            (LdapOp::BindRequest(_), At::Search) => message(id, bound(0)),
            (LdapOp::SearchRequest(_), At::Bind) => found(id),
            (LdapOp::SearchRequest(_), At::Search) => refusal(done),
            _ => return Ok(()),
        })
    })
}

/// Left out by RFC 4511.
const NAMELESS: u8 = 9;

/// Our own wrong password repeated at each server would lock our account; a wrong base is as wrong at the next one.
#[tokio::test]
async fn an_answer_is_final_unless_it_says_that_the_server_cannot_work() {
    for what in [At::Bind, At::Search] {
        for code in [1, 2, 3, 4, 7, 8, 9, 10, 11, 13, 14, 18, 19, 32, 34, 48, 49, 50, 53, 54, 71, 80, 123] {
            let (first, other) = (refuses(what, code), Played::that_lets_in());
            let directory = Config::plain(&[&first.url(), &other.url()]).quick().open();
            let outage = outage(&directory, "ada", "ada secret").await;
            assert!(outage.contains(&format!("code {code}")), "{what:?}: {outage}");
            assert_eq!((first.connections(), other.connections()), (1, 0), "{what:?}: {code}");
        }
        for code in [51, 52] {
            let (first, other) = (refuses(what, code), Played::that_lets_in());
            let directory = Config::plain(&[&first.url(), &other.url()]).quick().open();
            assert_eq!(welcome(&directory, "ada").await.username, "ada", "{what:?}: {code}");
            assert_eq!((first.connections(), other.connections()), (1, 2), "{what:?}: {code}: search and password");
        }
    }
}

#[tokio::test]
async fn a_final_answer_gives_no_server_a_rest() {
    let (first, other) = (refuses(At::Bind, 49), Played::that_lets_in());
    let directory = Config::plain(&[&first.url(), &other.url()]).open();
    for asked in 1..=3 {
        assert!(directory.probe().await.is_err());
        assert_eq!((first.connections(), other.connections()), (asked, 0), "it was not at fault");
    }
}

#[tokio::test]
async fn in_any_order_too_a_server_that_rests_comes_last() {
    let (dead, other) = (refuses(At::Bind, 52), Played::that_lets_in());
    let mut config = Config::plain(&[&dead.url(), &other.url()]);
    config.more.push_str("\norder = 'random'");
    let directory = config.open();
    for _ in 0..60 {
        directory.probe().await.unwrap();
    }
    assert_eq!((dead.connections(), other.connections()), (1, 60), "once by chance, and not again while it rests");
}
