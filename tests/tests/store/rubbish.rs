//! Rows that somebody put into the trail keep nothing else in it from being anchored, or from being missed.

use broker_core::id::{ChainId, RecordId};
use broker_core::trail::{Action, Anchoring, read_anchors};
use tests::process::new_folder;
use tests::stores::{Storehouse, entry};
use tests::where_others_reach_in;

use crate::{Desk, logged};

where_others_reach_in! {
    async fn a_row_that_is_none_of_ours_keeps_no_chain_from_being_anchored(house: Storehouse) {
        let desk = Desk::open(&house).await;
        let (folder, mut others) = (new_folder(), Vec::new());
        for _ in 0..4 {
            let other = Desk::open(&house).await;
            for _ in 0..2 {
                other.trail.record(entry(Action::Vend), ()).await.unwrap();
            }
            others.push(other);
        }
        let mut hands = house.hands().await;
        let chains: Vec<ChainId> = desk.store.links_in_order(None, 10).await.unwrap().iter().step_by(2).map(|link| link.chain).collect();
        let like_a_record = |id: &str, chain: &str, sequence: &str| format!(
            "INSERT INTO trail (id, chain, sequence, at, actor, action, outcome, record, hash)
             SELECT '{id}', '{chain}', {sequence}, at, actor, action, outcome, record, hash FROM trail
             WHERE sequence = 0 AND chain = '{}'",
            chains[3],
        );
        // Behind the end of one chain; with an id that is none; in no chain of ours; and a chain of its own.
        hands.run(&like_a_record(&RecordId::random().to_string(), &chains[0].to_string(), "9223372036854775807")).await;
        hands.run(&like_a_record("rubbish", &chains[1].to_string(), "2")).await;
        hands.run(&like_a_record("\u{1b}[31mff", "no chain", "0")).await;
        hands.run(&like_a_record(&RecordId::random().to_string(), &ChainId::random().to_string(), "0")).await;
        if house.is_sqlite() {
            // SQLite lets a column be anything.
            hands.run(&like_a_record("ffffffff", &chains[2].to_string(), "2")).await;
            hands.run("UPDATE trail SET record = x'ff', at = 'soon' WHERE id = 'ffffffff'").await;
        }

        let path = folder.path().join("anchors");
        let (trail, clock) = (desk.trail.clone(), house.clock.clone());
        let anchoring = Anchoring::new(desk.store.clone(), trail, clock, "node-1", Some(path.clone()));
        desk.trail.record(entry(Action::Vend), ()).await.unwrap();
        let (log, anchored) = logged(async |_| anchoring.sweep().await, &desk.store).await;
        assert_eq!(anchored.unwrap(), 5, "{log}");
        assert!(log.contains("rows of the trail are in no chain of ours") && log.contains("forged_row"), "{log}");
        assert!(log.matches("at the end of a chain does not prove to be ours").count() >= 3, "{log}");
        let anchors = read_anchors(&path, desk.store.seals()).unwrap();
        let mut ends: Vec<_> = anchors.heads().map(|head| head.sequence).collect();
        ends.sort_unstable();
        assert_eq!(ends, [0, 1, 1, 1, 1]);

        // And a chain that is cut is missed, whatever stands elsewhere.
        hands.run(&format!("DELETE FROM trail WHERE sequence = 1 AND chain = '{}'", chains[3])).await;
        let losses = anchoring.losses().await.unwrap();
        let missing: Vec<_> = losses.heads.iter().map(|head| (head.chain, head.sequence)).collect();
        assert_eq!(missing, [(chains[3], 1)]);
        assert_eq!(anchoring.own_losses().await.unwrap().heads, []);
    }
}
