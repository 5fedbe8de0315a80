//! `hub.reload`

use alkhub_api::{
    hub::reload::{Error, Input, Output, Reload},
    shared::{ConfigChange, ConfigProblem},
};
use alkhub_core::{Call, Handle};

use crate::{
    config::{Change, Origin, Problem, Shown},
    hub::Hub,
};

impl Handle<Reload> for Hub {
    async fn handle(&self, cx: &Call, _input: Input) -> Result<Output, Error> {
        let key_id = cx.identity().map(|identity| &*identity.id);
        tracing::info!(key_id, request_id = %cx.request_id(), "asked to read the configuration again");
        // First, so that all do it at about the same time.
        let others_told = self.others.tell().await;
        let report = self.reloader.reload("hub.reload").await;
        let (changed, restart): (Vec<_>, Vec<_>) = report.changes.into_iter().partition(|change| change.live);
        Ok(Output {
            node_id: self.node_id.clone(),
            file: report.file,
            others_told,
            changed: changed.into_iter().map(show).collect(),
            restart: restart.into_iter().map(show).collect(),
            problems: report.problems.into_iter().map(tell).collect(),
        })
    }
}

fn show(change: Change) -> ConfigChange {
    let plain = |shown| match shown {
        Shown::Plain(value) => Some(value),
        Shown::Unset | Shown::Hidden => None,
    };
    ConfigChange { key: change.key.to_owned(), from: plain(change.from), to: plain(change.to) }
}

fn tell(problem: Problem) -> ConfigProblem {
    let Problem { origin, key, message, help } = problem;
    let at = (origin != Origin::Default).then(|| origin.to_string());
    ConfigProblem { at, key, message, help }
}
