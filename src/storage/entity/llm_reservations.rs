//! Table `llm_reservations`.
#![allow(unreachable_pub, missing_docs, reason = "the derives make public items")]

use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "llm_reservations")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    pub node: String,
    pub key_id: String,
    pub project: Option<String>,
    pub session: Option<String>,
    pub operation: String,
    pub model: String,
    pub budgets: String,
    pub amount: i64,
    pub input_tokens: i64,
    pub output_tokens: i64,
    pub lease_until: i64,
    pub created_at: i64,
}

impl ActiveModelBehavior for ActiveModel {}
