//! Groups: all of them or an error, never a shorter list.

use std::fmt::Write as _;
use std::io::Write as _;

use broker_core::directory::{AuthenticateError, Refusal};
use ldap3_proto::proto::{LdapFilter, LdapOp, LdapSearchRequest};
use tests::slapd::{GROUPS, Members, Options, SERVICE, SUFFIX, Slapd, USERS};

use crate::played::{Played, ada, asks_for, bound, done, entry, entry_of, message, only};
use crate::{Config, group_names, outage, refusal, sign_in, standing, welcome};

#[tokio::test]
async fn both_directions_give_the_same_groups() {
    let server = Slapd::start();
    let under_groups = Config::of(&server).groups(&format!("member_of = {{ base = '{GROUPS}' }}")).open();
    let searched = Config::of(&server).groups(&format!("search = {{ base = '{GROUPS}' }}")).open();
    let ada = welcome(&under_groups, "ada").await;
    assert_eq!(group_names(&ada), ["Release, Team", "staff"], "a comma in a name is part of it");
    assert_eq!(welcome(&searched, "ada").await, ada);
    assert_eq!(group_names(&welcome(&searched, "carol").await), Vec::<&str>::new());
}

#[tokio::test]
async fn by_distinguished_names_groups_from_anywhere_count_and_none_melt_into_one() {
    let more =
        format!("\ndn: cn=staff,ou=clubs,{SUFFIX}\nobjectClass: groupOfNames\ncn: staff\nmember: uid=ada,{USERS}\n");
    let server = Slapd::start_with(&Options { more, ..Options::default() });
    let ada = welcome(&Config::of(&server).groups("member_of = { name_attribute = 'dn' }").open(), "ada").await;
    let below = |name: &str, unit: &str| format!("cn={name},ou={unit},{SUFFIX}");
    let expected = [
        below("chess", "clubs"),
        below("release\\, team", "groups"),
        below("staff", "clubs"),
        below("staff", "groups"),
    ];
    assert_eq!(group_names(&ada), expected);
}

#[tokio::test]
async fn a_group_deeper_below_is_not_taken_for_one_of_the_same_name_right_below() {
    let more = format!(
        "\ndn: ou=clubs,{GROUPS}\nobjectClass: organizationalUnit\nou: clubs\n\n\
         dn: cn=staff,ou=clubs,{GROUPS}\nobjectClass: groupOfNames\ncn: staff\nmember: uid=carol,{USERS}\n"
    );
    let server = Slapd::start_with(&Options { more, ..Options::default() });
    for groups in ["member_of", "search"] {
        let directory = Config::of(&server).groups(&format!("{groups} = {{ base = '{GROUPS}' }}")).open();
        assert_eq!(group_names(&welcome(&directory, "bob").await), ["staff"], "{groups}");
        let carol = welcome(&directory, "carol").await;
        assert_eq!(group_names(&carol), [format!("cn=staff,ou=clubs,{GROUPS}")], "{groups}");
    }
}

#[tokio::test]
async fn groups_that_are_named_by_something_else_are_a_refusal() {
    let server = Slapd::start();
    let other_name = Config::of(&server).groups(&format!("member_of = {{ base = '{GROUPS}', name_attribute = 'ou' }}"));
    assert!(matches!(refusal(&other_name.open(), "ada", "ada secret").await, Refusal::UnusableEntry(_)));
}

#[tokio::test]
async fn the_rules_of_active_directory_are_not_tried_where_they_mean_nothing() {
    let server = Slapd::start();
    for groups in [
        format!("in_chain = {{ base = '{GROUPS}' }}"),
        format!("token_groups = {{ base = '{GROUPS}' }}"),
        // There is no primary group, either.
        format!("member_of = {{ base = '{GROUPS}', primary_group = true }}"),
        format!("search = {{ base = '{GROUPS}', primary_group = true }}"),
    ] {
        let directory = Config::of(&server).groups(&groups).open();
        let outage = outage(&directory, "ada", "ada secret").await;
        assert!(outage.contains("does not say that it is Active Directory"), "{outage}");
    }
}

#[tokio::test]
async fn groups_by_name_of_the_user() {
    let server = Slapd::start();
    let text =
        format!("search = {{ base = '{GROUPS}', filter = '(&(objectClass=posixGroup)(memberUid={{username}}))' }}");
    let directory = Config::of(&server).groups(&text).open();
    assert_eq!(group_names(&sign_in(&directory, "ADA", "ada secret").await.unwrap()), ["unix-ops"]);
    assert!(welcome(&directory, "bob").await.groups.is_empty());
}

#[tokio::test]
async fn many_groups_come_page_by_page() {
    let server = Slapd::start_with(&Options { more: many_groups(), ..Options::default() });
    let directory = Config::of(&server).groups(&format!("search = {{ base = '{GROUPS}', page_size = 50 }}")).open();
    assert_eq!(welcome(&directory, "ada").await.groups.len(), 124);
    assert_eq!(server.logged_when(3, "(member=uid=ada"), 3, "three pages\n{}", server.log());
}

#[tokio::test]
async fn a_size_limit_is_an_outage_and_not_a_shorter_list() {
    let limit = |limit: &str| Options {
        more: many_groups(),
        database: format!("limits dn.exact=\"{SERVICE}\" {limit}"),
        ..Options::default()
    };
    for (options, code) in [(limit("size=50"), "code 4"), (limit("size.pr=20 size.prtotal=unlimited"), "code 11")] {
        let server = Slapd::start_with(&options);
        let directory = Config::of(&server).groups(&format!("search = {{ base = '{GROUPS}' }}")).open();
        let outage = outage(&directory, "ada", "ada secret").await;
        assert!(outage.contains(code), "{outage}");
    }
}

#[tokio::test]
async fn a_smaller_page_satisfies_the_servers_maximum() {
    let database = format!("limits dn.exact=\"{SERVICE}\" size.pr=20 size.prtotal=unlimited");
    let server = Slapd::start_with(&Options { more: many_groups(), database, ..Options::default() });
    let directory = Config::of(&server).groups(&format!("search = {{ base = '{GROUPS}', page_size = 20 }}")).open();
    assert_eq!(welcome(&directory, "ada").await.groups.len(), 124);
}

#[tokio::test]
async fn too_many_groups_are_a_refusal() {
    let database = format!("limits dn.exact=\"{SERVICE}\" size=unlimited");
    let server = Slapd::start_with(&Options { more: groups_of("ada", 2_000), database, ..Options::default() });
    for text in [format!("search = {{ base = '{GROUPS}' }}"), format!("member_of = {{ base = '{GROUPS}' }}")] {
        let directory = Config::of(&server).groups(&text).open();
        assert!(matches!(refusal(&directory, "ada", "ada secret").await, Refusal::UnusableEntry(_)), "{text}");
        welcome(&directory, "bob").await;
    }
}

#[tokio::test]
async fn groups_in_groups_are_followed_to_the_end_and_around_no_circle() {
    let server = Slapd::start_with(&Options { more: chain(4) + &circle(), ..Options::default() });
    let flat = Config::of(&server).groups(&format!("search = {{ base = '{GROUPS}' }}")).open();
    assert_eq!(group_names(&welcome(&flat, "bob").await), ["level-0", "ring-a", "staff"]);
    let nested = Config::of(&server).groups(&format!("search = {{ base = '{GROUPS}', nested = true }}")).open();
    let bob = welcome(&nested, "bob").await;
    assert_eq!(group_names(&bob), ["level-0", "level-1", "level-2", "level-3", "ring-a", "ring-b", "ring-c", "staff"]);
    assert!(
        matches!(standing(&nested, &bob).await, broker_core::directory::Standing::Good(again) if again.person == bob)
    );
}

#[tokio::test]
async fn levels_are_looked_for_below_the_base_alone_as_the_manual_says() {
    let elsewhere = format!("cn=elsewhere,ou=services,{SUFFIX}");
    let through = format!("\ndn: {elsewhere}\nobjectClass: groupOfNames\ncn: elsewhere\nmember: uid=bob,{USERS}\n");
    let server = Slapd::start_with(&Options { more: through + &group("beyond", &elsewhere), ..Options::default() });
    for (base, found) in [(GROUPS, &["staff"][..]), (SUFFIX, &["beyond", "staff"])] {
        let nested = Config::of(&server).groups(&format!("search = {{ base = '{base}', nested = true }}")).open();
        let bob = welcome(&nested, "bob").await;
        let names = group_names(&bob);
        let in_groups: Vec<_> = names.iter().map(|name| first_part(name)).filter(|name| *name != "elsewhere").collect();
        assert_eq!(in_groups, found, "{base}: {names:?}");
    }
}

/// Of a group that is called by its whole distinguished name, what it would be called right below the base.
fn first_part(name: &str) -> &str {
    name.strip_prefix("cn=").and_then(|name| name.split(',').next()).unwrap_or(name)
}

#[tokio::test]
async fn more_groups_of_one_level_than_fit_one_question_are_asked_about_to_the_last() {
    let above = |name: &str, below: u32| group(name, &format!("cn=many-{below:04},{GROUPS}"));
    let more = groups_of("bob", 450) + &above("above-the-first", 0) + &above("above-the-last", 449);
    let database = format!("limits dn.exact=\"{SERVICE}\" size=unlimited");
    let server = Slapd::start_with(&Options { more, database, ..Options::default() });
    let nested = Config::of(&server).groups(&format!("search = {{ base = '{GROUPS}', nested = true }}")).open();
    let bob = welcome(&nested, "bob").await;
    assert_eq!(bob.groups.len(), 450 + 3, "and `staff`");
    let names = group_names(&bob);
    assert!(names.contains(&"above-the-first") && names.contains(&"above-the-last"), "{names:?}");
}

#[tokio::test]
async fn groups_nested_too_deep_are_a_refusal_and_not_a_shorter_list() {
    let server = Slapd::start_with(&Options { more: chain(11), ..Options::default() });
    let nested = Config::of(&server).groups(&format!("search = {{ base = '{GROUPS}', nested = true }}")).open();
    assert!(matches!(refusal(&nested, "bob", "bob secret").await, Refusal::UnusableEntry(_)));
    welcome(&nested, "ada").await;
}

#[tokio::test]
async fn the_dynlist_overlay_computes_groups_in_groups() {
    let options = Options { more: chain(3), members: Members::Dynlist, ..Options::default() };
    let server = Slapd::start_with(&options);
    let bob = welcome(&Config::of(&server).open(), "bob").await;
    assert_eq!(group_names(&bob), ["level-0", "level-1", "level-2", "staff"]);
}

#[tokio::test]
async fn a_group_with_two_names_is_called_by_the_one_in_its_dn() {
    let more = group("staff-eu", &format!("uid=bob,{USERS}")).replace("cn: staff-eu\n", "cn: staff-eu\ncn: admins\n");
    let server = Slapd::start_with(&Options { more, ..Options::default() });
    let directory = Config::of(&server).groups(&format!("search = {{ base = '{GROUPS}' }}")).open();
    assert_eq!(group_names(&welcome(&directory, "bob").await), ["staff", "staff-eu"]);
}

#[tokio::test]
async fn groups_that_the_service_may_not_read_are_no_groups_but_a_missing_base_is_an_outage() {
    let server = Slapd::start();
    let directory = Config::of(&server).groups("search = { base = 'ou=nowhere,dc=corp,dc=example' }").open();
    let answer = sign_in(&directory, "ada", "ada secret").await;
    assert!(matches!(answer, Err(AuthenticateError::Unavailable(_))), "{answer:?}");
}

#[tokio::test]
async fn a_server_that_tells_no_token_groups_is_an_outage_and_not_somebody_without_groups() {
    let server = Played::by(|id, asked, stream| match asked {
        LdapOp::BindRequest(_) => stream.write_all(&message(id, bound(0))),
        LdapOp::SearchRequest(search) if asks_for(search, "supportedCapabilities") => {
            stream.write_all(&only(id, entry("", &[("supportedCapabilities", "1.2.840.113556.1.4.800")])))
        }
        LdapOp::SearchRequest(_) => stream.write_all(&only(id, ada())),
        _ => Ok(()),
    });
    let directory = Config::plain(&[&server.url()]).groups(&format!("token_groups = {{ base = '{GROUPS}' }}")).open();
    let outage = outage(&directory, "ada", "ada secret").await;
    assert!(outage.contains("no tokenGroups"), "{outage}");
}

#[tokio::test]
async fn token_groups_are_asked_about_to_the_last_however_many_there_are() {
    // Of one question there are four hundred at most.
    for count in [1, 400, 401, 801] {
        let server = active_directory(vec![("tokenGroups", (0..count).map(sid).collect())], move |search, found| {
            let asked = (0..count).filter(|number| asks_about(&search.filter, &sid(*number)));
            found.extend(asked.map(|number| {
                let name = format!("group-{number}");
                entry(&format!("cn={name},{GROUPS}"), &[("sAMAccountName", name.as_str())])
            }));
            0
        });
        let groups = format!("token_groups = {{ base = '{GROUPS}' }}");
        let ada = welcome(&Config::plain(&[&server.url()]).groups(&groups).open(), "ada").await;
        assert_eq!(ada.groups.len(), usize::try_from(count).unwrap());
    }
    let server = active_directory(vec![("tokenGroups", (0..2_001).map(sid).collect())], |_, _| 0);
    let directory = Config::plain(&[&server.url()]).groups(&format!("token_groups = {{ base = '{GROUPS}' }}")).open();
    let Refusal::UnusableEntry(why) = refusal(&directory, "ada", "ada secret").await else { panic!("too many") };
    assert!(why.contains("too many groups"), "{why}");
}

#[tokio::test]
async fn a_primary_group_that_cannot_be_read_is_a_refusal_and_not_a_shorter_list() {
    let known =
        |relative: &str| vec![("objectSid", vec![sid(1)]), ("primaryGroupID", vec![relative.as_bytes().to_vec()])];
    for (person, code, reason) in [
        (Vec::new(), 0, "no objectSid and primaryGroupID"),
        (vec![("primaryGroupID", vec![b"513".to_vec()])], 0, "no objectSid and primaryGroupID"),
        (known("none"), 0, "no objectSid and primaryGroupID"),
        (known("513"), 32, "primary group is not there"),
        (known("513"), 0, "primary group is not there"),
    ] {
        let server = active_directory(person.clone(), move |_, _| code);
        for way in
            ["in_chain = { base", "search = { primary_group = true, base", "member_of = { primary_group = true, base"]
        {
            let directory = Config::plain(&[&server.url()]).groups(&format!("{way} = '{GROUPS}' }}")).open();
            let Refusal::UnusableEntry(why) = refusal(&directory, "ada", "ada secret").await else {
                panic!("{reason}")
            };
            assert!(why.contains(reason), "{way} {person:?} {code}: {why}");
        }
    }
}

/// A server that says that it is Active Directory, and has ada with these attributes; what is found of groups, and with which code, is said to each
/// question about them.
fn active_directory(
    person: Vec<(&'static str, Vec<Vec<u8>>)>,
    groups: impl Fn(&LdapSearchRequest, &mut Vec<LdapOp>) -> i64 + Send + Sync + 'static,
) -> Played {
    Played::by(move |id, asked, stream| {
        let (mut found, mut code) = (Vec::new(), 0);
        match asked {
            LdapOp::BindRequest(_) => return stream.write_all(&message(id, bound(0))),
            LdapOp::SearchRequest(search) if asks_for(search, "supportedCapabilities") => {
                found.push(entry("", &[("supportedCapabilities", "1.2.840.113556.1.4.800")]));
            }
            // By name, or by their distinguished name.
            LdapOp::SearchRequest(search) if asks_for(search, "entryUUID") || asks_for(search, "tokenGroups") => {
                let own = [("uid", vec![b"ada".to_vec()]), ("entryUUID", vec![b"a-a-a".to_vec()])];
                found.push(entry_of("uid=ada,ou=people", &[&own[..], &person[..]].concat()));
            }
            LdapOp::SearchRequest(search) => code = groups(search, &mut found),
            _ => return Ok(()),
        }
        let found: Vec<u8> = found.into_iter().flat_map(|entry| message(id, entry)).collect();
        stream.write_all(&[found, message(id, done(code))].concat())
    })
}

/// Whether the entry with this identifier, among others, is looked for.
fn asks_about(filter: &LdapFilter, sid: &[u8]) -> bool {
    match filter {
        LdapFilter::Or(any) => any.iter().any(|filter| asks_about(filter, sid)),
        LdapFilter::Equality(attribute, value) => attribute == "objectSid" && value.as_bytes() == sid,
        other => panic!("{other:?}"),
    }
}

/// An account or a group of the one domain that there is. Of bytes that are text, since the other codec has values in filters as text alone.
fn sid(number: u32) -> Vec<u8> {
    let parts = [7, 0].map(|shift| u8::try_from(number >> shift & 0x7f).unwrap());
    [&[1, 2, 0, 0, 0, 0, 0, 5, 21, 0, 0, 0, 1, 1][..], &parts].concat()
}

/// 122 groups of Ada's, beside the two that she has.
fn many_groups() -> String {
    groups_of("ada", 122)
}

fn groups_of(uid: &str, count: usize) -> String {
    (0..count).fold(String::new(), |mut text, number| {
        text.push_str(&group(&format!("many-{number:04}"), &format!("uid={uid},{USERS}")));
        text
    })
}

/// Bob is in the first group, which is in the second, and so on.
pub(crate) fn chain(length: usize) -> String {
    (0..length).fold(String::new(), |mut text, number| {
        let below = number.checked_sub(1).map(|below| format!("cn=level-{below},{GROUPS}"));
        text.push_str(&group(&format!("level-{number}"), &below.unwrap_or_else(|| format!("uid=bob,{USERS}"))));
        text
    })
}

/// Three groups, each in the next one and the last in the first.
fn circle() -> String {
    let mut text = group("ring-a", &format!("uid=bob,{USERS}\nmember: cn=ring-c,{GROUPS}"));
    text.push_str(&group("ring-b", &format!("cn=ring-a,{GROUPS}")));
    text.push_str(&group("ring-c", &format!("cn=ring-b,{GROUPS}")));
    text
}

fn group(name: &str, member: &str) -> String {
    let mut text = String::new();
    write!(text, "\ndn: cn={name},{GROUPS}\nobjectClass: groupOfNames\ncn: {name}\nmember: {member}\n").unwrap();
    text
}
