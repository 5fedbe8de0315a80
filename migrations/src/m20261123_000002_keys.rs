//! API keys, and the counter that tells other processes that one has changed.

use sea_orm_migration::{prelude::*, schema::*};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                Table::create()
                    .table("api_keys")
                    .col(string_len("id", 32).primary_key())
                    .col(text("name"))
                    .col(binary_len("secret_hash", 32))
                    .col(text("scopes"))
                    .col(text("resources"))
                    .col(big_integer("created_at"))
                    .col(string_len_null("created_by", 32))
                    .col(big_integer_null("expires_at"))
                    .col(big_integer_null("revoked_at"))
                    .col(big_integer_null("last_used_at"))
                    .to_owned(),
            )
            .await?;
        // The list is by age; the id tells apart what was made in the same millisecond.
        manager
            .create_index(
                Index::create()
                    .name("api_keys_by_age")
                    .table("api_keys")
                    .col("created_at")
                    .col("id")
                    .to_owned(),
            )
            .await?;
        manager
            .create_table(
                Table::create()
                    .table("hub_state")
                    .col(string_len("name", 64).primary_key())
                    .col(big_integer("value"))
                    .to_owned(),
            )
            .await?;
        let mut epoch = Query::insert();
        epoch
            .into_table("hub_state")
            .columns(["name", "value"])
            .values_panic(["key_epoch".into(), 0_i64.into()]);
        manager.execute(epoch).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("hub_state").to_owned()).await?;
        manager.drop_table(Table::drop().table("api_keys").to_owned()).await
    }
}
