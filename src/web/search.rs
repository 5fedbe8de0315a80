//! Searching: two services behind one form of question and answer.

use alkhub_core::{CallError, error::codes};
use http::{HeaderValue, Method, StatusCode, header};
use reqwest::{Request, Url};
use serde::Deserialize;

use super::{Web, page::plain};
use crate::{
    config::{Provider, Secret},
    outbound::{Outbound, Redirects, bounded},
};

/// Where Brave answers.
const BRAVE: &str = "https://api.search.brave.com/";
/// Largest answer, and longest text of one result in characters.
const BYTES: usize = 4 * 1024 * 1024;
const SNIPPET: usize = 1000;

/// What is searched for.
#[derive(Clone, Debug)]
pub struct Query {
    /// The words.
    pub text: String,
    /// Most results.
    pub count: usize,
    /// Page of results, from 1.
    pub page: usize,
    /// Two letters.
    pub language: Option<String>,
    /// No older than this.
    pub freshness: Option<Freshness>,
}

/// Age of results.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// A day.
    Day,
    /// A week.
    Week,
    /// A month.
    Month,
    /// A year.
    Year,
}

/// A result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Title of the page.
    pub title: String,
    /// Where it is.
    pub url: String,
    /// A few words of it.
    pub snippet: String,
    /// When it was published, as the service says.
    pub published: Option<String>,
}

/// Who answered, and what.
pub type Results = (Provider, Vec<Found>);

/// The configured service.
pub(super) struct Service {
    provider: Provider,
    url: Url,
    key: Option<HeaderValue>,
    outbound: Outbound,
}

#[derive(Deserialize)]
struct Searxng {
    #[serde(default)]
    results: Vec<Result_>,
}

#[derive(Deserialize)]
struct Brave {
    web: Option<BraveWeb>,
}

#[derive(Deserialize)]
struct BraveWeb {
    #[serde(default)]
    results: Vec<Result_>,
}

#[derive(Deserialize)]
struct Result_ {
    url: String,
    #[serde(default)]
    title: Option<String>,
    #[serde(default, alias = "description")]
    content: Option<String>,
    #[serde(default, rename = "publishedDate", alias = "page_age")]
    published: Option<String>,
}

impl Web {
    /// Asks the search service; `None` where none is configured.
    ///
    /// # Errors
    /// UNAVAILABLE or EXECUTION_ERROR.
    pub async fn search(&self, query: &Query) -> Result<Option<Results>, CallError> {
        match &self.search {
            Some(service) => service.ask(query).await.map(|found| Some((service.provider, found))),
            None => Ok(None),
        }
    }
}

impl Service {
    /// Where the configured service is.
    pub(super) fn url(provider: Provider, configured: Option<&str>) -> Result<Url, String> {
        let text = match (provider, configured) {
            (_, Some(url)) => url,
            (Provider::Brave, None) => BRAVE,
            _ => {
                return Err(
                    "web.search.url: it is not set\nexpected the base URL of the search service".to_owned()
                );
            }
        };
        let url = Url::parse(text).map_err(|error| format!("web.search.url: {error}"))?;
        if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
            return Err("web.search.url: it is no `http` or `https` URL".to_owned());
        }
        Ok(url)
    }

    pub(super) fn new(
        provider: Provider,
        url: Url,
        key: Option<Secret>,
        outbound: Outbound,
    ) -> Result<Self, String> {
        if provider == Provider::Brave && key.is_none() {
            return Err("web.search.api_key: it is not set, and Brave demands one".to_owned());
        }
        let key = key.map(|key| {
            let text = match provider {
                Provider::Brave => key.expose().to_owned(),
                _ => format!("Bearer {}", key.expose()),
            };
            HeaderValue::try_from(text)
                .map(|mut value| {
                    value.set_sensitive(true);
                    value
                })
                .map_err(|_| "web.search.api_key: it has letters that no header can have".to_owned())
        });
        Ok(Self { provider, url, key: key.transpose()?, outbound })
    }

    fn question(&self, query: &Query) -> Result<Url, CallError> {
        let path = match self.provider {
            Provider::Brave => "res/v1/web/search",
            _ => "search",
        };
        let mut url = self.url.clone();
        if !url.path().ends_with('/') {
            url.set_path(&format!("{}/", url.path()));
        }
        let mut url = url.join(path).map_err(|error| CallError::internal(&error))?;
        let mut pairs = url.query_pairs_mut();
        pairs.append_pair("q", &query.text);
        let age = |names: [&'static str; 4]| query.freshness.map(|freshness| names[freshness as usize]);
        if self.provider == Provider::Brave {
            pairs.append_pair("count", &query.count.to_string());
            pairs.append_pair("offset", &(query.page - 1).min(9).to_string());
            if let Some(language) = &query.language {
                pairs.append_pair("search_lang", language);
            }
            if let Some(age) = age(["pd", "pw", "pm", "py"]) {
                pairs.append_pair("freshness", age);
            }
        } else {
            pairs.append_pair("format", "json").append_pair("pageno", &query.page.to_string());
            if let Some(language) = &query.language {
                pairs.append_pair("language", language);
            }
            if let Some(age) = age(["day", "week", "month", "year"]) {
                pairs.append_pair("time_range", age);
            }
        }
        drop(pairs);
        Ok(url)
    }

    async fn ask(&self, query: &Query) -> Result<Vec<Found>, CallError> {
        let mut request = Request::new(Method::GET, self.question(query)?);
        request.headers_mut().insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        if let Some(key) = &self.key {
            let name =
                if self.provider == Provider::Brave { "x-subscription-token" } else { "authorization" };
            request.headers_mut().insert(name, key.clone());
        }
        let response = self.outbound.send(request, Redirects::SameOrigin).await?;
        let status = response.status();
        if !status.is_success() {
            return Err(refusal(status));
        }
        let body = bounded(response, BYTES).await?;
        let strange = |error: serde_json::Error| {
            let mut failed = CallError::new(
                codes::EXECUTION_ERROR,
                "The search service does not answer with results; the operator must allow its JSON format.",
            );
            failed.cause = Some(error.to_string());
            failed
        };
        let results = if self.provider == Provider::Brave {
            let answer: Brave = serde_json::from_slice(&body).map_err(strange)?;
            answer.web.map(|web| web.results).unwrap_or_default()
        } else {
            serde_json::from_slice::<Searxng>(&body).map_err(strange)?.results
        };
        Ok(results.into_iter().take(query.count).map(found).collect())
    }
}

fn found(result: Result_) -> Found {
    let text = |html: Option<String>| {
        let short: String = html.unwrap_or_default().chars().take(4 * SNIPPET).collect();
        plain(&short).chars().take(SNIPPET).collect::<String>()
    };
    Found {
        title: text(result.title),
        url: result.url,
        snippet: text(result.content),
        published: result.published.filter(|text| !text.is_empty()),
    }
}

fn refusal(status: StatusCode) -> CallError {
    if status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error() {
        let mut busy = CallError::new(
            codes::UNAVAILABLE,
            format!("The search service answered with status {}; try again later.", status.as_u16()),
        );
        busy.retry_after = Some(10);
        return busy;
    }
    CallError::new(
        codes::EXECUTION_ERROR,
        format!(
            "The search service answered with status {}; the operator must look at `web.search`.",
            status.as_u16()
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outbound::{Guard, Limits};

    fn service(provider: Provider, url: Option<&str>, key: Option<&str>) -> Result<Service, String> {
        let second = std::time::Duration::from_secs(1);
        let limits =
            Limits { connect_timeout: second, read_timeout: second, timeout: second, response_bytes: 1024 };
        let outbound = Outbound::new(Guard::default(), limits).expect("a way out");
        Service::new(provider, Service::url(provider, url)?, key.map(Secret::new), outbound)
    }

    #[test]
    fn questions_are_asked_as_each_service_wants_them() {
        let query = Query {
            text: "a & b".to_owned(),
            count: 5,
            page: 2,
            language: Some("de".to_owned()),
            freshness: Some(Freshness::Week),
        };
        let searxng = service(Provider::Searxng, Some("https://search.example/x"), None).expect("a service");
        assert_eq!(
            searxng.question(&query).expect("a URL").as_str(),
            "https://search.example/x/search?q=a+%26+b&format=json&pageno=2&language=de&time_range=week"
        );
        let brave = service(Provider::Brave, None, Some("k")).expect("a service");
        assert_eq!(
            brave.question(&query).expect("a URL").as_str(),
            "https://api.search.brave.com/res/v1/web/search?q=a+%26+b&count=5&offset=1&search_lang=de&freshness=pw"
        );
    }

    #[test]
    fn what_is_missing_is_named() {
        for (provider, url, key, name) in [
            (Provider::Searxng, None, None, "web.search.url"),
            (Provider::Searxng, Some("ftp://x/"), None, "web.search.url"),
            (Provider::Brave, None, None, "web.search.api_key"),
            (Provider::Brave, None, Some("a\nb"), "web.search.api_key"),
        ] {
            let error = service(provider, url, key).err().expect("an error");
            assert!(error.starts_with(name), "{error}");
        }
    }
}
