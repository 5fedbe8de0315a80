//! Thousands of rows in one. SQLite hands each row over to another thread, which for one of two dozen columns costs more
//! than finding it; so a whole tree comes as one JSON text, an array for each row. Postgres sends rows faster than it makes
//! JSON of them.

use alkhub_core::CallError;
use sea_orm::{ConnectionTrait, FromQueryResult, Iden, Iterable, Statement, Value};
use serde::{Deserialize, Deserializer, de::Error as _};
use uuid::Uuid;

use super::{Row, key};
use crate::storage::{Database, entity::calls::Column, error::within};

/// All rows of a query of the table's columns.
///
/// # Errors
/// UNAVAILABLE or EXECUTION_ERROR.
pub(super) async fn all(database: &Database, query: &str, values: Vec<Value>) -> Result<Vec<Row>, CallError> {
    let backend = database.backend();
    if database.system() != "sqlite" {
        let statement = Statement::from_sql_and_values(backend, query, values);
        return within(Row::find_by_statement(statement).all(database.read().await?)).await;
    }
    let columns: Vec<String> = Column::iter()
        .map(|column| match column {
            Column::Id | Column::ParentId | Column::RootId | Column::OriginId => {
                format!("hex({})", column.unquoted())
            }
            column => column.unquoted().to_owned(),
        })
        .collect();
    let text = format!(
        "SELECT json_group_array(json_array({})) AS packed FROM ({query}) AS found",
        columns.join(", ")
    );
    let statement = Statement::from_sql_and_values(backend, text, values);
    let read = database.read().await?;
    let packed = within(async {
        let row = read.query_one_raw(statement).await?;
        row.map_or(Ok(None), |row| row.try_get::<Option<String>>("", "packed"))
    })
    .await?;
    packed.map_or(Ok(Vec::new()), |packed| {
        serde_json::from_str(&packed).map_err(|error| CallError::internal(&error))
    })
}

/// An id that was written as hexadecimal digits.
pub(in crate::storage) fn id<'de, D: Deserializer<'de>>(digits: D) -> Result<Vec<u8>, D::Error> {
    Uuid::try_parse(<&str>::deserialize(digits)?).map(key).map_err(D::Error::custom)
}

/// The same of one that may be missing, of which SQLite's `hex` makes no digits.
pub(in crate::storage) fn some_id<'de, D: Deserializer<'de>>(digits: D) -> Result<Option<Vec<u8>>, D::Error> {
    let digits = Option::<&str>::deserialize(digits)?.filter(|digits| !digits.is_empty());
    digits.map(|digits| Uuid::try_parse(digits).map(key).map_err(D::Error::custom)).transpose()
}
