//! Resident memory of the hub while it relays streams.

use std::time::{Duration, Instant};

use super::{
    End, pace,
    ways::{Way, Ways},
    work::{CHUNKS, Work},
};
use crate::process::resident;

/// Prints it after each tenth of the chunks.
pub(super) fn run(ways: &Ways, chunks: usize) -> End {
    println!("| chunks | resident MB |");
    println!("| --- | --- |");
    let target = ways.target(Way::Hub)?;
    let show = |done: usize| -> End {
        #[allow(clippy::cast_precision_loss, reason = "megabytes")]
        let resident = resident(ways.hub_pid())? as f64 / 1024.0;
        println!("| {done} | {resident:.1} |");
        Ok(())
    };
    show(0)?;
    let (mut done, mut shown) = (0, 0);
    let begun = Instant::now();
    while done < chunks {
        done += pace::run(&target, Work::Stream, None, Duration::from_millis(500))?.count * CHUNKS;
        if done / (chunks / 10).max(1) > shown {
            shown = done / (chunks / 10).max(1);
            show(done)?;
        }
        if begun.elapsed() > Duration::from_secs(600) {
            return Err("it takes too long".into());
        }
    }
    Ok(())
}
