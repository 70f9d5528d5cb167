//! People whom the directory knows by several names: guesses by each of them are guesses at one person.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;

use broker_core::caller::AdminGroups;
use broker_core::id::RequestId;
use broker_core::sign_in::{Credentials, LONGEST_SIGN_IN, SessionKind, Settings, SignIn, SignInError, SignedIn};
use broker_core::trail::Origin;
use secrecy::SecretString;
use tests::slapd::{Slapd, USERS};
use tests::stores::Storehouse;

use crate::Config;

/// A broker's front desk before a directory that looks for user names and mail addresses.
struct Desk {
    server: Slapd,
    house: Storehouse,
    sign_in: SignIn,
}

impl Desk {
    async fn open() -> Self {
        let server = Slapd::start();
        server.modify(&format!(
            "dn: uid=ada,{USERS}\nchangetype: modify\nadd: mail\nmail: countess@corp.example\nmail: lovelace@corp.example\n"
        ));
        let house = Storehouse::in_memory("names");
        let opened = house.open().await;
        let trail = house.trail(&opened);
        let directory = Config::of(&server).users("filter = '(|(uid={username})(mail={username}))'").open();
        let settings = Settings {
            idle_seconds: 600,
            absolute_seconds: 2_000,
            recheck_seconds: 300,
            sessions_per_person: NonZeroU32::MAX,
            sign_in_within: LONGEST_SIGN_IN,
            admin_groups: AdminGroups::default(),
        };
        let sign_in = SignIn::new(opened.store, vec![Arc::new(directory)], trail, house.clock.clone(), settings);
        Self { server, house, sign_in }
    }

    /// The directory itself locks accounts after so many wrong passwords.
    fn locks_after(&self, failures: u8) {
        self.server.modify(&format!(
            "dn: cn=default,ou=policies,dc=corp,dc=example\nchangetype: modify\nreplace: pwdMaxFailure\npwdMaxFailure: {failures}\n"
        ));
    }

    async fn sign_in(&self, username: &str, password: &str, address: IpAddr) -> Result<SignedIn, SignInError> {
        let origin = Origin { request_id: RequestId::random(), client_address: Some(address.to_string()) };
        let password = SecretString::from(password);
        let credentials = Credentials { username, password, directory: None, address, origin: &origin };
        self.sign_in.sign_in(credentials, SessionKind::Api).await
    }

    /// Guesses at each of these names from a network of its own, so that nothing but the person can be what is counted.
    async fn guess(&self, names: &[&str], times: u8) {
        for number in 0..times {
            for (index, name) in (0..).zip(names) {
                let address = IpAddr::from([203, 0, number, index]);
                let refused = self.sign_in(name, "a guess", address).await;
                assert!(matches!(refused, Err(SignInError::InvalidCredentials)), "{name}: {refused:?}");
            }
        }
    }

    /// How often somebody's password was tried at the server: hers, and nobody's.
    fn binds(&self, of_ada: usize, of_nobody: usize) -> (usize, usize) {
        // The line of the attempt, not the one of its success.
        let ada = self.server.logged_when(of_ada, &format!(" BIND dn=\"uid=ada,{USERS}\" method="));
        (ada, self.server.logged_when(of_nobody, " BIND dn=\"cn=brokerd-asks-for-nobody,"))
    }
}

#[tokio::test]
async fn guesses_by_name_and_by_mail_are_one_count() {
    let desk = Desk::open().await;
    desk.locks_after(10);
    desk.guess(&["ada", "ada@corp.example", "countess@corp.example", "lovelace@corp.example"], 3).await;
    assert_eq!(desk.binds(4, 8), (4, 8), "twelve guesses, four binds\n{}", desk.server.log());
    let refused = desk.sign_in("countess@corp.example", "ada secret", IpAddr::from([198, 51, 100, 1])).await;
    assert!(matches!(refused, Err(SignInError::InvalidCredentials)), "{refused:?}");
    assert_eq!(desk.binds(4, 9), (4, 9), "the right password is not tried either");

    desk.house.clock.advance(HALF_AN_HOUR + 60);
    let ada = desk.sign_in("countess@corp.example", "ada secret", IpAddr::from([198, 51, 100, 1])).await.unwrap();
    assert_eq!(ada.caller.person.username, "ada");
}

#[tokio::test]
async fn whatever_is_guessed_from_wherever_the_directorys_own_lockout_is_not_reached() {
    let desk = Desk::open().await;
    // For good, since its clock cannot be moved.
    desk.locks_after(10);
    let homes = [IpAddr::from([192, 0, 2, 1]), IpAddr::from([192, 0, 2, 2])];
    for home in homes {
        desk.sign_in("ada", "ada secret", home).await.unwrap();
    }
    for step in 0..9 {
        let stranger = IpAddr::from([203, 0, 113, step]);
        let by_mail = format!("{}@corp.example", if step % 2 == 0 { "countess" } else { "lovelace" });
        let guess = async |name: &str, from| desk.sign_in(name, "a guess", from).await.map(drop).unwrap_err();
        tokio::join!(
            guess("ada", stranger),
            guess(&by_mail, stranger),
            guess("ada", homes[0]),
            guess(&by_mail, homes[1]),
        );
        desk.house.clock.advance(HALF_AN_HOUR / 10);
    }
    let guessed = 4 + 5;
    assert_eq!(desk.binds(guessed + 2, 1).0, guessed + 2, "{}", desk.server.log());
    let directory = Config::of(&desk.server).open();
    assert_eq!(crate::welcome(&directory, "ada").await.username, "ada", "it has not locked her out");
}

#[tokio::test]
async fn at_home_she_is_at_home_by_each_of_her_names() {
    let desk = Desk::open().await;
    desk.locks_after(20);
    let home = IpAddr::from([192, 0, 2, 1]);
    desk.sign_in("ada", "ada secret", home).await.unwrap();
    desk.guess(&["ada", "ada@corp.example"], 4).await;
    let away = desk.sign_in("lovelace@corp.example", "ada secret", IpAddr::from([198, 51, 100, 1])).await;
    assert!(matches!(away, Err(SignInError::InvalidCredentials)), "{away:?}");
    desk.sign_in("lovelace@corp.example", "ada secret", home).await.unwrap();
    assert_eq!(desk.binds(6, 5), (6, 5), "{}", desk.server.log());
}

/// After so long without a wrong password a directory has forgotten them, where the configuration does not say.
const HALF_AN_HOUR: i64 = 30 * 60;
