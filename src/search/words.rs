//! Words of a query: those that say nothing are left out, and verbs find what others call the same.

use tantivy::tokenizer::TextAnalyzer;

/// What a word that means the same weighs.
pub(super) const LIKE: f32 = 0.35;

/// Words that stand in every question.
const EMPTY: &[&str] = &[
    "a", "all", "an", "and", "any", "are", "as", "at", "be", "by", "can", "do", "for", "from", "have", "how",
    "i", "if", "in", "into", "is", "it", "its", "me", "my", "of", "on", "or", "our", "some", "that", "the",
    "their", "them", "this", "to", "want", "was", "what", "when", "which", "who", "will", "with", "you",
    "your",
];

/// Verbs of which one may be asked for and another written.
const ALIKE: &[&[&str]] = &[
    &["create", "make", "add", "new", "post", "insert", "open"],
    &["get", "read", "show", "fetch", "retrieve", "find", "look"],
    &["list", "show", "get", "enumerate", "browse"],
    &["update", "change", "edit", "modify", "patch", "put", "replace", "set", "rename"],
    &["delete", "remove", "destroy", "drop", "cancel", "erase"],
    &["run", "execute", "start", "launch"],
    &["stop", "end", "abort", "cancel", "halt"],
    &["send", "post", "publish"],
    &["search", "find", "query", "grep"],
];

/// A word of a query.
pub(super) struct Word {
    /// Its stem.
    pub(super) text: String,
    /// The stems that stand for it, itself first.
    pub(super) like: Vec<String>,
}

/// The words of a query that count, each once.
pub(super) fn of_query(tokenizer: &TextAnalyzer, query: &str) -> Vec<Word> {
    let mut tokenizer = tokenizer.clone();
    let spaced = super::document::words(query);
    let lower = spaced.to_lowercase();
    let said: Vec<&str> =
        lower.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    let telling: Vec<&str> = said.iter().copied().filter(|word| !EMPTY.contains(word)).collect();
    let mut words: Vec<Word> = Vec::new();
    for word in if telling.is_empty() { said } else { telling } {
        for text in stems(&mut tokenizer, word) {
            if words.iter().any(|known| known.text == text) {
                continue;
            }
            let mut like = vec![text.clone()];
            for group in ALIKE.iter().filter(|group| group.contains(&word)) {
                for other in *group {
                    like.extend(stems(&mut tokenizer, other).into_iter().filter(|stem| *stem != text));
                }
            }
            like.dedup();
            words.push(Word { text, like });
        }
    }
    words
}

fn stems(tokenizer: &mut TextAnalyzer, text: &str) -> Vec<String> {
    let mut stems = Vec::new();
    tokenizer.token_stream(text).process(&mut |token| stems.push(token.text.clone()));
    stems
}
