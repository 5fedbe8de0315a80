//! The paths that a file of Rust mentions, imports taken apart: `use a::{b, c::d}` mentions `a::b` and `a::c::d`.

use super::lexer::{Token, tokens};

/// A path in the code of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mention {
    pub(super) line: usize,
    pub(super) path: Vec<String>,
    /// What an import does with it.
    pub(super) import: Import,
}

/// How a path comes into a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Import {
    /// It is no import.
    No,
    /// Under its own name.
    Plain,
    /// Under another name, or with all that is in it: what is used of it cannot be seen.
    Hidden,
}

impl Mention {
    /// As it could be written.
    pub(super) fn text(&self) -> String {
        self.path.join("::")
    }

    /// The name is a part of the path.
    pub(super) fn has(&self, name: &str) -> bool {
        self.path.iter().any(|part| part == name)
    }

    /// The path begins in this crate. A word alone is a crate only in an import; elsewhere it is a variable.
    pub(super) fn is_of_crate(&self, name: &str) -> bool {
        self.path.first().is_some_and(|first| first == name)
            && (self.path.len() > 1 || self.import != Import::No)
    }

    /// The path is below another one, or hides whether it is.
    pub(super) fn reaches(&self, module: &[&str]) -> bool {
        let common = self.path.iter().zip(module).take_while(|(part, wanted)| part == *wanted).count();
        common == module.len() || (common == self.path.len() && self.import == Import::Hidden)
    }
}

/// All paths of a file.
pub(super) fn mentions(text: &str) -> Vec<Mention> {
    let mut reader = Reader { tokens: tokens(text), at: 0, found: Vec::new() };
    while reader.at < reader.tokens.len() {
        reader.item();
    }
    reader.found
}

struct Reader {
    tokens: Vec<(usize, Token)>,
    at: usize,
    found: Vec<Mention>,
}

impl Reader {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at).map(|(_, token)| token)
    }

    fn next_is(&self, mark: char) -> bool {
        self.peek() == Some(&Token::Mark(mark))
    }

    fn word(&mut self) -> Option<(usize, String)> {
        let (line, Token::Word(word)) = self.tokens.get(self.at)? else { return None };
        let found = (*line, word.clone());
        self.at += 1;
        Some(found)
    }

    fn separator(&mut self) -> bool {
        let is = self.peek() == Some(&Token::Separator);
        self.at += usize::from(is);
        is
    }

    fn item(&mut self) {
        match self.word() {
            // `use<'a>` of a return type imports nothing.
            Some((_, word)) if word == "use" && !self.next_is('<') => {
                self.separator();
                self.import(&[]);
            }
            Some((_, word))
                if word == "extern" && matches!(self.peek(), Some(Token::Word(next)) if next == "crate") =>
            {
                self.at += 1;
                self.import(&[]);
            }
            Some((line, word)) => self.path(line, word),
            None => self.at += 1,
        }
    }

    fn path(&mut self, line: usize, first: String) {
        let mut path = vec![first];
        while self.separator() {
            match self.word() {
                Some((_, word)) => path.push(word),
                None => break,
            }
        }
        self.found.push(Mention { line, path, import: Import::No });
    }

    /// One branch of an import below a prefix.
    fn import(&mut self, prefix: &[String]) {
        let mut path = prefix.to_vec();
        let mut line = self.tokens.get(self.at).map_or(0, |(line, _)| *line);
        loop {
            if let Some((at, word)) = self.word() {
                line = at;
                // `a::{self}` is `a`.
                if word != "self" || path.is_empty() {
                    path.push(word);
                }
                if self.separator() {
                    continue;
                }
                let renamed = matches!(self.peek(), Some(Token::Word(word)) if word == "as");
                if renamed {
                    self.at += 2;
                }
                self.found.push(Mention {
                    line,
                    path,
                    import: if renamed { Import::Hidden } else { Import::Plain },
                });
                return;
            }
            if self.next_is('*') {
                self.at += 1;
                self.found.push(Mention { line, path, import: Import::Hidden });
            } else if self.next_is('{') {
                self.at += 1;
                while self.peek().is_some() && !self.next_is('}') {
                    self.separator();
                    let before = self.at;
                    self.import(&path);
                    // Whatever is not part of an import, so that broken code cannot hold the reader.
                    self.at += usize::from(self.next_is(',') || self.at == before);
                }
                self.at += 1;
            }
            return;
        }
    }
}
