//! The bridge to poem-openapi: declared operations become its routes and its document. This folder alone touches
//! the library's registry types, which are hidden from its documentation and pinned for that reason.

mod document;
mod headers;
mod operation;
mod schema;

use std::{
    collections::{BTreeMap, HashMap},
    marker::PhantomData,
};

use poem::{endpoint::BoxEndpoint, http::Method};
use poem_openapi::{
    LicenseObject, OpenApi, OpenApiService, ServerObject,
    registry::{MetaApi, MetaPath, MetaSchema, MetaSecurityScheme, Registry},
};

use super::OperationSet;

/// Name of the security scheme in the document.
const BEARER: &str = "bearer";

/// The routes of a set of operations, as the library wants to be told of them. It describes them only; they are served
/// by [`super::served`], with fewer layers between.
struct Routes<S> {
    set: PhantomData<fn() -> S>,
}

/// The document of a set of operations, as JSON.
#[must_use]
pub fn document_json<S: OperationSet>() -> String {
    let service = describe::<S>();
    document::finish(&service.spec())
}

/// The page that shows the document and needs nothing from elsewhere.
#[must_use]
pub fn page_html<S: OperationSet>() -> String {
    let service = describe::<S>();
    service.swagger_ui_html().replacen(&service.spec(), &document_json::<S>(), 1)
}

/// The document of the hub's own operations, pretty-printed; `generated/openapi.json` is this text.
#[must_use]
pub fn openapi_json() -> String {
    let text = document_json::<super::HubOperations>();
    let value: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
    format!("{value:#}\n")
}

fn describe<S: OperationSet>() -> OpenApiService<Routes<S>, ()> {
    OpenApiService::new(Routes { set: PhantomData }, "alkhub", env!("CARGO_PKG_VERSION"))
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

    fn add_routes(self, _: &mut HashMap<String, HashMap<Method, BoxEndpoint<'static>>>) {}
}

/// A schema without any constraint.
fn any() -> MetaSchema {
    MetaSchema::ANY
}
