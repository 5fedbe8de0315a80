//! Who did what to keys.

use sea_orm_migration::{prelude::*, schema::*};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                Table::create()
                    .table("audit_logs")
                    .col(string_len("id", 36).primary_key())
                    .col(big_integer("at"))
                    .col(string_len_null("actor", 32))
                    .col(string_len("action", 100))
                    .col(string_len("target", 64))
                    .col(string_len_null("request_id", 36))
                    .col(text("details"))
                    .to_owned(),
            )
            .await?;
        for column in ["at", "actor", "target"] {
            let name = format!("audit_logs_by_{column}");
            manager
                .create_index(
                    Index::create()
                        .name(name)
                        .table("audit_logs")
                        .col(column.to_owned())
                        .col("id")
                        .to_owned(),
                )
                .await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("audit_logs").to_owned()).await
    }
}
