//! One connection to the daemon, byte for byte.

use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::time::Duration;

use tokio::net::TcpSocket;

/// A connection, and what has come back by it.
pub(crate) struct Line<S> {
    pub(crate) stream: S,
    buffer: Vec<u8>,
}

/// An answer, head and body.
#[derive(Clone, Debug)]
pub(crate) struct Said {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Line<TcpStream> {
    /// To the daemon of that URL.
    pub(crate) fn to(url: &str) -> Self {
        Self::over(TcpStream::connect(address(url)).unwrap())
    }

    /// The same, from another address of this machine.
    pub(crate) async fn from(own: &str, url: &str) -> Self {
        let own: IpAddr = own.parse().unwrap();
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(SocketAddr::new(own, 0)).unwrap();
        let stream = socket.connect(address(url)).await.unwrap().into_std().unwrap();
        stream.set_nonblocking(false).unwrap();
        Self::over(stream)
    }

    /// For as long as that the daemon neither speaks nor hangs up. Panics when it does.
    pub(crate) fn hears_nothing(&mut self, time: Duration) {
        self.stream.set_read_timeout(Some(time)).unwrap();
        let heard = self.stream.peek(&mut [0]).map_err(|error| error.kind());
        assert!(matches!(heard, Err(ErrorKind::WouldBlock | ErrorKind::TimedOut)), "{heard:?}");
        self.stream.set_read_timeout(Some(PATIENCE)).unwrap();
    }

    fn over(stream: TcpStream) -> Self {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        Self::new(stream)
    }
}

impl<S: Read + Write> Line<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self { stream, buffer: Vec::new() }
    }

    /// Sends bytes; whether they went out.
    pub(crate) fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        self.stream.write_all(bytes.as_ref()).and_then(|()| self.stream.flush()).is_ok()
    }

    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) {
        assert!(self.try_send(bytes), "the daemon has hung up");
    }

    /// A whole request without a body, and its answer.
    pub(crate) fn get(&mut self, path: &str, host: &str) -> Said {
        self.send(format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n"));
        self.answer().unwrap()
    }

    /// The next answer, or nothing if the daemon hangs up first.
    pub(crate) fn answer(&mut self) -> Option<Said> {
        let head_end = loop {
            match self.buffer.windows(4).position(|window| window == b"\r\n\r\n") {
                Some(end) => break end + 4,
                None => self.more()?,
            }
        };
        let head = String::from_utf8(self.buffer.drain(..head_end).collect()).unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let lower = head.to_ascii_lowercase();
        let length = lower.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok()).unwrap_or(0);
        while self.buffer.len() < length {
            self.more()?;
        }
        let body = String::from_utf8(self.buffer.drain(..length).collect()).unwrap();
        Some(Said { status, head, body })
    }

    /// Waits for the daemon to hang up without another word. Panics when it does not, or has something to say.
    pub(crate) fn is_hung_up_on(&mut self) {
        let said = self.more();
        assert!(said.is_none(), "it says {:?}", String::from_utf8_lossy(&self.buffer));
    }

    /// Reads on; nothing at the end. Panics when the daemon neither speaks nor hangs up.
    fn more(&mut self) -> Option<()> {
        let mut bytes = [0; 16_384];
        match self.stream.read(&mut bytes) {
            Ok(0) => None,
            Ok(count) => {
                self.buffer.extend_from_slice(&bytes[..count]);
                Some(())
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                panic!("the daemon neither speaks nor hangs up")
            }
            Err(_) => None,
        }
    }
}

impl Said {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (known, value) = line.split_once(": ")?;
            known.eq_ignore_ascii_case(name).then_some(value)
        })
    }

    /// Panics unless it is that problem.
    pub(crate) fn problem(&self, status: u16, code: &str) {
        let expected = format!("\"code\":\"{code}\"");
        assert!(self.status == status && self.body.contains(&expected), "{status} {code}? {self:?}");
    }
}

pub(crate) fn address(url: &str) -> SocketAddr {
    url.split_once("://").unwrap().1.parse().unwrap()
}

/// As a request names it.
pub(crate) fn host(url: &str) -> String {
    address(url).to_string()
}

/// Much longer than any limit that the stories set, so that only a limit that is missing is ever waited for.
const PATIENCE: Duration = Duration::from_secs(30);
