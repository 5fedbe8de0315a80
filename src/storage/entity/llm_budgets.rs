//! Table `llm_budgets`.
#![allow(unreachable_pub, missing_docs, reason = "the derives make public items")]

use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "llm_budgets")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    pub kind: String,
    pub subject: String,
    pub period: String,
    pub amount: i64,
    pub spent: i64,
    pub reserved: i64,
    pub period_start: i64,
    pub updated_at: i64,
}

impl ActiveModelBehavior for ActiveModel {}
