//! An authenticator that makes passkeys and signs with them (CTAP and Web Authentication, level 3), for what no browser would do: it says whatever
//! a story wants it to. What browsers really do is told with Chromium's own.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

/// One passkey, and what is said of it.
#[derive(Debug)]
pub struct Authenticator {
    key: EcdsaKeyPair,
    id: [u8; 16],
    /// As it will be said next; it does not move by itself.
    pub counter: u32,
    /// Of the page that asks.
    pub origin: String,
    pub rp_id: String,
    /// Whether its owner has been asked for a PIN, a finger or a face.
    pub verified: bool,
    /// In the place of `webauthn.get`.
    pub kind: &'static str,
    /// What the browser says of pages around the one that asks, as members of JSON.
    pub around: Value,
    /// What it says of its make, in CBOR: the members `fmt` and `attStmt`.
    pub statement: &'static [u8],
}

impl Authenticator {
    /// For a page at an origin such as `https://broker.corp.example`.
    pub fn at(origin: &str) -> Self {
        let id = digest(&SHA256, uuid::Uuid::new_v4().as_bytes());
        let host = url::Url::parse(origin).unwrap().host_str().unwrap().to_owned();
        Self {
            key: EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap(),
            id: *id.as_ref().first_chunk().unwrap(),
            counter: 0,
            origin: origin.to_owned(),
            rp_id: host,
            verified: true,
            kind: "webauthn.get",
            around: json!({ "crossOrigin": false }),
            statement: b"\x63fmt\x64none\x67attStmt\xa0",
        }
    }

    /// What a browser gives that has it make a passkey.
    pub fn made(&self, options: &str) -> String {
        let data = self.authenticator_data(ATTESTED, &self.attested());
        // {"fmt": …, "attStmt": …, "authData": data}
        let mut object = [b"\xa3", self.statement, b"\x68authData\x59"].concat();
        object.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
        object.extend(&data);
        let response = json!({
            "attestationObject": text(&object), "clientDataJSON": text(&self.client_data(options, "webauthn.create")),
            "transports": ["usb", "of tomorrow"],
        });
        self.credential(response)
    }

    /// What a browser gives that has it sign.
    pub fn shown(&self, options: &str) -> String {
        let (data, client_data) = (self.authenticator_data(0, &[]), self.client_data(options, self.kind));
        let signed = [&data[..], digest(&SHA256, &client_data).as_ref()].concat();
        let signature = self.key.sign(&SystemRandom::new(), &signed).unwrap();
        let response = json!({
            "authenticatorData": text(&data), "clientDataJSON": text(&client_data),
            "signature": text(signature.as_ref()), "userHandle": null,
        });
        self.credential(response)
    }

    /// By which browsers know it, in base64url.
    pub fn id(&self) -> String {
        text(&self.id)
    }

    fn credential(&self, response: Value) -> String {
        json!({ "id": text(&self.id), "rawId": text(&self.id), "type": "public-key", "response": response }).to_string()
    }

    fn client_data(&self, options: &str, kind: &str) -> Vec<u8> {
        let options: Value = serde_json::from_str(options).unwrap();
        let mut said = json!({ "type": kind, "challenge": options["challenge"], "origin": self.origin });
        said.as_object_mut().unwrap().extend(self.around.as_object().unwrap().clone());
        said.to_string().into_bytes()
    }

    fn authenticator_data(&self, flags: u8, attested: &[u8]) -> Vec<u8> {
        let flags = PRESENT | if self.verified { VERIFIED } else { 0 } | flags;
        let site = digest(&SHA256, self.rp_id.as_bytes());
        [site.as_ref(), &[flags], &self.counter.to_be_bytes(), attested].concat()
    }

    /// Nobody's AAGUID, the id, and the key as COSE has it: {1: 2, 3: -7, -1: 1, -2: x, -3: y}.
    fn attested(&self) -> Vec<u8> {
        let point = self.key.public_key().as_ref();
        let (x, y) = point[1..].split_at(32);
        let length = u16::try_from(self.id.len()).unwrap().to_be_bytes();
        let head = b"\xa5\x01\x02\x03\x26\x20\x01\x21\x58\x20";
        [&[0; 16][..], &length, &self.id, head, x, b"\x22\x58\x20", y].concat()
    }
}

fn text(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

const PRESENT: u8 = 0x01;
const VERIFIED: u8 = 0x04;
const ATTESTED: u8 = 0x40;
