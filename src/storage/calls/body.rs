//! What a call was given and answered: compressed where that is worth it, and with a word on what is missing of it.

use std::io::{Read, Write};

use alkhub_core::CallError;
use bytes::Bytes;
use flate2::{Compression, read::DeflateDecoder, write::DeflateEncoder};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use uuid::Uuid;

use super::{Stored, key};
use crate::storage::{
    Database,
    entity::call_bodies::{Column, Entity},
    error::within,
};

/// Shorter texts are stored as they are.
const WORTH: usize = 512;
/// First byte of a text that is stored as it is.
const PLAIN: u8 = b'p';
/// First byte of one that is compressed.
const DEFLATED: u8 = b'z';
/// Most bytes that are unpacked.
const LARGEST: u64 = 64 * 1024 * 1024;

/// What is kept of a text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Body {
    /// Nothing: there is none, or it is not recorded.
    #[default]
    None,
    /// All of it.
    Whole(Bytes),
    /// All but its secrets.
    Cut(Bytes),
    /// It is larger than what is kept.
    TooLarge,
}

impl Body {
    /// As it is stored: the packed text, and what is missing of it.
    #[must_use]
    pub fn pack(&self) -> (Option<Vec<u8>>, i32) {
        match self {
            Self::None => (None, 0),
            Self::Whole(text) => (Some(packed(text)), 1),
            Self::Cut(text) => (Some(packed(text)), 2),
            Self::TooLarge => (None, 3),
        }
    }

    fn unpack(stored: Option<&[u8]>, state: i32) -> Result<Self, CallError> {
        let text = || stored.map(unpacked).transpose().map(Option::unwrap_or_default);
        Ok(match state {
            1 => Self::Whole(text()?),
            2 => Self::Cut(text()?),
            3 => Self::TooLarge,
            _ => Self::None,
        })
    }

    /// The `data` of an envelope.
    #[must_use]
    pub fn unwrapped(self) -> Self {
        let data = |text: Bytes| match alkhub_core::engine::Output::enveloped(text.clone()) {
            Some(output) => output.into_data(),
            None => text,
        };
        match self {
            Self::Whole(text) => Self::Whole(data(text)),
            Self::Cut(text) => Self::Cut(data(text)),
            other => other,
        }
    }

    /// The text, as far as it is kept.
    #[must_use]
    pub fn text(&self) -> Option<&Bytes> {
        match self {
            Self::Whole(text) | Self::Cut(text) => Some(text),
            Self::None | Self::TooLarge => None,
        }
    }

    /// `whole`, `cut`, `tooLarge` or `none`.
    #[must_use]
    pub fn state(&self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Whole(_) => "whole",
            Self::Cut(_) => "cut",
            Self::TooLarge => "tooLarge",
        }
    }
}

/// What is kept of a call beside its row.
#[derive(Clone, Debug, Default)]
pub struct Kept {
    /// What it was given.
    pub input: Body,
    /// What it answered.
    pub output: Body,
    /// Whether the output stands in the envelope that it came in.
    pub enveloped: bool,
    /// SHA-256 of the idempotency key that it was made under.
    pub key: Option<[u8; 32]>,
}

impl Kept {
    fn unpack(stored: Stored) -> Result<Self, CallError> {
        Ok(Self {
            input: Body::unpack(stored.input.as_deref(), stored.input_state)?,
            output: Body::unpack(stored.output.as_deref(), stored.output_state)?,
            enveloped: stored.enveloped,
            key: stored.key_digest.and_then(|digest| digest.try_into().ok()),
        })
    }
}

/// What is kept of a call; nothing where nothing is.
///
/// # Errors
/// UNAVAILABLE or EXECUTION_ERROR.
pub async fn body(database: &Database, id: Uuid) -> Result<Kept, CallError> {
    let stored = within(Entity::find_by_id(key(id)).one(database.read().await?)).await?;
    stored.map_or_else(|| Ok(Kept::default()), Kept::unpack)
}

/// What is kept of several calls.
///
/// # Errors
/// UNAVAILABLE or EXECUTION_ERROR.
pub async fn bodies(database: &Database, ids: &[Uuid]) -> Result<Vec<(Uuid, Kept)>, CallError> {
    let wanted = Entity::find().filter(Column::Id.is_in(ids.iter().map(|id| key(*id))));
    let stored = within(wanted.all(database.read().await?)).await?;
    stored.into_iter().map(|row| Ok((super::id(&row.id), Kept::unpack(row)?))).collect()
}

fn packed(text: &[u8]) -> Vec<u8> {
    if text.len() >= WORTH {
        let mut encoder = DeflateEncoder::new(vec![DEFLATED], Compression::fast());
        if encoder.write_all(text).is_ok()
            && let Ok(packed) = encoder.finish()
            && packed.len() < text.len()
        {
            return packed;
        }
    }
    [&[PLAIN], text].concat()
}

fn unpacked(stored: &[u8]) -> Result<Bytes, CallError> {
    match stored.split_first() {
        Some((&PLAIN, text)) => Ok(Bytes::copy_from_slice(text)),
        Some((&DEFLATED, packed)) => {
            let mut text = Vec::new();
            let read = DeflateDecoder::new(packed).take(LARGEST).read_to_end(&mut text);
            read.map(|_| Bytes::from(text)).map_err(|error| CallError::internal(&error))
        }
        _ => Err(CallError::internal(&"a recorded text of an unknown form")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back() {
        let long = Bytes::from(format!("\"{}\"", "abc ".repeat(1000)));
        for body in [
            Body::None,
            Body::TooLarge,
            Body::Whole(Bytes::from_static(b"{}")),
            Body::Cut(long.clone()),
            Body::Whole(Bytes::new()),
        ] {
            let (stored, state) = body.pack();
            assert_eq!(Body::unpack(stored.as_deref(), state).expect("readable"), body);
        }
        assert!(packed(&long).len() < long.len() / 10);
        assert!(unpacked(b"x").is_err());
    }
}
