//! `fs.glob`

use alkhub_api::fs::glob::{Error, Glob, Input, Output};
use alkhub_core::{Call, Handle};

use crate::spoke::{
    Spoke, pattern,
    sandbox::{Walk, blocking},
};

impl Handle<Glob> for Spoke {
    async fn handle(&self, cx: &Call, input: Input) -> Result<Output, Error> {
        let (root, cancel) = (self.root.clone(), cx.cancelled().clone());
        Ok(blocking(move || {
            let glob = pattern::glob(&input.pattern)?;
            let limit = usize::try_from(input.limit).unwrap_or(1000);
            let (mut paths, mut truncated) = (Vec::new(), false);
            let walk = Walk { depth: usize::MAX, ignored: input.ignored, cancel: &cancel };
            walk.run(&root, &input.path, |found| {
                if found.kind.is_dir() || !glob.is_match(found.inside) {
                    return Ok(true);
                }
                truncated = paths.len() == limit;
                if !truncated {
                    paths.push(found.path.to_owned());
                }
                Ok(!truncated)
            })?;
            Ok(Output { paths, truncated })
        })
        .await?)
    }
}
