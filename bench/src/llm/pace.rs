//! A load generator with a fixed rate: requests are due at their time, whether or not others have been answered.
//!
//! Each thread has a connection and sleeps until its next request is due. A request that could not be sent in time,
//! because the one before it was not answered, counts from when it was due; how late a thread wakes up does not count.

use std::time::{Duration, Instant};

use http_body_util::{BodyExt, Full};
use hyper::{Request, StatusCode, body::Bytes, client::conn::http1, header};
use hyper_util::rt::TokioIo;

use super::{End, ways::Target, work::Work};

/// Connections, each with a thread.
const THREADS: u32 = 16;

/// What was measured: milliseconds, and requests a second.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Paced {
    pub(crate) count: usize,
    pub(crate) rate: f64,
    /// Median time to the first part of the body.
    pub(crate) first: f64,
    pub(crate) p50: f64,
    pub(crate) p99: f64,
}

type Times = Vec<(f64, f64)>;

/// Asks for so long at so many requests a second, or as fast as it is answered.
pub(crate) fn run(target: &Target, work: Work, rate: Option<u32>, time: Duration) -> End<Paced> {
    let begun = Instant::now() + Duration::from_millis(50);
    let body = Bytes::from(work.body(&target.model));
    let mut all: Times = Vec::new();
    std::thread::scope(|scope| -> End {
        let threads: Vec<_> = (0..THREADS)
            .map(|index| {
                let body = body.clone();
                scope.spawn(move || {
                    let step = rate.map(|rate| Duration::from_secs(1) * THREADS / rate);
                    let first = begun + step.map_or(Duration::ZERO, |step| step * index / THREADS);
                    one(target, &body, first, step, begun + time).map_err(|error| error.to_string())
                })
            })
            .collect();
        for thread in threads {
            all.extend(thread.join().map_err(|_| "a thread of the load generator panicked")??);
        }
        Ok(())
    })?;
    let seconds = begun.elapsed().as_secs_f64().max(time.as_secs_f64());
    let sorted = |of: fn(&(f64, f64)) -> f64| {
        let mut times: Vec<f64> = all.iter().map(of).collect();
        times.sort_by(f64::total_cmp);
        times
    };
    let (first, last) = (sorted(|times| times.0), sorted(|times| times.1));
    let at = |times: &[f64], share: usize| times.get(times.len() * share / 100).copied().unwrap_or(0.0);
    #[allow(clippy::cast_precision_loss, reason = "a rate")]
    let rate = all.len() as f64 / seconds;
    Ok(Paced { count: all.len(), rate, first: at(&first, 50), p50: at(&last, 50), p99: at(&last, 99) })
}

fn one(target: &Target, body: &Bytes, first: Instant, step: Option<Duration>, until: Instant) -> End<Times> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut sender = runtime.block_on(async {
        let socket = tokio::net::TcpStream::connect(&target.address).await?;
        socket.set_nodelay(true)?;
        let (sender, connection) = http1::handshake::<_, Full<Bytes>>(TokioIo::new(socket)).await?;
        tokio::spawn(connection);
        End::Ok(sender)
    })?;
    let mut times = Vec::new();
    let mut due = first;
    loop {
        let now = Instant::now();
        if now.max(due) >= until {
            return Ok(times);
        }
        let from = match due.checked_duration_since(now) {
            Some(wait) => {
                #[expect(clippy::disallowed_methods, reason = "no runtime waits for this thread")]
                std::thread::sleep(wait);
                Instant::now()
            }
            None if step.is_some() => due,
            None => now,
        };
        let part = runtime.block_on(async {
            sender.ready().await?;
            let request = Request::post("/v1/chat/completions")
                .header(header::HOST, &target.address)
                .header(header::AUTHORIZATION, format!("Bearer {}", target.key))
                .header(header::CONTENT_TYPE, "application/json")
                .body(Full::new(body.clone()))?;
            let mut answer = sender.send_request(request).await?;
            if answer.status() != StatusCode::OK {
                return Err(format!("answered {}", answer.status()).into());
            }
            let mut first = None;
            while let Some(frame) = answer.frame().await {
                frame?;
                first.get_or_insert_with(|| from.elapsed());
            }
            End::Ok(first.unwrap_or_default())
        })?;
        let ms = |time: Duration| time.as_secs_f64() * 1000.0;
        times.push((ms(part), ms(from.elapsed())));
        due = step.map_or_else(Instant::now, |step| due + step);
    }
}
