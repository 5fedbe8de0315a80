//! Pages of a list: opaque cursors over a sort key.

use alkhub_core::CallError;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

/// A part of a list.
#[derive(Clone, Debug)]
pub struct Page<T> {
    /// The items.
    pub items: Vec<T>,
    /// Where the next page begins; `None` after the last.
    pub next_cursor: Option<String>,
}

impl<T> Page<T> {
    /// From one item more than asked for, which tells whether there is a next page.
    #[must_use]
    pub fn of(mut items: Vec<T>, limit: u64, key: impl Fn(&T) -> String) -> Self {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let more = items.len() > limit;
        items.truncate(limit);
        let next_cursor = items.last().filter(|_| more).map(|last| encode_cursor(&key(last)));
        Self { items, next_cursor }
    }
}

/// A cursor that continues behind this key.
#[must_use]
pub fn encode_cursor(key: &str) -> String {
    URL_SAFE_NO_PAD.encode(key)
}

/// The key of a cursor.
///
/// # Errors
/// VALIDATION_ERROR at `/cursor`.
pub fn decode_cursor(cursor: &str) -> Result<String, CallError> {
    URL_SAFE_NO_PAD
        .decode(cursor)
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .filter(|key| !key.contains('\0'))
        .ok_or_else(|| {
            CallError::fault("/cursor", "is not a cursor of this list; take `nextCursor` of a page")
        })
}

/// The same where the key is a moment and an id, `ms:id`.
///
/// # Errors
/// VALIDATION_ERROR at `/cursor`.
pub(super) fn decode_moment(cursor: &str) -> Result<(i64, String), CallError> {
    let key = decode_cursor(cursor)?;
    key.split_once(':').and_then(|(ms, id)| Some((ms.parse().ok()?, id.to_owned()))).ok_or_else(|| {
        CallError::fault("/cursor", "is not a cursor of this list; take `nextCursor` of a page")
    })
}
