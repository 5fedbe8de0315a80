//! The bridge to poem-openapi: declared operations become its routes and its document. This folder alone touches
//! the library's registry types, which are hidden from its documentation and pinned for that reason.

mod document;
mod operation;
mod schema;

use std::{
    collections::{BTreeMap, HashMap},
    marker::PhantomData,
};

use poem::{EndpointExt, endpoint::BoxEndpoint, http::Method};
use poem_openapi::{
    LicenseObject, OpenApi, OpenApiService, ServerObject,
    registry::{MetaApi, MetaPath, MetaSchema, MetaSecurityScheme, Registry},
};

use super::{HttpState, OperationSet, bind::path_parameters, endpoint::OperationEndpoint};

/// Name of the security scheme in the document.
const BEARER: &str = "bearer";

/// The routes of a set of operations.
pub struct Routes<S> {
    state: Option<HttpState>,
    set: PhantomData<fn() -> S>,
}

/// The service that answers the declared routes.
#[must_use]
pub fn service<S: OperationSet>(state: HttpState) -> OpenApiService<Routes<S>, ()> {
    describe(Routes { state: Some(state), set: PhantomData })
}

/// The document of a set of operations, as JSON.
#[must_use]
pub fn document_json<S: OperationSet>() -> String {
    let service = describe(Routes::<S> { state: None, set: PhantomData });
    document::finish(&service.spec())
}

/// The page that shows the document and needs nothing from elsewhere.
#[must_use]
pub fn page_html<S: OperationSet>() -> String {
    let service = describe(Routes::<S> { state: None, set: PhantomData });
    service.swagger_ui_html().replacen(&service.spec(), &document_json::<S>(), 1)
}

/// The document of the hub's own operations, pretty-printed; `generated/openapi.json` is this text.
#[must_use]
pub fn openapi_json() -> String {
    let text = document_json::<super::HubOperations>();
    let value: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
    format!("{value:#}\n")
}

fn describe<S: OperationSet>(routes: Routes<S>) -> OpenApiService<Routes<S>, ()> {
    OpenApiService::new(routes, "alkhub", env!("CARGO_PKG_VERSION"))
        .description("Every capability of every connected machine, as operations. Errors are problem documents (RFC 9457).")
        .license(LicenseObject::new("MIT OR Apache-2.0").url("https://spdx.org/licenses/"))
        .server(ServerObject::new("/"))
        .url_prefix("")
}

impl<S: OperationSet> OpenApi for Routes<S> {
    fn meta() -> Vec<MetaApi> {
        let mut paths: BTreeMap<&str, MetaPath> = BTreeMap::new();
        for descriptor in S::operations() {
            let Some(http) = descriptor.http else { continue };
            let Ok(method) = http.method.parse::<Method>() else { continue };
            paths
                .entry(http.path)
                .or_insert_with(|| MetaPath { path: http.path.to_owned(), operations: Vec::new() })
                .operations
                .push(operation::describe(descriptor, method));
        }
        vec![MetaApi { paths: paths.into_values().collect() }]
    }

    fn register(registry: &mut Registry) {
        registry.create_security_scheme(
            BEARER,
            MetaSecurityScheme {
                ty: "http",
                description: Some("An API key: `Authorization: Bearer alk_<id>_<secret>`."),
                name: None,
                key_in: None,
                scheme: Some("bearer"),
                bearer_format: None,
                flows: None,
                openid_connect_url: None,
            },
        );
        for (name, component) in operation::components(&S::operations()) {
            registry.schemas.entry(name).or_insert(component);
        }
    }

    fn add_routes(self, table: &mut HashMap<String, HashMap<Method, BoxEndpoint<'static>>>) {
        let Some(state) = self.state else { return };
        for descriptor in S::operations() {
            let Some(http) = descriptor.http else { continue };
            let Ok(method) = http.method.parse::<Method>() else { continue };
            if let Some(endpoint) = OperationEndpoint::new(state.clone(), descriptor, &method) {
                table.entry(router_path(http.path)).or_default().insert(method, endpoint.boxed());
            }
        }
    }
}

/// `/a/{id}/b` in the router's notation, `/a/:p0/b`. Parameters go by position: the router wants equal names where
/// two patterns share a place.
fn router_path(path: &str) -> String {
    path_parameters(path).iter().enumerate().fold(path.to_owned(), |path, (index, name)| {
        path.replacen(&format!("{{{name}}}"), &format!(":p{index}"), 1)
    })
}

/// A schema without any constraint.
fn any() -> MetaSchema {
    MetaSchema::ANY
}
