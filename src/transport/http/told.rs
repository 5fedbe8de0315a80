//! What an answer's headers say beside the answer: the limit that applied, and that it is a repetition.

use std::net::{IpAddr, SocketAddr};

use alkhub_core::rate::{Notes, Standing};
use poem::{
    Addr, Request, Response,
    http::{HeaderMap, HeaderValue},
};

/// Writes what is noted into the headers.
pub(crate) fn apply(response: &mut Response, notes: &Notes) {
    let noted = notes.read();
    let headers = response.headers_mut();
    if noted.replayed {
        headers.insert("idempotency-replayed", HeaderValue::from_static("true"));
    }
    if let Some(standing) = &noted.standing {
        limit(headers, standing);
    }
}

/// The fields of draft-ietf-httpapi-ratelimit-headers, which are structured ones.
fn limit(headers: &mut HeaderMap, standing: &Standing) {
    let Standing { policy, quota, window, remaining, reset, .. } = standing;
    for (name, value) in [
        ("ratelimit-policy", format!("\"{policy}\";q={quota};w={window}")),
        ("ratelimit", format!("\"{policy}\";r={remaining};t={reset}")),
    ] {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(name, value);
        }
    }
}

/// The client's address: that of the connection, or behind so many proxies the one that the outermost of them saw.
pub(crate) fn origin(request: &Request, proxies: u32) -> Option<IpAddr> {
    let connected = match &request.remote_addr().0 {
        Addr::SocketAddr(address) => Some(address.ip()),
        _ => None,
    };
    let Some(behind) = proxies.checked_sub(1) else { return connected };
    // Bytes, and not text: what a client has put before them must not make the entries of the proxies unreadable.
    let values = request.headers().get_all("x-forwarded-for").into_iter().rev();
    let mut entries = values.flat_map(|value| value.as_bytes().rsplit(|byte| *byte == b','));
    // Each proxy appends whom it saw; what stands before that the client may have made up.
    entries.nth(behind as usize).and_then(address).or(connected)
}

/// An entry as proxies write it: an address, some in brackets, some with a port.
fn address(entry: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(entry).ok()?.trim().trim_matches('"');
    if let Ok(place) = text.parse::<SocketAddr>() {
        return Some(place.ip());
    }
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    bare.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_trusted_proxies_say_is_believed() {
        let request = |forwarded: &str| Request::builder().header("x-forwarded-for", forwarded).finish();
        let seen = |forwarded: &str, proxies| origin(&request(forwarded), proxies).map(|ip| ip.to_string());
        assert_eq!(seen("9.9.9.9, 10.0.0.1", 0), None);
        assert_eq!(seen("9.9.9.9, 10.0.0.1", 1).as_deref(), Some("10.0.0.1"));
        assert_eq!(seen("1.1.1.1, 9.9.9.9, 10.0.0.1", 2).as_deref(), Some("9.9.9.9"));
        assert_eq!(seen("10.0.0.1", 2), None);
        assert_eq!(seen("nonsense", 1), None);
    }

    #[test]
    fn entries_may_have_ports_and_brackets_and_what_clients_send_hides_none() {
        let seen = |forwarded: &[&[u8]], proxies| {
            let mut request = Request::builder().finish();
            for line in forwarded {
                let value = HeaderValue::from_bytes(line).expect("a value");
                request.headers_mut().append("x-forwarded-for", value);
            }
            origin(&request, proxies).map(|ip| ip.to_string())
        };
        for (entry, address) in [
            ("10.0.0.1:4711", "10.0.0.1"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("[2001:db8::1]:4711", "2001:db8::1"),
            ("\"[2001:db8::1]:4711\"", "2001:db8::1"),
            ("2001:db8::1", "2001:db8::1"),
        ] {
            assert_eq!(seen(&[entry.as_bytes()], 1).as_deref(), Some(address), "{entry}");
        }
        // Of one line with the client's own, and of lines of which that is the first.
        assert_eq!(seen(&[b"\xff\xfe, 10.0.0.1"], 1).as_deref(), Some("10.0.0.1"));
        assert_eq!(seen(&[b"\xff, 9.9.9.9", b"10.0.0.1"], 2).as_deref(), Some("9.9.9.9"));
        assert_eq!(seen(&[b"9.9.9.9", b"\xff"], 1), None);
        assert_eq!(seen(&[b""], 1), None);
    }
}
