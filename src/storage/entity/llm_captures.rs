//! Table `llm_captures`.
#![allow(unreachable_pub, missing_docs, reason = "the derives make public items")]

use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "llm_captures")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    pub key_id: String,
    pub at: i64,
    pub expires_at: i64,
    pub request: String,
    pub answer: String,
    pub truncated: bool,
}

impl ActiveModelBehavior for ActiveModel {}
