//! Whatever the bytes, there is an answer and never a panic.

use alkhub_codegen::{Options, SourceTree, run};
use proptest::prelude::*;

const SOUND: &str = include_str!("snapshot/operations/note/create.yaml");

fn survives(path: &str, bytes: &[u8]) {
    let mut tree = SourceTree::new("operations");
    tree.insert("_shared/errors.yaml", include_str!("snapshot/operations/_shared/errors.yaml"));
    tree.insert("_shared/note.yaml", include_str!("snapshot/operations/_shared/note.yaml"));
    tree.insert(path, bytes);
    let outcome = run(&tree, &Options::default());
    assert_eq!(outcome.files.is_some(), outcome.diagnostics.iter().all(|d| d.severity.as_str() == "warning"));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        survives("note/create.yaml", &bytes);
    }

    #[test]
    fn arbitrary_yaml(text in "[a-z$:\\-{}\\[\\],&*!|>'\"#% \n]{0,200}") {
        for path in ["note/create.yaml", "_shared/errors.yaml", "_shared/more.yaml"] {
            survives(path, text.as_bytes());
        }
    }

    /// A sound file with a piece replaced gets further than noise does.
    #[test]
    fn mutated(start in 0usize..900, length in 0usize..40, piece in "[a-zA-Z0-9$#/:{}\\[\\],\" \n.-]{0,12}") {
        let mut text: Vec<char> = SOUND.chars().collect();
        let start = start.min(text.len());
        let end = (start + length).min(text.len());
        text.splice(start..end, piece.chars());
        let text: String = text.into_iter().collect();
        survives("note/create.yaml", text.as_bytes());
    }

    #[test]
    fn arbitrary_paths(path in "[a-zA-Z_./-]{1,30}") {
        survives(&path, SOUND.as_bytes());
    }
}
