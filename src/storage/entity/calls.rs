//! Table `calls`. Ids are the 16 bytes of UUIDs, in whose order calls began.
#![allow(unreachable_pub, missing_docs, reason = "the derives make public items")]

use sea_orm::entity::prelude::*;
use serde::Deserialize;

use crate::storage::calls::packed::{id, some_id};

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Deserialize)]
#[sea_orm(table_name = "calls")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    #[serde(deserialize_with = "id")]
    pub id: Vec<u8>,
    #[serde(deserialize_with = "some_id")]
    pub parent_id: Option<Vec<u8>>,
    #[serde(deserialize_with = "id")]
    pub root_id: Vec<u8>,
    pub ordinal: i32,
    pub depth: i32,
    pub operation: String,
    pub kind: String,
    pub status: String,
    pub identity: Option<String>,
    pub owner: Option<String>,
    pub transport: String,
    pub node: String,
    pub spoke: Option<String>,
    pub session: Option<String>,
    pub trace_id: Option<String>,
    pub record: String,
    #[serde(deserialize_with = "some_id")]
    pub origin_id: Option<Vec<u8>>,
    pub depends_on: Option<String>,
    pub started_at: i64,
    pub ended_at: Option<i64>,
    pub duration_us: Option<i64>,
    pub error_code: Option<String>,
    pub error: Option<String>,
    pub changed_at: i64,
}

impl ActiveModelBehavior for ActiveModel {}
