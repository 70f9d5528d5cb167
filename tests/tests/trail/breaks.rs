//! Whatever somebody does to the trail who has the database and nothing else, `verify` names it; but for the end of a chain.

use broker_core::id::ChainId;
use broker_core::trail::{Break, Report};
use tests::stores::Storehouse;
use tests::where_others_reach_in;

use crate::Desk;

/// A chain of five records, after `deed` was done to the trail; and the chain's id.
async fn after(house: &Storehouse, deed: &str) -> (Report, ChainId) {
    let desk = Desk::with_records(house, 5).await;
    let chain = desk.records().await[0].chain;
    let whole = desk.verified().await;
    assert_eq!((whole.chains, whole.records, whole.breaks), (1, 5, vec![]));
    let changed = house.hands().await.run(deed).await;
    assert!(changed > 0, "{deed}");
    let again = tokio::time::timeout(std::time::Duration::from_mins(1), desk.verified());
    (again.await.expect("verify comes to an end"), chain)
}

where_others_reach_in! {
    async fn a_changed_record(house: Storehouse) {
        let (report, chain) = after(&house, "UPDATE trail SET record = replace(record, 'by-2', 'by-3') WHERE sequence = 2").await;
        assert_eq!(report.breaks, [Break::Forged { chain, sequence: 2 }]);
    }

    async fn a_record_with_a_blank_more(house: Storehouse) {
        let (report, chain) = after(&house, "UPDATE trail SET record = record || ' ' WHERE sequence = 4").await;
        assert_eq!(report.breaks, [Break::Forged { chain, sequence: 4 }]);
    }

    async fn a_changed_hash(house: Storehouse) {
        let deed = "UPDATE trail SET hash = (SELECT hash FROM trail WHERE sequence = 0) WHERE sequence = 2";
        let (report, chain) = after(&house, deed).await;
        assert_eq!(report.breaks, [Break::Forged { chain, sequence: 2 }, Break::Unchained { chain, sequence: 3 }]);
    }

    async fn a_hash_of_another_length(house: Storehouse) {
        let (report, chain) = after(&house, "UPDATE trail SET hash = '' WHERE sequence = 4").await;
        assert_eq!(report.breaks, [Break::Forged { chain, sequence: 4 }]);
    }

    async fn a_record_taken_out_of_the_middle(house: Storehouse) {
        let (report, chain) = after(&house, "DELETE FROM trail WHERE sequence = 2").await;
        assert_eq!(report.breaks, [Break::Missing { chain, expected: 2, found: 3 }]);
    }

    async fn a_first_record_taken_away(house: Storehouse) {
        let (report, chain) = after(&house, "DELETE FROM trail WHERE sequence = 0").await;
        assert_eq!(report.breaks, [Break::Missing { chain, expected: 0, found: 1 }]);
    }

    async fn a_gap_that_was_closed_by_moving_the_others_up(house: Storehouse) {
        let desk = Desk::with_records(&house, 5).await;
        let chain = desk.records().await[0].chain;
        let mut hands = house.hands().await;
        hands.run("DELETE FROM trail WHERE sequence = 2").await;
        hands.run("UPDATE trail SET sequence = 2 WHERE sequence = 3").await;
        hands.run("UPDATE trail SET sequence = 3 WHERE sequence = 4").await;
        let breaks = desk.verified().await.breaks;
        assert_eq!(breaks, [Break::Forged { chain, sequence: 2 }, Break::Forged { chain, sequence: 3 }]);
    }

    async fn two_records_that_changed_places(house: Storehouse) {
        let desk = Desk::with_records(&house, 5).await;
        let chain = desk.records().await[0].chain;
        let mut hands = house.hands().await;
        for (from, to) in [(1, 99), (2, 1), (99, 2)] {
            hands.run(&format!("UPDATE trail SET sequence = {to} WHERE sequence = {from}")).await;
        }
        let breaks = desk.verified().await.breaks;
        let expected = [
            Break::Forged { chain, sequence: 1 },
            Break::Forged { chain, sequence: 2 },
            Break::Unchained { chain, sequence: 3 },
        ];
        assert_eq!(breaks, expected);
    }

    async fn a_record_moved_to_another_chain(house: Storehouse) {
        let (one, other) = (Desk::with_records(&house, 5).await, Desk::with_records(&house, 2).await);
        let chains: Vec<_> = other.store.links_in_order(None, 10).await.unwrap().iter().map(|link| link.chain).collect();
        let (long, short) = (chains[0], chains[6]);
        let mut hands = house.hands().await;
        hands.run(&format!("UPDATE trail SET chain = '{short}' WHERE chain = '{long}' AND sequence = 2")).await;
        let expected =
            [Break::Missing { chain: long, expected: 2, found: 3 }, Break::Forged { chain: short, sequence: 2 }];
        assert_eq!(one.verified().await.breaks, expected);
    }

    async fn a_chain_under_another_name(house: Storehouse) {
        let name = ChainId::random();
        let (report, _) = after(&house, &format!("UPDATE trail SET chain = '{name}'")).await;
        let forged = |sequence| Break::Forged { chain: name, sequence };
        assert_eq!(report.breaks, (0..5).map(forged).collect::<Vec<_>>());
    }

    async fn a_record_written_without_our_keys(house: Storehouse) {
        let deed = "INSERT INTO trail (id, chain, sequence, at, actor, action, outcome, connector, record, hash)
                    SELECT '0190a5c8-7f4e-7b3a-9d2c-000000000000', chain, 5, at, actor, action, outcome, connector,
                    replace(record, '\"sequence\":4', '\"sequence\":5'), hash FROM trail WHERE sequence = 4";
        let (report, chain) = after(&house, deed).await;
        assert_eq!(report.breaks, [Break::Forged { chain, sequence: 5 }]);
    }

    async fn a_whole_chain_written_without_our_keys(house: Storehouse) {
        let chain = ChainId::random();
        let deed = format!(
            "INSERT INTO trail (id, chain, sequence, at, actor, action, outcome, connector, record, hash)
             SELECT '0190a5c8-7f4e-7b3a-9d2c-000000000000', '{chain}', 0, at, actor, action, outcome, connector,
             replace(record, chain, '{chain}'), hash FROM trail WHERE sequence = 0"
        );
        let (report, _) = after(&house, &deed).await;
        assert_eq!((report.chains, report.breaks), (2, vec![Break::Forged { chain, sequence: 0 }]));
    }

    async fn a_record_of_another_installation(house: Storehouse) {
        let desk = Desk::with_records(&house, 1).await;
        let elsewhere = Storehouse::on_sqlite("elsewhere");
        Desk::with_records(&elsewhere, 1).await;
        let (mut here, mut there) = (house.hands().await, elsewhere.hands().await);
        let chain = there.text("SELECT chain FROM trail").await;
        let (record, hash) = (there.text("SELECT record FROM trail").await, there.text("SELECT hex(hash) FROM trail").await);
        let hash = if house.is_sqlite() { format!("x'{hash}'") } else { format!(r"'\x{hash}'") };
        here.run(&format!("UPDATE trail SET chain = '{chain}', record = '{record}', hash = {hash}")).await;
        let chain = chain.parse().unwrap();
        assert_eq!(desk.verified().await.breaks, [Break::Forged { chain, sequence: 0 }]);
    }

    async fn each_column_that_one_searches_by(house: Storehouse) {
        let desk = Desk::with_records(&house, 7).await;
        let chain = desk.records().await[0].chain;
        let mut hands = house.hands().await;
        let columns = [
            "actor = 'operator:somebody else'",
            "action = 'sign_out'",
            "outcome = 'failed'",
            "connector = 'deploy'",
            "at = at + 1",
            "id = '0190a5c8-7f4e-7b3a-9d2c-1e5f6a7b8c9d'",
        ];
        for (sequence, column) in columns.iter().enumerate() {
            assert_eq!(hands.run(&format!("UPDATE trail SET {column} WHERE sequence = {sequence}")).await, 1);
        }
        let misfiled = |sequence| Break::Misfiled { chain, sequence };
        assert_eq!(desk.verified().await.breaks, (0..6).map(misfiled).collect::<Vec<_>>());
    }

    async fn a_row_in_no_chain_of_ours_hides_no_other(house: Storehouse) {
        let desk = Desk::with_records(&house, 5).await;
        let chain = desk.records().await[0].chain;
        let mut hands = house.hands().await;
        // Each means the same chain, and none sorts where it would.
        hands.run("UPDATE trail SET chain = upper(chain) WHERE sequence = 1").await;
        hands.run("UPDATE trail SET chain = '{' || chain || '}' WHERE sequence = 4").await;
        hands.run("UPDATE trail SET id = 'no id' || chr(10) WHERE sequence = 2".replace("chr", if house.is_sqlite() { "char" } else { "chr" }).as_str()).await;
        let verified = tokio::time::timeout(std::time::Duration::from_mins(1), desk.verified());
        let report = verified.await.expect("verify comes to an end");
        let shown = report.breaks.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
        assert_eq!(report.records, 5, "{shown}");
        let unreadable = report.breaks.iter().filter(|found| matches!(found, Break::Unreadable { .. })).count();
        assert_eq!((report.breaks.len(), unreadable), (4, 3), "{shown}");
        assert!(report.breaks.contains(&Break::Missing { chain, expected: 1, found: 3 }), "{shown}");
        assert!(shown.contains(r"no id\n"), "{shown}");
    }

    async fn a_place_at_the_end_of_all_numbers(house: Storehouse) {
        let (report, chain) = after(&house, &format!("UPDATE trail SET sequence = {} WHERE sequence = 4", i64::MAX)).await;
        assert_eq!(report.breaks, [Break::Missing { chain, expected: 4, found: i64::MAX }]);
        assert_eq!(report.records, 5);
    }

    async fn a_place_below_all_numbers(house: Storehouse) {
        let (report, chain) = after(&house, &format!("UPDATE trail SET sequence = {} WHERE sequence = 4", i64::MIN)).await;
        assert_eq!(report.breaks[0], Break::Missing { chain, expected: 0, found: i64::MIN });
    }

    async fn of_many_breaks_the_first_are_named_and_all_records_counted(house: Storehouse) {
        let desk = Desk::with_records(&house, 50).await;
        house.hands().await.run("UPDATE trail SET actor = 'nobody'").await;
        let report = desk.verified().await;
        assert_eq!((report.records, report.breaks.len()), (50, 20));
    }

    /// That needs an anchor outside the store; the count is what an anchor is compared with.
    async fn a_cut_tail_shows_in_the_count_alone(house: Storehouse) {
        let (report, _) = after(&house, "DELETE FROM trail WHERE sequence >= 3").await;
        assert_eq!((report.chains, report.records, report.breaks), (1, 3, vec![]));
    }
}
