//! Prompts and answers that are recorded, sealed before they reach the database (ADR 0056).
//!
//! Deriving a key from the master key takes tens of milliseconds, on purpose. A process therefore makes a key of its own
//! once, seals that with the vault, and stores it so beside each prompt that is encrypted with it.

use alkhub_core::CallError;
use serde::{Deserialize, Serialize};
use tokio::sync::OnceCell;
use zeroize::Zeroizing;

use crate::{
    crypto::DataKey,
    storage::{Database, llm::captures},
    vault::Vault,
};

/// The key of this process.
pub(super) struct Captures {
    vault: Vault,
    key: OnceCell<(DataKey, String)>,
}

/// A text as it is stored.
#[derive(Serialize, Deserialize)]
struct Stored<'a> {
    /// The key, sealed by the vault.
    key: std::borrow::Cow<'a, str>,
    /// The text, encrypted with it.
    text: String,
}

impl Captures {
    pub(super) fn new(vault: &Vault) -> Self {
        Self { vault: vault.clone(), key: OnceCell::new() }
    }

    /// Stores a prompt and its answer, which are in the clear in what is given.
    ///
    /// # Errors
    /// NO_MASTER_KEY, UNAVAILABLE or EXECUTION_ERROR.
    pub(super) async fn add(
        &self,
        database: &Database,
        mut capture: captures::Capture,
    ) -> Result<(), CallError> {
        let made = || async {
            let key = DataKey::random().map_err(|error| CallError::internal(&error))?;
            let sealed = self.vault.seal(Zeroizing::new(key.bytes().to_vec())).await?;
            Ok::<_, CallError>((key, sealed))
        };
        let (key, sealed) = self.key.get_or_try_init(made).await?;
        for (name, text) in [("request", &mut capture.request), ("answer", &mut capture.answer)] {
            let bound = bound(&capture.id, name);
            let encrypted =
                key.encrypt(text.as_bytes(), &bound).map_err(|error| CallError::internal(&error))?;
            let stored = Stored { key: sealed.as_str().into(), text: encrypted };
            *text = serde_json::to_string(&stored).map_err(|error| CallError::internal(&error))?;
        }
        captures::add(database, capture).await
    }

    /// Opens what was stored; what an older hub has stored in the clear is given as it is.
    ///
    /// # Errors
    /// NO_MASTER_KEY or EXECUTION_ERROR.
    pub(super) async fn open(&self, mut capture: captures::Capture) -> Result<captures::Capture, CallError> {
        for (name, text) in [("request", &mut capture.request), ("answer", &mut capture.answer)] {
            let Ok(stored) = serde_json::from_str::<Stored<'_>>(text) else { continue };
            let key = self.vault.open(&stored.key).await?;
            let key =
                DataKey::of(&key).ok_or_else(|| CallError::internal(&"the key of a capture is none"))?;
            let opened = key.decrypt(&stored.text, &bound(&capture.id, name));
            let opened = opened.map_err(|error| CallError::internal(&error))?;
            *text = String::from_utf8(opened).map_err(|error| CallError::internal(&error))?;
        }
        Ok(capture)
    }
}

/// What a text is bound to, so that it opens nowhere else.
fn bound(id: &str, name: &str) -> Vec<u8> {
    format!("{id}/{name}").into_bytes()
}
