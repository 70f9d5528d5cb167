//! `aws-chunked` bodies: pieces with their length before each, and trailers. Clients send them where the checksum comes after the content.

use axum::body::Bytes;
use http::{HeaderMap, StatusCode, header};

use crate::refusal::Refusal;

/// The content of a body, taken out of its pieces if it came in pieces.
pub(crate) fn content(headers: &HeaderMap, body: &Bytes) -> Result<Bytes, Refusal> {
    let encoding = headers.get(header::CONTENT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !encoding.split(',').any(|word| word.trim() == "aws-chunked") {
        return Ok(body.clone());
    }
    let told = headers.get("x-amz-decoded-content-length").and_then(|value| value.to_str().ok()?.parse().ok());
    match decoded(body) {
        Some(content) if told == Some(content.len()) => Ok(content.into()),
        Some(_) | None => {
            let words = "The request body terminated unexpectedly";
            Err(Refusal::new(StatusCode::BAD_REQUEST, "IncompleteBody", words))
        }
    }
}

fn decoded(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut content = Vec::new();
    loop {
        let line = rest.windows(2).position(|two| two == b"\r\n")?;
        let (head, after) = (rest.get(..line)?, rest.get(line + 2..)?);
        let length = head.split(|byte| *byte == b';').next()?;
        let length = usize::from_str_radix(std::str::from_utf8(length).ok()?, 16).ok()?;
        if length == 0 {
            return Some(content);
        }
        content.extend_from_slice(after.get(..length)?);
        rest = after.get(length..)?.strip_prefix(b"\r\n")?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_become_one_and_a_cut_off_body_is_none() {
        let whole = b"5\r\nhello\r\n3;chunk-signature=x\r\n yo\r\n0\r\nx-amz-checksum-crc32:aaaa\r\n\r\n";
        assert_eq!(decoded(whole).unwrap(), b"hello yo");
        assert_eq!(decoded(b"0\r\n\r\n").unwrap(), b"");
        for broken in
            ["", "5", "5\r\nhel", "5\r\nhello", "5\r\nhelloX0\r\n", "x\r\n", "ffffffffffffffff\r\nx", "-1\r\nx\r\n"]
        {
            assert_eq!(decoded(broken.as_bytes()), None, "{broken:?}");
        }
    }
}
