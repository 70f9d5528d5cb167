//! Stands between an LDAP client and its server, in plain text, and writes down which operations come by.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::sync::{Arc, Mutex};
use std::thread;

/// A relay on the loopback address. Its threads end with the test process.
#[derive(Debug)]
pub struct Relay {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<Operation>>>,
}

/// What a client asks a server for (RFC 4511, 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    Bind,
    Search,
    Unbind,
    Other(u8),
}

impl Relay {
    pub fn before(server: impl ToSocketAddrs) -> Self {
        let server = server.to_socket_addrs().unwrap().next().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(Mutex::default());
        let notes = Arc::clone(&asked);
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let Ok(server) = TcpStream::connect(server) else { continue };
                let (from_server, to_client) = (server.try_clone().unwrap(), client.try_clone().unwrap());
                let notes = Arc::clone(&notes);
                thread::spawn(move || pass_requests(client, server, &notes));
                thread::spawn(move || pass(from_server, to_client));
            }
        });
        Self { address, asked }
    }

    pub fn url(&self) -> String {
        format!("ldap://{}", self.address)
    }

    /// What was asked since the last time, in order; farewells left out.
    pub fn take(&self) -> Vec<Operation> {
        let mut asked = std::mem::take(&mut *self.asked.lock().unwrap());
        asked.retain(|operation| *operation != Operation::Unbind);
        asked
    }
}

fn pass(mut from: TcpStream, mut to: TcpStream) {
    let _ = std::io::copy(&mut from, &mut to);
    let _ = to.shutdown(Shutdown::Both);
}

fn pass_requests(mut from: TcpStream, mut to: TcpStream, notes: &Mutex<Vec<Operation>>) {
    let mut received = Vec::new();
    let mut chunk = [0; 16 * 1024];
    loop {
        while let Some((start, length)) = header(&received).filter(|(start, length)| start + length <= received.len()) {
            let message: Vec<_> = received.drain(..start + length).collect();
            // After the message's number stands the operation.
            let tag = message[start + 2 + usize::from(message[start + 1])];
            notes.lock().unwrap().push(match tag {
                0x60 => Operation::Bind,
                0x63 => Operation::Search,
                0x42 => Operation::Unbind,
                other => Operation::Other(other),
            });
            if to.write_all(&message).is_err() {
                return;
            }
        }
        match from.read(&mut chunk) {
            Ok(0) | Err(_) => break,
            Ok(read) => received.extend_from_slice(&chunk[..read]),
        }
    }
    let _ = to.shutdown(Shutdown::Both);
}

/// Where a message's content starts, and how long it is.
fn header(bytes: &[u8]) -> Option<(usize, usize)> {
    let first = *bytes.get(1)?;
    if first < 0x80 {
        return Some((2, first.into()));
    }
    let octets = usize::from(first & 0x7f);
    let length = bytes.get(2..2 + octets)?;
    Some((2 + octets, length.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte))))
}
