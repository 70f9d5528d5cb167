//! Pruning: what is old goes from the beginning of its chain, what stays proves as before, and nobody else may do the same.

use broker_core::administration::Administration;
use broker_core::clock::Clock;
use broker_core::permission::{Administrator, Permission};
use broker_core::trail::{Action, Anchoring, Break, Prunable, Pruned, read_anchors, verify_against};
use jiff::{SignedDuration, Timestamp};
use tests::process::new_folder;
use tests::stores::Storehouse;
use tests::where_others_reach_in;

use crate::{Desk, entry_of};

/// Removes what is older than half a day.
async fn prune(desk: &Desk, house: &Storehouse) -> Pruned {
    let before = house.clock.now() - SignedDuration::from_hours(12);
    let prunable = Prunable::find(&desk.store, before).await.unwrap();
    let vault = desk.opened.vault.clone();
    let administration = Administration::new(desk.store.clone(), vault, desk.trail.clone(), house.clock.clone());
    administration.prune_trail(prunable, &Administrator::on_the_host("root"), |_| {}).await.unwrap()
}

/// Five old records in a chain that goes on, and three in one that has ended; two young ones in the first.
async fn old_and_young(house: &Storehouse) -> (Desk, Desk) {
    let ended = Desk::with_records(house, 3).await;
    ended.trail.close().await;
    let desk = Desk::with_records(house, 5).await;
    house.clock.advance(24 * 60 * 60);
    for number in [5, 6] {
        desk.trail.record(entry_of(number), ()).await.unwrap();
    }
    (desk, ended)
}

where_others_reach_in! {
    async fn old_records_go_and_the_others_prove_as_before(house: Storehouse) {
        let (desk, _ended) = old_and_young(&house).await;
        let before: Timestamp = house.clock.now() - SignedDuration::from_hours(12);
        let planned = Prunable::find(&desk.store, before).await.unwrap();
        assert_eq!((planned.chains(), planned.records()), (2, 8));
        let pruned = prune(&desk, &house).await;
        assert_eq!((pruned.records, pruned.marks.len(), pruned.breaks), (8, 2, vec![]));

        let report = desk.verified().await;
        assert_eq!((report.chains, report.records, report.pruned, report.breaks), (1, 3, 8, vec![]));
        let records = desk.records().await;
        assert_eq!(records.iter().map(|record| record.sequence).collect::<Vec<_>>(), [5, 6, 7]);
        assert_eq!(records[2].action, Action::TrailPruned);
        let changes = records[2].changes.as_ref().unwrap();
        assert_eq!((&changes["records"], &changes["chains"]), (&8.into(), &2.into()));

        // Again, the next day, further into the same chain.
        house.clock.advance(24 * 60 * 60);
        desk.trail.record(entry_of(7), ()).await.unwrap();
        assert_eq!(prune(&desk, &house).await.records, 3);
        let report = desk.verified().await;
        assert_eq!((report.records, report.pruned, report.breaks), (2, 11, vec![]));
        house.clock.advance(60);
        assert_eq!(prune(&desk, &house).await, Pruned::default(), "nothing is old, and nothing is recorded");
        assert_eq!(desk.verified().await.records, 2);
    }

    async fn more_than_a_bit_goes_bit_by_bit(house: Storehouse) {
        let desk = Desk::with_records(&house, 1).await;
        let entries: Vec<_> = (0..1_200).map(entry_of).collect();
        desk.trail.commit(Vec::new(), entries.try_into().unwrap()).await.unwrap();
        house.clock.advance(24 * 60 * 60);
        assert_eq!(prune(&desk, &house).await.records, 1_201);
        let report = desk.verified().await;
        assert_eq!((report.records, report.pruned, report.breaks), (1, 1_201, vec![]));
        assert_eq!(house.hands().await.number("SELECT count(*) FROM trail_marks").await, 3);
    }

    async fn one_record_more_than_was_pruned_is_missing(house: Storehouse) {
        let (desk, _ended) = old_and_young(&house).await;
        let chain = prune(&desk, &house).await.marks.into_iter().find(|mark| mark.sequence == 4).unwrap().chain;
        let mut hands = house.hands().await;
        hands.run("DELETE FROM trail WHERE sequence = 5").await;
        assert_eq!(desk.verified().await.breaks, [Break::Missing { chain, expected: 0, found: 6 }]);
        // A mark moved to hide it is nobody's word.
        hands.run("UPDATE trail_marks SET sequence = 5 WHERE sequence = 4").await;
        assert_eq!(desk.verified().await.breaks, [Break::Missing { chain, expected: 0, found: 6 }]);
    }

    async fn without_its_mark_what_was_pruned_is_missing_unless_an_anchor_tells(house: Storehouse) {
        let (desk, _ended) = old_and_young(&house).await;
        let folder = new_folder();
        let path = folder.path().join("anchors");
        let clock = house.clock.clone();
        let anchoring = Anchoring::new(desk.store.clone(), desk.trail.clone(), clock, "node-1", Some(path.clone()));
        anchoring.sweep().await.unwrap();
        let pruned = prune(&desk, &house).await;
        let anchored = async || {
            let anchors = read_anchors(&path, desk.store.seals()).unwrap();
            verify_against(&desk.store, &anchors, |_| {}).await.unwrap().breaks
        };
        assert_eq!(anchored().await, [], "the heads that were pruned are not missed");
        for mark in &pruned.marks {
            anchoring.anchor_pruned(mark.chain, mark.sequence, mark.hash).await.unwrap();
        }
        assert_eq!(anchoring.losses().await.unwrap().heads, []);
        house.hands().await.run("DELETE FROM trail_marks").await;
        assert_eq!(desk.verified().await.breaks.len(), 1);
        assert_eq!(anchored().await, []);
        assert_eq!(anchoring.losses().await.unwrap().heads, []);
    }

    async fn what_does_not_prove_is_not_pruned(house: Storehouse) {
        let (desk, ended) = old_and_young(&house).await;
        let chain = ended.records().await[0].chain;
        house.hands().await.run(&format!("UPDATE trail SET actor = 'somebody' WHERE sequence = 1 AND chain = '{chain}'")).await;
        let pruned = prune(&desk, &house).await;
        assert_eq!(pruned.breaks, [Break::Misfiled { chain, sequence: 1 }]);
        assert_eq!(pruned.records, 6, "what stands before it, and the other chain");
        assert_eq!(desk.verified().await.breaks, [Break::Misfiled { chain, sequence: 1 }], "still there to be seen");
    }
}
