//! A backup put back without a word: the daemon notices by its anchors, and what was let in before does not count.

use std::fs;

use tests::brokerd::{Brokerd, Installation};
use tests::postgres::{self, psql};
use tests::stage::{Door, Stage};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_old_copy_of_the_file_is_noticed() {
    let stage = Stage::set().await;
    let backup = |here: &Installation| {
        fs::copy(here.path("brokerd.db"), here.path("backup.db")).unwrap();
    };
    let restore = |here: &Installation| {
        for gone in ["brokerd.db-wal", "brokerd.db-shm"] {
            let _ = fs::remove_file(here.path(gone));
        }
        fs::copy(here.path("backup.db"), here.path("brokerd.db")).unwrap();
    };
    // Without a word in the configuration, anchors are kept beside the file.
    is_noticed(&stage, stage.on_sqlite(), "brokerd.db.anchors", backup, restore).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_old_copy_of_the_database_is_noticed() {
    let stage = Stage::set().await.configured("audit = { anchor_file = \"anchors.jsonl\" }\n", "");
    let url = postgres::database("noticed");
    let name = url.rsplit('/').next().unwrap().to_owned();
    let sql = |statement: String| drop(psql(&postgres::admin_url(), &statement).succeeded());
    let backup = |_: &Installation| sql(format!("CREATE DATABASE {name}_backup TEMPLATE {name} OWNER {name}"));
    let restore = |_: &Installation| {
        sql(format!("ALTER DATABASE {name} RENAME TO {name}_lost"));
        sql(format!("ALTER DATABASE {name}_backup RENAME TO {name}"));
    };
    is_noticed(&stage, stage.on_postgres(&url), "anchors.jsonl", backup, restore).await;
}

async fn is_noticed(
    stage: &Stage,
    installation: Installation,
    anchors: &str,
    backup: impl Fn(&Installation),
    restore: impl Fn(&Installation),
) {
    let broker = installation.serve();
    let door = Door::of(&broker.url());
    let ada = door.sign_in("ada", stage.password_of("ada")).await;
    let [ci, revoked] = ["ci", "revoked"].map(|name| created(&broker, name));
    let here = broker.stop();
    backup(&here);

    // Life goes on, until the disk dies.
    let broker = here.serve();
    broker.run(&["token", "revoke", "revoked", "--yes"], "").succeeded();
    assert_eq!(door.vend(&ada, "deploy").await.status, 200);
    assert_eq!(door.vend(&revoked, "ci").await.status, 401);
    let here = broker.stop();
    proved(&here, anchors);
    restore(&here);

    let broker = here.serve();
    assert!(
        broker.log().contains("a new epoch has begun, because the store lacks what it once had"),
        "{}",
        broker.log()
    );
    for (token, connector) in [(&ada, "deploy"), (&ci, "ci"), (&revoked, "ci")] {
        assert_eq!(door.vend(token, connector).await.status, 401);
    }
    broker.run(&["token", "confirm", "ci", "--yes"], "").succeeded();
    assert_eq!(door.vend(&ci, "ci").await.status, 200);
    assert_eq!(door.vend(&revoked, "ci").await.status, 401);
    let ada = door.sign_in("ada", stage.password_of("ada")).await;
    let here = broker.stop();

    // What is missing stays missing until somebody says why; but it is answered once, not at each start.
    let verify = ["audit", "verify", "--anchor", here.path(anchors).to_str().unwrap()].map(str::to_owned);
    let verify = verify.each_ref().map(String::as_str);
    let ended = here.run(&verify, "");
    assert!(!ended.status.success() && ended.stdout.contains("was anchored, and is missing"), "{ended:?}");
    assert_eq!(here.run(&["audit", "verify"], "").stdout, ended.stdout);
    let broker = here.serve();
    assert!(!broker.log().contains("a new epoch has begun"), "{}", broker.log());
    assert!(broker.log().contains("records are missing that were anchored"), "{}", broker.log());
    assert_eq!(door.vend(&ada, "deploy").await.status, 200);

    let said = broker.run(&["restored", "--yes"], "");
    assert!(said.stderr.contains("the daemon had noticed"), "{said:?}");
    said.succeeded();
    assert_eq!(door.vend(&ada, "deploy").await.status, 200, "nothing ends twice");
    assert_eq!(door.vend(&ci, "ci").await.status, 200);
    let here = broker.stop();
    let said = proved(&here, anchors);
    assert!(said.contains("anchors beyond a restored backup, as an operator has said: "), "{said}");
    let broker = here.serve();
    assert!(!broker.log().contains("records are missing"), "{}", broker.log());
}

/// That everything is there which was anchored, or accounted for.
fn proved(here: &Installation, anchors: &str) -> String {
    let said = here.run(&["audit", "verify", "--anchor", here.path(anchors).to_str().unwrap()], "").succeeded();
    assert!(said.contains("tail proven up to the anchors: ") && said.ends_with("result: whole\n"), "{said}");
    said
}

fn created(broker: &Brokerd, name: &str) -> String {
    broker.run(&["token", "create", name, "--connector", "ci"], "").succeeded().trim().to_owned()
}
