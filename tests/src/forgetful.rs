//! A keyring that takes whatever it is given, and has none of it afterwards.

#![expect(
    clippy::unused_self,
    clippy::used_underscore_binding,
    reason = "the interface is the bus's own, and whoever asks is answered the same"
)]

use std::collections::HashMap;

use zbus::blocking::Connection;
use zbus::blocking::connection::Builder;
use zbus::interface;
use zbus::zvariant::{OwnedObjectPath, OwnedValue, Value};

/// It answers on a bus until it is dropped.
#[derive(Debug)]
pub(crate) struct Forgetful {
    _connection: Connection,
}

impl Forgetful {
    pub(crate) fn on(address: &str) -> Self {
        let builder = Builder::address(address).unwrap().serve_at(SERVICE, Service).unwrap();
        let builder = builder.serve_at(COLLECTION, Collection).unwrap();
        Self { _connection: builder.name("org.freedesktop.secrets").unwrap().build().unwrap() }
    }
}

#[derive(Debug)]
struct Service;

#[interface(name = "org.freedesktop.Secret.Service")]
impl Service {
    /// Its part of a Diffie-Hellman exchange: whatever is sent after it, nobody opens.
    fn open_session(&self, _algorithm: &str, _input: Value<'_>) -> (OwnedValue, OwnedObjectPath) {
        (Value::from(vec![7_u8; 128]).try_into().unwrap(), path("/org/freedesktop/secrets/session/1"))
    }

    fn read_alias(&self, _name: &str) -> OwnedObjectPath {
        path(COLLECTION)
    }

    /// Those that are open, and those that are locked.
    fn search_items(&self, _attributes: HashMap<String, String>) -> (Vec<OwnedObjectPath>, Vec<OwnedObjectPath>) {
        (Vec::new(), Vec::new())
    }
}

#[derive(Debug)]
struct Collection;

#[interface(name = "org.freedesktop.Secret.Collection")]
impl Collection {
    /// The item, and that nobody needs to be asked.
    fn create_item(
        &self,
        _properties: HashMap<String, OwnedValue>,
        _secret: (OwnedObjectPath, Vec<u8>, Vec<u8>, String),
        _replace: bool,
    ) -> (OwnedObjectPath, OwnedObjectPath) {
        (path("/org/freedesktop/secrets/collection/login/1"), path("/"))
    }

    #[zbus(property)]
    fn locked(&self) -> bool {
        false
    }
}

fn path(path: &str) -> OwnedObjectPath {
    path.try_into().unwrap()
}

const SERVICE: &str = "/org/freedesktop/secrets";
const COLLECTION: &str = "/org/freedesktop/secrets/collection/login";
