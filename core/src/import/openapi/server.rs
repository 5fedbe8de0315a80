//! Where a service is.

use url::Url;

use super::document::{Documents, Node};

/// The servers that a node names, first those that are usable: `None` where it names none that is.
pub(super) fn of(documents: &Documents, node: Node<'_>) -> Option<Url> {
    node.items("servers").find_map(|server| {
        let url = filled(server)?;
        usable(match Url::parse(&url) {
            Ok(absolute) => absolute,
            Err(_) => documents.url()?.join(&url).ok()?,
        })
    })
}

/// The server of the whole document; Swagger 2 names it in parts.
pub(super) fn of_document(documents: &Documents) -> Option<Url> {
    let main = documents.main();
    if main.get("swagger").is_none() {
        let named = of(documents, main);
        // Documents that name no server mean the root of where they are.
        let none = main.items("servers").next().is_none();
        return named.or_else(|| none.then(|| documents.url()?.join("/").ok()).flatten());
    }
    let from = documents.url();
    let schemes: Vec<&str> = main.items("schemes").filter_map(|scheme| scheme.value.as_str()).collect();
    let scheme = ["https", "http"].into_iter().find(|scheme| schemes.contains(scheme));
    let scheme = scheme.or_else(|| from.map(Url::scheme)).unwrap_or("https");
    let host = match main.text("host") {
        Some(host) => host.to_owned(),
        None => from.map(|url| url[url::Position::BeforeHost..url::Position::AfterPort].to_owned())?,
    };
    let path = main.text("basePath").unwrap_or_default();
    let slash = if path.starts_with('/') { "" } else { "/" };
    usable(Url::parse(&format!("{scheme}://{host}{slash}{path}")).ok()?)
}

/// The URL with the defaults of its variables.
fn filled(server: Node<'_>) -> Option<String> {
    let mut url = server.text("url")?.to_owned();
    for (name, variable) in server.members("variables") {
        let first = || variable.items("enum").next().and_then(|value| value.value.as_str());
        if let Some(value) = variable.text("default").or_else(first) {
            url = url.replace(&format!("{{{name}}}"), value);
        }
    }
    (!url.contains('{')).then_some(url)
}

fn usable(mut url: Url) -> Option<Url> {
    url.set_query(None);
    url.set_fragment(None);
    (matches!(url.scheme(), "http" | "https") && url.has_host()).then_some(url)
}

/// As paths are put behind it.
pub(super) fn base(url: &Url) -> String {
    url.as_str().trim_end_matches('/').to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn the_first_usable_server() {
        let at = "https://a.example/docs/api.json";
        let cases: &[(Value, Option<&str>, Option<&str>)] = &[
            (json!({ "servers": [{ "url": "https://b.example/v1/" }] }), None, Some("https://b.example/v1")),
            (
                json!({ "servers": [{ "url": "/v1" }, { "url": "https://b.example" }] }),
                None,
                Some("https://b.example"),
            ),
            (json!({ "servers": [{ "url": "/v1" }] }), Some(at), Some("https://a.example/v1")),
            (json!({ "servers": [{ "url": "v1" }] }), Some(at), Some("https://a.example/docs/v1")),
            (json!({ "servers": [{ "url": "/v1" }] }), None, None),
            (json!({}), Some(at), Some("https://a.example")),
            (json!({}), None, None),
            (json!({ "servers": [{ "url": "wss://b.example" }] }), Some(at), None),
            (
                json!({ "servers": [{ "url": "https://{region}.b.example:{port}/{v}", "variables": {
                    "region": { "default": "eu" }, "port": { "enum": ["8443", "443"] }, "v": { "default": "v2" } } }] }),
                None,
                Some("https://eu.b.example:8443/v2"),
            ),
            (json!({ "servers": [{ "url": "https://{region}.b.example" }] }), None, None),
            (
                json!({ "swagger": "2.0", "host": "b.example", "basePath": "/v1", "schemes": ["http", "https"] }),
                None,
                Some("https://b.example/v1"),
            ),
            (
                json!({ "swagger": "2.0", "host": "b.example:81", "schemes": ["http"] }),
                None,
                Some("http://b.example:81"),
            ),
            (
                json!({ "swagger": "2.0", "basePath": "/v1" }),
                Some("http://c.example:8/x"),
                Some("http://c.example:8/v1"),
            ),
            (json!({ "swagger": "2.0" }), None, None),
        ];
        for (document, url, expected) in cases {
            let url = url.map(|url| Url::parse(url).expect("a URL"));
            let documents = Documents::new(document.clone(), url);
            assert_eq!(of_document(&documents).as_ref().map(base).as_deref(), *expected, "{document}");
        }
    }
}
