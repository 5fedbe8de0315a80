//! What an answer has used: read from the answer, whichever dialect it is in.

use serde::Deserialize;
use serde_json::{Value, json};

use super::Dialect;

/// Tokens of one answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Of the request, all of them.
    pub input: u64,
    /// Of these, read from the provider's cache.
    pub cached: u64,
    /// Of these, written into it.
    pub cache_write: u64,
    /// Of the answer, all of them.
    pub output: u64,
    /// Of these, of reasoning.
    pub reasoning: u64,
}

/// Usage as any of the dialects writes it; a field that is absent or null counts nothing.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Written {
    prompt_tokens: Option<u64>,
    completion_tokens: Option<u64>,
    input_tokens: Option<u64>,
    output_tokens: Option<u64>,
    cache_creation_input_tokens: Option<u64>,
    cache_read_input_tokens: Option<u64>,
    prompt_tokens_details: Option<Details>,
    completion_tokens_details: Option<Details>,
    input_tokens_details: Option<Details>,
    output_tokens_details: Option<Details>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Details {
    cached_tokens: Option<u64>,
    reasoning_tokens: Option<u64>,
}

impl Written {
    pub(super) fn usage(&self, dialect: Dialect) -> Usage {
        if dialect.is_anthropic() {
            let (cached, cache_write) =
                (self.cache_read_input_tokens.unwrap_or(0), self.cache_creation_input_tokens.unwrap_or(0));
            return Usage {
                input: self.input_tokens.unwrap_or(0).saturating_add(cached).saturating_add(cache_write),
                cached,
                cache_write,
                output: self.output_tokens.unwrap_or(0),
                reasoning: 0,
            };
        }
        let input = self.prompt_tokens_details.as_ref().or(self.input_tokens_details.as_ref());
        let output = self.completion_tokens_details.as_ref().or(self.output_tokens_details.as_ref());
        Usage {
            input: self.prompt_tokens.or(self.input_tokens).unwrap_or(0),
            cached: input.and_then(|details| details.cached_tokens).unwrap_or(0),
            cache_write: 0,
            output: self.completion_tokens.or(self.output_tokens).unwrap_or(0),
            reasoning: output.and_then(|details| details.reasoning_tokens).unwrap_or(0),
        }
    }
}

#[derive(Deserialize)]
struct Answer {
    usage: Option<Written>,
    /// Of a count of tokens.
    input_tokens: Option<u64>,
}

/// The usage that an answer tells of; `None` where it tells of none.
#[must_use]
pub fn of_answer(dialect: Dialect, body: &[u8]) -> Option<Usage> {
    let answer: Answer = serde_json::from_slice(body).ok()?;
    if dialect == Dialect::CountTokens {
        // Counting costs nothing.
        return answer.input_tokens.map(|_| Usage::default());
    }
    answer.usage.map(|usage| usage.usage(dialect))
}

impl Usage {
    /// Of two reports on one answer, the later of which may leave out what the earlier said.
    pub fn merge(&mut self, later: Self) {
        self.input = self.input.max(later.input);
        self.cached = self.cached.max(later.cached);
        self.cache_write = self.cache_write.max(later.cache_write);
        self.output = self.output.max(later.output);
        self.reasoning = self.reasoning.max(later.reasoning);
    }

    /// As chat completions write it.
    #[must_use]
    pub fn chat(&self) -> Value {
        json!({
            "prompt_tokens": self.input,
            "completion_tokens": self.output,
            "total_tokens": self.input.saturating_add(self.output),
            "prompt_tokens_details": { "cached_tokens": self.cached },
            "completion_tokens_details": { "reasoning_tokens": self.reasoning },
        })
    }

    /// As responses write it.
    #[must_use]
    pub fn responses(&self) -> Value {
        json!({
            "input_tokens": self.input,
            "input_tokens_details": { "cached_tokens": self.cached },
            "output_tokens": self.output,
            "output_tokens_details": { "reasoning_tokens": self.reasoning },
            "total_tokens": self.input.saturating_add(self.output),
        })
    }

    /// As messages write it.
    #[must_use]
    pub fn messages(&self) -> Value {
        json!({
            "input_tokens": self.input.saturating_sub(self.cached).saturating_sub(self.cache_write),
            "cache_creation_input_tokens": self.cache_write,
            "cache_read_input_tokens": self.cached,
            "output_tokens": self.output,
        })
    }

    /// Reads it from a value.
    #[must_use]
    pub fn of_value(dialect: Dialect, usage: &Value) -> Option<Self> {
        Written::deserialize(usage).ok().map(|written| written.usage(dialect))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_dialect_is_read() {
        let usage = |input, cached, cache_write, output, reasoning| {
            Some(Usage { input, cached, cache_write, output, reasoning })
        };
        for (dialect, body, expected) in [
            (
                Dialect::Chat,
                r#"{"usage":{"prompt_tokens":9,"completion_tokens":4,"total_tokens":13,"prompt_tokens_details":{"cached_tokens":2},"completion_tokens_details":{"reasoning_tokens":1}}}"#,
                usage(9, 2, 0, 4, 1),
            ),
            (
                Dialect::Chat,
                r#"{"usage":{"prompt_tokens":9,"completion_tokens":null,"prompt_tokens_details":null}}"#,
                usage(9, 0, 0, 0, 0),
            ),
            (Dialect::Chat, r#"{"choices":[]}"#, None),
            (
                Dialect::Responses,
                r#"{"usage":{"input_tokens":5,"input_tokens_details":{"cached_tokens":1},"output_tokens":6,"output_tokens_details":{"reasoning_tokens":2}}}"#,
                usage(5, 1, 0, 6, 2),
            ),
            (
                Dialect::Messages,
                r#"{"usage":{"input_tokens":5,"cache_creation_input_tokens":7,"cache_read_input_tokens":8,"output_tokens":6}}"#,
                usage(20, 8, 7, 6, 0),
            ),
            (
                Dialect::Embeddings,
                r#"{"data":[],"usage":{"prompt_tokens":3,"total_tokens":3}}"#,
                usage(3, 0, 0, 0, 0),
            ),
            (Dialect::CountTokens, r#"{"input_tokens":3}"#, usage(0, 0, 0, 0, 0)),
            (Dialect::Chat, "no JSON", None),
        ] {
            assert_eq!(of_answer(dialect, body.as_bytes()), expected, "{body}");
        }
    }
}
