//! Adding, changing, reading again and trying services of this kind.

use std::{
    collections::{BTreeMap, HashMap},
    hash::{DefaultHasher, Hash, Hasher},
    time::{Duration, Instant},
};

use alkhub_api::shared::{ApiAuth, ApiService};
use alkhub_core::{Call, CallError, import::openapi::Imported};
use http::Method;
use reqwest::{Request, Url};

use super::{
    Config, Credentials, Given, KIND, Source,
    auth::Signer,
    config::HeaderText,
    source::invalid,
    view::{Summary, view},
};
use crate::{
    convert,
    hub::Hub,
    outbound::Redirects,
    storage::{
        Receipt,
        services::{self, Changed, Service},
    },
};

/// How long a change waits for its own process to have opened the service.
const PATIENCE: Duration = Duration::from_secs(20);

/// A service as somebody wants it.
#[derive(Debug, Default)]
pub struct Wanted {
    /// Where its document is.
    pub url: Option<String>,
    /// Its document.
    pub document: Option<serde_json::Value>,
    /// Its document, compressed.
    pub compressed: Option<String>,
    /// Where requests go, whatever the document says; in a change, empty for what the document says.
    pub base_url: Option<String>,
    /// Credentials.
    pub auth: Option<ApiAuth>,
    /// Further headers.
    pub headers: Option<BTreeMap<String, String>>,
    /// Scopes that callers must hold.
    pub required_scopes: Option<Vec<String>>,
    /// Longest time of a request.
    pub timeout_ms: Option<i64>,
}

/// What of a service is to be otherwise: what is given.
pub type Change = Wanted;

/// What came of reading a document again.
#[derive(Debug)]
pub struct Refreshed {
    /// The service as it is now.
    pub service: ApiService,
    /// Names of operations that are new.
    pub added: Vec<String>,
    /// Names of operations that are gone.
    pub removed: Vec<String>,
    /// Names of operations that changed.
    pub changed: Vec<String>,
}

/// What came of trying a document.
#[derive(Debug)]
pub struct Tried {
    /// What would be imported.
    pub imported: Imported,
    /// Status that the server answered with, or why it was not reached.
    pub answer: Result<u16, String>,
    /// How long that took.
    pub took: Duration,
}

/// Manages services for one call.
pub struct Manager<'c> {
    hub: &'c Hub,
    call: &'c Call,
}

/// The server that was given.
pub(super) fn base_url(text: Option<&str>) -> Result<Option<Url>, CallError> {
    text.filter(|text| !text.is_empty()).map(|text| url("/baseUrl", text)).transpose()
}

fn url(at: &str, text: &str) -> Result<Url, CallError> {
    let url = Url::parse(text).map_err(|error| CallError::fault(at, format!("must be a URL: {error}")))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(CallError::fault(at, "must be an http or https URL"));
    }
    Ok(url)
}

fn origin(imported: &Imported) -> String {
    imported.server.origin().ascii_serialization()
}

fn headers(given: BTreeMap<String, String>) -> BTreeMap<String, HeaderText> {
    given.into_iter().map(|(name, value)| (name, HeaderText(value))).collect()
}

fn not_found(name: &str) -> CallError {
    CallError::new("SERVICE_NOT_FOUND", "No imported service of this kind has this name.")
        .with_details(serde_json::json!({ "name": name }))
}

fn exists(name: &str) -> CallError {
    CallError::new("SERVICE_EXISTS", "A service, a spoke or the hub itself has this name already.")
        .with_details(serde_json::json!({ "name": name }))
}

fn json(value: &impl serde::Serialize) -> Result<String, CallError> {
    serde_json::to_string(value).map_err(|error| CallError::internal(&error))
}

impl<'c> Manager<'c> {
    /// For a call that the hub serves.
    #[must_use]
    pub fn new(hub: &'c Hub, call: &'c Call) -> Self {
        Self { hub, call }
    }

    /// Stores a new service and waits until it can be called here.
    ///
    /// # Errors
    /// SERVICE_EXISTS, OPENAPI_INVALID, OUTBOUND_REFUSED, VALIDATION_ERROR and what befalls the database.
    pub async fn add(&self, name: String, wanted: Wanted) -> Result<ApiService, CallError> {
        let registry = self.call.engine().registry();
        if registry.has_own_namespace(&name)
            || self.hub.spokes.get(&name).is_some()
            || self.hub.imports.has(&name)
        {
            return Err(exists(&name));
        }
        let source = self.source(&wanted, None).await?;
        let source = source.ok_or_else(|| {
            CallError::fault("/url", "exactly one of `url`, `document` and `compressed` must be given")
        })?;
        let mut config = Config { url: wanted.url, ..Config::default() };
        config.base_url = wanted.base_url.filter(|url| !url.is_empty());
        config.required_scopes = wanted.required_scopes.unwrap_or_else(|| vec![format!("{name}:call")]);
        config.timeout_ms = wanted.timeout_ms.map(convert::unsigned);
        let mut credentials = Credentials::default();
        if let Some(auth) = wanted.auth {
            credentials.auth = auth;
        }
        credentials.headers = headers(wanted.headers.unwrap_or_default());
        let imported = self.import(&name, &source, &config).await?;
        self.check(&mut credentials, &imported)?;
        credentials.name_in(&mut config);
        config.origin = origin(&imported);

        let config = serde_json::to_value(&config).map_err(|error| CallError::internal(&error))?;
        let mut service = services::new(KIND, name.clone(), &config);
        service.credentials = self.seal(&credentials).await?;
        service.document = Some(source.store().await?);
        service.state = Some(json(&Summary::of(&imported))?);
        let actor = convert::actor(self.call);
        match services::add(&self.hub.database, &Receipt::none(), &actor, service).await? {
            Changed::Done(service) => Ok(self.settled(&service).await),
            Changed::NameTaken | Changed::NotFound => Err(exists(&name)),
        }
    }

    /// Changes a service and waits until it can be called so here.
    ///
    /// # Errors
    /// SERVICE_NOT_FOUND, and as [`Manager::add`].
    pub async fn update(&self, name: &str, change: Change) -> Result<ApiService, CallError> {
        let stored = self.load(name).await?;
        let mut config = read_config(&stored)?;
        let held = self.open(&stored).await?;
        let fresh = self.source(&change, Some((&config, &held))).await?;
        let is_fresh = fresh.is_some();
        if is_fresh {
            config.url.clone_from(&change.url);
        }
        let source = match fresh {
            Some(source) => source,
            None => stored_source(&stored).await?,
        };
        if let Some(url) = change.base_url {
            config.base_url = Some(url).filter(|url| !url.is_empty());
        }
        if let Some(scopes) = change.required_scopes {
            config.required_scopes = scopes;
        }
        if let Some(timeout) = change.timeout_ms {
            config.timeout_ms = Some(convert::unsigned(timeout));
        }
        let imported = self.import(name, &source, &config).await?;
        let moved = origin(&imported) != config.origin;
        let renewed = change.auth.is_some() || change.headers.is_some() || moved;
        let mut credentials = if moved { Credentials::default() } else { held };
        if let Some(auth) = change.auth {
            credentials.auth = auth;
        }
        if let Some(given) = change.headers {
            credentials.headers = headers(given);
        }
        self.check(&mut credentials, &imported)?;
        credentials.name_in(&mut config);
        config.origin = origin(&imported);
        let mut next = stored.clone();
        if renewed {
            next.credentials = self.seal(&credentials).await?;
        }
        if is_fresh {
            next.document = Some(source.store().await?);
        }
        next.config = json(&config)?;
        next.state = Some(json(&Summary::of(&imported))?);
        let service = self.store(&stored, next).await?;
        Ok(self.settled(&service).await)
    }

    /// Reads a service's document again.
    ///
    /// # Errors
    /// SERVICE_NOT_FOUND, BAD_REQUEST where it has no URL, OPENAPI_INVALID where it cannot be taken.
    pub async fn refresh(&self, name: &str) -> Result<Refreshed, CallError> {
        let stored = self.load(name).await?;
        let config = read_config(&stored)?;
        let Some(place) = &config.url else {
            return Err(CallError::bad_request(
                "The document of this service was given and has no URL; give another one with `openapi.update`.",
            ));
        };
        let held = self.open(&stored).await?;
        let signer = self.signer(&Wanted::default(), Some((&config, &held)))?;
        let source = Source::fetch(&self.hub.outbound, signer.as_ref(), &url("/url", place)?).await?;
        let after = self.import(name, &source, &config).await?;
        if origin(&after) != config.origin {
            return Err(invalid(&format!(
                "its server is now {}, and was at {}; say with `openapi.update` that requests are to go there",
                origin(&after),
                config.origin
            )));
        }
        let before = stored_source(&stored).await?;
        let before = prints(&self.import(name, &before, &config).await?);
        let now = prints(&after);
        let mut next = stored.clone();
        next.document = Some(source.store().await?);
        next.state = Some(json(&Summary::of(&after))?);
        let service = self.store(&stored, next).await?;
        let mut result = Refreshed {
            service: self.settled(&service).await,
            added: Vec::new(),
            removed: before.keys().filter(|name| !now.contains_key(*name)).cloned().collect(),
            changed: Vec::new(),
        };
        for (name, print) in now {
            match before.get(&name) {
                None => result.added.push(name),
                Some(known) if *known != print => result.changed.push(name),
                Some(_) => {}
            }
        }
        for list in [&mut result.added, &mut result.removed, &mut result.changed] {
            list.sort_unstable();
        }
        Ok(result)
    }

    /// Says what would be imported, and asks the server whether it is there.
    ///
    /// # Errors
    /// As [`Manager::add`].
    pub async fn test(&self, name: Option<String>, wanted: Wanted) -> Result<Tried, CallError> {
        let mut config = Config { base_url: wanted.base_url.clone(), ..Config::default() };
        let source = match (self.source(&wanted, None).await?, &name) {
            (Some(source), _) => source,
            (None, Some(name)) => {
                let stored = self.load(name).await?;
                let held = read_config(&stored)?;
                config.base_url = config.base_url.or(held.base_url);
                stored_source(&stored).await?
            }
            (None, None) => {
                let message =
                    "a name of a service, or exactly one of `url`, `document` and `compressed` must be given";
                return Err(CallError::fault("/url", message));
            }
        };
        let namespace = name.unwrap_or_else(|| "service".to_owned());
        let imported = self.import(&namespace, &source, &config).await?;
        let mut credentials =
            Credentials { headers: headers(wanted.headers.unwrap_or_default()), ..Credentials::default() };
        if let Some(auth) = wanted.auth {
            credentials.auth = auth;
        }
        self.check(&mut credentials, &imported)?;
        let begun = Instant::now();
        let outbound = &self.hub.outbound;
        let asked = outbound.send(Request::new(Method::GET, imported.server.clone()), Redirects::None);
        let answer =
            match tokio::time::timeout(outbound.limits().timeout.min(Duration::from_secs(15)), asked).await {
                Ok(Ok(response)) => Ok(response.status().as_u16()),
                Ok(Err(error)) => Err(error.message),
                Err(_) => Err("The server did not answer in time.".to_owned()),
            };
        Ok(Tried { imported, answer, took: begun.elapsed() })
    }

    /// Takes a service away.
    ///
    /// # Errors
    /// SERVICE_NOT_FOUND, and what befalls the database.
    pub async fn remove(&self, name: &str) -> Result<ApiService, CallError> {
        let actor = convert::actor(self.call);
        match services::remove(&self.hub.database, &Receipt::none(), &actor, [KIND, name]).await? {
            Changed::Done(service) => {
                self.hub.imports.settle(&service.name, service.revision, PATIENCE).await;
                Ok(view(&service, None, false))
            }
            Changed::NameTaken | Changed::NotFound => Err(not_found(name)),
        }
    }

    /// One service, with its report.
    ///
    /// # Errors
    /// SERVICE_NOT_FOUND, and what befalls the database.
    pub async fn get(&self, name: &str) -> Result<ApiService, CallError> {
        let service = self.load(name).await?;
        Ok(view(&service, self.hub.imports.status(name), true))
    }

    async fn load(&self, name: &str) -> Result<Service, CallError> {
        services::get(&self.hub.database, KIND, name).await?.ok_or_else(|| not_found(name))
    }

    /// What signs requests for a document. Credentials are for the service's origin, which is known beforehand where the
    /// service is stored or its `baseUrl` is given; a document that lies elsewhere never sees them.
    fn signer(
        &self,
        wanted: &Wanted,
        before: Option<(&Config, &Credentials)>,
    ) -> Result<Option<Signer>, CallError> {
        let given = base_url(wanted.base_url.as_deref())?.map(|url| url.origin().ascii_serialization());
        // Where the service moves, what is stored of it stays where it was.
        let held = before.filter(|(config, _)| given.as_ref().is_none_or(|given| *given == config.origin));
        let Some(origin) = given.or_else(|| held.map(|(config, _)| config.origin.clone())) else {
            return Ok(None);
        };
        let mut credentials = held.map(|(_, credentials)| credentials.clone()).unwrap_or_default();
        if let Some(auth) = &wanted.auth {
            credentials.auth = auth.clone();
        }
        if let Some(given) = &wanted.headers {
            credentials.headers = headers(given.clone());
        }
        if credentials == Credentials::default() {
            return Ok(None);
        }
        // Without a document nothing is known of where tokens come from; then it is fetched without.
        if matches!(&credentials.auth, ApiAuth::ClientCredentials { token_url: None, .. }) {
            return Ok(None);
        }
        credentials.complete(&[])?;
        if let ApiAuth::ClientCredentials { token_url: Some(place), .. } = &credentials.auth {
            self.hub.outbound.guard().check(&url("/auth/tokenUrl", place)?)?;
        }
        Signer::new(&credentials, &origin, &self.hub.outbound).map(Some)
    }

    /// The document that is given, if any is.
    async fn source(
        &self,
        wanted: &Wanted,
        before: Option<(&Config, &Credentials)>,
    ) -> Result<Option<Source>, CallError> {
        match (&wanted.url, &wanted.document, &wanted.compressed) {
            (Some(place), None, None) => {
                let signer = self.signer(wanted, before)?;
                Source::fetch(&self.hub.outbound, signer.as_ref(), &url("/url", place)?).await.map(Some)
            }
            (None, Some(document), None) => Source::given(Given::Value(document.clone())).await.map(Some),
            (None, None, Some(text)) => Source::given(Given::Compressed(text.clone())).await.map(Some),
            (None, None, None) => Ok(None),
            _ => Err(CallError::fault("/url", "only one of `url`, `document` and `compressed` can be given")),
        }
    }

    async fn import(&self, name: &str, source: &Source, config: &Config) -> Result<Imported, CallError> {
        let base_url = base_url(config.base_url.as_deref())?;
        let imported = source.clone().import(name, base_url, &config.required_scopes).await?;
        if imported.operations.is_empty() {
            return Err(invalid("it gives no operation"));
        }
        Ok(imported)
    }

    /// Completes credentials from the document, and judges where they would go.
    fn check(&self, credentials: &mut Credentials, imported: &Imported) -> Result<(), CallError> {
        self.hub.outbound.guard().check(&imported.server)?;
        credentials.complete(&imported.schemes)?;
        if let ApiAuth::ClientCredentials { token_url: Some(place), .. } = &credentials.auth {
            self.hub.outbound.guard().check(&url("/auth/tokenUrl", place)?)?;
        }
        Ok(())
    }

    async fn open(&self, stored: &Service) -> Result<Credentials, CallError> {
        let Some(sealed) = &stored.credentials else { return Ok(Credentials::default()) };
        let opened = self.hub.vault.open(sealed).await?;
        Credentials::read(Some(opened.as_slice()))
    }

    async fn seal(&self, credentials: &Credentials) -> Result<Option<String>, CallError> {
        match credentials.write()? {
            Some(text) => self.hub.vault.seal(text).await.map(Some),
            None => Ok(None),
        }
    }

    /// Stores a changed service, unless somebody else was faster.
    async fn store(&self, before: &Service, next: Service) -> Result<Service, CallError> {
        let revision = before.revision;
        let change = move |service: &mut Service| {
            if service.revision != revision {
                let mut error = CallError::unavailable("service");
                error.message =
                    "The service was changed by somebody else at the same time; try again.".to_owned();
                return Err(error);
            }
            *service = next;
            Ok(())
        };
        let actor = convert::actor(self.call);
        let receipt = Receipt::none();
        let stored = services::update(&self.hub.database, &receipt, &actor, [KIND, &before.name], change);
        match stored.await? {
            Changed::Done(service) => Ok(service),
            Changed::NameTaken | Changed::NotFound => Err(not_found(&before.name)),
        }
    }

    async fn settled(&self, service: &Service) -> ApiService {
        let status = self.hub.imports.settle(&service.name, service.revision, PATIENCE).await;
        view(service, status, true)
    }
}

fn read_config(stored: &Service) -> Result<Config, CallError> {
    serde_json::from_str(&stored.config).map_err(|error| CallError::internal(&error))
}

async fn stored_source(stored: &Service) -> Result<Source, CallError> {
    let document = stored.document.clone();
    Source::load(document.ok_or_else(|| CallError::internal(&"a service has no document"))?).await
}

/// What tells whether an operation has changed, by name.
fn prints(imported: &Imported) -> HashMap<String, u64> {
    let print = |operation: &alkhub_core::import::openapi::Operation| {
        let registered = &operation.registered;
        let mut hasher = DefaultHasher::new();
        format!("{:?}{:?}{:?}", operation.plan, registered.kind, registered.errors).hash(&mut hasher);
        (registered.description.as_str(), registered.input_schema.get(), registered.output_schema.get())
            .hash(&mut hasher);
        (registered.name.clone(), hasher.finish())
    };
    imported.operations.iter().map(print).collect()
}
