//! The LLM proxy: providers, names of models, what keys may use, budgets, reservations, usage, captures, and the counter
//! that numbers every change of what processes follow.

use sea_orm_migration::{prelude::*, schema::*};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const COUNTER: &str = "llm_revision";
const TABLES: [&str; 7] = [
    "llm_providers",
    "llm_models",
    "llm_policies",
    "llm_budgets",
    "llm_reservations",
    "llm_usage",
    "llm_captures",
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in [providers(), models(), policies(), budgets(), reservations(), usage(), captures()] {
            manager.create_table(table).await?;
        }
        for (name, table, columns) in [
            ("llm_budgets_subject", "llm_budgets", &["kind", "subject", "period"][..]),
            ("llm_reservations_lease", "llm_reservations", &["lease_until"]),
            ("llm_usage_at", "llm_usage", &["at", "id"]),
            ("llm_usage_key", "llm_usage", &["key_id", "at"]),
            ("llm_captures_expiry", "llm_captures", &["expires_at"]),
        ] {
            let mut index = Index::create();
            index.name(name).table(table);
            columns.iter().for_each(|column| {
                index.col(*column);
            });
            if table == "llm_budgets" {
                index.unique();
            }
            manager.create_index(index).await?;
        }
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
        for table in TABLES {
            manager.drop_table(Table::drop().table(table).to_owned()).await?;
        }
        Ok(())
    }
}

fn providers() -> TableCreateStatement {
    Table::create()
        .table("llm_providers")
        .col(string_len("id", 36).primary_key())
        .col(string_len("name", 64).unique_key())
        .col(string_len("kind", 32))
        .col(text("base_url"))
        .col(text_null("credentials"))
        .col(text("config"))
        .col(big_integer("revision"))
        .col(big_integer("created_at"))
        .col(big_integer("updated_at"))
        .to_owned()
}

fn models() -> TableCreateStatement {
    Table::create()
        .table("llm_models")
        .col(string_len("name", 128).primary_key())
        .col(text("targets"))
        .col(big_integer("updated_at"))
        .to_owned()
}

fn policies() -> TableCreateStatement {
    Table::create()
        .table("llm_policies")
        .col(string_len("key_id", 64).primary_key())
        .col(text("policy"))
        .col(big_integer("updated_at"))
        .to_owned()
}

fn budgets() -> TableCreateStatement {
    Table::create()
        .table("llm_budgets")
        .col(string_len("id", 36).primary_key())
        .col(string_len("kind", 16))
        .col(string_len("subject", 128))
        .col(string_len("period", 16))
        .col(big_integer("amount"))
        .col(big_integer("spent"))
        .col(big_integer("reserved"))
        .col(big_integer("period_start"))
        .col(big_integer("updated_at"))
        .to_owned()
}

fn reservations() -> TableCreateStatement {
    Table::create()
        .table("llm_reservations")
        .col(string_len("id", 36).primary_key())
        .col(string_len("node", 64))
        .col(string_len("key_id", 64))
        .col(string_len_null("project", 128))
        .col(string_len_null("session", 128))
        .col(string_len("operation", 64))
        .col(string_len("model", 256))
        .col(text("budgets"))
        .col(big_integer("amount"))
        .col(big_integer("input_tokens"))
        .col(big_integer("output_tokens"))
        .col(big_integer("lease_until"))
        .col(big_integer("created_at"))
        .to_owned()
}

fn usage() -> TableCreateStatement {
    Table::create()
        .table("llm_usage")
        .col(string_len("id", 36).primary_key())
        .col(big_integer("at"))
        .col(string_len("day", 10))
        .col(string_len("key_id", 64))
        .col(string_len_null("project", 128))
        .col(string_len_null("session", 128))
        .col(string_len("operation", 64))
        .col(string_len("requested", 256))
        .col(string_len_null("provider", 64))
        .col(string_len("model", 256))
        .col(big_integer("input_tokens"))
        .col(big_integer("cached_tokens"))
        .col(big_integer("output_tokens"))
        .col(big_integer("reasoning_tokens"))
        .col(big_integer("cost"))
        .col(boolean("estimated"))
        .col(string_len("status", 16))
        .col(integer("attempts"))
        .col(big_integer("latency_ms"))
        .col(big_integer_null("first_token_ms"))
        .to_owned()
}

fn captures() -> TableCreateStatement {
    Table::create()
        .table("llm_captures")
        .col(string_len("id", 36).primary_key())
        .col(string_len("key_id", 64))
        .col(big_integer("at"))
        .col(big_integer("expires_at"))
        .col(text("request"))
        .col(text("answer"))
        .col(boolean("truncated"))
        .to_owned()
}
