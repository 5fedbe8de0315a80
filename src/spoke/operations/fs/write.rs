//! `fs.write`

use alkhub_api::fs::write::{Error, Input, InputEncoding, InputMode, Output, Write};
use alkhub_core::{Call, CallError, Handle};
use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::spoke::{
    Spoke,
    sandbox::{Mode, blocking},
};

impl Handle<Write> for Spoke {
    async fn handle(&self, _cx: &Call, input: Input) -> Result<Output, Error> {
        let content = match input.encoding {
            InputEncoding::Utf8 => input.content.into_bytes(),
            InputEncoding::Base64 => STANDARD
                .decode(&input.content)
                .map_err(|error| CallError::fault("/content", format!("is not base64: {error}")))?,
        };
        let mode = match input.mode {
            InputMode::Create => Mode::Create,
            InputMode::Overwrite => Mode::Overwrite,
            InputMode::Append => Mode::Append,
        };
        let root = self.root.clone();
        Ok(blocking(move || {
            let expected = input.if_sha256.as_deref();
            let (size, sha256) = root.write(&input.path, &content, mode, input.create_parents, expected)?;
            Ok(Output { path: input.path, size: i64::try_from(size).unwrap_or(i64::MAX), sha256 })
        })
        .await?)
    }
}
