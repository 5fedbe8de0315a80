//! The tables.

pub(super) mod api_keys;
pub(super) mod audit_logs;
pub(super) mod events;
pub(super) mod hub_state;
pub(super) mod idempotency_keys;
pub(super) mod nodes;
pub(super) mod projects;
pub(super) mod services;
pub(super) mod spoke_homes;
