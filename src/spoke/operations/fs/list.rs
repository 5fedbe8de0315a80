//! `fs.list`

use alkhub_api::fs::list::{Error, Input, List, Output};
use alkhub_core::{Call, Handle};

use crate::spoke::{
    Spoke, entry,
    sandbox::{Walk, blocking},
};

impl Handle<List> for Spoke {
    async fn handle(&self, cx: &Call, input: Input) -> Result<Output, Error> {
        let (root, cancel) = (self.root.clone(), cx.cancelled().clone());
        Ok(blocking(move || {
            let depth = usize::try_from(input.depth).unwrap_or(1);
            let limit = usize::try_from(input.limit).unwrap_or(1000);
            let (mut entries, mut truncated) = (Vec::new(), false);
            let walk = Walk { depth, ignored: input.ignored, cancel: &cancel };
            walk.run(&root, &input.path, |found| {
                truncated = entries.len() == limit;
                if !truncated {
                    // What is gone already is not there.
                    entries.extend(entry::look(found.folder, found.name, found.path).ok());
                }
                Ok(!truncated)
            })?;
            Ok(Output { entries, truncated })
        })
        .await?)
    }
}
