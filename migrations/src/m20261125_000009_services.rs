//! Services whose operations the hub imports, and the counter that numbers every change of them.

use sea_orm_migration::{prelude::*, schema::*};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const COUNTER: &str = "service_revision";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                Table::create()
                    .table("services")
                    .col(string_len("id", 36).primary_key())
                    .col(string_len("kind", 16))
                    .col(string_len("name", 100).unique_key())
                    .col(text("config"))
                    .col(text_null("credentials"))
                    .col(text_null("document"))
                    .col(text_null("state"))
                    .col(big_integer("revision"))
                    .col(big_integer("created_at"))
                    .col(big_integer("updated_at"))
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
        manager.drop_table(Table::drop().table("services").to_owned()).await
    }
}
