//! The idempotency key under which a call was made that is nothing but its calls, as a digest: who resumes it makes the
//! same keys of it.

use sea_orm_migration::{prelude::*, schema::binary_len_null};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let digest = binary_len_null("key_digest", 32);
        manager.alter_table(Table::alter().table("call_bodies").add_column(digest).to_owned()).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.alter_table(Table::alter().table("call_bodies").drop_column("key_digest").to_owned()).await
    }
}
