//! A way to Postgres on which one answer can be held back: the server has said it, and nobody has heard it yet.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use parking_lot::Mutex;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
};

#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    Open,
    Waiting,
    Holding,
}

/// Forwards connections, and holds back the answer that is asked for.
pub(super) struct Gate {
    pub(super) address: SocketAddr,
    state: Arc<watch::Sender<State>>,
    wanted: Arc<Mutex<Vec<u8>>>,
}

impl Gate {
    pub(super) async fn before(target: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (state, wanted) = (Arc::new(watch::Sender::new(State::Open)), Arc::new(Mutex::new(Vec::new())));
        let gate = Self { address, state: state.clone(), wanted: wanted.clone() };
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (target, state, wanted) = (target.clone(), state.clone(), wanted.clone());
                tokio::spawn(async move {
                    if let Ok(server) = TcpStream::connect(target).await {
                        forward(client, server, &state, &wanted).await;
                    }
                });
            }
        });
        gate
    }

    /// The next answer that contains this text waits; all others pass.
    pub(super) fn hold(&self, text: &str) {
        *self.wanted.lock() = text.as_bytes().to_vec();
        self.state.send_replace(State::Waiting);
    }

    /// Waits until that answer is held back.
    pub(super) async fn holds(&self) {
        let mut state = self.state.subscribe();
        let held =
            tokio::time::timeout(Duration::from_secs(10), state.wait_for(|now| *now == State::Holding));
        held.await.expect("the answer comes within 10 s").expect("the gate stands");
    }

    /// Lets it pass.
    pub(super) fn open(&self) {
        self.state.send_replace(State::Open);
    }
}

async fn forward(
    client: TcpStream,
    server: TcpStream,
    state: &watch::Sender<State>,
    wanted: &Mutex<Vec<u8>>,
) {
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let asks = async move {
        let _ = tokio::io::copy(&mut from_client, &mut to_server).await;
    };
    let answers = async move {
        let mut chunk = vec![0; 16384];
        while let Ok(read @ 1..) = from_server.read(&mut chunk).await {
            let text = wanted.lock().clone();
            let is_wanted = !text.is_empty() && chunk[..read].windows(text.len()).any(|part| part == text);
            let holds = is_wanted
                && state.send_if_modified(|now| {
                    let holds = *now == State::Waiting;
                    if holds {
                        *now = State::Holding;
                    }
                    holds
                });
            if holds && state.subscribe().wait_for(|now| *now == State::Open).await.is_err() {
                return;
            }
            if to_client.write_all(&chunk[..read]).await.is_err() {
                return;
            }
        }
    };
    tokio::select! {
        () = asks => {}
        () = answers => {}
    }
}
