//! The attribute that tells people apart for good: how its values are shown, and how somebody is found by one.

use uuid::Uuid;

use super::answer::Entry;
use super::filter;
use super::person::Unusable;
use super::sid::Sid;

/// An attribute whose one value never changes and is never given again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    attribute: String,
    form: Form,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Text,
    /// Sixteen bytes, shown as Active Directory's own tools do: the first three groups are little-endian ([MS-DTYP], 2.3.4).
    Guid,
    Sid,
}

impl Identity {
    pub(super) fn by(attribute: String) -> Self {
        let form = match attribute.to_ascii_lowercase().as_str() {
            "objectguid" => Form::Guid,
            "objectsid" => Form::Sid,
            _ => Form::Text,
        };
        Self { attribute, form }
    }

    pub(super) fn attribute(&self) -> &str {
        &self.attribute
    }

    /// The id in an entry, as sessions and the trail know it.
    pub(super) fn read(&self, entry: &Entry) -> Result<String, Unusable> {
        let [value] = entry.bytes(&self.attribute) else {
            return Err(Unusable("it has no immutable id, or more than one"));
        };
        let id = match self.form {
            Form::Text => str::from_utf8(value).ok().filter(|id| is_id(id)).map(str::to_owned),
            Form::Guid => value.as_slice().try_into().ok().map(|bytes| Uuid::from_bytes_le(bytes).to_string()),
            Form::Sid => Sid::from_bytes(value).ok().map(|sid| sid.to_string()),
        };
        id.ok_or(Unusable("its immutable id is not one"))
    }

    /// The comparison that finds an id, or nothing if no entry can have that id.
    pub(super) fn filter(&self, id: &str) -> Option<String> {
        let bytes = match self.form {
            Form::Text => is_id(id).then(|| id.as_bytes().to_vec())?,
            // In one spelling only, or a person would have several ids.
            Form::Guid => Uuid::parse_str(id).ok().filter(|guid| guid.to_string() == id)?.to_bytes_le().to_vec(),
            Form::Sid => Sid::from_text(id).ok()?.to_bytes(),
        };
        Some(filter::equals(&self.attribute, &bytes))
    }
}

fn is_id(id: &str) -> bool {
    !id.is_empty() && id.len() <= MAX_ID && id.bytes().all(|byte| byte.is_ascii_graphic())
}

const MAX_ID: usize = 128;

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(attribute: &str, values: &[&[u8]]) -> Entry {
        Entry::of("cn=ada", [(attribute, values)])
    }

    #[test]
    fn a_guid_is_shown_as_its_own_tools_show_it_and_asked_for_by_its_bytes() {
        let identity = Identity::by("objectGUID".to_owned());
        let bytes = [0xdb, 0xea, 0x3f, 0x70, 0x7e, 0xa8, 0xf9, 0x41, 0x99, 0x8f, 0x16, 0xca, 0x2e, 0x38, 0xe3, 0x79];
        let id = identity.read(&entry("objectguid", &[&bytes])).unwrap();
        assert_eq!(id, "703feadb-a87e-41f9-998f-16ca2e38e379");
        let filter = identity.filter(&id).unwrap();
        assert_eq!(filter, "(objectGUID=\\db\\ea\\3f\\70\\7e\\a8\\f9\\41\\99\\8f\\16\\ca\\2e\\38\\e3\\79)");
        for other in ["703FEADB-a87e-41f9-998f-16ca2e38e379", "703feadba87e41f9998f16ca2e38e379", "*", ""] {
            assert_eq!(identity.filter(other), None, "{other}");
        }
        for bad in [&[][..], &[&bytes[..15]], &[&[]], &[&bytes, &bytes]] {
            assert!(identity.read(&entry("objectguid", bad)).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_sid_is_an_id_too() {
        let identity = Identity::by("objectSid".to_owned());
        let bytes = [1, 1, 0, 0, 0, 0, 0, 5, 18, 0, 0, 0];
        assert_eq!(identity.read(&entry("objectsid", &[&bytes])).unwrap(), "S-1-5-18");
        assert_eq!(
            identity.filter("S-1-5-18").unwrap(),
            "(objectSid=\\01\\01\\00\\00\\00\\00\\00\\05\\12\\00\\00\\00)"
        );
        assert_eq!(identity.filter("S-1-5-018"), None);
    }

    #[test]
    fn a_text_that_no_id_can_be_finds_nobody() {
        let identity = Identity::by("entryUUID".to_owned());
        assert_eq!(identity.filter("*").unwrap(), "(entryUUID=\\2a)");
        for bad in ["", "a b", "ä", "a\0", &"x".repeat(129)] {
            assert_eq!(identity.filter(bad), None, "{bad:?}");
            assert!(identity.read(&entry("entryuuid", &[bad.as_bytes()])).is_err(), "{bad:?}");
        }
    }
}
