//! A browser elsewhere: somebody compares a code there and says yes, and this program asks until they have (RFC 8628).

use std::time::Duration;

use super::our_name;
use crate::api::{Broker, DeviceCodes, Grant, NotGranted, Welcome};
use crate::clock;
use crate::failure::{Failure, Next};
use crate::out;
use crate::refusal::SIGN_IN;
use crate::site::Site;

pub(crate) async fn by_device(site: &Site, broker: &Broker<'_>) -> Result<Welcome, Failure> {
    let registration = broker.register(&our_name(), None).await?;
    let DeviceCodes { device_code, user_code, expires_at, mut interval } = broker.begin_device(&registration).await?;
    let mut page = site.server.at(&["device"]);
    out::say(&format!("Open {page} in a browser, on any machine, and sign in there."));
    page.query_pairs_mut().append_pair("user_code", user_code.as_str());
    out::say(&format!("Say yes to the code {} and to no other. The same in one: {page}", user_code.as_str()));
    while clock::now() < expires_at {
        tokio::time::sleep(Duration::from_secs(interval)).await;
        match broker.sign_in_by(registration.clone(), Grant::Device(&device_code)).await {
            Err(NotGranted::Pending) => {}
            Err(NotGranted::SlowDown) => interval += MORE,
            // The broker may be back before the code is over.
            Err(NotGranted::Failed(failure)) if failure.next == Next::TryLater => interval += MORE,
            Err(NotGranted::Failed(failure)) => return Err(failure),
            Ok(welcome) => return Ok(welcome),
        }
    }
    Err(Failure::new(Next::SignIn, format!("nobody said yes to the code at {} in time", site.server), SIGN_IN))
}

/// Seconds, as the RFC has it.
const MORE: u64 = 5;
