//! Stands between an LDAP client and its server, in plain text, writes down which operations come by, and can hold some back.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// A relay on the loopback address. Its threads end with the test process.
#[derive(Debug)]
pub struct Relay {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<Operation>>>,
    held: Arc<Mutex<Option<Held>>>,
}

/// Binds by names that have this in them are passed on so much later.
#[derive(Clone, Debug)]
struct Held {
    names: String,
    by: Duration,
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
        let held = Arc::new(Mutex::default());
        let (notes, holds) = (Arc::clone(&asked), Arc::clone(&held));
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let Ok(server) = TcpStream::connect(server) else { continue };
                let (from_server, to_client) = (server.try_clone().unwrap(), client.try_clone().unwrap());
                let (notes, holds) = (Arc::clone(&notes), Arc::clone(&holds));
                thread::spawn(move || pass_requests(client, server, &notes, &holds));
                thread::spawn(move || pass(from_server, to_client));
            }
        });
        Self { address, asked, held }
    }

    pub fn url(&self) -> String {
        format!("ldap://{}", self.address)
    }

    /// From now on holds back each bind by a name that has this in it.
    pub fn hold_binds(&self, names: &str, by: Duration) {
        *self.held.lock().unwrap() = Some(Held { names: names.to_owned(), by });
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

fn pass_requests(mut from: TcpStream, mut to: TcpStream, notes: &Mutex<Vec<Operation>>, holds: &Mutex<Option<Held>>) {
    let mut received = Vec::new();
    let mut chunk = [0; 16 * 1024];
    loop {
        while let Some((start, length)) = header(&received).filter(|(start, length)| start + length <= received.len()) {
            let message: Vec<_> = received.drain(..start + length).collect();
            // After the message's number stands the operation.
            let tag = message[start + 2 + usize::from(message[start + 1])];
            let operation = match tag {
                0x60 => Operation::Bind,
                0x63 => Operation::Search,
                0x42 => Operation::Unbind,
                other => Operation::Other(other),
            };
            notes.lock().unwrap().push(operation);
            let held = holds.lock().unwrap().clone();
            if let Some(held) = held.filter(|held| operation == Operation::Bind && held.is_of(&message)) {
                thread::sleep(held.by);
            }
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

impl Held {
    fn is_of(&self, bind: &[u8]) -> bool {
        bind.windows(self.names.len()).any(|part| part == self.names.as_bytes())
    }
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
