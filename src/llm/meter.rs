//! What one request uses, told to the ledger exactly once, however the request ends: also when its caller has left.

use std::time::Instant;

use super::{Llm, Policy, Price, catalog::Candidate, dialect::Usage, ledger::Grant, limits::Taken, usd};
use crate::{
    storage::{
        llm::{captures::Capture, usage::Record},
        time::{now_ms, rfc3339},
    },
    telemetry,
};

/// Most of a request or an answer that is kept where they are recorded.
const KEPT: usize = 256 * 1024;

/// What is known of a request before anybody is asked.
#[derive(Clone)]
pub(super) struct Facts {
    pub(super) id: String,
    pub(super) at: i64,
    pub(super) begun: Instant,
    pub(super) key_id: String,
    pub(super) policy: std::sync::Arc<Policy>,
    pub(super) project: Option<String>,
    pub(super) session: Option<String>,
    pub(super) operation: String,
    pub(super) requested: String,
    /// Whether a budget pays for it.
    pub(super) budgeted: bool,
    /// The tokens of the request, by its length.
    pub(super) input_estimate: u64,
    /// The tokens that were taken from the key's allowance.
    pub(super) taken: Taken,
}

impl Facts {
    /// What counts where nothing more will be known: all that it may cost, with so many tokens of an answer.
    pub(super) fn lost(&self, amount: i64, output: u64) -> Record {
        let signed = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        Record {
            id: self.id.clone(),
            at: self.at,
            day: rfc3339(self.at).split('T').next().unwrap_or_default().to_owned(),
            key_id: self.key_id.clone(),
            project: self.project.clone(),
            session: self.session.clone(),
            operation: self.operation.clone(),
            requested: self.requested.clone(),
            provider: None,
            model: self.requested.clone(),
            input_tokens: signed(self.input_estimate),
            cached_tokens: 0,
            output_tokens: signed(output),
            reasoning_tokens: 0,
            cost: amount,
            estimated: true,
            status: "lost".to_owned(),
            attempts: 0,
            latency_ms: 0,
            first_token_ms: None,
        }
    }
}

/// See the module. Settles when it is dropped.
pub(super) struct Meter {
    llm: Llm,
    pub(super) facts: Facts,
    /// Of the call; it ends with the request, also where that is a stream.
    span: tracing::Span,
    /// `None` once it is settled.
    grant: Option<Grant>,
    asked: Option<(Candidate, Option<Price>)>,
    pub(super) attempts: i32,
    usage: Option<Usage>,
    /// Parts of an answer that came, where its usage is not known.
    pub(super) parts: u64,
    /// Whether a provider has begun to answer, and will want to be paid.
    pub(super) answered: bool,
    first_token: Option<i64>,
    status: &'static str,
    capture: Option<(Vec<u8>, Vec<u8>, bool)>,
}

impl Meter {
    pub(super) fn new(llm: Llm, facts: Facts, grant: Grant, request: &[u8]) -> Self {
        let capture = facts
            .policy
            .record
            .then(|| (request[..request.len().min(KEPT)].to_vec(), Vec::new(), request.len() > KEPT));
        Self {
            llm,
            facts,
            span: tracing::Span::current(),
            grant: Some(grant),
            asked: None,
            attempts: 0,
            usage: None,
            parts: 0,
            answered: false,
            first_token: None,
            // Unless something else is said, the caller has left.
            status: "aborted",
            capture,
        }
    }

    pub(super) fn asks(&mut self, candidate: &Candidate, price: Option<Price>) {
        self.asked = Some((candidate.clone(), price));
    }

    pub(super) fn used(&mut self, usage: Option<Usage>) {
        self.usage = usage.or(self.usage);
    }

    pub(super) fn first_token(&mut self) {
        self.first_token.get_or_insert_with(|| elapsed(self.facts.begun));
    }

    pub(super) fn ends(&mut self, status: &'static str) {
        self.status = status;
    }

    /// Keeps a part of the answer, where it is recorded.
    pub(super) fn sent(&mut self, part: &[u8]) {
        if let Some((_, answer, truncated)) = &mut self.capture {
            let room = KEPT.saturating_sub(answer.len());
            answer.extend_from_slice(&part[..part.len().min(room)]);
            *truncated |= part.len() > room;
        }
    }

    /// Usage, and whether it is an estimate.
    fn total(&self) -> (Usage, bool) {
        match self.usage {
            Some(usage) if self.status == "ok" => (usage, false),
            // A stream that was cut may have told of a part only.
            Some(usage) => (Usage { output: usage.output.max(self.parts), ..usage }, true),
            None if self.answered => {
                let input = self.facts.input_estimate;
                (Usage { input, output: self.parts, ..Usage::default() }, true)
            }
            None => (Usage::default(), self.status == "aborted"),
        }
    }

    /// Billionths of a US dollar.
    pub(super) fn cost(&self) -> Option<i64> {
        let (usage, _) = self.total();
        self.asked.as_ref()?.1.map(|price| price.cost(&usage))
    }

    fn record(&self) -> Record {
        let facts = &self.facts;
        let (usage, estimated) = self.total();
        let signed = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        Record {
            provider: self.asked.as_ref().map(|(asked, _)| asked.provider.name.clone()),
            model: self
                .asked
                .as_ref()
                .map_or_else(|| facts.requested.clone(), |(asked, _)| short(&asked.model)),
            input_tokens: signed(usage.input),
            cached_tokens: signed(usage.cached),
            reasoning_tokens: signed(usage.reasoning),
            estimated,
            status: self.status.to_owned(),
            attempts: self.attempts,
            latency_ms: elapsed(facts.begun),
            first_token_ms: self.first_token,
            ..facts.lost(self.cost().unwrap_or(0), usage.output)
        }
    }

    /// What OpenTelemetry's conventions for generative AI have to say of a request.
    fn mark(&self, record: &Record) {
        if self.span.is_disabled() {
            return;
        }
        let mark = |name, value: &str| telemetry::mark(&self.span, name, value.to_owned());
        mark("gen_ai.operation.name", conventional_operation(record));
        mark("gen_ai.request.model", &record.requested);
        if let Some((asked, _)) = &self.asked {
            mark("gen_ai.provider.name", asked.provider.conventional_name());
            mark("gen_ai.response.model", &record.model);
        }
        if let Some(session) = &record.session {
            mark("gen_ai.conversation.id", session);
        }
        telemetry::mark(&self.span, "gen_ai.usage.input_tokens", record.input_tokens);
        telemetry::mark(&self.span, "gen_ai.usage.output_tokens", record.output_tokens);
        telemetry::mark(&self.span, "gen_ai.usage.cache_read.input_tokens", record.cached_tokens);
        if self.status != "ok" {
            mark("error.type", self.status);
        }
    }

    fn count(&self, record: &Record) {
        let signs = &self.llm.inner.signs;
        let provider = record.provider.as_deref().unwrap_or("none");
        // A name that nobody serves would be a metric of its own for each typing error.
        let model = if self.answered { record.model.as_str() } else { "other" };
        signs.requests.with_label_values(&[provider, model, self.status]).inc();
        if !self.answered {
            return;
        }
        let labels = [provider, model];
        signs.seconds.with_label_values(&labels).observe(self.facts.begun.elapsed().as_secs_f64());
        if let Some(ms) = record.first_token_ms.and_then(|ms| u32::try_from(ms).ok()) {
            signs.first_token.with_label_values(&labels).observe(f64::from(ms) / 1000.0);
        }
        for (kind, tokens) in [
            ("input", record.input_tokens),
            ("cached", record.cached_tokens),
            ("output", record.output_tokens),
            ("reasoning", record.reasoning_tokens),
        ] {
            if let Ok(tokens) = u64::try_from(tokens)
                && tokens > 0
            {
                signs.tokens.with_label_values(&[provider, model, kind]).inc_by(tokens);
            }
        }
        signs.cost.with_label_values(&labels).inc_by(usd(record.cost));
        tracing::info!(
            target: "alkhub::llm",
            request_id = record.id,
            operation = record.operation,
            provider,
            gen_ai.operation.name = conventional_operation(record),
            gen_ai.provider.name = self.asked.as_ref().map(|(asked, _)| asked.provider.conventional_name()),
            gen_ai.request.model = record.requested,
            gen_ai.response.model = record.model,
            gen_ai.usage.input_tokens = record.input_tokens,
            gen_ai.usage.output_tokens = record.output_tokens,
            cost_usd = usd(record.cost),
            status = self.status,
            "asked a model"
        );
    }
}

/// What OpenTelemetry's conventions call an operation.
fn conventional_operation(record: &Record) -> &'static str {
    if record.operation == "llm.embed" { "embeddings" } else { "chat" }
}

/// As long as a column may be, and without the zero bytes that Postgres does not take.
pub(super) fn short(text: &str) -> String {
    text.chars().filter(|letter| *letter != '\0').take(256).collect()
}

fn elapsed(since: Instant) -> i64 {
    i64::try_from(since.elapsed().as_millis()).unwrap_or(i64::MAX)
}

impl Drop for Meter {
    fn drop(&mut self) {
        let record = self.record();
        self.count(&record);
        self.mark(&record);
        let inner = &self.llm.inner;
        let used = u64::try_from(record.input_tokens + record.output_tokens).unwrap_or(0);
        let corrected = inner.limits.correct(&self.facts.key_id, &self.facts.policy, self.facts.taken, used);
        if let Some(corrected) = corrected {
            inner.tasks.spawn(corrected);
        }
        if let Some((request, answer, truncated)) = self.capture.take() {
            let now = now_ms();
            let keep = i64::try_from(inner.settings.capture_keep.as_millis()).unwrap_or(i64::MAX);
            // Postgres takes no zero bytes in texts.
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).replace('\0', "\u{fffd}");
            let capture = Capture {
                id: record.id.clone(),
                key_id: record.key_id.clone(),
                at: record.at,
                expires_at: now.saturating_add(keep),
                request: text(&request),
                answer: text(&answer),
                truncated,
            };
            let llm = self.llm.clone();
            inner.tasks.spawn(async move {
                let inner = &llm.inner;
                if let Err(error) = inner.captures.add(&inner.database, capture).await {
                    tracing::warn!(cause = error.cause, "a prompt and its answer were not kept");
                }
            });
        }
        if let Some(grant) = self.grant.take() {
            inner.ledger.settle(grant, record);
        }
    }
}
