//! Signing in without a password typed here: in a browser on this machine, or in one elsewhere by a code.

mod browser;
mod callback;
mod device;

pub(crate) use self::browser::by_browser;
pub(crate) use self::device::by_device;

use aws_lc_rs::rand;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::Zeroizing;

use crate::failure::Failure;

/// 256 bits that nobody can foresee, as text that fits into a URL.
fn unforeseen() -> Result<Zeroizing<String>, Failure> {
    let mut bytes = Zeroizing::new([0; 32]);
    rand::fill(bytes.as_mut())
        .map_err(|_| Failure::mend("the system gives no random numbers", "see to /dev/urandom"))?;
    Ok(Zeroizing::new(URL_SAFE_NO_PAD.encode(*bytes)))
}

/// What this program is called on the page that asks: the machine's name says which of somebody's it is.
fn our_name() -> String {
    let machine = machine();
    let machine: String = machine.chars().filter(char::is_ascii_graphic).take(64).collect();
    if machine.is_empty() { "broker".to_owned() } else { format!("broker on {machine}") }
}

#[cfg(unix)]
fn machine() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

#[cfg(not(unix))]
fn machine() -> String {
    crate::site::variable("COMPUTERNAME").unwrap_or_default()
}
