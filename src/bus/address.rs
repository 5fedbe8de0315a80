//! What is wrong with the URL of a Redis, said without its password.

use reqwest::Url;

/// The fault of a URL; `None` where it can be used. The answer quotes nothing that could hold a secret.
#[must_use]
pub fn fault(url: &str) -> Option<String> {
    let Ok(parsed) = Url::parse(url) else { return Some("it is not a URL".to_owned()) };
    match parsed.scheme() {
        "redis" | "rediss" => {}
        "unix" | "redis+unix" => return Some("a socket of the file system cannot be used".to_owned()),
        _ => return Some("it does not begin with redis:// or rediss://".to_owned()),
    }
    if parsed.host_str().is_none_or(str::is_empty) {
        return Some("it names no host".to_owned());
    }
    let number = parsed.path().trim_matches('/');
    if !number.is_empty() && number.parse::<u16>().is_err() {
        return Some("what follows the host is not the number of a database".to_owned());
    }
    // `#insecure` would mean TLS without looking at the certificate.
    if parsed.fragment().is_some() {
        return Some(
            "it has a fragment (#), which has no meaning here; escape it as %23 in a password".to_owned(),
        );
    }
    if parsed.query().is_some() {
        return Some(
            "it has a query (?), which has no meaning here; escape it as %3F in a password".to_owned(),
        );
    }
    // What the client's library refuses beyond that has no secret in its kind.
    redis::Client::open(url).err().map(|error| format!("it cannot be used ({})", error.category()))
}

#[cfg(test)]
mod tests {
    use super::fault;

    #[test]
    fn faults_are_named_without_the_password() {
        for good in [
            "redis://127.0.0.1",
            "redis://127.0.0.1:6380/3",
            "rediss://hub:hunter2@redis.example.org:6380",
            "redis://:hunter2@[::1]:6379/",
        ] {
            assert_eq!(fault(good), None, "{good}");
        }
        for (bad, word) in [
            ("hunter2", "not a URL"),
            ("http://a:hunter2@host", "begin with"),
            ("redis://", "host"),
            ("redis://a:hunter2@host:99999", "not a URL"),
            ("redis://a:hunter2@host/one", "number"),
            ("rediss://a:hunter2@host#insecure", "fragment"),
            ("redis://a:hunt?er2@host", ""),
            ("redis://a:hunter2@host?protocol=resp3", "query"),
            ("unix:///run/hunter2", "socket"),
        ] {
            let fault = fault(bad).expect(bad);
            assert!(fault.contains(word) && !fault.contains("hunt"), "{bad}: {fault}");
        }
    }
}
