//! Schema migrations, one file a step. `README.md` says how to write one.

mod m20261123_000001_projects;
mod m20261123_000002_keys;
mod m20261123_000003_audit;
mod m20261123_000004_audit_indexes;
mod m20261125_000005_events;
mod m20261125_000006_idempotency;
mod m20261125_000007_nodes;
mod m20261125_000008_spoke_homes;
mod m20261125_000009_services;
mod m20261125_000010_events_published;
mod m20261125_000011_llm;
mod m20261126_000012_calls;
mod m20261126_000014_templates;
mod m20261126_000015_call_failures;
mod m20261126_000016_call_keys;

use sea_orm_migration::prelude::*;

/// All steps, in order.
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m20261123_000001_projects::Migration),
            Box::new(m20261123_000002_keys::Migration),
            Box::new(m20261123_000003_audit::Migration),
            Box::new(m20261123_000004_audit_indexes::Migration),
            Box::new(m20261125_000005_events::Migration),
            Box::new(m20261125_000006_idempotency::Migration),
            Box::new(m20261125_000007_nodes::Migration),
            Box::new(m20261125_000008_spoke_homes::Migration),
            Box::new(m20261125_000009_services::Migration),
            Box::new(m20261125_000010_events_published::Migration),
            Box::new(m20261125_000011_llm::Migration),
            Box::new(m20261126_000012_calls::Migration),
            Box::new(m20261126_000014_templates::Migration),
            Box::new(m20261126_000015_call_failures::Migration),
            Box::new(m20261126_000016_call_keys::Migration),
        ]
    }
}
