//! What a connection is made from.

use ::redis::{Client, IntoConnectionInfo, io::tcp::TcpSettings};

use crate::bus::Settings;

/// Reads the settings; connects to nothing yet.
///
/// # Errors
/// What is wrong with the URL, without its password.
pub(in crate::bus) fn open(settings: &Settings) -> Result<Client, String> {
    let url = settings.url.expose();
    if let Some(fault) = crate::bus::fault(url) {
        return Err(format!("the URL of Redis cannot be used: {fault}"));
    }
    // Two providers of cryptography are linked, of the HTTP client and of the database's, and rustls does not choose. It
    // may have been told already.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    // Messages are small and whole; waiting to fill a segment would only delay them.
    let opened = url
        .into_connection_info()
        .and_then(|place| Client::open(place.set_tcp_settings(TcpSettings::default().set_nodelay(true))));
    opened.map_err(|error| format!("the URL of Redis cannot be used: {}", error.category()))
}
