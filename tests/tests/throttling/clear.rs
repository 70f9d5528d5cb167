//! Nothing that is counted stands in clear in the store.

use broker_core::sign_in::Throttle;
use std::collections::HashMap;
use tests::stores::Storehouse;
use tests::where_others_reach_in;

use crate::{HOME, network, subject};

where_others_reach_in! {
    async fn the_tables_hold_no_name_and_no_id(house: Storehouse) {
        let throttle = Throttle::new(house.open().await.store, house.clock.clone(), HashMap::new());
        for (from, succeeds) in [(HOME, true), (HOME, false), (network(1), false)] {
            let attempt = throttle.admit(&throttle.mark("zoe@corp.example"), from).await.unwrap();
            throttle.admit_subject(&attempt, &subject("corp", "id-of-zoe")).await.unwrap();
            if succeeds {
                throttle.succeeded(&attempt).await.unwrap();
            }
        }
        let mut hands = house.hands().await;
        for (column, table) in [("subject", "throttles"), ("account", "familiar_networks")] {
            let mut with = async |part: &str| {
                hands.number(&format!("SELECT COUNT(*) FROM {table} WHERE {column} LIKE '%{part}%'")).await
            };
            assert!(with("subject:").await > 0 && with("name:").await > 0, "{table}");
            // Letters that no hexadecimal number has.
            for clear in ["zoe", "corp"] {
                assert_eq!(with(clear).await, 0, "{clear} in {table}");
            }
        }
    }
}
