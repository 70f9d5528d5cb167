//! SQLite takes any kind of value in any column: whatever somebody puts there, `verify` says which record it was, and goes on.

use std::time::Duration;

use broker_core::trail::Break;
use tests::stores::Storehouse;

use crate::Desk;

#[tokio::test]
async fn a_value_of_another_kind_damages_its_own_record_and_hides_no_other() {
    for (deed, told) in [
        ("at = 'yesterday'", &["record 2 is indexed as something that it does not say"][..]),
        ("actor = x'6f'", &["record 2 is indexed as"]),
        ("connector = x'00'", &["record 2 is indexed as"]),
        ("record = CAST(record AS BLOB)", &["record 2 was changed"]),
        ("hash = 7", &["record 2 was changed", "record 3 does not follow"]),
        ("id = x'01'", &["row that is in no chain of ours", "record 2 is missing (found 3)"]),
        ("sequence = 'two'", &["record 2 is missing (found 3)", "row that is in no chain of ours"]),
        ("chain = CAST(chain AS BLOB)", &["record 2 is missing (found 3)", "row that is in no chain of ours"]),
        ("chain = CAST(x'30ff' AS TEXT)", &["record 2 is missing (found 3)", "row that is in no chain of ours"]),
    ] {
        let house = Storehouse::on_sqlite("kinds");
        let desk = Desk::with_records(&house, 5).await;
        assert_eq!(house.hands().await.run(&format!("UPDATE trail SET {deed} WHERE sequence = 2")).await, 1);
        let verified = tokio::time::timeout(Duration::from_mins(1), desk.verified());
        let report = verified.await.expect("verify comes to an end");
        let shown: Vec<String> = report.breaks.iter().map(ToString::to_string).collect();
        assert_eq!((report.records, shown.len()), (5, told.len()), "{deed}: {shown:?}");
        for told in told {
            assert!(shown.iter().any(|shown| shown.contains(told)), "{deed}: {shown:?}");
        }
    }
}

/// More of them than a page holds: before, among and behind what is ours.
#[tokio::test]
async fn many_rows_without_a_place_keep_nobody_from_the_end() {
    for chain in ["CAST(x'30ff' AS TEXT)", "CAST(chain AS BLOB)", "chain"] {
        let house = Storehouse::on_sqlite("kinds");
        let desk = Desk::with_records(&house, 3).await;
        let ours = desk.records().await[0].chain;
        let mut hands = house.hands().await;
        let many = "WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 2100)";
        let copied = format!(
            "{many} INSERT INTO trail (id, chain, sequence, at, actor, action, outcome, connector, record, hash)
             SELECT id || n, {chain}, 'x' || n, at, actor, action, outcome, connector, record, hash FROM n, trail
             WHERE sequence = 0"
        );
        assert_eq!(hands.run(&copied).await, 2_100);
        hands.run("DELETE FROM trail WHERE sequence = 1").await;
        let verified = tokio::time::timeout(Duration::from_mins(1), desk.verified());
        let report = verified.await.expect("verify comes to an end");
        assert_eq!(report.breaks.len(), 20, "{chain}");
        assert!(report.records >= 1_000, "{chain}: {}", report.records);
        if chain != "CAST(x'30ff' AS TEXT)" {
            assert_eq!(report.breaks[0], Break::Missing { chain: ours, expected: 1, found: 2 }, "{chain}");
        }
    }
}
