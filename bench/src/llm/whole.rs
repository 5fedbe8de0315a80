//! Whether all that the provider sends arrives: who leaves something out has less to do.

use futures::future::try_join_all;
use serde_json::Value;

use super::{End, ways::Target, work::Work};

/// Requests at once, of which the one with the least counts.
const AT_ONCE: usize = 16;

/// Words of an answer, and the events in which they came; of a stream that is [`super::work::CHUNKS`] of each.
pub(super) fn run(target: &Target, work: Work) -> End<(usize, usize)> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let client = reqwest::Client::builder().no_proxy().build()?;
    let asked = async || -> End<(usize, usize)> {
        let url = format!("http://{}/v1/chat/completions", target.address);
        let request = client.post(url).bearer_auth(&target.key).header("content-type", "application/json");
        let answer = request.body(work.body(&target.model)).send().await?;
        if !answer.status().is_success() {
            return Err(format!("{}: {}", answer.status(), answer.text().await?).into());
        }
        Ok(count(&answer.text().await?))
    };
    let all = runtime.block_on(try_join_all((0..AT_ONCE).map(|_| asked())))?;
    Ok(all.into_iter().min().unwrap_or_default())
}

fn count(body: &str) -> (usize, usize) {
    let texts = |value: &Value| {
        let choice = &value["choices"][0];
        let part = if choice["delta"].is_object() { &choice["delta"] } else { &choice["message"] };
        part["content"].as_str().map_or(0, |text| text.split_whitespace().count())
    };
    if let Ok(whole) = serde_json::from_str(body) {
        return (texts(&whole), 1);
    }
    let events = body.lines().filter_map(|line| line.strip_prefix("data: "));
    let events = events.filter_map(|event| serde_json::from_str(event).ok());
    let words = events.map(|event| texts(&event)).filter(|words| *words > 0);
    words.fold((0, 0), |(all, events), words| (all + words, events + 1))
}
