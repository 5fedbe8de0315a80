//! `hub.info`

use alkhub_api::hub::info::{Error, Info, Input, Output};
use alkhub_core::{Call, Handle};

use crate::{hub::Hub, storage::time::rfc3339};

impl Handle<Info> for Hub {
    async fn handle(&self, cx: &Call, _input: Input) -> Result<Output, Error> {
        Ok(Output {
            name: "alkhub".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            operations: i64::try_from(cx.engine().registry().visible(cx.identity(), None).len()).unwrap_or(i64::MAX),
            started_at: rfc3339(i64::try_from(self.started_ms).unwrap_or(i64::MAX)),
        })
    }
}
