//! Calls of processes that have died.

use alkhub_core::{CallError, error::codes};
use sea_orm::{
    ColumnTrait, DatabaseTransaction, EntityTrait, QueryFilter, QuerySelect, QueryTrait, sea_query::Expr,
};

use crate::storage::{
    entity::{
        calls::{Column, Entity},
        nodes,
    },
    error::within,
    time::now_ms,
};

/// What is said of a call whose process is gone.
const LOST: &str = r#"{"message":"The process that ran the call is gone.","details":{"reason":"node_lost"}}"#;

/// Ends the calls of all processes that are not entered.
pub(in crate::storage) async fn lose(tx: &DatabaseTransaction) -> Result<(), CallError> {
    let living = nodes::Entity::find().select_only().column(nodes::Column::Id).into_query();
    let now = now_ms();
    let losing = Entity::update_many()
        .col_expr(Column::Status, Expr::value("aborted"))
        .col_expr(Column::EndedAt, Expr::value(now))
        .col_expr(Column::ChangedAt, Expr::value(now))
        .col_expr(Column::ErrorCode, Expr::value(codes::ABORTED))
        .col_expr(Column::Error, Expr::value(LOST))
        .filter(Column::Status.is_in(["pending", "running"]))
        .filter(Expr::cust("status <> 'completed'"))
        .filter(Column::Node.not_in_subquery(living));
    let lost = within(losing.exec(tx)).await?.rows_affected;
    if lost > 0 {
        tracing::warn!(calls = lost, "calls of processes that are gone have ended with them");
    }
    Ok(())
}
