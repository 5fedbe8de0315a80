//! How far the log of events has been published on the bus. What is there already counts as published.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const TABLE: &str = "hub_state";
const COUNTER: &str = "event_published";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut reached = Query::select();
        reached
            .expr(Expr::val(COUNTER))
            .column("value")
            .from(TABLE)
            .and_where(Expr::col("name").eq("event_seq"));
        let mut counter = Query::insert();
        counter.into_table(TABLE).columns(["name", "value"]);
        counter.select_from(reached).map_err(|error| DbErr::Custom(error.to_string()))?;
        manager.execute(counter).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut counter = Query::delete();
        counter.from_table(TABLE).and_where(Expr::col("name").eq(COUNTER));
        manager.execute(counter).await
    }
}
