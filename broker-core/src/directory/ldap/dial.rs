//! From a server's name to a connection: of its addresses, one that hangs keeps none of the others from being tried (RFC 8305, 5).

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;

use super::server::Server;
use super::trouble::Trouble;
use crate::directory::{Step, Told, Watch};

/// A connection to the first of the name's addresses that takes one. `within` is the time that all of them have together; who waits keeps to it.
pub(super) async fn dial(server: &Server, within: Duration, watch: &Watch) -> Result<TcpStream, Trouble> {
    let looked_up = async {
        let found = lookup_host((server.host.as_str(), server.port)).await.map_err(Trouble::Name)?;
        let found: Vec<SocketAddr> = found.collect();
        if found.is_empty() { Err(Trouble::Name(io::ErrorKind::NotFound.into())) } else { Ok(found) }
    };
    let resolve = || Step::Resolve { host: server.host.clone() };
    let addresses = |found: &Vec<SocketAddr>| Told::Addresses(found.iter().map(SocketAddr::ip).collect());
    let found = watch.doing(resolve, looked_up, addresses).await?;
    let connected = async {
        let tcp = first_to_answer(found, within).await.map_err(Trouble::Connect)?;
        tcp.set_nodelay(true).map_err(Trouble::Connect)?;
        Ok::<_, Trouble>((tcp.peer_addr().map_err(Trouble::Connect)?, tcp))
    };
    let (_, tcp) = watch.doing(|| Step::Connect, connected, |(address, _)| Told::Connected(*address)).await?;
    Ok(tcp)
}

/// Tries each address beside those before it, a moment later or as soon as one of them has failed; the others are given up once one answers. The
/// moment is so short that the last address still has half of the time. Where none answers, the last failure is told.
async fn first_to_answer(addresses: Vec<SocketAddr>, within: Duration) -> io::Result<TcpStream> {
    let many = u32::try_from(addresses.len()).unwrap_or(u32::MAX).max(1);
    let head_start = HEAD_START.min(within / 2 / many);
    let mut untried = by_turns(addresses).into_iter();
    let mut tried = FuturesUnordered::new();
    let mut failure = io::ErrorKind::NotFound.into();
    loop {
        match untried.next() {
            Some(address) => tried.push(TcpStream::connect(address)),
            None if tried.is_empty() => return Err(failure),
            None => {}
        }
        let ended = match untried.len() {
            0 => tried.next().await,
            _ => timeout(head_start, tried.next()).await.ok().flatten(),
        };
        match ended {
            Some(Ok(tcp)) => return Ok(tcp),
            Some(Err(error)) => failure = error,
            None => {}
        }
    }
}

/// The system's order, but no two of one family after each other while there are others (RFC 8305, 4): a network that carries one of them not at all
/// costs one head start.
fn by_turns(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let first = addresses.first().is_some_and(SocketAddr::is_ipv4);
    let (preferred, other): (Vec<_>, Vec<_>) = addresses.into_iter().partition(|address| address.is_ipv4() == first);
    let (mut preferred, mut other) = (preferred.into_iter(), other.into_iter());
    let mut order = Vec::new();
    loop {
        let pair = [preferred.next(), other.next()];
        if pair == [None, None] {
            return order;
        }
        order.extend(pair.into_iter().flatten());
    }
}

/// RFC 8305, 5: "recommended to be 250 milliseconds".
const HEAD_START: Duration = Duration::from_millis(250);

#[cfg(test)]
mod tests {
    use tokio::net::{TcpListener, TcpSocket};

    use super::*;

    /// An address that takes no further connection and refuses none, as behind a firewall that drops: whoever knocks waits.
    struct Hangs {
        address: SocketAddr,
        _held: (TcpListener, Vec<TcpStream>),
    }

    impl Hangs {
        async fn open() -> Self {
            let socket = TcpSocket::new_v4().unwrap();
            socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
            let listener = socket.listen(1).unwrap();
            let address = listener.local_addr().unwrap();
            let mut waiting = Vec::new();
            // Nobody is ever taken in, so that its queue is soon full.
            while let Ok(connected) = timeout(Duration::from_millis(500), TcpStream::connect(address)).await {
                waiting.push(connected.unwrap());
                assert!(waiting.len() < 100, "a queue without end");
            }
            Self { address, _held: (listener, waiting) }
        }
    }

    async fn answers() -> (TcpListener, SocketAddr) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        (listener, address)
    }

    /// An address where nobody listens.
    async fn refuses() -> SocketAddr {
        answers().await.1
    }

    async fn reached(addresses: &[SocketAddr]) -> Option<SocketAddr> {
        let within = Duration::from_secs(20);
        let tcp = timeout(within, first_to_answer(addresses.to_vec(), within)).await.ok()?.ok()?;
        Some(tcp.peer_addr().unwrap())
    }

    #[tokio::test]
    async fn addresses_that_hang_or_refuse_keep_nobody_from_the_one_that_answers() {
        let (hangs, (_listener, good), refuses) = (Hangs::open().await, answers().await, refuses().await);
        for before in [&[][..], &[hangs.address], &[refuses], &[refuses, hangs.address], &[hangs.address; 40]] {
            assert_eq!(reached(&[before, &[good]].concat()).await, Some(good), "{before:?}");
        }
        assert_eq!(reached(&[good, hangs.address]).await, Some(good));
    }

    #[tokio::test]
    async fn the_system_s_first_address_answers_where_it_can() {
        let ((_first, first), (_second, second)) = (answers().await, answers().await);
        assert_eq!(reached(&[first, second]).await, Some(first));
    }

    #[tokio::test]
    async fn where_all_refuse_that_is_told_at_once_and_where_one_hangs_it_may_still_answer() {
        let error = first_to_answer(vec![refuses().await, refuses().await], Duration::from_secs(3)).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
        let hangs = Hangs::open().await;
        let waits = first_to_answer(vec![hangs.address, refuses().await], Duration::from_secs(1));
        assert!(timeout(Duration::from_secs(1), waits).await.is_err(), "nothing is known of the first");
    }

    #[test]
    fn families_take_turns_in_the_system_s_order() {
        let old = |host| SocketAddr::from(([192, 0, 2, host], 636));
        let new = |host| SocketAddr::from(([0x2001, 0xdb8, 0, 0, 0, 0, 0, host], 636));
        let given = vec![new(1), new(2), old(1), old(2), old(3)];
        assert_eq!(by_turns(given), [new(1), old(1), new(2), old(2), old(3)]);
        assert_eq!(by_turns(vec![old(1), old(2), new(1)]), [old(1), new(1), old(2)]);
        assert_eq!(by_turns(vec![old(1), old(2)]), [old(1), old(2)]);
        assert_eq!(by_turns(Vec::new()), []);
    }
}
