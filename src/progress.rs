//! How far a call has come, from whatever serves it to the transport that has somebody to tell.

use parking_lot::Mutex;
use tokio::sync::mpsc;

/// Steps that wait to be told; further ones are left out, as a slow reader has no use for them.
const WAITING: usize = 64;

/// One word on how far a call has come.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// How far; grows with each step.
    pub progress: f64,
    /// How far it will go, if that is known.
    pub total: Option<f64>,
    /// For people.
    pub message: Option<String>,
}

/// Where a handler tells of its progress. A transport puts one into the request that it makes, where its client has asked
/// to hear of progress ([`alkhub_core::Call::carried`]).
#[derive(Debug)]
pub struct Progress {
    told: mpsc::Sender<Step>,
    last: Mutex<Option<f64>>,
}

impl Progress {
    /// One, and where its steps come out.
    #[must_use]
    pub fn new() -> (Self, mpsc::Receiver<Step>) {
        let (told, heard) = mpsc::channel(WAITING);
        (Self { told, last: Mutex::default() }, heard)
    }

    /// Tells of a step; one that does not go beyond the last is left out.
    pub fn tell(&self, step: Step) {
        let mut last = self.last.lock();
        if last.is_none_or(|last| step.progress > last) {
            *last = Some(step.progress);
            // Full: whoever reads so slowly hears of the next one.
            let _ = self.told.try_send(step);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_only_grows_and_is_bounded() {
        let (progress, mut heard) = Progress::new();
        let step = |progress| Step { progress, total: None, message: None };
        for number in [1.0, 3.0, 2.0, 3.0, f64::NAN, 4.0] {
            progress.tell(step(number));
        }
        let told: Vec<f64> = std::iter::from_fn(|| heard.try_recv().ok()).map(|step| step.progress).collect();
        assert_eq!(told, [1.0, 3.0, 4.0]);
        (5..1000_i32).for_each(|number| progress.tell(step(f64::from(number))));
        assert_eq!(heard.len(), WAITING);
    }
}
