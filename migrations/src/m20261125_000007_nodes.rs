//! The processes that share the database, and the counter that numbers their starts.

use sea_orm_migration::{prelude::*, schema::*};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const COUNTER: &str = "node_epoch";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                Table::create()
                    .table("nodes")
                    .col(string_len("id", 64).primary_key())
                    .col(text_null("name"))
                    .col(text("address"))
                    .col(text("version"))
                    .col(big_integer("epoch"))
                    .col(big_integer("spokes"))
                    .col(big_integer("started_at"))
                    .col(big_integer("seen_at"))
                    .col(big_integer("lease_ms"))
                    .to_owned(),
            )
            .await?;
        let mut counter = Query::insert();
        counter
            .into_table("hub_state")
            .columns(["name", "value"])
            .values_panic([COUNTER.into(), 0_i64.into()]);
        manager.execute(counter).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut counter = Query::delete();
        counter.from_table("hub_state").and_where(Expr::col("name").eq(COUNTER));
        manager.execute(counter).await?;
        manager.drop_table(Table::drop().table("nodes").to_owned()).await
    }
}
