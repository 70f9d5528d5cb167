//! A server that is played: it says what no real one would, and all that is LDAP in it in the words of another codec than ours.
//!
//! That codec is `ldap3_proto`'s, which also reads what brokerd asks. What no codec says is made of what it said: cut, or written over.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use bytes::BytesMut;
use ldap3_proto::control::LdapControl;
use ldap3_proto::proto::{
    LdapBindRequest, LdapBindResponse, LdapExtendedResponse, LdapMsg, LdapOp, LdapPartialAttribute, LdapResult,
    LdapResultCode, LdapSearchRequest, LdapSearchResultEntry, LdapSearchResultReference,
};
use ldap3_proto::{DisconnectionNotice, LdapCodec};
use tests::slapd::SERVICE;
use tokio_util::codec::{Decoder, Encoder};

/// What a played server does with a request, given its number, what it asks, and the connection to answer on.
pub(crate) type Play = dyn Fn(i32, &LdapOp, &mut TcpStream) -> std::io::Result<()> + Send + Sync;

#[derive(Debug)]
pub(crate) struct Played {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
}

impl Played {
    /// Takes connections and says nothing.
    pub(crate) fn that_hangs() -> Self {
        Self::serving(|mut stream| while matches!(stream.read(&mut [0; 4096]), Ok(1..)) {})
    }

    /// Lets the service in, and answers each search as said.
    pub(crate) fn that_answers_searches(
        answer: impl Fn(i32, &mut TcpStream) -> std::io::Result<()> + Send + Sync + 'static,
    ) -> Self {
        Self::by(move |id, asked, stream| match asked {
            LdapOp::BindRequest(_) => stream.write_all(&message(id, bound(0))),
            LdapOp::SearchRequest(_) => answer(id, stream),
            _ => Ok(()),
        })
    }

    pub(crate) fn that_finds_ada_and_is_silent_at_her_password() -> Self {
        Self::that_answers_a_password(|_, _| Ok(()))
    }

    /// Lets the service in and finds Ada whoever is looked for; answers each other bind as said.
    pub(crate) fn that_answers_a_password(
        answer: impl Fn(i32, &mut TcpStream) -> std::io::Result<()> + Send + Sync + 'static,
    ) -> Self {
        Self::by(move |id, asked, stream| match asked {
            LdapOp::BindRequest(bind) if is_ours(bind) => stream.write_all(&message(id, bound(0))),
            LdapOp::BindRequest(_) => answer(id, stream),
            LdapOp::SearchRequest(_) => stream.write_all(&found(id)),
            _ => Ok(()),
        })
    }

    /// Lets everybody in, and finds Ada whoever is looked for.
    pub(crate) fn that_lets_in() -> Self {
        Self::that_answers_a_password(|id, stream| stream.write_all(&message(id, bound(0))))
    }

    /// Answers each request as said.
    pub(crate) fn by(
        play: impl Fn(i32, &LdapOp, &mut TcpStream) -> std::io::Result<()> + Send + Sync + 'static,
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

/// Reads requests by the other codec: what it cannot read is a mistake of ours.
fn serve(mut stream: TcpStream, play: &Play) {
    let mut codec = LdapCodec::new(Some(LONGEST_REQUEST), None);
    let mut received = BytesMut::new();
    let mut chunk = [0; 4096];
    loop {
        while let Some(LdapMsg { msgid, op, .. }) = codec.decode(&mut received).unwrap() {
            if play(msgid, &op, &mut stream).is_err() {
                return;
            }
        }
        match stream.read(&mut chunk) {
            Ok(0) | Err(_) => return,
            Ok(read) => received.extend_from_slice(&chunk[..read]),
        }
    }
}

/// Whether brokerd shows its own password, and nobody else's.
pub(crate) fn is_ours(bind: &LdapBindRequest) -> bool {
    bind.dn == SERVICE
}

/// Whether an attribute is asked for.
pub(crate) fn asks_for(search: &LdapSearchRequest, attribute: &str) -> bool {
    search.attrs.iter().any(|asked| asked == attribute)
}

pub(crate) fn message(id: i32, operation: LdapOp) -> Vec<u8> {
    encoded(LdapMsg::new(id, operation))
}

/// A message with something beside what it says.
pub(crate) fn message_with(id: i32, operation: LdapOp, control: LdapControl) -> Vec<u8> {
    encoded(LdapMsg::new_with_ctrls(id, operation, vec![control]))
}

fn encoded(message: LdapMsg) -> Vec<u8> {
    let mut bytes = BytesMut::new();
    LdapCodec::default().encode(message, &mut bytes).unwrap();
    bytes.to_vec()
}

/// How a bind ended.
pub(crate) fn bound(code: i64) -> LdapOp {
    bound_saying(code, "")
}

pub(crate) fn bound_saying(code: i64, said: &str) -> LdapOp {
    let res = LdapResult { message: said.to_owned(), ..result(code, &[]) };
    LdapOp::BindResponse(LdapBindResponse { res, saslcreds: None })
}

/// How a search ended.
pub(crate) fn done(code: i64) -> LdapOp {
    LdapOp::SearchResultDone(result(code, &[]))
}

/// The end of an operation of another kind.
pub(crate) fn extended(code: i64) -> LdapOp {
    LdapOp::ExtendedResponse(LdapExtendedResponse { res: result(code, &[]), name: None, value: None })
}

/// A bind's end that says to ask elsewhere.
pub(crate) fn bind_elsewhere(urls: &[String]) -> LdapOp {
    LdapOp::BindResponse(LdapBindResponse { res: result(10, urls), saslcreds: None })
}

/// A search's end that says to ask elsewhere.
pub(crate) fn search_elsewhere(code: i64, urls: &[String]) -> LdapOp {
    LdapOp::SearchResultDone(result(code, urls))
}

/// Something in a search's place, that is to be looked for elsewhere.
pub(crate) fn reference(urls: &[String]) -> LdapOp {
    LdapOp::SearchResultReference(LdapSearchResultReference { uris: urls.to_vec() })
}

fn result(code: i64, urls: &[String]) -> LdapResult {
    let code = LdapResultCode::try_from(code).unwrap();
    LdapResult { code, matcheddn: String::new(), message: String::new(), referral: urls.to_vec() }
}

/// The same answer with a code that the codec has no name for, in the place of `other` (80).
pub(crate) fn with_nameless_code(mut answer: Vec<u8>, code: u8) -> Vec<u8> {
    let place = answer.windows(3).position(|bytes| bytes == [10, 1, 80]).unwrap();
    answer[place + 2] = code;
    answer
}

/// A server's farewell.
pub(crate) fn farewell() -> Vec<u8> {
    encoded(DisconnectionNotice::gen_response(LdapResultCode::Unavailable, ""))
}

/// A search's end on a page that is not the last one.
pub(crate) fn more_to_come(id: i32) -> Vec<u8> {
    message_with(id, done(0), LdapControl::SimplePagedResults { size: 0, cookie: b"x".to_vec() })
}

/// What the password policy says, if that were it.
pub(crate) fn policy_of(value: &[u8]) -> LdapControl {
    let oid = "1.3.6.1.4.1.42.2.27.8.5.1".to_owned();
    LdapControl::Unknown { oid, criticality: false, value: Some(value.to_vec()) }
}

/// All that a search for Ada gives.
pub(crate) fn found(id: i32) -> Vec<u8> {
    only(id, ada())
}

/// An entry and the end of the search.
pub(crate) fn only(id: i32, entry: LdapOp) -> Vec<u8> {
    [message(id, entry), message(id, done(0))].concat()
}

pub(crate) fn ada() -> LdapOp {
    entry("uid=ada,ou=people", &[("uid", "ada"), ("entryUUID", "a-a-a")])
}

pub(crate) fn entry(dn: &str, attributes: &[(&str, &str)]) -> LdapOp {
    let attributes: Vec<_> = attributes.iter().map(|(name, value)| (*name, vec![value.as_bytes().to_vec()])).collect();
    entry_of(dn, &attributes)
}

/// The same with attributes of any number of values, which need not be text.
pub(crate) fn entry_of(dn: &str, attributes: &[(&str, Vec<Vec<u8>>)]) -> LdapOp {
    let attributes = attributes.iter();
    let attributes =
        attributes.map(|(name, vals)| LdapPartialAttribute { atype: (*name).to_owned(), vals: vals.clone() });
    LdapOp::SearchResultEntry(LdapSearchResultEntry { dn: dn.to_owned(), attributes: attributes.collect() })
}

/// An entry of a hundred thousand levels: they are written over its name.
pub(crate) fn deep(id: i32) -> Vec<u8> {
    let mut levels = [0x30, 0x84, 0, 0, 0, 0].repeat(100_000);
    let total = levels.len();
    for (level, header) in levels.chunks_mut(6).enumerate() {
        header[2..].copy_from_slice(&u32::try_from(total - (level + 1) * 6).unwrap().to_be_bytes());
    }
    let name = "x".repeat(total);
    let mut entry = message(id, entry(&name, &[]));
    let place = entry.windows(total).position(|bytes| bytes == name.as_bytes()).unwrap();
    entry[place..place + total].copy_from_slice(&levels);
    // Four bytes of length stand between it and its tag, which says from now on that there is something in it.
    assert_eq!(entry[place - 5], 0x04);
    entry[place - 5] = 0x30;
    entry
}

/// A message that is whole by its length, and of which only so many bytes are there.
pub(crate) fn cut_within(mut message: Vec<u8>, length: usize) -> Vec<u8> {
    assert!(
        usize::from(message[1]) == message.len() - 2 && length < message.len() - 2,
        "a short message, and less of it"
    );
    message.truncate(length + 2);
    message[1] = u8::try_from(length).unwrap();
    message
}

/// The beginning of a message that is to be so long, if one believes it.
pub(crate) fn of_length(message: &[u8], length: u32) -> Vec<u8> {
    [&[message[0], 0x84], &length.to_be_bytes()[..]].concat()
}

/// The most that brokerd asks in one message, and more.
const LONGEST_REQUEST: usize = 1024 * 1024;
