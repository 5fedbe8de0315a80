//! Table `nodes`.
#![allow(unreachable_pub, missing_docs, reason = "the derives make public items")]

use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "nodes")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    pub name: Option<String>,
    pub address: String,
    pub version: String,
    pub epoch: i64,
    pub spokes: i64,
    pub started_at: i64,
    pub seen_at: i64,
    pub lease_ms: i64,
}

impl ActiveModelBehavior for ActiveModel {}
