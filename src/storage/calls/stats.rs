//! How long calls took and how they ended.

use alkhub_core::CallError;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use super::first_of;
use crate::storage::{
    Database,
    entity::calls::{Column, Entity},
    error::within,
};

/// One call, as far as statistics need it.
pub struct Sample {
    /// Its operation.
    pub operation: String,
    /// Its status.
    pub status: String,
    /// How long it took in microseconds; `None` while it runs.
    pub duration_us: Option<i64>,
    /// Code of the error that it ended with.
    pub error_code: Option<String>,
}

/// The newest calls that began since a moment, at most so many.
///
/// # Errors
/// UNAVAILABLE or EXECUTION_ERROR.
pub async fn sample(
    database: &Database,
    since: i64,
    identity: Option<&str>,
    operation: Option<&str>,
    most: u64,
) -> Result<Vec<Sample>, CallError> {
    let mut query = Entity::find()
        .select_only()
        .columns([Column::Operation, Column::Status, Column::DurationUs, Column::ErrorCode])
        .filter(Column::Id.gte(first_of(since)))
        .order_by_desc(Column::Id)
        .limit(most);
    for (column, wanted) in [(Column::Identity, identity), (Column::Operation, operation)] {
        if let Some(wanted) = wanted {
            query = query.filter(column.eq(wanted));
        }
    }
    let rows =
        query.into_tuple::<(String, String, Option<i64>, Option<String>)>().all(database.read().await?);
    let sample =
        |(operation, status, duration_us, error_code)| Sample { operation, status, duration_us, error_code };
    Ok(within(rows).await?.into_iter().map(sample).collect())
}
