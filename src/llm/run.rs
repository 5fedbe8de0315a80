//! One request: whom to ask, what to reserve, and asking until somebody answers.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use alkhub_core::{
    Call, CallError,
    engine::{Answer, Output},
};
use bytes::Bytes;
use serde_json::Value;

use super::{
    Exchange, Llm, Policy, Price,
    cache::Cache,
    catalog::{Candidate, Catalog},
    dialect::{Dialect, Head, Refused, translate, usage_of_answer},
    failure,
    meter::{Facts, Meter, short},
    provider::Kind,
    relay,
    upstream::{Answered, Attempt, Failed, Next},
    usd,
};
use crate::storage::time::now_ms;

/// Most attempts of one request.
const ATTEMPTS: i32 = 12;
/// Longest pause before another attempt with the same provider.
const PAUSE: Duration = Duration::from_secs(5);

/// Most tokens that a provider adds to a request of its own, such as what explains tools to a model.
const UNSEEN: u64 = 1024;

/// How a provider is asked.
struct Plan {
    dialect: Dialect,
    body: Bytes,
    /// `None` where it speaks the caller's dialect.
    route: Option<(translate::Route, translate::Context)>,
    /// Whether a chunk with usage alone is to be kept from the caller.
    strip: bool,
}

impl Llm {
    /// Serves a request that came as bytes: its answer is one body, or the parts of a stream.
    ///
    /// # Errors
    /// What is wrong with it, or why nobody could answer.
    pub(super) async fn run(&self, call: &Call, exchange: &Exchange) -> Result<Answer, CallError> {
        let key_id = call.identity().map(|identity| identity.id.clone()).unwrap_or_default();
        let catalog = self.catalog();
        let policy = catalog.policy(&key_id);
        let head = Head::read(exchange.dialect, &exchange.body).map_err(failure::refused)?;
        let candidates = candidates(&catalog, &policy, &head.model)?;
        let deterministic = head.deterministic || exchange.dialect == Dialect::Embeddings;
        let cached = (policy.cache_seconds > 0 && deterministic && !head.stream)
            .then(|| Cache::name(&key_id, exchange.dialect, &exchange.body));
        if let Some(body) = cached.as_ref().and_then(|name| self.inner.cache.get(name)) {
            self.inner.signs.cached.with_label_values(&[exchange.dialect.path()]).inc();
            exchange.tell("x-alkhub-cache", "hit");
            exchange.tell("x-alkhub-cost", "0");
            return Ok(Answer::Once(Output::data(body)));
        }
        if exchange.dialect == Dialect::CountTokens {
            return self.count_tokens(exchange, &head, &candidates).await;
        }
        let project = policy.project.clone().or_else(|| exchange.project.clone());
        let budgets = catalog.budgets_of(&key_id, project.as_deref(), exchange.session.as_deref());
        let candidates = self.priced(candidates, !budgets.is_empty(), &head.model)?;
        let input = exchange.body.len() as u64;
        let output = |price: &Option<Price>| {
            let bound = head.max_tokens.or_else(|| price.and_then(|price| price.max_output));
            let bound = if exchange.dialect == Dialect::Embeddings { Some(0) } else { bound };
            bound.unwrap_or(self.inner.settings.max_tokens).saturating_mul(head.choices)
        };
        let worst =
            |price: &Option<Price>| price.map_or(0, |price| price.most(input + UNSEEN, output(&Some(price))));
        let taken = input / 4 + head.max_tokens.unwrap_or(0).min(self.inner.settings.max_tokens);
        let taken = Box::pin(self.inner.limits.take(&key_id, &policy, taken)).await?;
        let facts = Facts {
            id: call.request_id().to_string(),
            at: now_ms(),
            begun: Instant::now(),
            key_id: key_id.clone(),
            policy: policy.clone(),
            project,
            session: exchange.session.clone(),
            operation: call.operation_id().to_owned(),
            requested: short(&head.model),
            budgeted: !budgets.is_empty(),
            input_estimate: input / 4,
            taken,
        };
        let amount = candidates.iter().map(|(_, price)| worst(price)).max().unwrap_or(0);
        let most = candidates.iter().map(|(_, price)| output(price)).max().unwrap_or(0);
        let lost = facts.lost(amount, most);
        let mut unmetered = Unmetered { llm: self, facts: &facts, held: true };
        let grant = Box::pin(self.inner.ledger.reserve(budgets.join(","), amount, &lost)).await?;
        unmetered.held = false;
        drop(unmetered);
        // From here on it is settled, whatever happens.
        let mut meter = Meter::new(self.clone(), facts, grant, &exchange.body);
        match self.ask(&mut meter, exchange, &head, &candidates).await {
            Ok((answered, plan)) => match answered {
                Answered::Whole(body) => self.whole(meter, exchange, &plan, body, cached),
                Answered::Stream(begun) => {
                    exchange.told.lock().stream = true;
                    let translator = match &plan.route {
                        Some((route, context)) => route.stream(context.clone()),
                        None => None,
                    };
                    meter.first_token();
                    Ok(Answer::Stream(relay::stream(
                        meter,
                        begun,
                        translator,
                        plan.strip,
                        self.inner.settings.idle_timeout,
                    )))
                }
            },
            Err(failed) => {
                meter.ends("failed");
                if let Some(body) = failed.body {
                    exchange.told.lock().error = Some(body);
                }
                Err(failed.error)
            }
        }
    }

    /// Asks one after the other. Boxed futures keep the one of the call small.
    async fn ask(
        &self,
        meter: &mut Meter,
        exchange: &Exchange,
        head: &Head<'_>,
        candidates: &[(Candidate, Option<Price>)],
    ) -> Result<(Answered, Plan), Failed> {
        let mut last: Option<Failed> = None;
        for (index, (candidate, price)) in candidates.iter().enumerate() {
            let provider = &candidate.provider;
            if index > 0 {
                let before = &candidates[index - 1].0.provider.name;
                self.inner.signs.fallbacks.with_label_values(&[before]).inc();
            }
            meter.asks(candidate, *price);
            // What a budget has to pay must have an end, also where neither caller nor price list names one.
            let unbounded = head.max_tokens.is_none() && price.and_then(|price| price.max_output).is_none();
            let bound = (meter.facts.budgeted && unbounded).then_some(self.inner.settings.max_tokens);
            let plan = match self.plan(exchange, head, candidate, bound, &meter.facts) {
                Ok(plan) => plan,
                Err(refused) => {
                    // Another provider may speak the caller's own dialect.
                    last.get_or_insert_with(|| only(failure::refused(refused)));
                    continue;
                }
            };
            match self.with_provider(meter, exchange, head, candidate, &plan).await {
                Ok(answered) => {
                    exchange.tell("x-alkhub-provider", &provider.name);
                    exchange.tell("x-alkhub-model", &candidate.id());
                    exchange.tell("x-alkhub-attempts", &meter.attempts.to_string());
                    return Ok((answered, plan));
                }
                Err(failed) if failed.next == Next::Nothing => {
                    // An error in another dialect than the caller's is told again in its own.
                    let body = failed.body.filter(|_| plan.route.is_none());
                    return Err(Failed { body, ..failed });
                }
                Err(failed) => {
                    let body = failed.body.filter(|_| plan.route.is_none());
                    last = Some(Failed { body, ..failed });
                }
            }
        }
        Err(last.unwrap_or_else(|| only(failure::unknown(&head.model))))
    }

    async fn with_provider(
        &self,
        meter: &mut Meter,
        exchange: &Exchange,
        head: &Head<'_>,
        candidate: &Candidate,
        plan: &Plan,
    ) -> Result<Answered, Failed> {
        let provider = &candidate.provider;
        let mut tried = Vec::new();
        let mut pauses = 0;
        loop {
            let Some(index) = provider.pick(&tried) else {
                let mut error = failure::failed(
                    &provider.name,
                    None,
                    "is not asked for the moment, because it has failed too often",
                );
                error.http_status = Some(503);
                error.retry_after = Some(provider.rests_for());
                return Err(Failed { error, next: Next::Elsewhere, body: None, cause: "resting".to_owned() });
            };
            let key = &provider.keys[index];
            meter.attempts += 1;
            let headers = if plan.route.is_none() { &exchange.headers[..] } else { &[] };
            let attempt = Attempt {
                candidate,
                key,
                dialect: plan.dialect,
                body: plan.body.clone(),
                stream: head.stream,
                headers,
                timeout: candidate.timeout.unwrap_or(self.inner.settings.timeout),
            };
            let failed = match Box::pin(attempt.run(self)).await {
                Ok(answered) => {
                    key.succeeded();
                    meter.answered = true;
                    return Ok(answered);
                }
                Err(failed) => failed,
            };
            self.inner.signs.failures.with_label_values(&[&provider.name, &failed.cause]).inc();
            tracing::debug!(provider = provider.name, cause = failed.cause, error = %failed.error, "an attempt failed");
            let after = match failed.next {
                Next::Nothing => return Err(failed),
                Next::Elsewhere => {
                    if failed.cause == "timeout" {
                        key.failed(None, false);
                    }
                    return Err(failed);
                }
                Next::Again { after } => after,
            };
            let credentials = matches!(failed.cause.as_str(), "401" | "403");
            key.failed(after, credentials);
            self.inner
                .signs
                .resting
                .with_label_values(&[&provider.name])
                .set(i64::try_from(provider.resting()).unwrap_or(i64::MAX));
            tried.push(index);
            if meter.attempts >= ATTEMPTS {
                return Err(failed);
            }
            // Another key at once; after all of them, a pause.
            if provider.pick(&tried).is_some() {
                continue;
            }
            if pauses >= self.inner.settings.retries || credentials {
                return Err(failed);
            }
            let backoff = Duration::from_millis(100 * 2_u64.pow(pauses.min(5)));
            let pause = backoff.mul_f64(rand::random_range(0.75..1.25)).max(after.unwrap_or_default());
            if pause > PAUSE {
                return Err(failed);
            }
            pauses += 1;
            tokio::time::sleep(pause).await;
            tried.clear();
            if provider.pick(&tried).is_none() {
                return Err(failed);
            }
        }
    }

    fn plan(
        &self,
        exchange: &Exchange,
        head: &Head<'_>,
        candidate: &Candidate,
        bound: Option<u64>,
        facts: &Facts,
    ) -> Result<Plan, Refused> {
        let from = exchange.dialect;
        let Some(to) = candidate.provider.speaks(from) else {
            return Err(Refused::new(
                "model",
                format!("The provider of {:?} has nothing of this kind.", candidate.id()),
            ));
        };
        if from == to {
            let strip = from == Dialect::Chat && head.stream && !head.wants_usage;
            let mut edits = head.edits(&candidate.model, from == Dialect::Chat);
            if let (Some(bound), Some(field)) = (bound, bounding_field(from, candidate.provider.kind)) {
                edits.add(head, field, bound);
            }
            let body = edits.apply(&exchange.body);
            return Ok(Plan { dialect: to, body, route: None, strip });
        }
        let route = translate::Route { from, to, compatible: candidate.provider.kind == Kind::Compatible };
        let mut request: Value = serde_json::from_slice(&exchange.body)
            .map_err(|error| Refused::new("", format!("The body is not JSON: {error}.")))?;
        if let (Some(bound), Some(field)) = (bound, bounding_field(from, candidate.provider.kind))
            && let Some(request) = request.as_object_mut()
        {
            request.insert(field.to_owned(), bound.into());
        }
        let (request, echo) = route.request(request, &candidate.model, self.inner.settings.max_tokens)?;
        let context = translate::Context {
            id: facts.id.replace('-', ""),
            now: u64::try_from(facts.at / 1000).unwrap_or_default(),
            include_usage: head.wants_usage,
            echo,
        };
        Ok(Plan {
            dialect: to,
            body: request.to_string().into(),
            route: Some((route, context)),
            strip: false,
        })
    }

    fn whole(
        &self,
        mut meter: Meter,
        exchange: &Exchange,
        plan: &Plan,
        body: Bytes,
        cached: Option<[u8; 32]>,
    ) -> Result<Answer, CallError> {
        meter.used(usage_of_answer(plan.dialect, &body));
        meter.ends("ok");
        let body = match &plan.route {
            None => body,
            Some((route, context)) => {
                let answer: Value = serde_json::from_slice(&body).unwrap_or_default();
                let Some(answer) = route.answer(&answer, context) else {
                    meter.ends("failed");
                    return Err(failure::failed("of the model", None, "gave an answer that is none"));
                };
                Bytes::from(answer.to_string())
            }
        };
        if let Some(cost) = meter.cost() {
            exchange.tell("x-alkhub-cost", &format!("{:.9}", usd(cost)));
        }
        meter.sent(&body);
        if let Some(name) = cached {
            let keep = Duration::from_secs(meter.facts.policy.cache_seconds);
            self.inner.cache.put(name, body.clone(), keep);
            exchange.tell("x-alkhub-cache", "miss");
        }
        Ok(Answer::Once(Output::data(body)))
    }

    /// Counting costs nothing; where nobody counts, the length is what there is.
    async fn count_tokens(
        &self,
        exchange: &Exchange,
        head: &Head<'_>,
        candidates: &[Candidate],
    ) -> Result<Answer, CallError> {
        for candidate in candidates {
            if candidate.provider.speaks(Dialect::CountTokens).is_none() {
                continue;
            }
            let Some(index) = candidate.provider.pick(&[]) else { continue };
            let attempt = Attempt {
                candidate,
                key: &candidate.provider.keys[index],
                dialect: Dialect::CountTokens,
                body: head.edits(&candidate.model, false).apply(&exchange.body),
                stream: false,
                headers: &exchange.headers,
                timeout: candidate.timeout.unwrap_or(self.inner.settings.timeout),
            };
            match Box::pin(attempt.run(self)).await {
                Ok(Answered::Whole(body)) => return Ok(Answer::Once(Output::data(body))),
                Ok(Answered::Stream(_)) => {}
                Err(failed) if failed.next == Next::Nothing => {
                    exchange.told.lock().error = failed.body;
                    return Err(failed.error);
                }
                Err(failed) => tracing::debug!(error = %failed.error, "tokens were not counted"),
            }
        }
        exchange.tell("x-alkhub-estimated", "true");
        let count = (exchange.body.len() / 4).max(1);
        Ok(Answer::Once(Output::data(format!("{{\"input_tokens\":{count}}}").into())))
    }

    fn price(&self, candidate: &Candidate) -> Option<Price> {
        let provider = &candidate.provider;
        let own = provider.config.prices.get(&candidate.model).or_else(|| provider.config.prices.get("*"));
        own.copied()
            .or_else(|| self.inner.prices.of(&candidate.model).filter(|_| provider.kind != Kind::Compatible))
            .or_else(|| self.inner.prices.of(&candidate.id()))
            // What runs on one's own machines costs nothing by the token.
            .or_else(|| (provider.kind == Kind::Compatible).then(Price::default))
    }

    fn priced(
        &self,
        candidates: Vec<Candidate>,
        needed: bool,
        name: &str,
    ) -> Result<Vec<(Candidate, Option<Price>)>, CallError> {
        let priced = candidates.into_iter().map(|candidate| {
            let price = self.price(&candidate);
            (candidate, price)
        });
        let priced: Vec<_> = priced.filter(|(_, price)| price.is_some() || !needed).collect();
        if priced.is_empty() { Err(failure::unpriced(name)) } else { Ok(priced) }
    }

    /// Serves a request of another transport, which has no stream.
    ///
    /// # Errors
    /// As for requests over HTTP.
    pub async fn once(&self, call: &Call, dialect: Dialect, body: Bytes) -> Result<Bytes, CallError> {
        let exchange = Exchange {
            dialect,
            body,
            project: None,
            session: None,
            headers: Vec::new(),
            told: parking_lot::Mutex::default(),
        };
        Box::pin(self.run(call, &exchange)).await?.once().map(Output::into_data)
    }
}

/// The field that bounds an answer; `None` where it is always there, or there is no answer to bound.
fn bounding_field(dialect: Dialect, kind: Kind) -> Option<&'static str> {
    match (dialect, kind) {
        // The others know the older name only.
        (Dialect::Chat, Kind::OpenAi) => Some("max_completion_tokens"),
        (Dialect::Chat, _) => Some("max_tokens"),
        (Dialect::Responses, _) => Some("max_output_tokens"),
        _ => None,
    }
}

/// Whom to ask for a name that the key may use.
fn candidates(catalog: &Catalog, policy: &Arc<Policy>, name: &str) -> Result<Vec<Candidate>, CallError> {
    let mut found = catalog.resolve(name);
    if found.is_empty() {
        return Err(failure::unknown(name));
    }
    if !policy.allows(name) {
        found.retain(|candidate| policy.allows(&candidate.id()));
    }
    if found.is_empty() { Err(failure::not_allowed(name)) } else { Ok(found) }
}

fn only(error: CallError) -> Failed {
    Failed { error, next: Next::Nothing, body: None, cause: String::new() }
}

/// Gives the tokens of a rate back where a request ends before it is metered: no budget lets it in, or its caller left.
struct Unmetered<'a> {
    llm: &'a Llm,
    facts: &'a Facts,
    held: bool,
}

impl Drop for Unmetered<'_> {
    fn drop(&mut self) {
        if !self.held {
            return;
        }
        let (inner, facts) = (&self.llm.inner, self.facts);
        if let Some(corrected) = inner.limits.correct(&facts.key_id, &facts.policy, facts.taken, 0) {
            inner.tasks.spawn(corrected);
        }
    }
}
