//! Restored backups: what is missing is noticed once, accepted from one record to another, and everything else is proved as ever.

use std::path::PathBuf;

use broker_core::administration::{Administration, NewEpoch};
use broker_core::clock::Clock;
use broker_core::permission::{Administrator, Permission};
use broker_core::trail::{Action, Anchoring, Break, Losses, Prunable, Report, read_anchors, verify_against};
use jiff::SignedDuration;
use tempfile::TempDir;
use tests::process::new_folder;
use tests::stores::{Hands, Storehouse};
use tests::where_others_reach_in;

use crate::{Desk, entry_of};

/// A process with a chain of its own and, if it is a node, an anchor file of its own.
struct Node {
    desk: Desk,
    anchoring: Anchoring,
    administration: Administration,
    folder: TempDir,
}

impl Node {
    async fn start(house: &Storehouse) -> Self {
        let folder = new_folder();
        let file = folder.path().join("anchors");
        Self::with_anchors(house, folder, file).await
    }

    /// One that comes after another, or stands beside it, and reads its anchors.
    async fn after(house: &Storehouse, other: &Self) -> Self {
        Self::with_anchors(house, new_folder(), other.file()).await
    }

    async fn with_anchors(house: &Storehouse, folder: TempDir, file: PathBuf) -> Self {
        let desk = Desk::open(house).await;
        let (store, trail, clock) = (desk.store.clone(), desk.trail.clone(), house.clock.clone());
        let anchoring = Anchoring::new(store.clone(), trail.clone(), clock.clone(), "node-1", Some(file));
        let administration = Administration::new(store, desk.opened.vault.clone(), trail, clock);
        Self { desk, anchoring, administration, folder }
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("anchors")
    }

    async fn write(&self, count: usize) {
        for number in 0..count {
            self.desk.trail.record(entry_of(number), ()).await.unwrap();
        }
    }

    /// What the daemon does each minute: what it misses, and the epoch that it began for that.
    async fn minute(&self) -> (Losses, Option<NewEpoch>) {
        let losses = self.anchoring.own_losses().await.unwrap();
        let begun = self.administration.answer_losses(&losses, &by()).await.unwrap();
        self.anchoring.know_answered(&losses);
        self.anchoring.sweep().await.unwrap();
        (losses, begun)
    }

    /// What the daemon does at its start.
    async fn look_back(&self) -> (Losses, Option<NewEpoch>) {
        let losses = self.anchoring.losses().await.unwrap();
        let begun = self.administration.answer_losses(&losses, &by()).await.unwrap();
        (losses, begun)
    }

    async fn proved(&self) -> Report {
        let anchors = read_anchors(&self.file(), self.desk.store.seals()).unwrap();
        verify_against(&self.desk.store, &anchors, |_| {}).await.unwrap()
    }
}

fn by() -> Administrator {
    Administrator::on_the_host("root")
}

/// Puts a copy of the store aside.
async fn back_up(hands: &mut Hands) {
    for table in ["trail", "trail_marks", "installation"] {
        hands.run(&format!("CREATE TABLE copy_of_{table} AS SELECT * FROM {table}")).await;
    }
}

/// Puts the copy in the store's place, under whoever uses it.
async fn restore(hands: &mut Hands) {
    for table in ["trail", "trail_marks"] {
        hands.run(&format!("DELETE FROM {table}")).await;
        hands.run(&format!("INSERT INTO {table} SELECT * FROM copy_of_{table}")).await;
    }
    let of_copy = |column| format!("{column} = (SELECT {column} FROM copy_of_installation)");
    hands.run(&format!("UPDATE installation SET {}, {}", of_copy("epoch"), of_copy("epoch_mac"))).await;
}

where_others_reach_in! {
    async fn after_an_accepted_loss_what_was_before_it_is_proved_as_ever(house: Storehouse) {
        let node = Node::start(&house).await;
        node.write(2).await;
        node.minute().await;
        node.write(4).await;
        node.minute().await;
        let chain = node.desk.records().await[0].chain;
        let mut hands = house.hands().await;
        hands.run("DELETE FROM trail WHERE sequence > 3").await;
        assert_eq!(node.proved().await.breaks, [Break::AnchoredMissing { chain, sequence: 5 }]);

        let operator = Node::after(&house, &node).await;
        let (losses, _) = operator.look_back().await;
        let told: Vec<_> = operator.administration.lost(&losses).await.unwrap().iter().map(|lost| (lost.chain, lost.first(), lost.sequence)).collect();
        assert_eq!(told, [(chain, 4, 5)]);
        let restored = operator.administration.restored(&losses, &by()).await.unwrap();
        assert_eq!((restored.begun, restored.lost_chains), (None, 1));
        let report = node.proved().await;
        assert_eq!((report.lost_anchors, report.breaks), (1, vec![]));
        assert_eq!(operator.look_back().await.0.heads, []);
        let accepted = operator.desk.records().await.into_iter().find(|record| record.action == Action::TrailLossAccepted).unwrap();
        assert_eq!(accepted.changes.unwrap()["lost"], serde_json::json!([{ "chain": chain, "from": 4, "to": 5 }]));

        // Somebody cuts further, after the fact.
        hands.run("CREATE TABLE whole AS SELECT * FROM trail").await;
        hands.run("CREATE TABLE marks AS SELECT * FROM trail_marks").await;
        let kept = Break::KeptMissing { chain, sequence: 3 };
        let of_chain = format!("chain = '{chain}' AND sequence");
        for (deed, breaks) in [
            (format!("DELETE FROM trail WHERE {of_chain} = 3"), vec![kept.clone()]),
            (format!("DELETE FROM trail WHERE {of_chain} >= 2"), vec![kept.clone()]),
            // One that was anchored as well.
            (format!("DELETE FROM trail WHERE {of_chain} >= 1"), vec![Break::AnchoredMissing { chain, sequence: 1 }, kept.clone()]),
            (format!("DELETE FROM trail WHERE {of_chain} >= 0"), vec![Break::AnchoredMissing { chain, sequence: 1 }, kept]),
            (format!("DELETE FROM trail WHERE {of_chain} = 1"), vec![Break::Missing { chain, expected: 1, found: 2 }, Break::AnchoredMissing { chain, sequence: 1 }]),
            (format!("UPDATE trail SET record = replace(record, 'by-1', 'by-7') WHERE {of_chain} = 3"), vec![Break::Forged { chain, sequence: 3 }]),
            // And moves the mark to hide it.
            ("UPDATE trail_marks SET kept = NULL, kept_hash = NULL".to_owned(), vec![Break::AnchoredMissing { chain, sequence: 5 }]),
            ("UPDATE trail_marks SET kept = 2".to_owned(), vec![Break::AnchoredMissing { chain, sequence: 5 }]),
            ("UPDATE trail_marks SET kept_hash = NULL".to_owned(), vec![Break::AnchoredMissing { chain, sequence: 5 }]),
            ("UPDATE trail_marks SET kept_hash = hash".to_owned(), vec![Break::AnchoredMissing { chain, sequence: 5 }]),
            ("UPDATE trail_marks SET kind = 'pruned'".to_owned(), vec![Break::AnchoredMissing { chain, sequence: 5 }]),
        ] {
            assert!(hands.run(&deed).await > 0, "{deed}");
            assert_eq!(node.proved().await.breaks, breaks, "{deed}");
            for undo in ["DELETE FROM trail", "INSERT INTO trail SELECT * FROM whole", "DELETE FROM trail_marks", "INSERT INTO trail_marks SELECT * FROM marks"] {
                hands.run(undo).await;
            }
            assert_eq!(node.proved().await.breaks, [], "{deed}");
        }
    }

    async fn a_chain_that_was_lost_as_a_whole_is_accepted_as_a_whole(house: Storehouse) {
        let node = Node::start(&house).await;
        node.write(3).await;
        node.minute().await;
        let chain = node.desk.records().await[0].chain;
        house.hands().await.run("DELETE FROM trail").await;
        let operator = Node::after(&house, &node).await;
        let losses = operator.anchoring.losses().await.unwrap();
        assert_eq!(operator.administration.lost(&losses).await.unwrap()[0].kept, None);
        operator.administration.restored(&losses, &by()).await.unwrap();
        assert_eq!(node.proved().await.breaks, []);
        // The operator's own chain is no part of it.
        let gone = house.hands().await.run(&format!("DELETE FROM trail WHERE chain <> '{chain}' AND sequence = 0")).await;
        assert_eq!(gone, 1);
        assert_eq!(node.proved().await.breaks.len(), 1);
    }

    async fn under_nodes_that_run_one_epoch_begins_and_no_other(house: Storehouse) {
        for writes_on in [false, true] {
            let [ada, bob] = [Node::start(&house).await, Node::start(&house).await];
            for (node, count) in [(&ada, 3), (&bob, 2)] {
                node.write(count).await;
                assert_eq!(node.minute().await.1, None);
            }
            let mut hands = house.hands().await;
            back_up(&mut hands).await;
            ada.write(2).await;
            bob.minute().await;
            bob.write(1).await;
            restore(&mut hands).await;
            if writes_on {
                // Before anybody has looked: the heads are there, and others are not.
                ada.write(1).await;
                bob.write(2).await;
            }

            let (losses, begun) = ada.minute().await;
            assert_eq!(losses.heads.len(), 1, "{losses:?}");
            let begun = begun.expect("the store was put back");
            let (losses, other) = bob.minute().await;
            assert_eq!((losses.heads.len(), other), (1, None), "it was answered");
            for _ in 0..3 {
                for node in [&ada, &bob] {
                    assert_eq!(node.minute().await.1, None);
                }
            }
            assert_eq!(ada.desk.store.epoch().await.unwrap(), begun.epoch);
            let records = ada.desk.records().await;
            assert_eq!(records.iter().filter(|record| record.action == Action::EpochBegun).count(), 1);
            // Nor does one begin at the start of another, by what was anchored meanwhile.
            for node in [&ada, &bob] {
                assert_eq!(Node::after(&house, node).await.look_back().await.1, None);
            }
            bob.write(1).await;
            bob.minute().await;
            for node in [&ada, &bob] {
                assert_eq!(node.minute().await.0.heads, [], "told once, and no more");
            }

            // The nodes' chains have gaps, which an operator accepts, and nothing but those.
            assert_eq!(ada.desk.verified().await.breaks.len(), 2);
            let operator = Node::after(&house, &ada).await;
            let losses = operator.anchoring.losses().await.unwrap();
            let restored = operator.administration.restored(&losses, &by()).await.unwrap();
            assert_eq!((restored.begun, restored.lost_chains), (None, 2));
            for node in [&ada, &bob] {
                assert_eq!(node.proved().await.breaks, []);
            }
            // Nor do they keep anything from being pruned.
            house.clock.advance(24 * 60 * 60);
            let before = ada.desk.records().await.len();
            let old = Prunable::find(&ada.desk.store, house.clock.now() - SignedDuration::from_hours(12)).await.unwrap();
            let pruned = operator.administration.prune_trail(old, &by(), |_| {}).await.unwrap();
            assert_eq!((usize::try_from(pruned.records).unwrap(), pruned.breaks), (before, vec![]));
            let report = ada.desk.verified().await;
            assert_eq!((usize::try_from(report.pruned).unwrap(), report.breaks), (before, vec![]));
            for table in ["copy_of_trail", "copy_of_trail_marks", "copy_of_installation", "trail", "trail_marks"] {
                let undo = if table.starts_with("copy") { "DROP TABLE" } else { "DELETE FROM" };
                hands.run(&format!("{undo} {table}")).await;
            }
            hands.run("UPDATE installation SET epoch = 1, epoch_mac = NULL").await;
        }
    }

    async fn a_record_that_is_lost_between_two_looks_is_missed_though_the_end_is_there(house: Storehouse) {
        let node = Node::start(&house).await;
        node.write(3).await;
        assert_eq!(node.minute().await.0.heads, []);
        let chain = node.desk.records().await[0].chain;
        let mut hands = house.hands().await;
        // The end that was found the last time, and one that came since.
        for (gone, more) in [(2, 2), (6, 4)] {
            node.write(more).await;
            hands.run(&format!("DELETE FROM trail WHERE chain = '{chain}' AND sequence = {gone}")).await;
            let losses = node.anchoring.own_losses().await.unwrap();
            let missing: Vec<_> = losses.heads.iter().map(|head| (head.chain, head.sequence)).collect();
            assert_eq!(missing, [(chain, gone)]);
            assert_eq!(node.anchoring.own_losses().await.unwrap().heads, losses.heads, "until it is answered");
            assert!(node.minute().await.1.is_some());
            assert_eq!(node.minute().await.0.heads, []);
        }
        // Another row in the place of the end that was found.
        let head = node.desk.records().await.iter().map(|record| record.sequence).max().unwrap();
        node.write(1).await;
        hands.run(&format!("UPDATE trail SET hash = (SELECT hash FROM trail WHERE sequence = 0) WHERE sequence = {head}")).await;
        let missing: Vec<_> = node.anchoring.own_losses().await.unwrap().heads.iter().map(|head| head.sequence).collect();
        assert_eq!(missing, [head]);
    }

    async fn a_gap_that_no_restore_explains_is_never_accepted(house: Storehouse) {
        let node = Node::start(&house).await;
        node.write(5).await;
        let chain = node.desk.records().await[0].chain;
        house.clock.advance(24 * 60 * 60);
        house.hands().await.run("DELETE FROM trail WHERE sequence = 2").await;
        let operator = Node::after(&house, &node).await;
        operator.administration.restored(&Losses::default(), &by()).await.unwrap();
        assert_eq!(node.desk.verified().await.breaks, [Break::Missing { chain, expected: 2, found: 3 }]);
    }

    async fn what_a_loss_has_left_is_not_taken_away_under_the_name_of_pruning(house: Storehouse) {
        let node = Node::start(&house).await;
        node.write(3).await;
        node.minute().await;
        let chain = node.desk.records().await[0].chain;
        let mut hands = house.hands().await;
        back_up(&mut hands).await;
        node.write(2).await;
        restore(&mut hands).await;
        node.minute().await;
        node.write(2).await;
        let operator = Node::after(&house, &node).await;
        let losses = operator.anchoring.losses().await.unwrap();
        operator.administration.restored(&losses, &by()).await.unwrap();
        assert_eq!(node.proved().await.breaks, []);

        hands.run(&format!("DELETE FROM trail WHERE chain = '{chain}' AND sequence <= 2")).await;
        let expected = [Break::KeptMissing { chain, sequence: 2 }];
        assert_eq!(node.desk.verified().await.breaks, expected);
        house.clock.advance(24 * 60 * 60);
        let old = Prunable::find(&node.desk.store, house.clock.now() - SignedDuration::from_hours(12)).await.unwrap();
        let pruned = operator.administration.prune_trail(old, &by(), |_| {}).await.unwrap();
        assert_eq!(pruned.breaks, [Break::Missing { chain, expected: 0, found: 5 }]);
        assert_eq!(node.desk.verified().await.breaks, expected, "still there to be seen");
    }
}
