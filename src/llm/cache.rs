//! Answers that are given again to the same request of the same key, where the key's policy says so.

use std::time::{Duration, Instant};

use bytes::Bytes;
use quick_cache::{Weighter, sync::Cache as Held};
use sha2::{Digest, Sha256};

use super::dialect::Dialect;

pub(super) type Name = [u8; 32];

#[derive(Clone)]
struct Answer {
    body: Bytes,
    until: Instant,
}

#[derive(Clone)]
struct Weight;

impl Weighter<Name, Answer> for Weight {
    fn weight(&self, _: &Name, answer: &Answer) -> u64 {
        answer.body.len() as u64 + 128
    }
}

/// Bounded by bytes.
pub(super) struct Cache {
    held: Held<Name, Answer, Weight>,
}

impl Cache {
    pub(super) fn new(bytes: usize) -> Self {
        Self { held: Held::with_weighter(1024, bytes as u64, Weight) }
    }

    /// The name of a request: key, dialect and every byte of it.
    pub(super) fn name(key: &str, dialect: Dialect, body: &[u8]) -> Name {
        let mut hash = Sha256::new();
        for part in [key.as_bytes(), &[0], dialect.path().as_bytes(), &[0], body] {
            hash.update(part);
        }
        hash.finalize().into()
    }

    pub(super) fn get(&self, name: &Name) -> Option<Bytes> {
        let answer = self.held.get(name)?;
        (answer.until > Instant::now()).then_some(answer.body)
    }

    pub(super) fn put(&self, name: Name, body: Bytes, keep: Duration) {
        self.held.insert(name, Answer { body, until: Instant::now() + keep });
    }
}
