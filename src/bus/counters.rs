//! What the bus counts.

use prometheus::{IntCounter, core::Collector};

/// Counters of the bus. Cheap to clone.
#[derive(Clone)]
pub struct Counters {
    /// Messages given to the bus.
    pub published: IntCounter,
    /// Messages that came for a topic with listeners here.
    pub received: IntCounter,
    /// Messages that a listener, or all of them, did not get.
    pub dropped: IntCounter,
    /// Connections that were lost and made again.
    pub reconnects: IntCounter,
    /// Steps asked of buckets that all processes share.
    pub shared: IntCounter,
    /// The same that could not be asked.
    pub alone: IntCounter,
}

impl Counters {
    /// All at zero.
    ///
    /// # Errors
    /// Only where a name is malformed, which is a fault of the program.
    pub fn new() -> Result<Self, prometheus::Error> {
        Ok(Self {
            published: IntCounter::new("alkhub_bus_published_total", "Messages given to the bus.")?,
            received: IntCounter::new("alkhub_bus_received_total", "Messages that came from the bus.")?,
            dropped: IntCounter::new(
                "alkhub_bus_dropped_total",
                "Messages that could not be published, and those that a slow listener did not get.",
            )?,
            reconnects: IntCounter::new(
                "alkhub_bus_reconnects_total",
                "Connections to Redis that were lost and made again.",
            )?,
            shared: IntCounter::new(
                "alkhub_rate_shared_total",
                "Calls counted in Redis, for all processes.",
            )?,
            alone: IntCounter::new(
                "alkhub_rate_alone_total",
                "Calls counted in this process alone, because Redis was away.",
            )?,
        })
    }

    /// Each of them, to be registered.
    #[must_use]
    pub fn all(&self) -> Vec<Box<dyn Collector>> {
        let all =
            [&self.published, &self.received, &self.dropped, &self.reconnects, &self.shared, &self.alone];
        all.into_iter().map(|counter| Box::new(counter.clone()) as Box<dyn Collector>).collect()
    }
}
