//! What cannot be read as a request is answered as every request is: with an id, a problem and a line of the log.
//!
//! hyper refuses such a thing by itself, with a bare status and nothing else, before any of our code is asked. Its answer is taken
//! out on its way to the client, and ours is sent in its place. Were it not recognised any more, it would go out as it is.

use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request};
use axum::http::{Method, StatusCode, Uri};
use axum::response::Response;
use http_body_util::BodyExt;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tower::ServiceExt;

use crate::problem::{Code, Problem};

/// A connection whose client gets an answer of ours whatever it says.
pub(crate) struct Answering<S> {
    state: State<S>,
    router: Router,
    peer: SocketAddr,
}

enum State<S> {
    Open(S),
    /// hyper has refused what came, and is done with the connection.
    Refused(S, Bare),
    Ending(Pin<Box<dyn Future<Output = io::Result<()>> + Send>>),
    Ended,
}

/// An answer that hyper gives by itself: the status, and the fields that ours has as well.
#[derive(Debug, PartialEq, Eq)]
struct Bare {
    status: StatusCode,
    fields: String,
}

impl<S> Answering<S> {
    /// `router` says what the answer is: it finds the problem among the extensions of a request that has nothing else.
    pub(crate) fn new(stream: S, router: Router, peer: SocketAddr) -> Self {
        Self { state: State::Open(stream), router, peer }
    }

    /// Keeps what is written if it is hyper's own answer; nothing is written behind it.
    fn keeps(&mut self, written: &[u8]) -> bool {
        let Some(bare) = Bare::read(written) else { return false };
        match std::mem::replace(&mut self.state, State::Ended) {
            State::Open(stream) => {
                self.state = State::Refused(stream, bare);
                true
            }
            other => {
                self.state = other;
                false
            }
        }
    }

    fn stream(&mut self) -> io::Result<&mut S> {
        match &mut self.state {
            State::Open(stream) | State::Refused(stream, _) => Ok(stream),
            State::Ending(_) | State::Ended => Err(io::ErrorKind::NotConnected.into()),
        }
    }
}

impl Bare {
    fn read(written: &[u8]) -> Option<Self> {
        let after_version = written.strip_prefix(b"HTTP/1.")?;
        let status = StatusCode::from_bytes(after_version.get(2..5)?).ok()?;
        let refuses = matches!(
            status,
            StatusCode::BAD_REQUEST | StatusCode::URI_TOO_LONG | StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE
        );
        if !refuses || !written.ends_with(b"\r\n\r\n") {
            return None;
        }
        let mut lines = std::str::from_utf8(written).ok()?.strip_suffix("\r\n\r\n")?.split("\r\n").skip(1);
        let (mut fields, mut empty) = (String::new(), false);
        // Every answer of ours has an id.
        let ours = lines.any(|line| {
            if line == "content-length: 0" {
                empty = true;
            } else {
                fields.push_str(line);
                fields.push_str("\r\n");
            }
            line.starts_with("x-request-id:")
        });
        (empty && !ours).then_some(Self { status, fields })
    }

    fn problem(&self) -> Problem {
        if self.status == StatusCode::BAD_REQUEST {
            Problem::new(
                Code::InvalidRequest,
                "this cannot be read as HTTP/1.1: look at the first line and at the headers for bytes that may not stand there, \
                 percent-encode what is not ASCII, and give one Content-Length at most",
            )
        } else {
            Problem::new(Code::HeadTooLarge, "the head of a request is at most 64 KiB, with at most 100 headers")
        }
    }

    /// Ours, as it goes out.
    async fn replaced(self, router: Router, peer: SocketAddr) -> io::Result<Vec<u8>> {
        let mut request = Request::new(Body::empty());
        *request.method_mut() = Method::from_bytes(b"-").map_err(io::Error::other)?;
        *request.uri_mut() = Uri::from_static("*");
        request.extensions_mut().insert(ConnectInfo(peer));
        request.extensions_mut().insert(self.problem());
        let Ok(answer) = router.oneshot(request).await;
        let (parts, body) = Response::into_parts(answer);
        let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
        let mut bytes = format!("HTTP/1.1 {}\r\n{}", parts.status, self.fields).into_bytes();
        for (name, value) in parts.headers.iter().filter(|(name, _)| *name != axum::http::header::CONTENT_LENGTH) {
            for part in [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"] {
                bytes.extend_from_slice(part);
            }
        }
        bytes.extend_from_slice(format!("content-length: {}\r\n\r\n", body.len()).as_bytes());
        bytes.extend_from_slice(&body);
        Ok(bytes)
    }
}

/// Says it, and lets the client finish for a while: whoever is hung up on in the middle of sending may never see an answer.
async fn end<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    bare: Bare,
    router: Router,
    peer: SocketAddr,
) -> io::Result<()> {
    stream.write_all(&bare.replaced(router, peer).await?).await?;
    stream.shutdown().await?;
    let unheard = async {
        let (mut bytes, mut length) = ([0; 4_096], 0);
        while let Ok(count @ 1..) = stream.read(&mut bytes).await
            && length < MAX_UNHEARD
        {
            length += count;
        }
    };
    // Whoever goes on and on is hung up on.
    let _ = tokio::time::timeout(FINISHES_WITHIN, unheard).await;
    Ok(())
}

impl<S: AsyncRead + Unpin> AsyncRead for Answering<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(self.stream()?).poll_read(cx, buffer)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> AsyncWrite for Answering<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.keeps(bytes) {
            return Poll::Ready(Ok(bytes.len()));
        }
        Pin::new(self.stream()?).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if let [bytes] = slices
            && self.keeps(bytes)
        {
            return Poll::Ready(Ok(bytes.len()));
        }
        Pin::new(self.stream()?).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        matches!(&self.state, State::Open(stream) | State::Refused(stream, _) if stream.is_write_vectored())
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.state {
            State::Open(stream) | State::Refused(stream, _) => Pin::new(stream).poll_flush(cx),
            // hyper asks once more whenever the end goes on; what there is to send is sent there.
            State::Ending(_) | State::Ended => Poll::Ready(Ok(())),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        loop {
            match std::mem::replace(&mut this.state, State::Ended) {
                State::Open(mut stream) => {
                    let shut = Pin::new(&mut stream).poll_shutdown(cx);
                    this.state = State::Open(stream);
                    return shut;
                }
                State::Refused(stream, bare) => {
                    this.state = State::Ending(Box::pin(end(stream, bare, this.router.clone(), this.peer)));
                }
                State::Ending(mut ending) => {
                    let ended = ending.as_mut().poll(cx);
                    if ended.is_pending() {
                        this.state = State::Ending(ending);
                    }
                    return Poll::Ready(ready!(ended));
                }
                State::Ended => return Poll::Ready(Ok(())),
            }
        }
    }
}

/// What a client may still send when it has been answered.
const MAX_UNHEARD: usize = 4 * 1024 * 1024;
const FINISHES_WITHIN: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_hyper_says_by_itself_is_told_from_what_we_say() {
        let bare = |text: &str| Bare::read(text.as_bytes());
        let whole =
            "HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\ncontent-length: 0\r\ndate: x\r\n\r\n";
        let fields = "connection: close\r\ndate: x\r\n".to_owned();
        assert_eq!(bare(whole), Some(Bare { status: StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, fields }));
        for ours in [
            "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
            "HTTP/1.1 400 Bad Request\r\nx-request-id: 7\r\ncontent-length: 0\r\n\r\n",
            "HTTP/1.1 400 Bad Request\r\ncontent-length: 2\r\n\r\n{}",
            "HTTP/1.1 400 Bad Request\r\ncontent-length: 4\r\n\r\n\r\n\r\n",
            "HTTP/1.1 400",
            "HTTP/1.",
            "\r\n\r\n",
            "",
        ] {
            assert_eq!(bare(ours), None, "{ours:?}");
        }
    }
}
