//! The log of events, which is also the outbox: a row without a number is one that the relay has yet to put in order.

use sea_orm_migration::{prelude::*, schema::*};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

/// The last number that was given, and the last one that retention took away.
const COUNTERS: [&str; 2] = ["event_seq", "event_floor"];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                Table::create()
                    .table("events")
                    .col(big_pk_auto("id"))
                    .col(big_integer_null("seq"))
                    .col(string_len("type", 100))
                    .col(string_len("key", 200))
                    .col(text("payload"))
                    .col(string_len_null("project", 64))
                    .col(string_len_null("session", 64))
                    .col(big_integer("created_at"))
                    // What the row counts for in retention by size, and that of all rows up to it.
                    .col(big_integer("bytes"))
                    .col(big_integer_null("total_bytes"))
                    .to_owned(),
            )
            .await?;
        let by_sequence =
            Index::create().name("events_by_seq").table("events").col("seq").unique().to_owned();
        manager.create_index(by_sequence).await?;
        // What waits for the relay is asked for all the time, and is next to nothing.
        let waiting = Index::create()
            .name("events_waiting")
            .table("events")
            .col("id")
            .cond_where(Expr::col("seq").is_null())
            .to_owned();
        manager.create_index(waiting).await?;
        // Each is written again when a row gets its number, so there are only those that a filter can make use of.
        for (column, used) in [
            ("key", Expr::col("key").ne("")),
            ("project", Expr::col("project").is_not_null()),
            ("session", Expr::col("session").is_not_null()),
        ] {
            let index = Index::create()
                .name(format!("events_by_{column}"))
                .table("events")
                .col(column)
                .col("seq")
                .cond_where(used)
                .to_owned();
            manager.create_index(index).await?;
        }
        for name in COUNTERS {
            let mut counter = Query::insert();
            counter
                .into_table("hub_state")
                .columns(["name", "value"])
                .values_panic([name.into(), 0_i64.into()]);
            manager.execute(counter).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for name in COUNTERS {
            let mut gone = Query::delete();
            gone.from_table("hub_state").and_where(Expr::col("name").eq(name));
            manager.execute(gone).await?;
        }
        manager.drop_table(Table::drop().table("events").to_owned()).await
    }
}
