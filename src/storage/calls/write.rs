//! Writing many calls at once.

use alkhub_core::CallError;
use sea_orm::{
    Condition, EntityTrait, Iterable,
    sea_query::{Expr, ExprTrait, Func, OnConflict},
};

use super::{Row, Stored};
use crate::storage::{
    Database,
    entity::{call_bodies, calls},
    error::within,
};

/// Rows of one statement, the most first: a statement for each number of rows would fill the cache of prepared ones. SQLite
/// takes 32,766 parameters, and a row has 24.
const AT_ONCE: [usize; 4] = [512, 128, 16, 1];

/// Writes calls, and what they were given and answered, in one transaction. No call may be there twice. A call that has
/// ended is left as it is, unless nothing was known of it but its id.
///
/// # Errors
/// UNAVAILABLE or EXECUTION_ERROR; nothing was written then.
pub async fn put(database: &Database, rows: Vec<Row>, bodies: Vec<Stored>) -> Result<(), CallError> {
    use calls::Column;
    let tx = database.begin().await?;
    if !rows.is_empty() {
        let open = Condition::any()
            .add(Expr::col((calls::Entity, Column::Status)).is_in(["pending", "running"]))
            .add(Expr::col((calls::Entity, Column::Operation)).eq(""));
        let told = Expr::col(("excluded", Column::Operation)).ne("");
        let conflict = OnConflict::column(Column::Id)
            .update_columns(Column::iter().filter(|column| !matches!(column, Column::Id)))
            .action_and_where(Condition::all().add(open).add(told).into())
            .to_owned();
        let mut rows = rows.into_iter().map(calls::ActiveModel::from).peekable();
        while rows.peek().is_some() {
            let size = AT_ONCE.into_iter().find(|size| *size <= rows.len()).unwrap_or(1);
            let insert = calls::Entity::insert_many(rows.by_ref().take(size)).on_conflict(conflict.clone());
            within(Box::pin(insert.exec_without_returning(&tx))).await?;
        }
    }
    if !bodies.is_empty() {
        use call_bodies::{Column, Entity};
        let kept =
            |column: Column| Func::coalesce([Expr::col(("excluded", column)), Expr::col((Entity, column))]);
        let larger = |column: Column| {
            Expr::case(
                Expr::col(("excluded", column)).gt(Expr::col((Entity, column))),
                Expr::col(("excluded", column)),
            )
            .finally(Expr::col((Entity, column)))
        };
        let conflict = OnConflict::column(Column::Id)
            .value(Column::Input, kept(Column::Input))
            .value(Column::Output, kept(Column::Output))
            .value(Column::KeyDigest, kept(Column::KeyDigest))
            .value(Column::InputState, larger(Column::InputState))
            .value(Column::OutputState, larger(Column::OutputState))
            .update_column(Column::Enveloped)
            .to_owned();
        let bodies = bodies.into_iter().map(call_bodies::ActiveModel::from);
        let insert = Entity::insert_many(bodies).on_conflict(conflict);
        within(Box::pin(insert.exec_without_returning(&tx))).await?;
    }
    within(tx.commit()).await
}
