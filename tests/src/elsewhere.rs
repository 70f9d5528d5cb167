//! Where nobody should come: somebody else's server, to which an answer would like to send whoever asked.

use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener};

/// Listens, and says nothing.
#[derive(Debug)]
pub struct Elsewhere(TcpListener);

impl Elsewhere {
    pub fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        Self(listener)
    }

    pub fn address(&self) -> SocketAddr {
        self.0.local_addr().unwrap()
    }

    /// `http://127.0.0.1:PORT`.
    pub fn origin(&self) -> String {
        format!("http://{}", self.address())
    }

    /// Panics if somebody came.
    pub fn assert_nobody_came(&self) {
        let came = self.0.accept().map(|(_, from)| from);
        assert!(came.as_ref().is_err_and(|error| error.kind() == ErrorKind::WouldBlock), "somebody came: {came:?}");
    }
}
