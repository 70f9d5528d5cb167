//! What an authenticator says of its own make is put aside unread: nobody asked for it, and no parser of certificates is to meet what a browser sends.

use std::collections::BTreeMap;

use serde_cbor_2::Value;

/// The same attestation object with the statement `none` (Web Authentication, section 8.7), as browsers give it that were asked for none; nothing where
/// it is no such object.
pub(super) fn without_attestation(object: &[u8]) -> Option<Vec<u8>> {
    let Value::Map(mut said) = serde_cbor_2::from_slice(object).ok()? else { return None };
    let data = said.remove(&text("authData")).filter(|data| matches!(data, Value::Bytes(_)))?;
    let bare = [(text("fmt"), text("none")), (text("attStmt"), Value::Map(BTreeMap::new())), (text("authData"), data)];
    serde_cbor_2::to_vec(&Value::Map(BTreeMap::from(bare))).ok()
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(fmt: &str, statement: Value, data: Value) -> Vec<u8> {
        let map = [(text("fmt"), text(fmt)), (text("attStmt"), statement), (text("authData"), data)];
        serde_cbor_2::to_vec(&Value::Map(BTreeMap::from(map))).unwrap()
    }

    #[test]
    fn what_it_says_of_its_make_is_gone_and_the_rest_is_as_it_was() {
        let data = || Value::Bytes(vec![7; 300]);
        let none = object("none", Value::Map(BTreeMap::new()), data());
        assert_eq!(without_attestation(&none), Some(none.clone()));
        let chain = Value::Array(vec![Value::Bytes(vec![0x30; 900]); 3]);
        let packed = Value::Map(BTreeMap::from([(text("x5c"), chain), (text("alg"), Value::Integer(-7))]));
        assert_eq!(without_attestation(&object("packed", packed, data())), Some(none));
    }

    #[test]
    fn rubbish_is_no_attestation_object() {
        let deep = vec![0x81; 10_000];
        let endless = [0x5b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
        for rubbish in [&[][..], &deep, &endless, &[0xa0], b"{}", &object("none", Value::Null, text("words"))] {
            assert_eq!(without_attestation(rubbish), None, "{rubbish:?}");
        }
    }
}
