//! A server that is played: it says, byte by byte, what no real one would.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use tests::slapd::SERVICE;

/// What a played server does with a request, given its number, its operation's tag, all of it, and the connection to answer on.
pub(crate) type Play = dyn Fn(u32, u8, &[u8], &mut TcpStream) -> std::io::Result<()> + Send + Sync;

#[derive(Debug)]
pub(crate) struct Played {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
}

pub(crate) const BIND: u8 = 0x60;
pub(crate) const SEARCH: u8 = 0x63;

impl Played {
    /// Takes connections and says nothing.
    pub(crate) fn that_hangs() -> Self {
        Self::serving(|mut stream| while matches!(stream.read(&mut [0; 4096]), Ok(1..)) {})
    }

    /// Lets the service in, and answers each search as said.
    pub(crate) fn that_answers_searches(
        answer: impl Fn(u32, &mut TcpStream) -> std::io::Result<()> + Send + Sync + 'static,
    ) -> Self {
        Self::by(move |id, operation, _, stream| match operation {
            BIND => stream.write_all(&message(id, &result(0x61, 0))),
            SEARCH => answer(id, stream),
            _ => Ok(()),
        })
    }

    pub(crate) fn that_finds_ada_and_is_silent_at_her_password() -> Self {
        Self::that_answers_a_password(|_, _| Ok(()))
    }

    /// Lets the service in and finds Ada whoever is looked for; answers each other bind as said.
    pub(crate) fn that_answers_a_password(
        answer: impl Fn(u32, &mut TcpStream) -> std::io::Result<()> + Send + Sync + 'static,
    ) -> Self {
        Self::by(move |id, operation, request, stream| match operation {
            BIND if !contains(request, SERVICE.as_bytes()) => answer(id, stream),
            BIND => stream.write_all(&message(id, &result(0x61, 0))),
            SEARCH => stream.write_all(&found(id)),
            _ => Ok(()),
        })
    }

    /// Lets everybody in, and finds Ada whoever is looked for.
    pub(crate) fn that_lets_in() -> Self {
        Self::that_answers_a_password(|id, stream| stream.write_all(&message(id, &result(0x61, 0))))
    }

    /// Answers each request as said.
    pub(crate) fn by(
        play: impl Fn(u32, u8, &[u8], &mut TcpStream) -> std::io::Result<()> + Send + Sync + 'static,
    ) -> Self {
        Self::serving(move |stream| serve(stream, &play))
    }

    fn serving(serve: impl Fn(TcpStream) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicUsize::new(0));
        let (counted, serve) = (connections.clone(), Arc::new(serve));
        // These threads end with the test process.
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                counted.fetch_add(1, Ordering::SeqCst);
                let serve = serve.clone();
                thread::spawn(move || serve(stream));
            }
        });
        Self { address, connections }
    }

    pub(crate) fn url(&self) -> String {
        format!("ldap://{}", self.address)
    }

    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

/// Reads requests as brokerd writes them: no longer than a long name makes them.
fn serve(mut stream: TcpStream, play: &Play) {
    let mut received = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        while let Some((length, header)) = length_of(&received).filter(|(length, _)| *length <= received.len()) {
            let message: Vec<_> = received.drain(..length).collect();
            let (number, request) = message[header + 2..].split_at(usize::from(message[header + 1]));
            let id = number.iter().fold(0, |sum, byte| sum << 8 | u32::from(*byte));
            if play(id, request[0], request, &mut stream).is_err() {
                return;
            }
        }
        match stream.read(&mut chunk) {
            Ok(0) | Err(_) => return,
            Ok(read) => received.extend_from_slice(&chunk[..read]),
        }
    }
}

/// The length of a whole message and of its header.
fn length_of(bytes: &[u8]) -> Option<(usize, usize)> {
    match *bytes.get(1)? {
        short @ 0..=127 => Some((usize::from(short) + 2, 2)),
        0x81 => Some((usize::from(*bytes.get(2)?) + 3, 3)),
        0x82 => Some((usize::from(*bytes.get(2)?) * 256 + usize::from(*bytes.get(3)?) + 4, 4)),
        other => panic!("a request longer than expected: {other:#x}"),
    }
}

/// An element.
pub(crate) fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len()).unwrap().to_be_bytes();
    [&[tag, 0x84], &length[..], content].concat()
}

pub(crate) fn message(id: u32, operation: &[u8]) -> Vec<u8> {
    element(0x30, &[&[2, 4], &id.to_be_bytes()[..], operation].concat())
}

/// The result of an operation.
pub(crate) fn result(tag: u8, code: u8) -> Vec<u8> {
    element(tag, &[10, 1, code, 4, 0, 4, 0])
}

/// A result that says to ask elsewhere.
pub(crate) fn referral(tag: u8, code: u8, urls: &[String]) -> Vec<u8> {
    let urls = urls.iter().map(|url| element(4, url.as_bytes())).collect::<Vec<_>>().concat();
    element(tag, &[&[10, 1, code, 4, 0, 4, 0][..], &element(0xa3, &urls)].concat())
}

/// Something in a search's place, that is to be looked for elsewhere.
pub(crate) fn reference(urls: &[String]) -> Vec<u8> {
    element(0x73, &urls.iter().map(|url| element(4, url.as_bytes())).collect::<Vec<_>>().concat())
}

/// An entry of a hundred thousand levels.
pub(crate) fn deep() -> Vec<u8> {
    let mut levels = [0x30, 0x84, 0, 0, 0, 0].repeat(100_000);
    let total = levels.len();
    for (level, header) in levels.chunks_mut(6).enumerate() {
        header[2..].copy_from_slice(&u32::try_from(total - (level + 1) * 6).unwrap().to_be_bytes());
    }
    element(0x64, &levels)
}

/// A search's end on a page that is not the last one.
pub(crate) fn more_to_come(id: u32) -> Vec<u8> {
    let value = element(0x30, &[2, 1, 0, 4, 1, b'x']);
    let control = element(0x30, &[element(4, b"1.2.840.113556.1.4.319"), element(4, &value)].concat());
    message(id, &[result(0x65, 0), element(0xa0, &control)].concat())
}

/// All that a search for Ada gives.
pub(crate) fn found(id: u32) -> Vec<u8> {
    [message(id, &ada()), message(id, &result(0x65, 0))].concat()
}

pub(crate) fn ada() -> Vec<u8> {
    entry("uid=ada,ou=people", &[("uid", "ada"), ("entryUUID", "a-a-a")])
}

pub(crate) fn entry(dn: &str, attributes: &[(&str, &str)]) -> Vec<u8> {
    let attributes: Vec<_> = attributes.iter().map(|(name, value)| (*name, vec![value.as_bytes().to_vec()])).collect();
    entry_of(dn, &attributes)
}

/// The same with attributes of any number of values, which need not be text.
pub(crate) fn entry_of(dn: &str, attributes: &[(&str, Vec<Vec<u8>>)]) -> Vec<u8> {
    let attributes = attributes.iter().map(|(name, values)| {
        let values: Vec<_> = values.iter().map(|value| element(4, value)).collect();
        element(0x30, &[element(4, name.as_bytes()), element(0x31, &values.concat())].concat())
    });
    let attributes = attributes.collect::<Vec<_>>().concat();
    element(0x64, &[element(4, dn.as_bytes()), element(0x30, &attributes)].concat())
}

pub(crate) fn contains(bytes: &[u8], text: &[u8]) -> bool {
    bytes.windows(text.len()).any(|window| window == text)
}
