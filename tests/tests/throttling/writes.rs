//! What an attempt costs the store: whoever is told to wait has written nothing.

use broker_core::sign_in::{Throttle, ThrottleError};
use std::collections::HashMap;
use tests::stores::Storehouse;
use tests::where_others_reach_in;

use crate::HOME;

where_others_reach_in! {
    async fn asking_in_vain_writes_nothing(house: Storehouse) {
        let throttle = Throttle::new(house.open().await.store, house.clock.clone(), HashMap::new());
        let mark = throttle.mark("ada");
        while throttle.admit(&mark, HOME).await.is_ok() {}
        // What is a view can be read and not be written.
        let mut hands = house.hands().await;
        hands.run("ALTER TABLE throttles RENAME TO kept").await;
        hands.run("CREATE VIEW throttles AS SELECT DISTINCT subject, failures, last_failed_at FROM kept").await;
        for _ in 0..20 {
            let told = throttle.admit(&mark, HOME).await;
            assert!(matches!(told, Err(ThrottleError::TooMany { .. })), "{told:?}");
        }
        let written = throttle.admit(&throttle.mark("bob"), HOME).await;
        assert!(matches!(written, Err(ThrottleError::Store(_))), "who is not told to wait is counted: {written:?}");
    }
}
