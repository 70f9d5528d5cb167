//! Servers that fail whoever has just shown them a password: ours goes on to another server, a person's to none.

use std::io::Write;
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use broker_core::directory::{AuthenticateError, Directory};
use ldap3_proto::proto::LdapOp;
use tests::elsewhere::Elsewhere;
use tests::slapd::USERS;

use crate::played::{
    Played, bind_elsewhere, bound, done, extended, farewell, found, is_ours, message, message_with, policy_of,
    reference, search_elsewhere,
};
use crate::{Config, outage, sign_in, told, welcome};

type Answer = fn(i32, &mut TcpStream) -> std::io::Result<()>;

#[tokio::test]
async fn one_that_hangs_up_once_it_has_let_us_in_is_passed_over() {
    let hangs_up = || {
        Played::by(|id, asked, stream| {
            if matches!(asked, LdapOp::BindRequest(_)) {
                stream.write_all(&message(id, bound(0)))?;
            }
            stream.shutdown(Shutdown::Both)
        })
    };
    let (first, other) = (hangs_up(), Played::that_lets_in());
    let directory = Config::plain(&[&first.url(), &other.url()]).quick().open();
    assert_eq!(welcome(&directory, "ada").await.username, "ada");
    assert_eq!(
        (first.connections(), other.connections()),
        (1, 2),
        "the first rests already when the password is shown"
    );

    let (first, other) = (hangs_up(), Played::that_lets_in());
    let directory = Config::plain(&[&first.url(), &other.url()]).quick().open();
    directory.probe().await.unwrap();
    assert_eq!((first.connections(), other.connections()), (1, 1), "nor is a node called unready for it");

    let alone = Config::plain(&[&hangs_up().url()]).quick().open();
    for told in [outage(&alone, "ada", "ada secret").await, told(&alone.probe().await.unwrap_err())] {
        assert!(told.contains("closed") || told.contains("broke"), "{told}");
    }
}

#[tokio::test]
async fn one_that_hangs_up_once_it_has_let_somebody_in_has_let_them_in() {
    let server = Played::that_answers_a_password(|id, stream| {
        stream.write_all(&message(id, bound(0)))?;
        stream.shutdown(Shutdown::Both)
    });
    assert_eq!(welcome(&Config::plain(&[&server.url()]).quick().open(), "ada").await.username, "ada");
}

/// Whatever comes in the place of a verdict: the password may have been counted, and is shown to nobody else.
#[tokio::test]
async fn a_password_that_was_not_answered_for_is_shown_to_no_other_server() {
    let answers: [(&str, Answer, &str); 10] = [
        ("its end", |_, stream| stream.shutdown(Shutdown::Both), "closed"),
        (
            "half of it, and its end",
            |id, stream| {
                stream.write_all(&message(id, bound(0))[..9])?;
                stream.shutdown(Shutdown::Both)
            },
            "closed",
        ),
        ("a farewell", |_, stream| stream.write_all(&farewell()), "closed"),
        ("yes to another question", |id, stream| stream.write_all(&message(id + 1, bound(0))), "not asked"),
        ("yes to the question before", |_, stream| stream.write_all(&message(7, bound(0))), "not asked"),
        ("the end of a search", |id, stream| stream.write_all(&message(id, done(0))), "something else"),
        ("yes of another kind", |id, stream| stream.write_all(&message(id, extended(0))), "something else"),
        ("busy", |id, stream| stream.write_all(&message(id, bound(51))), "code 51"),
        ("unavailable", |id, stream| stream.write_all(&message(id, bound(52))), "code 52"),
        ("something else that is no verdict", |id, stream| stream.write_all(&message(id, bound(80))), "code 80"),
    ];
    for (what, answer, why) in answers {
        let (server, other) = (Played::that_answers_a_password(answer), Played::that_lets_in());
        let directory = Config::plain(&[&server.url(), &other.url()]).quick().open();
        match sign_in(&directory, "ada", "ada secret").await {
            Err(AuthenticateError::Unanswered(unavailable)) => {
                let told = told(&unavailable);
                assert!(told.contains(why) && !told.contains("ada secret"), "{what}: {told}");
            }
            other => panic!("{what}: {other:?}"),
        }
        assert_eq!((server.connections(), other.connections()), (2, 0), "{what}");
    }
}

#[tokio::test]
async fn yes_to_a_question_that_was_not_asked_does_not_let_us_in() {
    for number in [2, 7, i32::MAX] {
        let asked = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&asked);
        let server = Played::by(move |_, _, stream| {
            counted.fetch_add(1, Ordering::SeqCst);
            stream.write_all(&message(number, bound(0)))
        });
        let directory = Config::plain(&[&server.url()]).quick().open();
        let outage = outage(&directory, "ada", "ada secret").await;
        assert!(outage.contains("not asked"), "{number}: {outage}");
        assert_eq!(
            (server.connections(), asked.load(Ordering::SeqCst)),
            (1, 1),
            "{number}: our bind, and nothing after"
        );
    }
}

/// Where in a conversation a server says to ask elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    OurBind,
    TheirBind,
    TheEnd(i64),
    Entries,
}

#[tokio::test]
async fn nobody_goes_where_a_server_says_to_ask_whatever_it_was_asked() {
    for (at, why, connections) in [
        (At::OurBind, "refuses our own credential with code 10", 1),
        (At::TheirBind, "does not check the password: code 10", 2),
        (At::TheEnd(10), "code 10", 1),
        (At::TheEnd(54), "code 54", 1),
        (At::Entries, "", 2),
    ] {
        let elsewhere = Elsewhere::open();
        let itself = Arc::new(OnceLock::new());
        let urls = {
            let (itself, address) = (Arc::clone(&itself), elsewhere.address());
            move || [format!("ldap://{address}/{USERS}"), format!("{}/{USERS}??sub", itself.wait())]
        };
        let server = Played::by(move |id, asked, stream| {
            let answer = match (asked, at) {
                (LdapOp::BindRequest(bind), At::OurBind) if is_ours(bind) => message(id, bind_elsewhere(&urls())),
                (LdapOp::BindRequest(bind), At::TheirBind) if !is_ours(bind) => message(id, bind_elsewhere(&urls())),
                (LdapOp::BindRequest(_), _) => message(id, bound(0)),
                (LdapOp::SearchRequest(_), At::TheEnd(code)) => message(id, search_elsewhere(code, &urls())),
                (LdapOp::SearchRequest(_), At::Entries) => [message(id, reference(&urls())), found(id)].concat(),
                (LdapOp::SearchRequest(_), _) => found(id),
                _ => return Ok(()),
            };
            stream.write_all(&answer)
        });
        itself.set(server.url()).unwrap();
        let other = Played::that_lets_in();
        let directory = Config::plain(&[&server.url(), &other.url()]).quick().open();
        if at == At::Entries {
            welcome(&directory, "ada").await;
        } else {
            let outage = outage(&directory, "ada", "ada secret").await;
            assert!(outage.contains(why), "{at:?}: {outage}");
        }
        assert_eq!((server.connections(), other.connections()), (connections, 0), "{at:?}");
        elsewhere.assert_nobody_came();
    }
}

/// A verdict with something beside it that cannot be read is no verdict.
#[tokio::test]
async fn a_verdict_with_rubbish_beside_it_is_none() {
    for rubbish in [&[0xff, 0xff][..], &[0x30, 0x05, 0xa1], &[0x30, 0x03, 0x81, 0x01]] {
        let server = Played::that_answers_a_password(move |id, stream| {
            stream.write_all(&message_with(id, bound(0), policy_of(rubbish)))
        });
        let answered = sign_in(&Config::plain(&[&server.url()]).quick().open(), "ada", "ada secret").await;
        assert!(matches!(answered, Err(AuthenticateError::Unanswered(_))), "{rubbish:x?}: {answered:?}");
    }
}
