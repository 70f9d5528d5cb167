//! Records that come together share a commit, so that a busy broker does not wait for the disk once each.

use tests::stores::Storehouse;

use crate::{Desk, entry_of};

const TOGETHER: usize = 200;

async fn record_together(desk: &Desk) {
    let recording = (0..TOGETHER).map(|number| {
        let trail = desk.trail.clone();
        tokio::spawn(async move { trail.record(entry_of(number), ()).await.map(drop) })
    });
    for recorded in recording.collect::<Vec<_>>() {
        recorded.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn on_postgresql_two_hundred_records_share_a_few_transactions() {
    let house = Storehouse::on_postgres("grouping");
    let desk = Desk::open(&house).await;
    record_together(&desk).await;
    let mut hands = house.hands().await;
    assert_eq!(hands.number("SELECT count(*) FROM trail").await, 200);
    // The transaction that wrote a row is part of the row.
    let transactions = hands.number("SELECT count(DISTINCT xmin::text) FROM trail").await;
    assert!((1..=10).contains(&transactions), "{transactions}");

    desk.trail.record(entry_of(0), ()).await.unwrap();
    desk.trail.record(entry_of(1), ()).await.unwrap();
    let alone = hands.number("SELECT count(DISTINCT xmin::text) FROM trail").await;
    assert_eq!(alone, transactions + 2, "one who is alone waits for nobody");
}

#[tokio::test]
async fn on_sqlite_two_hundred_records_share_a_few_commits() {
    let house = Storehouse::on_sqlite("grouping");
    let desk = Desk::open(&house).await;
    let before = commits(&house);
    record_together(&desk).await;
    let after = commits(&house);
    assert!((1..=10).contains(&(after - before)), "{before} {after}");
    assert_eq!(desk.verified().await.records, 200);

    desk.trail.record(entry_of(0), ()).await.unwrap();
    desk.trail.record(entry_of(1), ()).await.unwrap();
    assert_eq!(commits(&house), after + 2, "one who is alone waits for nobody");
}

/// How many commits stand in the write-ahead log: each ends in a frame that holds the size of the database.
/// <https://www.sqlite.org/fileformat2.html#the_write_ahead_log>
fn commits(house: &Storehouse) -> usize {
    let log = std::fs::read(house.file().with_file_name("broker.db-wal")).unwrap();
    let number = |at: usize| u32::from_be_bytes(log[at..at + 4].try_into().unwrap());
    let frame = 24 + usize::try_from(number(8)).unwrap();
    let salt = &log[16..24];
    let frames = (32..).step_by(frame).take_while(|at| log.get(at + 8..at + 16) == Some(salt));
    frames.filter(|at| number(at + 4) != 0).count()
}
