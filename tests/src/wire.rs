//! What stands in a connection: something that keeps what went by, or that ends TLS for a server that speaks plain HTTP.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::certificates::Signed;

/// Passes everything on to a server, and keeps what came from each client.
#[derive(Clone, Debug)]
pub struct Tap {
    port: u16,
    connections: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Tap {
    /// Before the server on this port of the loopback address.
    pub async fn before(server: u16) -> Self {
        let (listener, port) = listen().await;
        let connections = Arc::<Mutex<Vec<Vec<u8>>>>::default();
        let kept = Arc::clone(&connections);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let number = {
                    let mut kept = kept.lock().unwrap();
                    kept.push(Vec::new());
                    kept.len() - 1
                };
                let kept = Arc::clone(&kept);
                tokio::spawn(async move {
                    let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, server)).await else { return };
                    let ((mut from_client, mut to_client), (mut from_server, mut to_server)) =
                        (client.into_split(), server.into_split());
                    let back = tokio::spawn(async move {
                        let _ = tokio::io::copy(&mut from_server, &mut to_client).await;
                        let _ = to_client.shutdown().await;
                    });
                    let mut buffer = vec![0; 16_384];
                    while let Ok(length @ 1..) = from_client.read(&mut buffer).await {
                        kept.lock().unwrap()[number].extend_from_slice(&buffer[..length]);
                        if to_server.write_all(&buffer[..length]).await.is_err() {
                            break;
                        }
                    }
                    let _ = to_server.shutdown().await;
                    let _ = back.await;
                });
            }
        });
        Self { port, connections }
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// What each client has sent so far.
    pub fn sent(&self) -> Vec<Vec<u8>> {
        self.connections.lock().unwrap().clone()
    }

    /// What each client wrote first, as far as the empty line that ends a head.
    pub fn heads(&self) -> Vec<String> {
        let head = |sent: &Vec<u8>| {
            let text = String::from_utf8_lossy(sent).into_owned();
            text.split_once("\r\n\r\n").map_or(text.clone(), |(head, _)| head.to_owned())
        };
        self.sent().iter().map(head).collect()
    }
}

/// Speaks TLS to whoever comes, and plainly to the server behind. Its port of the loopback address.
pub async fn end_tls(signed: &Signed, server: SocketAddr) -> u16 {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let chain = CertificateDer::pem_slice_iter(signed.certificate.as_bytes()).map(Result::unwrap).collect();
    let key = PrivateKeyDer::from_pem_slice(signed.key.as_bytes()).unwrap();
    let config = ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key).unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let (listener, port) = listen().await;
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(mut client) = acceptor.accept(client).await else { return };
                let Ok(mut server) = TcpStream::connect(server).await else { return };
                let _ = copy_bidirectional(&mut client, &mut server).await;
            });
        }
    });
    port
}

async fn listen() -> (TcpListener, u16) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}
