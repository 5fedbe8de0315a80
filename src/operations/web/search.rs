//! `web.search`

use alkhub_api::web::search::{
    Error, Input, InputFreshness, Output, OutputProvider, OutputResultsItem, Search,
};
use alkhub_core::{Call, Handle};

use crate::{
    config::Provider,
    hub::Hub,
    web::{Freshness, Query},
};

impl Handle<Search> for Hub {
    async fn handle(&self, _cx: &Call, input: Input) -> Result<Output, Error> {
        let size = |number: i64| usize::try_from(number).unwrap_or(1);
        let query = Query {
            text: input.query,
            count: size(input.count),
            page: size(input.page),
            language: input.language,
            freshness: input.freshness.map(|freshness| match freshness {
                InputFreshness::Day => Freshness::Day,
                InputFreshness::Week => Freshness::Week,
                InputFreshness::Month => Freshness::Month,
                InputFreshness::Year => Freshness::Year,
            }),
        };
        let Some((provider, found)) = self.web.search(&query).await? else {
            return Err(Error::WebSearchNotConfigured);
        };
        let results = found.into_iter().map(|found| OutputResultsItem {
            title: found.title,
            url: found.url,
            snippet: found.snippet,
            published: found.published,
        });
        let provider = if provider == Provider::Brave { OutputProvider::Brave } else { OutputProvider::Searxng };
        Ok(Output { provider, results: results.collect() })
    }
}
