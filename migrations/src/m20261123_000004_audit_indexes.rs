//! Each filter of the audit log with the order in which it is listed.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const FILTERS: [&str; 3] = ["actor", "action", "target"];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for column in FILTERS {
            let index = Index::create()
                .name(name(column))
                .table("audit_logs")
                .col(column)
                .col("at")
                .col("id")
                .to_owned();
            manager.create_index(index).await?;
        }
        // The entries of one key were found by these, but not in order. A hub of the release before does without.
        for column in ["actor", "target"] {
            let index = Index::drop().name(format!("audit_logs_by_{column}")).table("audit_logs").to_owned();
            manager.drop_index(index).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for column in ["actor", "target"] {
            let name = format!("audit_logs_by_{column}");
            let index = Index::create().name(name).table("audit_logs").col(column).col("id").to_owned();
            manager.create_index(index).await?;
        }
        for column in FILTERS {
            manager.drop_index(Index::drop().name(name(column)).table("audit_logs").to_owned()).await?;
        }
        Ok(())
    }
}

fn name(column: &str) -> String {
    format!("audit_logs_by_{column}_and_age")
}
