//! A hundred thousand items from a spoke through the hub to a client, against the same stream from peer to peer.

use std::time::Instant;

use alkhub_core::{Peer, peer::Outgoing};
use futures::TryStreamExt;
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::{WebSocketStream, tungstenite::protocol::Role};

use super::{End, peers};
use crate::{drive::Served, measure::middle};

const ITEMS: usize = 100_000;

pub(super) async fn run(rounds: usize) -> End {
    let (mut through, mut direct) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        let server = Served::start("hub-alone")?;
        let spoke = peers::connect(server.address()).await?;
        peers::register(&spoke, "source", &[("count", "subscription")]).await?;
        let client = peers::connect(server.address()).await?;
        through.push(rate(&client, "source.kit.count").await?);
        direct.push(rate(&pair().await?, "kit.count").await?);
    }
    println!("| stream of {ITEMS} items | items/s | spread | rate / direct |");
    println!("| --- | --- | --- | --- |");
    for rates in [&mut through, &mut direct] {
        rates.sort_by(f64::total_cmp);
    }
    for (name, rates) in [("through the hub", &through), ("peer to peer", &direct)] {
        println!(
            "| {name} | {:.0} | {:.0} to {:.0} | {:.2} |",
            middle(rates),
            rates.first().copied().unwrap_or_default(),
            rates.last().copied().unwrap_or_default(),
            middle(rates) / middle(&direct)
        );
    }
    Ok(())
}

/// Two peers with nothing but a socket between them; the one that is given asks the other.
async fn pair() -> End<Peer> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let client = TcpStream::connect(listener.local_addr()?).await?;
    let (server, _) = listener.accept().await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    peers::run(WebSocketStream::from_raw_socket(server, Role::Server, None).await);
    Ok(peers::run(WebSocketStream::from_raw_socket(client, Role::Client, None).await))
}

async fn rate(client: &Peer, operation: &str) -> End<f64> {
    let begun = Instant::now();
    let request = Outgoing::new(operation, format!(r#"{{"to":{ITEMS}}}"#));
    let items = client.subscribe(&request, None).map_err(|error| error.to_string())?;
    let count =
        items.try_fold(0_usize, async |count, _| Ok(count + 1)).await.map_err(|error| error.to_string())?;
    if count != ITEMS {
        return Err(format!("{count} items came").into());
    }
    #[allow(clippy::cast_precision_loss, reason = "a rate")]
    Ok(ITEMS as f64 / begun.elapsed().as_secs_f64())
}
