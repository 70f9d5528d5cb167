//! Groups: of each way to them all, and only those.

use std::collections::BTreeSet;

use broker_core::caller::Person;
use tests::relay::{Operation, Relay};
use tests::samba::{GROUPS, SUFFIX, Samba};

use crate::{Config, group_names, still, welcome};

/// Three ways that lead to the groups in groups and to the primary one.
pub(crate) fn ways(base: &str) -> [String; 3] {
    [
        format!("token_groups = {{ base = '{base}' }}"),
        format!("in_chain = {{ base = '{base}' }}"),
        format!("search = {{ base = '{base}', nested = true, name = 'sAMAccountName' }}"),
    ]
}

fn has(person: &Person, group: &str) -> bool {
    group_names(person).contains(&group)
}

#[tokio::test]
async fn groups_in_groups_are_followed_three_deep_and_around_no_circle() {
    for groups in ways(GROUPS) {
        let directory = Config::new().groups(&groups).open();
        let ada = welcome(&directory, "ada").await;
        let expected = ["level-1", "level-2", "level-3", "release-team", "ring-a", "ring-b", "staff"];
        assert_eq!(group_names(&ada), expected, "{groups}");
        assert_eq!(still(&directory, &ada).await, Some(ada), "{groups}");
    }
}

#[tokio::test]
async fn the_primary_group_counts_though_no_list_has_it_and_so_do_those_that_it_is_in() {
    for groups in ways(GROUPS) {
        let dora = welcome(&Config::new().groups(&groups).open(), "dora").await;
        assert_eq!(group_names(&dora), ["above-payroll", "admins", "payroll"], "{groups}");
    }
    for groups in [
        format!("member_of = {{ base = '{GROUPS}' }}"),
        format!("search = {{ base = '{GROUPS}', name = 'sAMAccountName' }}"),
    ] {
        let dora = welcome(&Config::new().groups(&groups).open(), "dora").await;
        assert_eq!(group_names(&dora), ["admins", "payroll"], "direct ones: {groups}");
    }
    let without = format!("member_of = {{ base = '{GROUPS}', primary_group = false }}");
    assert_eq!(group_names(&welcome(&Config::new().groups(&without).open(), "dora").await), ["admins"]);
}

#[tokio::test]
async fn a_primary_group_outside_of_the_base_does_not_count_but_its_groups_below_do() {
    // Everybody's is `Domain Users`, in another container.
    let samba = Samba::start();
    samba.modify(&format!(
        "dn: CN=staff,{GROUPS}\nchangetype: modify\nadd: member\nmember: CN=Domain Users,CN=Users,{SUFFIX}\n"
    ));
    for groups in ways(GROUPS) {
        let mut config = Config::new().groups(&groups);
        config.urls = format!("plain_text_on_loopback = true\nurls = ['{}']", samba.ldap_url());
        assert_eq!(group_names(&welcome(&config.open(), "brokerd").await), ["staff"], "{groups}");
    }
}

#[tokio::test]
async fn a_group_of_five_thousand_is_known_to_the_last_of_them() {
    for groups in ways(&format!("OU=Large,{SUFFIX}")) {
        let carol = welcome(&Config::new().groups(&groups).open(), "carol").await;
        assert_eq!(group_names(&carol), ["above-everyone", "everyone"], "{groups}");
    }
}

#[tokio::test]
async fn two_groups_of_one_name_never_melt_into_one() {
    let of = |groups: String| Config::new().groups(&groups).open();
    let by_account = of(format!("token_groups = {{ base = '{SUFFIX}' }}"));
    let (dora, eve) = (welcome(&by_account, "dora").await, welcome(&by_account, "eve").await);
    assert!(has(&dora, "admins") && !has(&dora, "club-admins"), "{:?}", group_names(&dora));
    assert!(has(&eve, "club-admins") && !has(&eve, "admins"), "{:?}", group_names(&eve));
    let by_dn = of(format!("token_groups = {{ base = '{SUFFIX}', name = 'dn' }}"));
    let eve = welcome(&by_dn, "eve").await;
    assert!(has(&eve, "cn=admins,ou=clubs,dc=ad,dc=corp,dc=example"), "{:?}", group_names(&eve));
    for by_first_part in ["member_of", "search", "in_chain", "token_groups"] {
        let name = if by_first_part == "member_of" { "" } else { ", name = 'cn'" };
        let here = of(format!("{by_first_part} = {{ base = '{GROUPS}'{name} }}"));
        assert!(has(&welcome(&here, "dora").await, "admins"), "{by_first_part}");
        assert!(group_names(&welcome(&here, "eve").await).is_empty(), "{by_first_part}");
        let ada = welcome(&here, "ada").await;
        let deeper = "cn=release team,ou=eu,ou=groups,dc=ad,dc=corp,dc=example";
        assert!(has(&ada, deeper) && has(&ada, "staff"), "{by_first_part}: {:?}", group_names(&ada));
    }
}

#[tokio::test]
async fn the_whole_domain_as_a_base_has_referrals_that_nobody_follows() {
    // By the rule for chains Samba takes a quarter of a minute for it.
    for groups in ways(SUFFIX).into_iter().filter(|way| !way.starts_with("in_chain")) {
        let ada = welcome(&Config::new().groups(&groups).open(), "ada").await;
        assert!(has(&ada, "Domain Users") && has(&ada, "level-3"), "{groups}: {:?}", group_names(&ada));
    }
}

#[tokio::test]
async fn three_hundred_groups_in_groups_take_two_searches() {
    let relay = Relay::before(Samba::shared().address());
    let all: BTreeSet<String> =
        (1..300).map(|number| format!("many-{number:03}")).chain(["hub", "staff"].map(str::to_owned)).collect();
    for groups in ways(GROUPS) {
        let directory = Config::new().groups(&groups).by(&relay.url()).open();
        welcome(&directory, "ada").await;
        relay.take();
        let bob = welcome(&directory, "bob").await;
        assert_eq!(bob.groups.iter().map(|group| group.name.clone()).collect::<BTreeSet<_>>(), all, "{groups}");
        let asked = relay.take();
        let count = |operation| asked.iter().filter(|asked| **asked == operation).count();
        eprintln!(
            "{groups}: {} searches, of them one for the person, and {} bind",
            count(Operation::Search),
            count(Operation::Bind)
        );
        assert_eq!(count(Operation::Bind), 1, "{groups}: {asked:?}");
        if !groups.starts_with("search") {
            assert_eq!(count(Operation::Search), 3, "{groups}: the person, and two for the groups: {asked:?}");
        }
        assert_eq!(asked.len(), count(Operation::Search) + 1, "nothing else: {asked:?}");
    }
}

#[tokio::test]
async fn a_sign_in_on_a_warm_pool_costs_at_most_three_searches_where_no_level_waits_for_another() {
    let relay = Relay::before(Samba::shared().address());
    for (groups, searches) in [
        (format!("member_of = {{ base = '{GROUPS}' }}"), 2),
        (format!("search = {{ base = '{GROUPS}', name = 'sAMAccountName' }}"), 3),
        (format!("token_groups = {{ base = '{GROUPS}' }}"), 3),
        (format!("in_chain = {{ base = '{GROUPS}' }}"), 3),
        // The person, the primary group, each of three levels, and that there is no fourth.
        (format!("search = {{ base = '{GROUPS}', nested = true, name = 'sAMAccountName' }}"), 6),
    ] {
        let directory = Config::new().groups(&groups).by(&relay.url()).open();
        welcome(&directory, "ada").await;
        relay.take();
        welcome(&directory, "ada").await;
        let asked = relay.take();
        eprintln!("{groups}: {asked:?}");
        let searched = asked.iter().filter(|asked| **asked == Operation::Search).count();
        assert_eq!((searched, asked.len()), (searches, searches + 1), "{groups}: beside one bind: {asked:?}");
    }
}

#[tokio::test]
async fn more_groups_than_fit_a_page_are_read_to_the_end() {
    for way in ["token_groups", "in_chain"] {
        let groups = format!("{way} = {{ base = '{GROUPS}', page_size = 7 }}");
        assert_eq!(welcome(&Config::new().groups(&groups).open(), "bob").await.groups.len(), 301, "{way}");
    }
}
