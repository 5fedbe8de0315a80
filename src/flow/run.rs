//! Runs a call template. Steps go in waves: what waits for nothing that has not ended is called beside each other, in the
//! order in which it is written, so that every run of the same template with the same answers makes the same calls.

use std::{collections::HashMap, sync::Arc, time::Duration};

use alkhub_core::{
    Call, CallError, Deadline, Kind,
    error::codes,
    flow::template::{ITEMS, Scope, Source, Step, Template, order, sources, truthy, value},
    once::IdempotencyKey,
    registry::Entry,
};
use futures::{FutureExt, StreamExt, TryStreamExt, stream};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// Most calls of a run at once.
const PARALLEL: usize = 8;
/// Longest pause before another try.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// What came of a run.
pub(crate) struct Ran {
    /// What the template says that it gives.
    pub(crate) output: Value,
    /// Steps that were left out, as they are written.
    pub(crate) skipped: Vec<String>,
}

/// One call that a wave makes.
struct Planned<'a> {
    /// Number of the step in the template.
    number: usize,
    step: &'a Step,
    entry: Arc<Entry>,
    input: Value,
    /// Number of the item of `forEach`, or 0.
    item: usize,
}

/// Runs a template that was checked, with input that was checked.
///
/// # Errors
/// What a step answers, with its name; ACCESS_DENIED or OPERATION_NOT_FOUND before the first call.
pub(crate) async fn run(cx: &Call, name: &str, template: &Template, input: &Value) -> Result<Ran, CallError> {
    let mut left = order(template).map_err(|_| CallError::internal(&"a stored template has a cycle"))?;
    let entries = allowed(cx, template)?;
    let mut done: HashMap<String, Option<Value>> = HashMap::new();
    while !left.is_empty() {
        let (wave, planned, later) = plan(template, &entries, &left, input, &done)?;
        // Boxed one by one: the stream then holds no closure over what it borrows.
        let mut calls = Vec::with_capacity(planned.len());
        for planned in planned {
            calls.push(called(cx, name, planned).boxed());
        }
        let mut outputs: Vec<(usize, Value)> = Vec::with_capacity(calls.len());
        let mut answers = stream::iter(calls).buffered(PARALLEL);
        while let Some(answer) = answers.try_next().await? {
            outputs.push(answer);
        }
        drop(answers);
        for (number, runs) in wave {
            let step = &template.steps[number];
            let mut own = outputs.iter().filter(|(of, _)| *of == number).map(|(_, output)| output.clone());
            let output = runs.then(|| match step.for_each {
                Some(_) => own.collect(),
                None => own.next().unwrap_or_default(),
            });
            done.insert(step.id.clone(), output);
        }
        left = later;
    }
    let output = value(&template.output, Scope { input, steps: &done, item: None });
    let skipped = template.steps.iter().filter(|step| matches!(done.get(&step.id), Some(None)));
    Ok(Ran { output, skipped: skipped.map(|step| step.id.clone()).collect() })
}

/// The steps that are ready, each with whether it runs; their calls; the steps that still wait.
type Wave<'a> = (Vec<(usize, bool)>, Vec<Planned<'a>>, Vec<usize>);

fn plan<'a>(
    template: &'a Template,
    entries: &[Arc<Entry>],
    left: &[usize],
    input: &Value,
    done: &HashMap<String, Option<Value>>,
) -> Result<Wave<'a>, CallError> {
    let (mut wave, mut planned, mut later) = (Vec::new(), Vec::new(), Vec::new());
    for &number in left {
        let step = &template.steps[number];
        if !step.waits_for().iter().all(|id| done.contains_key(*id)) {
            later.push(number);
            continue;
        }
        let inputs =
            inputs(step, Scope { input, steps: done, item: None }).map_err(|error| named(error, step))?;
        wave.push((number, inputs.is_some()));
        for (item, input) in inputs.into_iter().flatten().enumerate() {
            planned.push(Planned { number, step, entry: entries[number].clone(), input, item });
        }
    }
    Ok((wave, planned, later))
}

async fn called(cx: &Call, name: &str, planned: Planned<'_>) -> Result<(usize, Value), CallError> {
    let (number, step) = (planned.number, planned.step);
    let output = tried(cx, name, planned).await.map_err(|error| named(error, step))?;
    Ok((number, output))
}

/// The operations of all steps, which the caller may call: nothing is begun that it may not end.
fn allowed(cx: &Call, template: &Template) -> Result<Vec<Arc<Entry>>, CallError> {
    let find = |step: &Step| {
        let entry = cx.engine().find(&step.call, cx.identity())?;
        entry.access().check(entry.id(), cx.identity())?;
        if entry.kind() == Kind::Subscription {
            return Err(CallError::bad_request(format!(
                "{} is a subscription, which no step can call.",
                step.call
            )));
        }
        Ok(entry)
    };
    template.steps.iter().map(|step| find(step).map_err(|error| named(error, step))).collect()
}

/// Inputs of the calls of a step; `None` where it is left out.
fn inputs(step: &Step, scope: Scope<'_>) -> Result<Option<Vec<Value>>, CallError> {
    let parts = [Some(&step.input), step.for_each.as_ref()];
    let skipped = parts.into_iter().flatten().flat_map(|part| sources(part, "")).any(|(_, reference)| {
        let of_step = matches!(reference.source, Ok(Source::Step(id)) if scope.steps.get(id).is_none_or(Option::is_none));
        of_step && reference.default.is_none()
    });
    if skipped || step.when.as_ref().is_some_and(|when| !truthy(&value(when, scope))) {
        return Ok(None);
    }
    let Some(list) = &step.for_each else { return Ok(Some(vec![value(&step.input, scope)])) };
    match value(list, scope) {
        Value::Array(items) if items.len() <= ITEMS => Ok(Some(
            items.iter().map(|item| value(&step.input, Scope { item: Some(item), ..scope })).collect(),
        )),
        Value::Array(items) => Err(CallError::bad_request(format!(
            "`forEach` is bound to {} items, and {ITEMS} are the most.",
            items.len()
        ))),
        _ => Err(CallError::bad_request("`forEach` is bound to what is no list.")),
    }
}

async fn tried(cx: &Call, name: &str, planned: Planned<'_>) -> Result<Value, CallError> {
    let Planned { step, entry, input, item, .. } = planned;
    let attempts = step.retry.filter(|_| entry.is_repeatable()).map_or(1, |retry| retry.attempts);
    let mut pause = Duration::from_millis(step.retry.map_or(0, |retry| retry.backoff_ms));
    let mut attempt = 1;
    loop {
        let mut request = cx.child(input.clone())?;
        if entry.honours_key() || entry.is_composed() {
            request.key = Some(key(cx, name, &step.id, item)?);
        }
        if let Some(millis) = step.timeout_ms {
            let own = Deadline::after(Duration::from_millis(millis));
            request.deadline = Some(request.deadline.map_or(own, |deadline| deadline.min(own)));
        }
        match cx.engine().call(entry.clone(), request).await {
            Ok(output) => return output.typed(),
            Err(error) if attempt < attempts && may_pass(&error) => {
                let asked = Duration::from_secs(error.retry_after.unwrap_or(0).into());
                tokio::time::sleep(pause.max(asked).min(LONGEST_PAUSE)).await;
                pause = pause.saturating_mul(2);
                attempt += 1;
            }
            Err(error) => return Err(error),
        }
    }
}

fn may_pass(error: &CallError) -> bool {
    matches!(&*error.code, codes::UNAVAILABLE | codes::RATE_LIMITED | codes::TIMEOUT)
}

/// The key of a step's call: of the caller's key where it gave one, so that neither a run under the same key nor a
/// resumed one repeats an effect, nor one try after another.
fn key(cx: &Call, name: &str, step: &str, item: usize) -> Result<IdempotencyKey, CallError> {
    let digest = Sha256::digest(json!([cx.key_root(), name, step, item]).to_string());
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    IdempotencyKey::new(&format!("template-{hex}"))
}

/// The error of a step, which says so.
fn named(mut error: CallError, step: &Step) -> CallError {
    error.message = format!("Step {}: {}", step.id, error.message);
    let details = error.details.get_or_insert_with(|| json!({}));
    if let Some(details) = details.as_object_mut() {
        details.insert("step".to_owned(), step.id.clone().into());
    }
    error
}
