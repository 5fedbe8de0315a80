//! `call.stats`

use alkhub_api::{
    call::stats::{Error, Input, Output, Stats},
    shared::{CallStats, CallStatsErrorsItem},
};
use alkhub_core::{Call, Handle};

use crate::{
    calls::{self, Stats as OfOne},
    convert::signed,
    convert_calls as convert,
    hub::Hub,
    storage::{
        calls::sample,
        time::{now_ms, parse, rfc3339},
    },
};

/// Most calls that are looked at.
const MOST: u64 = 50_000;
/// How far is looked back where nothing is said, in milliseconds.
const HOUR: i64 = 60 * 60 * 1000;

impl Handle<Stats> for Hub {
    async fn handle(&self, cx: &Call, input: Input) -> Result<Output, Error> {
        let since = input.since.map(|text| parse("/since", &text)).transpose()?;
        let since = since.unwrap_or_else(|| now_ms().saturating_sub(HOUR));
        let samples = match (convert::sees_all(cx), cx.identity()) {
            (true, _) => sample(&self.database, since, None, input.operation_id.as_deref(), MOST).await?,
            (false, Some(caller)) => {
                sample(&self.database, since, Some(&caller.id), input.operation_id.as_deref(), MOST).await?
            }
            (false, None) => Vec::new(),
        };
        let (count, limit) = (samples.len() as u64, usize::try_from(input.limit).unwrap_or(1));
        let mut all = calls::stats(samples);
        all.sort_by(|one, other| {
            other.within(95).cmp(&one.within(95)).then_with(|| one.operation.cmp(&other.operation))
        });
        let slowest = all.iter().take(limit).map(shown).collect();
        all.retain(|one| one.failed > 0);
        all.sort_by(|one, other| {
            other.failed.cmp(&one.failed).then_with(|| one.operation.cmp(&other.operation))
        });
        Ok(Output {
            since: rfc3339(since),
            calls: signed(count),
            complete: count < MOST,
            slowest,
            failing: all.iter().take(limit).map(shown).collect(),
        })
    }
}

fn shown(one: &OfOne) -> CallStats {
    let count = |number: usize| signed(number as u64);
    #[allow(clippy::cast_precision_loss, reason = "a number for people")]
    let ms = |hundredths| one.within(hundredths) as f64 / 1000.0;
    let errors = one.errors.iter().map(|(code, number)| CallStatsErrorsItem { code: code.clone(), count: count(*number) });
    CallStats {
        operation_id: one.operation.clone(),
        calls: count(one.calls),
        running: count(one.running),
        failed: count(one.failed),
        aborted: count(one.aborted),
        p50_ms: ms(50),
        p95_ms: ms(95),
        p99_ms: ms(99),
        max_ms: ms(100),
        errors: errors.collect(),
    }
}
