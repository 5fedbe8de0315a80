//! Which process each spoke is connected to, with what it offers, and the counter that numbers every change of that.

use sea_orm_migration::{prelude::*, schema::*};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const COUNTER: &str = "spoke_epoch";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                Table::create()
                    .table("spoke_homes")
                    .col(string_len("spoke_id", 64).primary_key())
                    .col(string_len("node_id", 64))
                    .col(big_integer("epoch"))
                    .col(text("key_id"))
                    .col(text("spoke_type"))
                    .col(big_integer("connected_at"))
                    .col(text("operations"))
                    .col(text_null("metadata"))
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
        manager.drop_table(Table::drop().table("spoke_homes").to_owned()).await
    }
}
