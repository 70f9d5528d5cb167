//! A directory that says nothing to a password may have counted it all the same, so that it stays counted here.

use std::collections::HashMap;
use std::io::Write;
use std::net::{IpAddr, Shutdown, TcpStream};
use std::num::NonZeroU32;
use std::sync::Arc;

use broker_core::caller::AdminGroups;
use broker_core::directory::Directory;
use broker_core::id::RequestId;
use broker_core::sign_in::{Credentials, LONGEST_SIGN_IN, SessionKind, Settings, SignIn, SignInError, Throttle};
use broker_core::trail::Origin;
use ldap3_proto::proto::{LdapFilter, LdapOp};
use secrecy::SecretString;
use tests::stores::Storehouse;

use crate::Config;
use crate::played::{Played, ada, bound, done, is_ours, message};

type Answer = fn(i32, &mut TcpStream) -> std::io::Result<()>;

struct Desk {
    sign_in: SignIn,
    throttle: Throttle,
}

impl Desk {
    async fn before(server: &Played) -> Self {
        let house = Storehouse::in_memory("silence");
        let opened = house.open().await;
        let trail = house.trail(&opened);
        let settings = Settings {
            idle_seconds: 600,
            absolute_seconds: 2_000,
            recheck_seconds: 300,
            sessions_per_person: NonZeroU32::MAX,
            sign_in_within: LONGEST_SIGN_IN,
            admin_groups: AdminGroups::default(),
        };
        let directory = Config::plain(&[&server.url()]).quick().locks_after(1_000).open();
        let lockouts = HashMap::from([(directory.name().clone(), directory.lockout().unwrap())]);
        let throttle = Throttle::new(opened.store.clone(), house.clock.clone(), lockouts);
        let sign_in = SignIn::new(opened.store, vec![Arc::new(directory)], trail, house.clock.clone(), settings);
        Self { sign_in, throttle }
    }

    async fn hears_of_an_outage(&self, username: &str, address: IpAddr) {
        let origin = Origin { request_id: RequestId::random(), client_address: Some(address.to_string()) };
        let password = SecretString::from("secret");
        let credentials = Credentials { username, password, directory: None, address, origin: &origin };
        let refused = self.sign_in.sign_in(credentials, SessionKind::Api).await;
        assert!(matches!(refused, Err(SignInError::Directory(_))), "{username}: {refused:?}");
    }

    /// Tries what is free, each from a network of its own; says how long whoever comes next has to wait.
    async fn wait_after_outages(&self, username: &str) -> Option<u64> {
        let guess = |number| Box::pin(self.hears_of_an_outage(username, network(number)));
        tokio::join!(guess(0), guess(1), guess(2), guess(3), guess(4));
        self.throttle.admit(&self.throttle.mark(username), network(99)).await.unwrap().overdue()
    }
}

#[tokio::test]
async fn who_was_not_answered_has_guessed_and_an_unknown_name_sounds_alike() {
    let silence: Answer = |_, _| Ok(());
    let its_end: Answer = |_, stream| stream.shutdown(Shutdown::Both);
    let no_verdict: Answer = |id, stream| stream.write_all(&message(id, bound(52)));
    for (what, answer) in [("silence", silence), ("its end", its_end), ("no verdict", no_verdict)] {
        let server = Played::by(move |id, asked, stream| match asked {
            LdapOp::BindRequest(bind) if is_ours(bind) => stream.write_all(&message(id, bound(0))),
            LdapOp::BindRequest(_) => answer(id, stream),
            LdapOp::SearchRequest(search) => {
                if search.filter == LdapFilter::Equality("uid".to_owned(), "ada".to_owned()) {
                    stream.write_all(&message(id, ada()))?;
                }
                stream.write_all(&message(id, done(0)))
            }
            _ => Ok(()),
        });
        let desk = Desk::before(&server).await;
        let waits = (desk.wait_after_outages("ada").await, desk.wait_after_outages("nobody").await);
        assert_eq!(waits, (Some(1), Some(1)), "{what}: the directory may have counted all of them");
    }
}

#[tokio::test]
async fn a_directory_that_was_not_reached_has_counted_nothing() {
    let desk = Desk::before(&Played::by(|_, _, _| Err(std::io::ErrorKind::ConnectionReset.into()))).await;
    assert_eq!(desk.wait_after_outages("ada").await, None);
}

fn network(number: u8) -> IpAddr {
    IpAddr::from([203, 0, 113, number])
}
