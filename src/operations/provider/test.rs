//! `provider.test`

use alkhub_api::{
    errors::ProviderNotFound,
    provider::test::{Error, Input, Output, OutputKeysItem, Test},
};
use alkhub_core::{Call, Handle};

use crate::{convert, hub::Hub};

impl Handle<Test> for Hub {
    async fn handle(&self, _cx: &Call, input: Input) -> Result<Output, Error> {
        let Some(probes) = self.llm.probe(&input.name).await? else {
            return Err(Error::ProviderNotFound(ProviderNotFound { name: input.name }));
        };
        Ok(Output {
            ok: probes.iter().all(|probe| probe.ok),
            keys: probes
                .into_iter()
                .map(|probe| OutputKeysItem {
                    ok: probe.ok,
                    status: probe.status.map(i64::from),
                    error: probe.error,
                    latency_ms: convert::signed(probe.latency_ms),
                    models: probe.models,
                })
                .collect(),
        })
    }
}
