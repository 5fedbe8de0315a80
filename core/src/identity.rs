//! Who calls.

use std::{collections::BTreeMap, sync::Arc};

use serde::{Deserialize, Serialize};

/// The scope that stands for every other one and for every resource. Only the hub's own access check knows
/// it; peers that check for themselves are sent the scopes that their operation asks for.
pub const ADMIN_SCOPE: &str = "admin";

/// What a connection authenticated as. Never taken from a message.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// Id of the key.
    pub id: String,
    /// Granted scopes.
    #[serde(default)]
    pub scopes: Vec<String>,
    /// Actions on resources, by `type:id`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub resources: BTreeMap<String, Vec<String>>,
}

/// A verified identity, or `None` for a caller without credentials.
pub type Caller = Option<Arc<Identity>>;

impl Identity {
    /// Holds the scope that stands for all.
    #[must_use]
    pub fn is_admin(&self) -> bool {
        self.scopes.iter().any(|scope| scope == ADMIN_SCOPE)
    }

    /// Holds this scope, by name or as an admin.
    #[must_use]
    pub fn has_scope(&self, scope: &str) -> bool {
        self.scopes.iter().any(|held| held == scope || held == ADMIN_SCOPE)
    }

    /// May do `action` on some resource of this type.
    #[must_use]
    pub fn has_resource_action(&self, resource_type: &str, action: &str) -> bool {
        self.is_admin()
            || self.resources.iter().any(|(key, actions)| {
                key.strip_prefix(resource_type).is_some_and(|rest| rest.starts_with(':'))
                    && actions.iter().any(|held| held == action)
            })
    }
}
