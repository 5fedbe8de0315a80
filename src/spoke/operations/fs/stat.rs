//! `fs.stat`

use alkhub_api::fs::stat::{Error, Input, Output, Stat};
use alkhub_core::{Call, Handle};

use crate::spoke::{Spoke, entry, sandbox::blocking};

impl Handle<Stat> for Spoke {
    async fn handle(&self, _cx: &Call, input: Input) -> Result<Output, Error> {
        let root = self.root.clone();
        Ok(blocking(move || entry::look(root.dir(), &input.path, &input.path)).await?)
    }
}
