//! An anchor: what a chain had come to at some moment, signed, to be kept where nobody who reaches the store reaches it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::clock::Millis;
use crate::epoch::Epoch;
use crate::id::ChainId;
use crate::vault::{Mac, Purpose, Seals};

/// One line of an anchor file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Anchor {
    pub kind: AnchorKind,
    pub at: Timestamp,
    /// Who wrote the line, which need not be who wrote the chain.
    pub node: String,
    /// In which the store was.
    pub epoch: Epoch,
    pub chain: ChainId,
    pub sequence: i64,
    pub hash: Mac,
}

/// What an anchor says of its place in the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AnchorKind {
    /// This record was there.
    Head,
    /// It and all before it were removed, as they may be.
    Pruned,
}

/// Why a line proves nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAnAnchor {
    #[error("this is no anchor")]
    Unreadable,
    #[error("the signature is not this installation's")]
    Forged,
}

/// A line as it is written.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    kind: AnchorKind,
    at: Timestamp,
    node: String,
    epoch: i64,
    chain: ChainId,
    sequence: i64,
    hash: String,
    mac: String,
}

impl Anchor {
    /// The line, without its end. Nothing where the node's name cannot be written, which serde's own strings always can.
    pub(super) fn signed(&self, seals: &Seals) -> Option<String> {
        let line = Line {
            kind: self.kind,
            at: self.at,
            node: self.node.clone(),
            epoch: self.epoch.number(),
            chain: self.chain,
            sequence: self.sequence,
            hash: hex::encode(self.hash),
            mac: hex::encode(self.mac(seals)),
        };
        serde_json::to_string(&line).ok()
    }

    /// Reads a line and proves it.
    pub(super) fn proved(line: &[u8], seals: &Seals) -> Result<Self, NotAnAnchor> {
        let line: Line = serde_json::from_slice(line).map_err(|_| NotAnAnchor::Unreadable)?;
        let bytes = |text: &str| hex::decode(text).ok().and_then(|bytes| Mac::try_from(bytes).ok());
        let (Some(hash), Some(mac)) = (bytes(&line.hash), bytes(&line.mac)) else {
            return Err(NotAnAnchor::Unreadable);
        };
        let anchor = Self {
            kind: line.kind,
            at: line.at,
            node: line.node,
            epoch: Epoch::from_number(line.epoch),
            chain: line.chain,
            sequence: line.sequence,
            hash,
        };
        let expected = anchor.mac(seals);
        let is_ours = aws_lc_rs::constant_time::verify_slices_are_equal(&expected, &mac).is_ok();
        if is_ours { Ok(anchor) } else { Err(NotAnAnchor::Forged) }
    }

    fn mac(&self, seals: &Seals) -> Mac {
        let kind: &[u8] = match self.kind {
            AnchorKind::Head => b"head",
            AnchorKind::Pruned => b"pruned",
        };
        let [at, epoch, sequence] = [Millis::from(self.at).0, self.epoch.number(), self.sequence].map(i64::to_be_bytes);
        let parts: [&[u8]; 7] = [kind, &at, self.node.as_bytes(), &epoch, self.chain.as_bytes(), &sequence, &self.hash];
        seals.mac(Purpose::Anchor, &parts)
    }
}
