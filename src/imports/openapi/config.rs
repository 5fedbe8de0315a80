//! What is stored of an imported HTTP service, and what is sealed of it.

use std::collections::BTreeMap;

use alkhub_api::shared::{ApiAuth, ApiAuthApiKeyIn};
use alkhub_core::{CallError, import::openapi::Scheme};
use http::{HeaderName, HeaderValue};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// The stored configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Config {
    /// Where the document is; absent where it was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Where requests go, instead of what the document says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base_url: Option<String>,
    /// Origin that credentials are for.
    pub origin: String,
    /// Kind of the credentials.
    pub auth: String,
    /// Names of further headers; their values are credentials.
    #[serde(default)]
    pub header_names: Vec<String>,
    /// Scopes that callers must hold.
    pub required_scopes: Vec<String>,
    /// Longest time of a request, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
}

/// What is sealed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Credentials {
    /// How the hub shows who it is.
    pub auth: ApiAuth,
    /// Further headers.
    pub headers: BTreeMap<String, HeaderText>,
}

/// The value of a header, which is never shown.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct HeaderText(pub String);

impl std::fmt::Debug for HeaderText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[secret]")
    }
}

impl Default for Credentials {
    fn default() -> Self {
        Self { auth: ApiAuth::None, headers: BTreeMap::new() }
    }
}

impl Credentials {
    /// As the vault gives them.
    ///
    /// # Errors
    /// EXECUTION_ERROR where they are not of this form.
    pub fn read(opened: Option<&[u8]>) -> Result<Self, CallError> {
        let Some(opened) = opened else { return Ok(Self::default()) };
        // The cause would quote a part of them.
        serde_json::from_slice(opened)
            .map_err(|_| CallError::internal(&"stored credentials are not readable"))
    }

    /// As the vault seals them; `None` where there are none.
    ///
    /// # Errors
    /// EXECUTION_ERROR.
    pub fn write(&self) -> Result<Option<Zeroizing<Vec<u8>>>, CallError> {
        if *self == Self::default() {
            return Ok(None);
        }
        let text = serde_json::to_vec(self).map_err(|error| CallError::internal(&error))?;
        Ok(Some(Zeroizing::new(text)))
    }

    /// Notes in the configuration what there is, without the values.
    pub fn name_in(&self, config: &mut Config) {
        kind(&self.auth).clone_into(&mut config.auth);
        config.header_names = self.headers.keys().cloned().collect();
    }

    /// Checks headers, and fills in from the document what was not said.
    ///
    /// # Errors
    /// VALIDATION_ERROR.
    pub fn complete(&mut self, schemes: &[Scheme]) -> Result<(), CallError> {
        let said = |scheme: &Scheme, key: &str| scheme.said[key].as_str().map(str::to_owned);
        for (name, value) in &self.headers {
            let at = alkhub_core::validate::child("/headers", name);
            if name.parse::<HeaderName>().is_err() || HeaderValue::from_str(&value.0).is_err() {
                return Err(CallError::fault(
                    at,
                    "must be the name of a header, with a value that one can have",
                ));
            }
            if ["host", "content-length", "transfer-encoding", "connection", "content-type"]
                .contains(&name.to_ascii_lowercase().as_str())
            {
                return Err(CallError::fault(at, "is a header that the hub sets itself"));
            }
        }
        match &mut self.auth {
            ApiAuth::ApiKey { in_, name, .. } => {
                let declared = schemes.iter().find(|scheme| scheme.kind == "apiKey");
                if in_.is_none() && name.is_none() {
                    *in_ = declared.and_then(|scheme| said(scheme, "in")).and_then(|place| {
                        match place.as_str() {
                            "header" => Some(ApiAuthApiKeyIn::Header),
                            "query" => Some(ApiAuthApiKeyIn::Query),
                            "cookie" => Some(ApiAuthApiKeyIn::Cookie),
                            _ => None,
                        }
                    });
                    *name = declared.and_then(|scheme| said(scheme, "name"));
                }
                let place = in_.get_or_insert(ApiAuthApiKeyIn::Header);
                let name = name.get_or_insert_with(|| "X-API-Key".to_owned());
                if *place == ApiAuthApiKeyIn::Header && name.parse::<HeaderName>().is_err() {
                    return Err(CallError::fault("/auth/name", "must be the name of a header"));
                }
            }
            ApiAuth::ClientCredentials { token_url, .. } if token_url.is_none() => {
                *token_url = schemes.iter().find_map(|scheme| said(scheme, "tokenUrl"));
                if token_url.is_none() {
                    return Err(CallError::fault(
                        "/auth/tokenUrl",
                        "is required: the document does not say it",
                    ));
                }
            }
            _ => {}
        }
        Ok(())
    }
}

/// The word for a kind of credentials.
#[must_use]
pub(super) fn kind(auth: &ApiAuth) -> &'static str {
    match auth {
        ApiAuth::None => "none",
        ApiAuth::Bearer { .. } => "bearer",
        ApiAuth::Basic { .. } => "basic",
        ApiAuth::ApiKey { .. } => "apiKey",
        ApiAuth::ClientCredentials { .. } => "clientCredentials",
    }
}
