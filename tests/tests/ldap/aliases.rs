//! Aliases (RFC 4512, 2.6): an entry that points at another one leads nobody there, whatever the server would do for whoever asks it to.

use broker_core::directory::{AuthenticateError, Directory, Found, Standing, TypedName};
use tests::slapd::{GROUPS, Options, SUFFIX, Slapd, USERS};

use crate::{Config, group_names, sign_in, welcome};

/// Mallory and two groups of Ada's stand outside the bases, and an alias of each within them. One more alias is for all that is outside.
fn server() -> Slapd {
    let outside = format!("ou=clubs,{SUFFIX}");
    let alias = |name: &str, base: &str, to: &str| {
        format!(
            "\ndn: cn={name},{base}\nobjectClass: alias\nobjectClass: extensibleObject\ncn: {name}\naliasedObjectName: {to}\n"
        )
    };
    let more = [
        format!("\ndn: uid=mallory,{outside}\nobjectClass: inetOrgPerson\nuid: mallory\ncn: Mallory\nsn: Mallory\nuserPassword: mallory secret\n"),
        format!("\ndn: cn=all,{outside}\nobjectClass: groupOfNames\ncn: all\nmember: cn=staff,{GROUPS}\n"),
        alias("mallory", USERS, &format!("uid=mallory,{outside}")),
        alias("chess", GROUPS, &format!("cn=chess,{outside}")),
        alias("all", GROUPS, &format!("cn=all,{outside}")),
        alias("outside", GROUPS, &outside),
    ]
    .concat();
    Slapd::start_with(&Options { more, ..Options::default() })
}

/// What the server finds below a base for whoever has aliases followed.
fn followed(server: &Slapd, base: &str, filter: &str) -> String {
    server.tool("ldapsearch", &["-LLL", "-a", "always", "-b", base, filter, "entryUUID"], "").succeeded()
}

/// Each search since then said that aliases are to be left alone; there were so many at least.
fn assert_left_alone(server: &Slapd, since: usize, least: usize) {
    let log = server.log()[since..].to_owned();
    let (left, followed): (Vec<_>, Vec<_>) =
        log.lines().filter(|line| line.contains(" SRCH base=")).partition(|line| line.contains(" deref=0 "));
    assert!(followed.is_empty() && left.len() >= least, "{log}");
}

#[tokio::test]
async fn an_alias_among_the_people_lets_in_nobody_from_elsewhere() {
    let server = server();
    let mallory = followed(&server, USERS, "(uid=mallory)");
    assert!(mallory.contains("dn: uid=mallory,ou=clubs,"), "to be found by whoever has aliases followed: {mallory}");
    let (_, id) = mallory.split_once("entryUUID: ").unwrap();
    let since = server.log().len();
    let directory = Config::of(&server).open();
    let answer = sign_in(&directory, "mallory", "mallory secret").await;
    assert!(matches!(answer, Err(AuthenticateError::NoSuchUser)), "{answer:?}");
    let described = directory.describe(&TypedName::parse("mallory").unwrap()).await.unwrap();
    assert_eq!(described, Found::Nobody);
    assert_eq!(directory.look_up(id.trim()).await.unwrap(), Standing::Gone, "nor by an id of before");
    assert_eq!(server.logged(" BIND dn=\"uid=mallory,"), 0, "{}", server.log());
    assert_left_alone(&server, since, 3);
}

#[tokio::test]
async fn an_alias_among_the_groups_gives_no_group_from_elsewhere() {
    let server = server();
    let theirs = followed(&server, GROUPS, &format!("(|(member=uid=ada,{USERS})(member=cn=staff,{GROUPS}))"));
    assert!(theirs.contains("dn: cn=chess,ou=clubs,") && theirs.contains("dn: cn=all,ou=clubs,"), "{theirs}");
    let since = server.log().len();
    for more in ["", ", nested = true", ", nested = true, name = 'dn'"] {
        let directory = Config::of(&server).groups(&format!("search = {{ base = '{GROUPS}'{more} }}")).open();
        let ada = welcome(&directory, "ada").await;
        let names = group_names(&ada);
        assert!(names.len() == 2 && names.iter().all(|name| !name.contains("clubs")), "{more}: {names:?}");
    }
    assert_left_alone(&server, since, 5);
}

#[tokio::test]
async fn a_base_that_is_an_alias_is_no_way_to_where_it_points() {
    let server = server();
    let base = format!("cn=outside,{GROUPS}");
    let theirs = followed(&server, &base, &format!("(member=uid=ada,{USERS})"));
    assert!(theirs.contains("dn: cn=chess,ou=clubs,"), "{theirs}");
    let since = server.log().len();
    let directory = Config::of(&server).groups(&format!("search = {{ base = '{base}', name = 'dn' }}")).open();
    let ada = welcome(&directory, "ada").await;
    assert_eq!(group_names(&ada), Vec::<&str>::new());
    assert_left_alone(&server, since, 2);
}
