//! Calls that were not completed, by who made them and by what was called: few among many.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

/// Only of the few: the builder cannot say so. Each ends with the primary key, in whose order lists are.
const INDEXES: [(&str, &str); 2] = [
    (
        "calls_status_by_identity",
        "CREATE INDEX calls_status_by_identity ON calls (identity, status, id) WHERE status <> 'completed'",
    ),
    (
        "calls_status_by_operation",
        "CREATE INDEX calls_status_by_operation ON calls (operation, status, id) WHERE status <> 'completed'",
    ),
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for (_, index) in INDEXES {
            manager.get_connection().execute_unprepared(index).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for (name, _) in INDEXES {
            manager.drop_index(Index::drop().name(name).table("calls").to_owned()).await?;
        }
        Ok(())
    }
}
