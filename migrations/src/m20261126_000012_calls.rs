//! The call graph: a row for each call, and beside it what it was given and answered, where that is kept (ADR 0048).

use sea_orm_migration::{prelude::*, schema::*};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

/// Ids are times first, so that each index has the newest calls at its end. Partial ones cost nothing for calls that
/// they do not contain.
const INDEXES: [&str; 7] = [
    "CREATE INDEX calls_operation ON calls (operation, id)",
    "CREATE INDEX calls_identity ON calls (identity, id)",
    "CREATE INDEX calls_session ON calls (session, id) WHERE session IS NOT NULL",
    "CREATE INDEX calls_status ON calls (status, id) WHERE status <> 'completed'",
    "CREATE INDEX calls_error ON calls (error_code, id) WHERE error_code IS NOT NULL",
    "CREATE INDEX calls_tree ON calls (root_id, parent_id, ordinal) WHERE parent_id IS NOT NULL",
    "CREATE INDEX calls_slow ON calls (id) WHERE duration_us >= 1000000",
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(calls()).await?;
        manager.create_table(bodies()).await?;
        for index in INDEXES {
            manager.get_connection().execute_unprepared(index).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in ["call_bodies", "calls"] {
            manager.drop_table(Table::drop().table(table).to_owned()).await?;
        }
        Ok(())
    }
}

fn calls() -> TableCreateStatement {
    Table::create()
        .table("calls")
        .col(binary_len("id", 16).primary_key())
        .col(binary_len_null("parent_id", 16))
        .col(binary_len("root_id", 16))
        .col(integer("ordinal"))
        .col(integer("depth"))
        .col(text("operation"))
        .col(string_len("kind", 12))
        .col(string_len("status", 12))
        .col(string_len_null("identity", 128))
        .col(string_len_null("owner", 128))
        .col(string_len("transport", 12))
        .col(string_len("node", 64))
        .col(text_null("spoke"))
        .col(string_len_null("session", 128))
        .col(string_len_null("trace_id", 32))
        .col(string_len("record", 12))
        .col(binary_len_null("origin_id", 16))
        .col(text_null("depends_on"))
        .col(big_integer("started_at"))
        .col(big_integer_null("ended_at"))
        .col(big_integer_null("duration_us"))
        .col(string_len_null("error_code", 128))
        .col(text_null("error"))
        .col(big_integer("changed_at"))
        .to_owned()
}

fn bodies() -> TableCreateStatement {
    Table::create()
        .table("call_bodies")
        .col(binary_len("id", 16).primary_key())
        .col(binary_null("input"))
        .col(binary_null("output"))
        .col(integer("input_state"))
        .col(integer("output_state"))
        .col(boolean("enveloped"))
        .to_owned()
}
