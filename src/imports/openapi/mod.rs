//! HTTP services that are imported from OpenAPI documents (ADR 0038). What documents mean is core's to know; here they are
//! fetched and stored, and requests are signed and sent.

mod auth;
mod call;
mod config;
mod manage;
mod redact;
mod source;
mod token;
mod view;

use std::{sync::Arc, time::Duration};

use alkhub_api::shared::ApiAuth;
use alkhub_core::{
    CallError,
    engine::handler::ErasedHandler,
    import::openapi::{Imported, Plan},
};
use futures::{FutureExt, future::BoxFuture};

pub use config::{Config, Credentials};
pub use manage::{Change, Manager, Refreshed, Tried, Wanted};
pub use source::{Given, Source};
pub use view::{tried, view};

use self::{
    auth::Signer,
    call::{Handler, Shared},
};
use super::{Connector, Link, Offered, Service};
use crate::outbound::Outbound;

/// The kind's word in the table.
pub const KIND: &str = "openapi";
/// Longest silence of a stream.
const SILENCE: Duration = Duration::from_secs(3600);

/// Opens services of this kind. Cheap to clone.
#[derive(Clone)]
pub struct OpenApi {
    outbound: Outbound,
    streams: Outbound,
}

impl OpenApi {
    /// With this way out.
    ///
    /// # Errors
    /// EXECUTION_ERROR where the system's certificates cannot be read.
    pub fn new(outbound: &Outbound) -> Result<Self, CallError> {
        Ok(Self { outbound: outbound.clone(), streams: outbound.with_silence(SILENCE)? })
    }

    /// Operations with what serves them.
    ///
    /// # Errors
    /// EXECUTION_ERROR where the credentials cannot be used.
    pub fn offers(
        &self,
        imported: &Imported,
        credentials: &Credentials,
        timeout: Option<Duration>,
    ) -> Result<Vec<Offered>, CallError> {
        let shared = self.shared(credentials, &imported.server, timeout)?;
        let offered = imported.operations.iter().map(|operation| Offered {
            operation: operation.registered.clone(),
            handler: Arc::new(Handler { plan: operation.plan.clone(), shared: shared.clone() }),
        });
        Ok(offered.collect())
    }

    /// What serves one operation by its plan, with a bearer token if there is one.
    ///
    /// # Errors
    /// EXECUTION_ERROR where the token cannot be used.
    pub fn handler(
        &self,
        plan: &Arc<Plan>,
        bearer: Option<String>,
        timeout: Option<Duration>,
    ) -> Result<Arc<dyn ErasedHandler>, CallError> {
        let auth = bearer.map_or(ApiAuth::None, |token| ApiAuth::Bearer { token });
        let credentials = Credentials { auth, ..Credentials::default() };
        let url = reqwest::Url::parse(&plan.server).map_err(|error| CallError::internal(&error))?;
        let shared = self.shared(&credentials, &url, timeout)?;
        Ok(Arc::new(Handler { plan: plan.clone(), shared }))
    }

    fn shared(
        &self,
        credentials: &Credentials,
        server: &reqwest::Url,
        timeout: Option<Duration>,
    ) -> Result<Arc<Shared>, CallError> {
        Ok(Arc::new(Shared {
            outbound: self.outbound.clone(),
            streams: self.streams.clone(),
            signer: Signer::new(credentials, &server.origin().ascii_serialization(), &self.outbound)?,
            timeout,
        }))
    }

    async fn open(self, service: Service, link: Link) -> Result<(), CallError> {
        let config: Config =
            serde_json::from_value(service.config).map_err(|error| CallError::internal(&error))?;
        let credentials = Credentials::read(service.credentials.as_deref().map(Vec::as_slice))?;
        let document = service.document.ok_or_else(|| CallError::internal(&"a service has no document"))?;
        let base_url = manage::base_url(config.base_url.as_deref())?;
        let source = Source::load(document).await?;
        let imported = source.import(&service.name, base_url, &config.required_scopes).await?;
        if imported.server.origin().ascii_serialization() != config.origin {
            return Err(CallError::internal(
                &"a document leads to another origin than its credentials are for",
            ));
        }
        let timeout = config.timeout_ms.map(Duration::from_millis);
        link.offer(self.offers(&imported, &credentials, timeout)?, Vec::new());
        Ok(())
    }
}

impl Connector for OpenApi {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn run(&self, service: Service, link: Link) -> BoxFuture<'static, Result<(), CallError>> {
        self.clone().open(service, link).boxed()
    }
}
