//! The declared routes, each with the endpoint that serves it.

use std::collections::BTreeMap;

use alkhub_core::Descriptor;
use poem::{Route, RouteMethod, http::Method};

use super::{HttpState, bind::path_parameters, endpoint::OperationEndpoint};

/// A router over the routes of these operations.
#[must_use]
pub(super) fn routes(state: &HttpState, operations: &[&'static Descriptor]) -> Route {
    let mut paths: BTreeMap<String, RouteMethod> = BTreeMap::new();
    for descriptor in operations {
        let Some(http) = descriptor.http else { continue };
        let Ok(method) = http.method.parse::<Method>() else { continue };
        let Some(endpoint) = OperationEndpoint::new(state.clone(), descriptor, &method) else { continue };
        let methods = paths.remove(&router_path(http.path)).unwrap_or_default();
        paths.insert(router_path(http.path), methods.method(method, endpoint));
    }
    paths.into_iter().fold(Route::new(), |routes, (path, methods)| routes.at(path, methods))
}

/// `/a/{id}/b` in the router's notation, `/a/:p0/b`. Parameters go by position: the router wants equal names where
/// two patterns share a place.
fn router_path(path: &str) -> String {
    path_parameters(path).iter().enumerate().fold(path.to_owned(), |path, (index, name)| {
        path.replacen(&format!("{{{name}}}"), &format!(":p{index}"), 1)
    })
}
