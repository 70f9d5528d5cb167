//! Reads one message from a server, and never more than it may say.

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncReadExt};

use super::answer::{self, Answer};
use super::ber::{Header, Malformed, SEQUENCE};
use super::trouble::Trouble;

/// What a server may make us read for one operation.
#[derive(Clone, Debug)]
pub(super) struct Budget {
    message: usize,
    total: usize,
}

/// Reads the answer to the request of that number.
pub(super) async fn receive(
    stream: &mut (impl AsyncRead + Unpin),
    received: &mut BytesMut,
    id: u32,
    budget: &mut Budget,
) -> Result<Answer, Trouble> {
    let header = loop {
        if let Some(header) = Header::read(received)? {
            break header;
        }
        read_some(stream, received, 8).await?;
    };
    if header.tag != SEQUENCE {
        return Err(Malformed("not a message").into());
    }
    let length = header.prefix + header.content;
    budget.total = budget.total.checked_sub(length).ok_or(Trouble::TooMuch("all that it may say at once"))?;
    if length > budget.message {
        return Err(Trouble::TooMuch("fits into a message"));
    }
    while let Some(missing) = length.checked_sub(received.len()).filter(|missing| *missing > 0) {
        read_some(stream, received, missing).await?;
    }
    let message = received.split_to(length);
    match answer::decode(message.get(header.prefix..).unwrap_or_default())? {
        None => Err(Trouble::Closed),
        Some((answered, answer)) if answered == id => Ok(answer),
        Some(_) => Err(Malformed("an answer to a question that was not asked").into()),
    }
}

/// Takes what is there, but reserves no more memory than one read fills: a promised length costs nothing.
async fn read_some(
    stream: &mut (impl AsyncRead + Unpin),
    received: &mut BytesMut,
    missing: usize,
) -> Result<(), Trouble> {
    received.reserve(missing.clamp(READ, 16 * READ));
    let more = stream.read_buf(received).await?;
    if more == 0 { Err(Trouble::Closed) } else { Ok(()) }
}

/// For answers that are a result and nothing else.
pub(super) const SMALL: Budget = Budget { message: 64 * 1024, total: 64 * 1024 };

/// For searches: an entry with thousands of long `memberOf` values, and some thousand entries.
pub(super) const LARGE: Budget = Budget { message: 1024 * 1024, total: 4 * 1024 * 1024 };

const READ: usize = 4 * 1024;
