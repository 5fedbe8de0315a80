//! Words of a query: those that say nothing are left out, and verbs find what others call the same.

use tantivy::tokenizer::TextAnalyzer;

/// What a word that means the same weighs.
pub(super) const LIKE: f32 = 0.6;

/// Words that stand in every question.
const EMPTY: &[&str] = &[
    "a", "all", "an", "and", "any", "are", "as", "at", "be", "by", "can", "do", "for", "from", "have", "how",
    "i", "if", "in", "into", "is", "it", "its", "me", "my", "of", "on", "or", "our", "some", "that", "the",
    "their", "them", "this", "to", "want", "was", "what", "when", "which", "who", "will", "with", "you",
    "your",
];

/// Words of which one may be asked for and another written.
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
    &["repo", "repository", "repositories"],
    &["folder", "directory", "directories"],
    &["image", "picture", "photo"],
    &["mail", "email"],
    &["song", "songs", "track", "tracks"],
    &["bug", "issue", "ticket"],
    &["person", "people", "user", "users", "member", "members"],
];

/// A word of a query: the stems that stand for it, its own first.
pub(super) struct Word {
    pub(super) like: Vec<String>,
}

/// The words of a query that count, each once.
pub(super) fn of_query(tokenizer: &TextAnalyzer, query: &str) -> Vec<Word> {
    let mut tokenizer = tokenizer.clone();
    let said = query.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty());
    let said: Vec<String> = said.flat_map(parts).collect();
    let telling: Vec<&String> = said.iter().filter(|word| !EMPTY.contains(&&***word)).collect();
    let mut words: Vec<Word> = Vec::new();
    for word in if telling.is_empty() { said.iter().collect() } else { telling } {
        let Some(own) = stem(&mut tokenizer, word) else { continue };
        if words.iter().any(|known| known.like[0] == own) {
            continue;
        }
        let mut like = vec![own];
        for other in ALIKE.iter().filter(|group| group.contains(&&**word)).copied().flatten() {
            like.extend(stem(&mut tokenizer, other).filter(|stem| !like.contains(stem)));
        }
        words.push(Word { like });
    }
    words
}

/// `createTask` is two words, `GitHub` is a name.
fn parts(word: &str) -> Vec<String> {
    if word.starts_with(char::is_uppercase) || !word.contains(char::is_uppercase) {
        return vec![word.to_lowercase()];
    }
    let mut parts = vec![String::new()];
    for letter in word.chars() {
        if letter.is_uppercase() {
            parts.push(String::new());
        }
        if let Some(last) = parts.last_mut() {
            last.extend(letter.to_lowercase());
        }
    }
    parts
}

fn stem(tokenizer: &mut TextAnalyzer, word: &str) -> Option<String> {
    let mut stems = tokenizer.token_stream(word);
    stems.advance().then(|| stems.token().text.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_that_say_nothing_are_left_out() {
        let index = tantivy::Index::create_in_ram(tantivy::schema::Schema::builder().build());
        let tokenizer = index.tokenizers().get("en_stem").expect("English");
        let words = |query: &str| -> Vec<String> {
            of_query(&tokenizer, query).into_iter().map(|word| word.like[0].clone()).collect()
        };
        assert_eq!(
            words("How can I list the branches of a GitHub repository?"),
            ["list", "branch", "github", "repositori"]
        );
        assert_eq!(words("createTask project.create"), ["creat", "task", "project"]);
        assert_eq!(words("to be"), ["to", "be"]);
        assert_eq!(words("!?"), Vec::<String>::new());
        let like = &of_query(&tokenizer, "make")[0].like;
        assert!(like.contains(&"creat".to_owned()) && !like.contains(&"delet".to_owned()), "{like:?}");
    }
}
