//! Groups in parts, as a domain controller gives them: somebody between asks it for two at a time, in the place of all.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use bytes::BytesMut;
use ldap3_proto::LdapCodec;
use ldap3_proto::proto::LdapOp;
use tests::samba::{GROUPS, Samba};
use tokio_util::codec::{Decoder, Encoder};

use crate::{Config, group_names, welcome};

/// Passes everything on, but asks for the attribute's values by twos where all of them are asked for (Samba gives parts only to whoever wants them), and
/// counts how often. These threads end with the test process.
fn by_twos(server: impl ToSocketAddrs, attribute: &'static str) -> (String, Arc<AtomicUsize>) {
    let server: SocketAddr = server.to_socket_addrs().unwrap().next().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ldap://{}", listener.local_addr().unwrap());
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&asked);
    thread::spawn(move || {
        for client in listener.incoming().map_while(Result::ok) {
            let server = TcpStream::connect(server).unwrap();
            let (mut answers, mut to_client) = (server.try_clone().unwrap(), client.try_clone().unwrap());
            let counted = Arc::clone(&counted);
            thread::spawn(move || std::io::copy(&mut answers, &mut to_client));
            thread::spawn(move || pass_requests(client, server, attribute, &counted));
        }
    });
    (url, asked)
}

fn pass_requests(mut client: TcpStream, mut server: TcpStream, attribute: &str, asked: &AtomicUsize) {
    let (mut received, mut chunk) = (BytesMut::new(), [0; 4096]);
    loop {
        while let Some(mut message) = LdapCodec::default().decode(&mut received).unwrap() {
            if let LdapOp::SearchRequest(search) = &mut message.op {
                for wanted in &mut search.attrs {
                    let rest = wanted.strip_prefix(attribute).and_then(|range| range.strip_prefix(";range="));
                    let first = match rest {
                        Some(rest) => rest.strip_suffix("-*").unwrap().parse::<usize>().unwrap(),
                        None if wanted == attribute => 0,
                        None => continue,
                    };
                    *wanted = format!("{attribute};range={first}-{}", first + 1);
                    asked.fetch_add(1, Ordering::SeqCst);
                }
            }
            let mut bytes = BytesMut::new();
            LdapCodec::default().encode(message, &mut bytes).unwrap();
            server.write_all(&bytes).unwrap();
        }
        match client.read(&mut chunk) {
            Ok(0) | Err(_) => return,
            Ok(read) => received.extend_from_slice(&chunk[..read]),
        }
    }
}

#[tokio::test]
async fn groups_that_come_by_twos_are_read_to_the_last() {
    let groups = format!("member_of = {{ base = '{GROUPS}' }}");
    let at_once = welcome(&Config::new().groups(&groups).open(), "ada").await;
    let (url, asked) = by_twos(Samba::shared().address(), "memberOf");
    let by_twos = welcome(&Config::new().groups(&groups).by(&url).open(), "ada").await;
    assert_eq!(by_twos, at_once);
    // Each further part has one that was known.
    let parts = asked.load(Ordering::SeqCst);
    assert!(parts >= 3, "{parts} parts: {:?}", group_names(&by_twos));
}
