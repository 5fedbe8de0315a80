//! Compression of answers that are worth it. Streams are left alone: an encoder would hold frames back.

use poem::{
    IntoResponse, Response,
    http::{HeaderMap, HeaderValue, header},
    web::{Compress, CompressionAlgo},
};

use crate::config::Compression;

/// Marks an answer that may be compressed, with its length in bytes.
#[derive(Clone, Copy)]
pub(super) struct Compressible(pub usize);

/// Compresses if the answer is marked and large enough and the client accepts it.
#[must_use]
pub(super) fn apply(response: Response, accepted: Option<&HeaderValue>, settings: &Compression) -> Response {
    let large = response.extensions().get::<Compressible>().is_some_and(|size| size.0 >= settings.min_bytes);
    if !settings.enabled || !large {
        return response;
    }
    let algorithm = accepted.and_then(|value| value.to_str().ok()).and_then(choose);
    let mut response = match algorithm {
        Some(algorithm) => Compress::new(response, algorithm).into_response(),
        None => response,
    };
    vary(response.headers_mut());
    response
}

fn vary(headers: &mut HeaderMap) {
    headers.append(header::VARY, HeaderValue::from_static("accept-encoding"));
}

/// The best of what the client names; an entry with `q=0` is refused by it.
fn choose(accepted: &str) -> Option<CompressionAlgo> {
    let names: Vec<&str> = accepted
        .split(',')
        .filter_map(|entry| {
            let (name, quality) = entry.split_once(';').unwrap_or((entry, "q=1"));
            let quality = quality.trim().strip_prefix("q=").and_then(|q| q.trim().parse::<f32>().ok());
            (quality != Some(0.0)).then_some(name.trim())
        })
        .collect();
    let names_it = |wanted: &str| names.iter().any(|name| name.eq_ignore_ascii_case(wanted));
    [("gzip", CompressionAlgo::GZIP), ("br", CompressionAlgo::BR)]
        .into_iter()
        .find(|(name, _)| names_it(name))
        .map(|(_, algorithm)| algorithm)
}
