//! Table `call_bodies`.
#![allow(unreachable_pub, missing_docs, reason = "the derives make public items")]

use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "call_bodies")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Vec<u8>,
    pub input: Option<Vec<u8>>,
    pub output: Option<Vec<u8>>,
    pub input_state: i32,
    pub output_state: i32,
    pub enveloped: bool,
    pub key_digest: Option<Vec<u8>>,
}

impl ActiveModelBehavior for ActiveModel {}
