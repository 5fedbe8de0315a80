//! Whether the hub can listen, or who is in its place.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::Duration;

use super::finding::Finding;

const NAME: &str = "address";

pub(super) async fn check(listen: SocketAddr) -> Finding {
    let error = match std::net::TcpListener::bind(listen) {
        Ok(_) if listen.ip().is_unspecified() => {
            let mend = "put a proxy with TLS in front of it, or listen on 127.0.0.1";
            return Finding::warn(
                NAME,
                format!("{listen} is free, and open to the network without TLS"),
                mend,
            );
        }
        Ok(_) => return Finding::ok(NAME, format!("{listen} is free")),
        Err(error) => error,
    };
    let other =
        format!("choose another one with --listen {}:{}", listen.ip(), listen.port().saturating_add(1));
    match error.kind() {
        ErrorKind::AddrInUse => match holder(listen).await {
            Holder::Hub => Finding::ok(NAME, format!("a hub answers on {listen}")),
            Holder::NotReady => Finding::warn(
                NAME,
                format!("a hub answers on {listen}, and says that it is not ready"),
                "its log and its /readyz say why; most often the database cannot be reached",
            ),
            Holder::Other => Finding::fail(
                NAME,
                format!("{listen} is taken by another program"),
                format!("stop that program (`ss -ltnp 'sport = :{}'` names it), or {other}", listen.port()),
            ),
        },
        ErrorKind::PermissionDenied => Finding::fail(
            NAME,
            format!("{listen} may not be listened on: ports below 1024 need a privilege"),
            other,
        ),
        ErrorKind::AddrNotAvailable => Finding::fail(
            NAME,
            format!("this machine has no address {}", listen.ip()),
            "use 127.0.0.1, or 0.0.0.0 for all",
        ),
        _ => Finding::fail(NAME, format!("{listen}: {error}"), other),
    }
}

enum Holder {
    Hub,
    NotReady,
    Other,
}

/// Only a hub's `/readyz` has these properties.
async fn holder(listen: SocketAddr) -> Holder {
    let mut at = listen;
    if at.ip().is_unspecified() {
        at.set_ip(if at.is_ipv4() { [127, 0, 0, 1].into() } else { std::net::Ipv6Addr::LOCALHOST.into() });
    }
    let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(3)).build();
    let Ok(client) = client else { return Holder::Other };
    let Ok(answer) = client.get(format!("http://{at}/readyz")).send().await else { return Holder::Other };
    let Ok(text) = answer.text().await else { return Holder::Other };
    let state: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
    match (state["ready"].as_bool(), state["database"].is_string()) {
        (Some(true), true) => Holder::Hub,
        (Some(false), true) => Holder::NotReady,
        _ => Holder::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::Grade;
    use super::*;

    #[tokio::test]
    async fn a_port_is_free_or_taken_by_something_else() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let at = listener.local_addr().expect("an address");
        // Whatever connects is turned away, as by a program that speaks no HTTP.
        let thread = std::thread::spawn(move || drop(listener.accept()));
        let finding = check(at).await;
        thread.join().expect("ended");
        assert_eq!(finding.grade, Grade::Fail);
        assert!(finding.message.contains("taken by another program"), "{}", finding.message);
        assert_eq!(check("127.0.0.1:0".parse().expect("an address")).await.grade, Grade::Ok);
        assert_eq!(check("0.0.0.0:0".parse().expect("an address")).await.grade, Grade::Warn);
        assert_eq!(check("192.0.2.1:0".parse().expect("an address")).await.grade, Grade::Fail);
    }
}
