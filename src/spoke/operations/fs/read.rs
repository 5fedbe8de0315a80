//! `fs.read`

use alkhub_api::fs::read::{Error, Input, InputEncoding, Output, OutputEncoding, Read};
use alkhub_core::{Call, Handle};
use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::spoke::{
    Spoke,
    sandbox::{Fail, blocking, hash},
};

impl Handle<Read> for Spoke {
    async fn handle(&self, _cx: &Call, input: Input) -> Result<Output, Error> {
        let root = self.root.clone();
        Ok(blocking(move || {
            let (offset, limit) = (input.offset.unsigned_abs(), input.limit.unsigned_abs());
            let (mut content, size) = root.read(&input.path, offset, limit)?;
            let end = |content: &[u8]| offset + content.len() as u64;
            let (encoding, text) = match input.encoding {
                InputEncoding::Base64 => (OutputEncoding::Base64, STANDARD.encode(&content)),
                InputEncoding::Utf8 => {
                    if end(&content) < size {
                        whole_letters(&mut content);
                    }
                    let text = std::str::from_utf8(&content).map_err(|_| {
                        Fail::refused(&input.path, "it is not UTF-8 text; read it with the encoding base64")
                    })?;
                    (OutputEncoding::Utf8, text.to_owned())
                }
            };
            let next = end(&content);
            Ok(Output {
                path: input.path,
                encoding,
                content: text,
                size: i64::try_from(size).unwrap_or(i64::MAX),
                sha256: hash(&content),
                next_offset: (next < size && !content.is_empty()).then(|| i64::try_from(next).unwrap_or(i64::MAX)),
            })
        })
        .await?)
    }
}

/// Leaves the beginning of a letter at the end to the next part.
fn whole_letters(content: &mut Vec<u8>) {
    if let Err(error) = std::str::from_utf8(content)
        && error.error_len().is_none()
        && error.valid_up_to() > 0
    {
        content.truncate(error.valid_up_to());
    }
}
