//! `fs.edit`

use alkhub_api::fs::edit::{Edit, Error, Input, InputEditsItem, Output};
use alkhub_core::{Call, Handle};

use crate::spoke::{
    Spoke,
    sandbox::{Fail, LARGEST_TEXT, blocking},
};

impl Handle<Edit> for Spoke {
    async fn handle(&self, _cx: &Call, input: Input) -> Result<Output, Error> {
        let root = self.root.clone();
        Ok(blocking(move || {
            let (size, sha256, replacements) =
                root.change(&input.path, |text| apply(&input.path, text, &input.edits))?;
            let size = i64::try_from(size).unwrap_or(i64::MAX);
            Ok(Output { path: input.path, size, sha256, replacements })
        })
        .await?)
    }
}

fn apply(path: &str, text: &str, edits: &[InputEditsItem]) -> Result<(String, i64), Fail> {
    let (mut text, mut replacements) = (text.to_owned(), 0);
    for (number, edit) in edits.iter().enumerate() {
        let occurrences = text.matches(&edit.find).count();
        if occurrences == 0 || (occurrences > 1 && !edit.all) {
            return Err(Fail::Mismatch { path: path.to_owned(), edit: number, occurrences });
        }
        let growth = edit.replace.len().saturating_sub(edit.find.len()) as u64;
        if text.len() as u64 + growth * occurrences as u64 > LARGEST_TEXT {
            return Err(Fail::refused(path, "it would become too large"));
        }
        text = text.replace(&edit.find, &edit.replace);
        replacements += i64::try_from(occurrences).unwrap_or(i64::MAX);
    }
    Ok((text, replacements))
}
