//! Anchors: what a file outside the store says that there was, nobody takes away unseen; and what somebody writes there proves nothing.

use std::error::Error;
use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use broker_core::trail::{Anchoring, AnchoringError, Anchors, Break, NotAnAnchor, read_anchors, verify_against};
use tempfile::TempDir;
use tests::process::{Process, Signal, new_folder};
use tests::stores::Storehouse;
use tests::{environment, installed, where_others_reach_in};

use crate::{Desk, entry_of};

/// A desk whose trail is anchored in a file of a folder of its own.
struct Anchored {
    desk: Desk,
    anchoring: Anchoring,
    folder: TempDir,
}

impl Anchored {
    async fn with_records(house: &Storehouse, count: usize) -> Self {
        let (desk, folder) = (Desk::with_records(house, count).await, new_folder());
        let anchoring = anchoring(house, &desk, folder.path().join("anchors"));
        Self { desk, anchoring, folder }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("anchors")
    }

    fn text(&self) -> String {
        fs::read_to_string(self.path()).unwrap()
    }

    fn anchors(&self) -> Anchors {
        read_anchors(&self.path(), self.desk.store.seals()).unwrap()
    }

    async fn breaks(&self) -> Vec<Break> {
        verify_against(&self.desk.store, &self.anchors(), |_| {}).await.unwrap().breaks
    }
}

/// A disk of a few pages, in a namespace of a process that keeps it.
struct SmallDisk(Process);

impl SmallDisk {
    fn mount() -> Self {
        let folder = new_folder();
        let disk = folder.path().join("disk");
        fs::create_dir(&disk).unwrap();
        let mount =
            format!("mount -t tmpfs -o size=16k brokerd '{}' && echo mounted && exec sleep 600", disk.display());
        let mut command = environment::command(installed::program("unshare"));
        command.args(["--user", "--map-root-user", "--mount", "sh", "-c", &mount]);
        let process = Process::start_in(folder, "a small disk", command, Signal::KILL);
        process.wait_for_line("mounted");
        Self(process)
    }

    fn path(&self) -> PathBuf {
        let inside = self.0.folder().join("disk");
        Path::new("/proc").join(self.0.id().to_string()).join("root").join(inside.strip_prefix("/").unwrap())
    }
}

/// Writes a file until nothing more fits.
fn fill(path: &Path) {
    let mut file = fs::File::create(path).unwrap();
    while file.write_all(&[7; 512]).is_ok() {}
}

fn anchoring(house: &Storehouse, desk: &Desk, path: PathBuf) -> Anchoring {
    Anchoring::new(desk.store.clone(), desk.trail.clone(), house.clock.clone(), "node-1", Some(path))
}

where_others_reach_in! {
    async fn every_chain_that_has_grown_is_anchored_whoever_wrote_it(house: Storehouse) {
        let here = Anchored::with_records(&house, 3).await;
        let beside = Desk::with_records(&house, 2).await;
        assert_eq!(here.anchoring.sweep().await.unwrap(), 2);
        assert_eq!(here.anchoring.sweep().await.unwrap(), 0, "nothing has grown");
        beside.trail.record(entry_of(2), ()).await.unwrap();
        assert_eq!(here.anchoring.sweep().await.unwrap(), 1);
        assert_eq!(here.text().lines().count(), 3);
        assert_eq!(fs::metadata(here.path()).unwrap().permissions().mode() & 0o777, 0o600);

        let report = verify_against(&here.desk.store, &here.anchors(), |_| {}).await.unwrap();
        assert_eq!((report.chains, report.records, report.anchored_chains, report.breaks), (2, 6, 2, vec![]));
        // Another process goes on where this one ended.
        here.desk.trail.record(entry_of(3), ()).await.unwrap();
        let next = anchoring(&house, &Desk::open(&house).await, here.path());
        assert_eq!(next.sweep().await.unwrap(), 2, "it does not know what was anchored lately, and says it again");
        assert_eq!(here.breaks().await, []);
        assert_eq!(here.anchoring.losses().await.unwrap().heads, []);
    }

    async fn a_cut_end_is_seen_by_the_anchor_and_by_nothing_else(house: Storehouse) {
        let here = Anchored::with_records(&house, 5).await;
        let chain = here.desk.records().await[0].chain;
        here.anchoring.sweep().await.unwrap();
        house.hands().await.run("DELETE FROM trail WHERE sequence > 2").await;
        assert_eq!(here.desk.verified().await.breaks, [], "from inside nobody sees it");
        assert_eq!(here.breaks().await, [Break::AnchoredMissing { chain, sequence: 4 }]);
        // Who wrote it knows, with or without a file; and so does who comes after, by the file.
        for losses in [here.anchoring.own_losses().await.unwrap(), anchoring(&house, &Desk::open(&house).await, here.path()).losses().await.unwrap()] {
            let heads: Vec<_> = losses.heads.iter().map(|head| (head.chain, head.sequence)).collect();
            assert_eq!(heads, [(chain, 4)]);
        }
        house.hands().await.run("DELETE FROM trail").await;
        assert_eq!(here.breaks().await, [Break::AnchoredMissing { chain, sequence: 4 }], "the whole chain");
    }

    async fn another_record_in_an_anchored_ones_place_is_seen(house: Storehouse) {
        let here = Anchored::with_records(&house, 3).await;
        let chain = here.desk.records().await[0].chain;
        here.anchoring.sweep().await.unwrap();
        house.hands().await.run("UPDATE trail SET hash = (SELECT hash FROM trail WHERE sequence = 0) WHERE sequence = 2").await;
        let expected = [Break::Forged { chain, sequence: 2 }, Break::AnchoredOtherwise { chain, sequence: 2 }];
        assert_eq!(here.breaks().await, expected);
        let next = anchoring(&house, &Desk::open(&house).await, here.path());
        // With the id of a record or with none of ours.
        for id in ["id", "'rubbish'"] {
            house.hands().await.run(&format!("UPDATE trail SET id = {id} WHERE sequence = 2")).await;
            for losses in [here.anchoring.own_losses().await.unwrap(), next.losses().await.unwrap()] {
                let heads: Vec<_> = losses.heads.iter().map(|head| (head.chain, head.sequence)).collect();
                assert_eq!(heads, [(chain, 2)], "{id}");
            }
        }
    }

    async fn nothing_is_signed_that_we_have_not_written(house: Storehouse) {
        let here = Anchored::with_records(&house, 1).await;
        let beside = Desk::with_records(&house, 2).await;
        let chain = beside.records().await.iter().find(|record| record.sequence == 1).unwrap().chain;
        house.hands().await.run("UPDATE trail SET record = replace(record, 'by-1', 'by-2') WHERE sequence = 1").await;
        assert_eq!(here.anchoring.sweep().await.unwrap(), 2, "our own, and as far as the other one proves");
        let heads: Vec<_> = here.anchors().heads().filter(|head| head.chain == chain).map(|head| head.sequence).collect();
        assert_eq!(heads, [0]);
        // Our own word counts, whatever the store says meanwhile.
        here.desk.trail.record(entry_of(1), ()).await.unwrap();
        house.hands().await.run("DELETE FROM trail WHERE record LIKE '%by-1%'").await;
        assert_eq!(here.anchoring.sweep().await.unwrap(), 1);
        assert!(matches!(here.breaks().await[..], [_, Break::AnchoredMissing { sequence: 1, .. }]), "{:?}", here.breaks().await);
    }

    async fn a_forged_line_is_named_by_its_number_and_a_torn_one_is_not_held_against_anybody(house: Storehouse) {
        let here = Anchored::with_records(&house, 2).await;
        here.anchoring.sweep().await.unwrap();
        let line = here.text();
        let other = here.anchors().heads().next().unwrap().hash;
        for (number, forged) in [
            line.replace("\"sequence\":1", "\"sequence\":0"),
            line.replace("\"kind\":\"head\"", "\"kind\":\"pruned\""),
            line.replace("\"epoch\":1", "\"epoch\":2"),
            line.replace("node-1", "node-2"),
            line.replace(&hex::encode(other), &hex::encode([7; 32])),
        ].into_iter().enumerate() {
            assert_ne!(forged, line, "{number}");
            fs::write(here.path(), format!("{line}{forged}")).unwrap();
            assert_eq!(here.breaks().await, [Break::Anchor { line: 2, fault: NotAnAnchor::Forged }], "{number}");
            assert_eq!(here.anchoring.losses().await.unwrap().heads, [], "a forged line begins no epoch");
        }
        for rubbish in ["rubbish", "{}", "", "\u{0}\u{0}", "[1,2]", &line.trim().replace('}', ",\"more\":1}"), &"[".repeat(100_000)] {
            fs::write(here.path(), format!("{rubbish}\n{line}")).unwrap();
            assert_eq!(here.breaks().await, [Break::Anchor { line: 1, fault: NotAnAnchor::Unreadable }]);
        }
        fs::write(here.path(), b"\xff\xfe\n").unwrap();
        assert_eq!(here.breaks().await, [Break::Anchor { line: 1, fault: NotAnAnchor::Unreadable }]);

        // Torn off in the middle of writing: taken away before the next is written.
        fs::write(here.path(), format!("{line}{}", &line[..40])).unwrap();
        assert!(here.anchors().is_torn);
        assert_eq!(here.breaks().await, []);
        here.desk.trail.record(entry_of(2), ()).await.unwrap();
        here.anchoring.sweep().await.unwrap();
        assert_eq!((here.anchors().is_torn, here.anchors().lines), (false, 2));
        assert_eq!(here.breaks().await, []);
    }

    async fn a_file_that_cannot_be_is_refused_and_told(house: Storehouse) {
        let here = Anchored::with_records(&house, 1).await;
        let refused = async |text: &str| {
            let error = here.anchoring.sweep().await.unwrap_err();
            assert!(matches!(error, AnchoringError::File(_)) && error.to_string().contains(text), "{error}");
        };
        fs::create_dir(here.path()).unwrap();
        refused("is not a regular file").await;
        fs::remove_dir(here.path()).unwrap();
        fs::write(here.path(), "").unwrap();
        fs::set_permissions(here.path(), fs::Permissions::from_mode(0o660)).unwrap();
        refused("may be written by others").await;
        fs::set_permissions(here.path(), fs::Permissions::from_mode(0o600)).unwrap();
        fs::File::options().write(true).open(here.path()).unwrap().set_len(65 << 20).unwrap();
        refused("is larger than 64 MiB").await;
        assert!(read_anchors(&here.path(), here.desk.store.seals()).unwrap_err().to_string().contains("64 MiB"));
        fs::remove_file(here.path()).unwrap();
        assert_eq!(here.anchoring.sweep().await.unwrap(), 1, "nothing is forgotten by a failure");
    }

    async fn a_full_disk_is_told_and_what_did_not_fit_is_anchored_once_there_is_room(house: Storehouse) {
        let disk = SmallDisk::mount();
        let desk = Desk::with_records(&house, 1).await;
        let path = disk.path().join("anchors");
        let anchoring = anchoring(&house, &desk, path.clone());
        let anchors = || read_anchors(&path, desk.store.seals()).unwrap();
        assert_eq!(anchoring.sweep().await.unwrap(), 1);
        let filling = disk.path().join("filling");
        fill(&filling);

        // What the file has of its last page is there still.
        let mut records = 1;
        let error = loop {
            desk.trail.record(entry_of(records), ()).await.unwrap();
            records += 1;
            match anchoring.sweep().await {
                Ok(_) => assert!(records < 100, "it is full"),
                Err(error) => break error,
            }
        };
        let AnchoringError::File(file) = &error else { panic!("{error:?}") };
        assert!(file.source().unwrap().to_string().contains("No space left"), "{file:?}");
        assert!(anchoring.sweep().await.is_err());
        assert!(anchors().faults.is_empty(), "{:?}", anchors().faults);
        assert_eq!(verify_against(&desk.store, &anchors(), |_| {}).await.unwrap().breaks, []);

        fs::remove_file(filling).unwrap();
        assert_eq!(anchoring.sweep().await.unwrap(), 1);
        assert!(anchors().faults.is_empty() && !anchors().is_torn, "{:?}", fs::read_to_string(&path));
        house.hands().await.run(&format!("DELETE FROM trail WHERE sequence = {}", records - 1)).await;
        let breaks = verify_against(&desk.store, &anchors(), |_| {}).await.unwrap().breaks;
        assert!(matches!(breaks[..], [Break::AnchoredMissing { .. }]), "{breaks:?}");
    }

    async fn a_file_that_has_grown_is_made_smaller_and_proves_as_much(house: Storehouse) {
        let here = Anchored::with_records(&house, 2).await;
        here.anchoring.sweep().await.unwrap();
        let line = here.text();
        fs::write(here.path(), line.repeat((1 << 20) / line.len())).unwrap();
        here.desk.trail.record(entry_of(2), ()).await.unwrap();
        here.anchoring.sweep().await.unwrap();
        assert_eq!(here.anchors().lines, 1, "the furthest is enough");
        assert_eq!(fs::metadata(here.path()).unwrap().permissions().mode() & 0o777, 0o600);
        house.hands().await.run("DELETE FROM trail WHERE sequence = 2").await;
        assert!(matches!(here.breaks().await[..], [Break::AnchoredMissing { sequence: 2, .. }]));

        // Lines that prove nothing stay, for somebody to look at.
        fs::write(here.path(), line.repeat((2 << 20) / line.len()) + "rubbish\n").unwrap();
        here.desk.trail.record(entry_of(3), ()).await.unwrap();
        here.anchoring.sweep().await.unwrap();
        assert!(here.text().len() > 2 << 20);
        assert_eq!(here.anchors().faults.len(), 1);
    }
}
