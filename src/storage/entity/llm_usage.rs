//! Table `llm_usage`.
#![allow(unreachable_pub, missing_docs, reason = "the derives make public items")]

use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, DeriveEntityModel)]
#[sea_orm(table_name = "llm_usage")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    pub at: i64,
    pub day: String,
    pub key_id: String,
    pub project: Option<String>,
    pub session: Option<String>,
    pub operation: String,
    pub requested: String,
    pub provider: Option<String>,
    pub model: String,
    pub input_tokens: i64,
    pub cached_tokens: i64,
    pub output_tokens: i64,
    pub reasoning_tokens: i64,
    pub cost: i64,
    pub estimated: bool,
    pub status: String,
    pub attempts: i32,
    pub latency_ms: i64,
    pub first_token_ms: Option<i64>,
}

impl ActiveModelBehavior for ActiveModel {}
