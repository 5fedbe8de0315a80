//! Table `idempotency_keys`.
#![allow(unreachable_pub, missing_docs, reason = "the derives make public items")]

use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "idempotency_keys")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    pub operation: String,
    pub fingerprint: String,
    pub attempt: String,
    pub lease_until: i64,
    pub expires_at: i64,
    pub answer: Option<String>,
}

impl ActiveModelBehavior for ActiveModel {}
