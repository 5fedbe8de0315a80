//! Table `audit_logs`.
#![allow(unreachable_pub, missing_docs, reason = "the derives make public items")]

use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "audit_logs")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    pub at: i64,
    pub actor: Option<String>,
    pub action: String,
    pub target: String,
    pub request_id: Option<String>,
    pub details: String,
}

impl ActiveModelBehavior for ActiveModel {}
