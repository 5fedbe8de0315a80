//! A TCP proxy that can be cut, to take a database away from a hub.

use std::{net::SocketAddr, sync::Arc};

use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::watch,
};

/// Forwards connections to a target until it is cut.
pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    open: Arc<watch::Sender<bool>>,
}

impl Proxy {
    pub(crate) async fn start(target: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let open = Arc::new(watch::Sender::new(true));
        let gate = open.clone();
        tokio::spawn(async move {
            while let Ok((mut inner, _)) = listener.accept().await {
                let (target, mut gate) = (target.clone(), gate.subscribe());
                tokio::spawn(async move {
                    if !*gate.borrow_and_update() {
                        return;
                    }
                    let Ok(mut outer) = TcpStream::connect(target).await else { return };
                    tokio::select! {
                        _ = copy_bidirectional(&mut inner, &mut outer) => {}
                        _ = gate.changed() => {}
                    }
                });
            }
        });
        Self { address, open }
    }

    /// Ends all connections, and further ones as soon as they come.
    pub(crate) fn cut(&self) {
        self.open.send_replace(false);
    }

    pub(crate) fn mend(&self) {
        self.open.send_replace(true);
    }
}
