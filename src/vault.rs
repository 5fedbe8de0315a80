//! Secrets of others that the hub keeps: sealed in the database, open only in memory.

use std::{io::Write, path::Path, sync::Arc};

use alkhub_core::CallError;
use alkhub_core::error::codes;
use rand::{TryRngCore, rngs::OsRng};
use zeroize::Zeroizing;

use crate::{
    config::{Config, Secret},
    crypto,
};

/// Name of the file under `data` that holds the master key where none was given.
const FILE: &str = "master.key";

/// Seals and opens secrets under the master key. Cheap to clone.
#[derive(Clone)]
pub struct Vault {
    master: Option<Arc<Secret>>,
}

impl Vault {
    /// With the configured master key. Without one, a hub on its embedded database makes one for itself beside it, at
    /// its first start; a hub whose database others share needs one that they share too.
    ///
    /// # Errors
    /// What keeps the file from being read or written.
    pub fn of(config: &Config) -> Result<Self, String> {
        let master = match &config.secrets.master_key {
            Some(master) => Some(master.clone()),
            None if config.database_url().expose().starts_with("sqlite:") => Some(own(&config.data)?),
            None => None,
        };
        Ok(Self { master: master.map(Arc::new) })
    }

    /// Seals a secret; the text is what the database may hold.
    ///
    /// # Errors
    /// NO_MASTER_KEY, or EXECUTION_ERROR.
    pub async fn seal(&self, secret: Zeroizing<Vec<u8>>) -> Result<String, CallError> {
        let master = self.master()?;
        let sealed = tokio::task::spawn_blocking(move || crypto::seal(master.expose(), &secret)).await;
        let sealed = sealed
            .map_err(|error| CallError::internal(&error))?
            .map_err(|error| CallError::internal(&error))?;
        serde_json::to_string(&sealed).map_err(|error| CallError::internal(&error))
    }

    /// Opens what was sealed. It takes tens of milliseconds: open once, and keep it no longer than it is needed.
    ///
    /// # Errors
    /// NO_MASTER_KEY where there is none or another one, EXECUTION_ERROR where it is not a sealed secret.
    pub async fn open(&self, sealed: &str) -> Result<Zeroizing<Vec<u8>>, CallError> {
        let master = self.master()?;
        let sealed: crypto::Sealed =
            serde_json::from_str(sealed).map_err(|error| CallError::internal(&error))?;
        let opened = tokio::task::spawn_blocking(move || crypto::open(master.expose(), &sealed)).await;
        opened.map_err(|error| CallError::internal(&error))?.map_err(|error| match error {
            crypto::OpenError::Refused => CallError::new(
                codes::NO_MASTER_KEY,
                "A stored secret does not open with this hub's master key; it was sealed under another one.",
            ),
            error => CallError::internal(&error),
        })
    }

    fn master(&self) -> Result<Arc<Secret>, CallError> {
        self.master.clone().ok_or_else(|| {
            CallError::new(
                codes::NO_MASTER_KEY,
                "The hub has no master key to seal secrets with; the operator sets ALKHUB_MASTER_KEY or \
                 `secrets.master_key_file`, the same for all processes.",
            )
        })
    }
}

/// The key in the data directory; made where there is none.
fn own(data: &Path) -> Result<Secret, String> {
    let path = data.join(FILE);
    match std::fs::read_to_string(&path) {
        Ok(text) if !text.trim().is_empty() => return Ok(Secret::new(text.trim())),
        Ok(_) => {
            return Err(format!(
                "{} is empty; restore it or, if nothing is sealed yet, remove it",
                path.display()
            ));
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(format!("{} cannot be read: {error}", path.display())),
    }
    let text = random().map_err(|error| format!("the system gives no random numbers: {error}"))?;
    let written = (|| {
        std::fs::create_dir_all(data)?;
        // Whole or not at all, and not over another process's: what was sealed under that one must stay openable.
        let mut file = tempfile::NamedTempFile::new_in(data)?;
        file.write_all(text.expose().as_bytes())?;
        file.write_all(b"\n")?;
        file.as_file().sync_all()?;
        match file.persist_noclobber(&path) {
            Ok(_) => Ok(None),
            Err(lost) if lost.error.kind() == std::io::ErrorKind::AlreadyExists => {
                std::fs::read_to_string(&path).map(Some)
            }
            Err(failed) => Err(failed.error),
        }
    })();
    match written {
        Ok(None) => {
            tracing::info!(path = %path.display(), "made a master key; keep a copy of it with the database's");
            Ok(text)
        }
        Ok(Some(others)) => Ok(Secret::new(others.trim())),
        Err(error) => Err(format!("{} cannot be written: {error}", path.display())),
    }
}

/// 256 bits in hexadecimal.
fn random() -> Result<Secret, rand::rand_core::OsError> {
    use std::fmt::Write;
    let mut bytes = Zeroizing::new([0_u8; 32]);
    OsRng.try_fill_bytes(bytes.as_mut_slice())?;
    let text = bytes.iter().fold(String::with_capacity(64), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    });
    Ok(Secret::new(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(data: &Path) -> Config {
        Config { data: data.to_owned(), ..Config::default() }
    }

    #[tokio::test]
    async fn an_embedded_hub_makes_one_key_and_keeps_it() {
        let directory = tempfile::tempdir().expect("a folder");
        let data = directory.path().join("data");
        let vault = Vault::of(&config(&data)).expect("a vault");
        let sealed = vault.seal(Zeroizing::new(b"hunter2".to_vec())).await.expect("sealed");
        assert!(!sealed.contains("hunter2"));
        let again = Vault::of(&config(&data)).expect("a vault");
        assert_eq!(again.open(&sealed).await.expect("opened").as_slice(), b"hunter2");
        std::fs::write(data.join(FILE), "another key\n").expect("written");
        let other = Vault::of(&config(&data)).expect("a vault");
        assert_eq!(other.open(&sealed).await.expect_err("another key").code, codes::NO_MASTER_KEY);
    }

    #[tokio::test]
    async fn a_shared_database_needs_a_key_that_was_given() {
        let directory = tempfile::tempdir().expect("a folder");
        let mut config = config(directory.path());
        config.database.url = Some(Secret::new("postgres://localhost/hub"));
        let vault = Vault::of(&config).expect("a vault");
        let refused = vault.seal(Zeroizing::new(b"x".to_vec())).await.expect_err("no key");
        assert_eq!(refused.code, codes::NO_MASTER_KEY);
        assert!(!directory.path().join(FILE).exists());
        config.secrets.master_key = Some(Secret::new("a master key of some length"));
        Vault::of(&config).expect("a vault").seal(Zeroizing::new(b"x".to_vec())).await.expect("sealed");
    }
}
