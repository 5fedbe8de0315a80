//! Table `spoke_homes`.
#![allow(unreachable_pub, missing_docs, reason = "the derives make public items")]

use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "spoke_homes")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub spoke_id: String,
    pub node_id: String,
    pub epoch: i64,
    pub key_id: String,
    pub spoke_type: String,
    pub connected_at: i64,
    pub operations: String,
    pub metadata: Option<String>,
}

impl ActiveModelBehavior for ActiveModel {}
