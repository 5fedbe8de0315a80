//! Rust as far as rules need it: words and strings with their lines, without comments. A name in a comment or in a
//! message is no dependency; a word of code is.

/// A token that rules look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// An identifier or keyword, without `r#`.
    Word(String),
    /// The contents of a string literal, escapes as they were written.
    Text(String),
    /// `::`
    Separator,
    /// Any other character.
    Mark(char),
}

/// The tokens of a text, each with its line.
pub(super) fn tokens(text: &str) -> Vec<(usize, Token)> {
    let mut lexer = Lexer { chars: text.chars().collect(), at: 0, line: 1, found: Vec::new() };
    while lexer.at < lexer.chars.len() {
        lexer.step();
    }
    lexer.found
}

struct Lexer {
    chars: Vec<char>,
    at: usize,
    line: usize,
    found: Vec<(usize, Token)>,
}

impl Lexer {
    fn peek(&self, ahead: usize) -> Option<char> {
        self.chars.get(self.at + ahead).copied()
    }

    fn starts_with(&self, text: &str) -> bool {
        text.chars().enumerate().all(|(ahead, char)| self.peek(ahead) == Some(char))
    }

    fn take(&mut self) -> Option<char> {
        let char = self.peek(0)?;
        self.at += 1;
        if char == '\n' {
            self.line += 1;
        }
        Some(char)
    }

    fn skip(&mut self, count: usize) {
        for _ in 0..count {
            self.take();
        }
    }

    fn step(&mut self) {
        let line = self.line;
        let Some(char) = self.peek(0) else { return };
        if self.starts_with("//") {
            while self.peek(0).is_some_and(|char| char != '\n') {
                self.take();
            }
        } else if self.starts_with("/*") {
            self.block_comment();
        } else if char == '"' {
            self.skip(1);
            let text = self.quoted();
            self.found.push((line, Token::Text(text)));
        } else if char == '\'' {
            self.quote();
        } else if self.starts_with("::") {
            self.skip(2);
            self.found.push((line, Token::Separator));
        } else if char == '_' || char.is_alphanumeric() {
            self.word(line);
        } else {
            self.take();
            if !char.is_whitespace() {
                self.found.push((line, Token::Mark(char)));
            }
        }
    }

    /// Block comments nest.
    fn block_comment(&mut self) {
        let mut depth = 0_usize;
        loop {
            if self.starts_with("/*") {
                depth += 1;
                self.skip(2);
            } else if self.starts_with("*/") {
                depth -= 1;
                self.skip(2);
                if depth == 0 {
                    return;
                }
            } else if self.take().is_none() {
                return;
            }
        }
    }

    /// The rest of a string whose opening quote is behind.
    fn quoted(&mut self) -> String {
        let mut text = String::new();
        while let Some(char) = self.take() {
            match char {
                '"' => break,
                '\\' => {
                    text.push(char);
                    text.extend(self.take());
                }
                _ => text.push(char),
            }
        }
        text
    }

    /// A character literal, or the tick of a lifetime, whose name is no word of interest.
    fn quote(&mut self) {
        self.skip(1);
        if self.peek(0) == Some('\\') {
            self.skip(2);
            while self.take().is_some_and(|char| char != '\'') {}
        } else if self.peek(1) == Some('\'') {
            self.skip(2);
        } else {
            while self.peek(0).is_some_and(|char| char == '_' || char.is_alphanumeric()) {
                self.take();
            }
        }
    }

    /// A word, a number, or the prefix of a string (`b`, `c`, `r`, `br`, `cr`) with the string.
    fn word(&mut self, line: usize) {
        let mut word = String::new();
        while let Some(char) = self.peek(0).filter(|char| *char == '_' || char.is_alphanumeric()) {
            word.push(char);
            self.take();
        }
        let raw = matches!(word.as_str(), "r" | "br" | "cr");
        if raw {
            let hashes = (0..).take_while(|ahead| self.peek(*ahead) == Some('#')).count();
            if self.peek(hashes) == Some('"') {
                self.skip(hashes + 1);
                let text = self.raw(hashes);
                self.found.push((line, Token::Text(text)));
                return;
            }
            if word == "r" && hashes == 1 {
                // A raw identifier: the word after it is the identifier.
                self.skip(1);
                return;
            }
        }
        if matches!(word.as_str(), "b" | "c") && matches!(self.peek(0), Some('"' | '\'')) {
            return;
        }
        if !word.starts_with(|char: char| char.is_ascii_digit()) {
            self.found.push((line, Token::Word(word)));
        }
    }

    /// The rest of a raw string with so many hashes.
    fn raw(&mut self, hashes: usize) -> String {
        let end = format!("\"{}", "#".repeat(hashes));
        let mut text = String::new();
        while !self.starts_with(&end) {
            match self.take() {
                Some(char) => text.push(char),
                None => return text,
            }
        }
        self.skip(hashes + 1);
        text
    }
}
