//! Table `events`.
#![allow(unreachable_pub, missing_docs, reason = "the derives make public items")]

use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "events")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    #[sea_orm(unique)]
    pub seq: Option<i64>,
    #[sea_orm(column_name = "type")]
    pub kind: String,
    pub key: String,
    pub payload: String,
    pub project: Option<String>,
    pub session: Option<String>,
    pub created_at: i64,
    pub bytes: i64,
    pub total_bytes: Option<i64>,
}

impl ActiveModelBehavior for ActiveModel {}
