//! The access check: scopes and resources (upstream reference section 3.2).

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{CallError, error::codes, identity::Identity, spec::AccessSpec};

/// Demands of an operation on its caller.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AccessControl {
    /// All of these.
    #[serde(default)]
    pub required_scopes: Vec<String>,
    /// One of these, where any is named.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub required_scopes_any: Vec<String>,
    /// Resource type, checked together with the action; alone it only demands an identity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource_type: Option<String>,
    /// Action on a resource of the type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource_action: Option<String>,
    /// Demands an identity even where nothing else is demanded, as operations of spokes do. Not on the wire.
    #[serde(skip)]
    pub identity: bool,
}

impl From<&AccessSpec> for AccessControl {
    fn from(spec: &AccessSpec) -> Self {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Self {
            required_scopes: owned(spec.required_scopes),
            required_scopes_any: owned(spec.required_scopes_any),
            resource_type: spec.resource_type.map(str::to_owned),
            resource_action: spec.resource_action.map(str::to_owned),
            identity: false,
        }
    }
}

impl AccessControl {
    /// Nothing is demanded: open to all, also without credentials.
    #[must_use]
    pub fn is_open(&self) -> bool {
        !self.identity
            && self.required_scopes.is_empty()
            && self.required_scopes_any.is_empty()
            && self.resource_type.is_none()
    }

    /// Whether this caller may call.
    #[must_use]
    pub fn allows(&self, caller: Option<&Identity>) -> bool {
        if self.is_open() {
            return true;
        }
        let Some(identity) = caller else { return false };
        self.required_scopes.iter().all(|scope| identity.has_scope(scope))
            && (self.required_scopes_any.is_empty()
                || self.required_scopes_any.iter().any(|scope| identity.has_scope(scope)))
            && match (&self.resource_type, &self.resource_action) {
                (Some(kind), Some(action)) => identity.has_resource_action(kind, action),
                _ => true,
            }
    }

    /// The same as an answer.
    ///
    /// # Errors
    /// ACCESS_DENIED, marked unauthenticated where there is no identity at all.
    pub fn check(&self, operation_id: &str, caller: Option<&Identity>) -> Result<(), CallError> {
        if self.allows(caller) {
            return Ok(());
        }
        let mut message = format!("Access denied for operation: {operation_id}");
        let mut details = json!({ "requiredScopes": self.required_scopes, "operationId": operation_id });
        if !self.required_scopes_any.is_empty() {
            details["requiredScopesAny"] = json!(self.required_scopes_any);
        }
        if let (Some(kind), Some(action)) = (&self.resource_type, &self.resource_action) {
            details["resourceType"] = json!(kind);
            details["resourceAction"] = json!(action);
        }
        if caller.is_none() {
            message.push_str(" — identity required");
        }
        let mut error = CallError::new(codes::ACCESS_DENIED, message).with_details(details);
        error.unauthenticated = caller.is_none();
        Err(error)
    }
}
