//! A look at a Redis: whether it answers, what it is, and whether a message comes back. For `alkhub doctor`.

use std::time::{Duration, Instant};

use ::redis::{ErrorKind, RedisError, ServerErrorKind, cmd};
use futures::StreamExt;
use tokio::time::timeout;

use super::{Settings, redis::open};

/// What a Redis said.
#[derive(Debug)]
pub struct Probe {
    /// Its version.
    pub version: String,
    /// How long a message took there and back.
    pub round_trip: Duration,
}

/// Why it is of no use.
#[derive(Debug)]
pub enum Trouble {
    /// Nothing answers, or nothing that speaks its protocol.
    Unreachable(String),
    /// It does not accept the password or user.
    Denied(String),
    /// It answers, but does not let messages through.
    Mute(String),
}

/// Looks; takes a few times the timeout at most.
///
/// # Errors
/// What is wrong, without a secret.
pub async fn probe(settings: &Settings) -> Result<Probe, Trouble> {
    let client = open(settings).map_err(Trouble::Unreachable)?;
    let within = settings.timeout;
    let connecting = timeout(within, Box::pin(client.get_multiplexed_async_connection()));
    let mut connection = match connecting.await {
        Ok(connected) => connected.map_err(trouble)?,
        Err(_) => return Err(Trouble::Unreachable("no answer in time".to_owned())),
    };
    let info = timeout(within, cmd("INFO").arg("server").query_async::<String>(&mut connection)).await;
    let version = match info {
        Ok(Ok(info)) => version(&info),
        Ok(Err(error)) => match trouble(error) {
            // Whoever may only publish and subscribe is still of use.
            Trouble::Denied(_) => "unknown".to_owned(),
            other => return Err(other),
        },
        Err(_) => return Err(Trouble::Unreachable("no answer in time".to_owned())),
    };
    let there_and_back = async {
        let (mut sink, mut stream) = Box::pin(client.get_async_pubsub()).await?.split();
        let channel = format!("{}doctor:{:032x}", settings.prefix, rand::random::<u128>());
        sink.subscribe(&channel).await?;
        let begun = Instant::now();
        cmd("PUBLISH").arg(&channel).arg("{}").query_async::<()>(&mut connection).await?;
        Ok::<_, RedisError>(stream.next().await.map(|_| begun.elapsed()))
    };
    match timeout(within, Box::pin(there_and_back)).await {
        Ok(Ok(Some(round_trip))) => Ok(Probe { version, round_trip }),
        Ok(Ok(None)) => Err(Trouble::Mute("the connection ended".to_owned())),
        Ok(Err(error)) => Err(Trouble::Mute(error.to_string())),
        Err(_) => Err(Trouble::Mute("the message did not come back in time".to_owned())),
    }
}

fn version(info: &str) -> String {
    let line = info.lines().find_map(|line| line.strip_prefix("redis_version:"));
    line.map_or("unknown", str::trim).to_owned()
}

fn trouble(error: RedisError) -> Trouble {
    let denied =
        matches!(error.kind(), ErrorKind::AuthenticationFailed | ErrorKind::Server(ServerErrorKind::NoPerm))
            || error.code() == Some("NOAUTH");
    if denied { Trouble::Denied(error.to_string()) } else { Trouble::Unreachable(error.to_string()) }
}
