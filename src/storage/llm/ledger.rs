//! What processes hold of budgets, and what requests have used, many at once in one transaction.
//!
//! A process reserves a block of money for each set of budgets and lets requests have of it (ADR 0055). The blocks and
//! budgets that a batch touches are locked first, in the order of their ids, so that what is decided of them holds
//! whatever other processes do, and two processes never wait for each other in a circle. The rest of a block whose
//! process is gone is found by [`overdue`], and counts as spent.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use alkhub_core::CallError;
use sea_orm::{
    ColumnTrait, DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder, QuerySelect, sea_query::Expr,
};

use super::{Budget, usage::Record};
use crate::storage::{
    Database,
    entity::{llm_budgets, llm_reservations, llm_usage},
    error::within,
    time::now_ms,
};

/// A block, as it is stored: `budgets` are their ids, separated by commas; `amount` is what of it is not spent.
pub type Block = llm_reservations::Model;

/// What is known of a request at its end.
#[derive(Clone, Debug)]
pub struct Settlement {
    /// What was used.
    pub record: Record,
    /// The block that it is paid from; `None` where no budget bounds it.
    pub block: Option<String>,
    /// Whether it counts only as long as there is the block: what a process has left is settled once, by any other.
    pub lost: bool,
}

/// Money that goes back to the budgets of a block.
#[derive(Clone, Debug)]
pub struct Back {
    /// Id of the block.
    pub block: String,
    /// At most so much.
    pub amount: i64,
    /// Whether nothing more will come of it: the rest of it goes back too.
    pub close: bool,
}

/// Money that is wanted for a block.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// The block; where it is not stored yet, it will be. Its amount is what is needed.
    pub block: Block,
    /// As much as is convenient, while there is plenty.
    pub wish: i64,
}

/// The share of what is free in a budget that a process may hold beyond what it needs.
const SHARE: i64 = 32;

/// A budget that does not suffice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exceeded {
    /// `key`, `project` or `session`.
    pub kind: String,
    /// Its id.
    pub subject: String,
    /// `total`, `day` or `month`.
    pub period: String,
    /// What may be spent.
    pub amount: i64,
    /// What is spent.
    pub spent: i64,
    /// What running requests may come to cost.
    pub reserved: i64,
    /// When the next period begins; `None` where there is none.
    pub renews_at: Option<i64>,
}

/// What has become of a batch.
#[derive(Debug)]
pub struct Applied {
    /// For each block that was to have more, how much it got.
    pub granted: Vec<Result<i64, Exceeded>>,
    /// Settlements whose blocks had been settled already.
    pub late: u64,
}

/// The moment at which the period began that a moment is in.
#[must_use]
pub fn period_start(period: &str, now: i64) -> i64 {
    const DAY: i64 = 86_400_000;
    match period {
        "day" => now.div_euclid(DAY) * DAY,
        "month" => month(now, 0),
        _ => 0,
    }
}

fn period_end(period: &str, now: i64) -> Option<i64> {
    const DAY: i64 = 86_400_000;
    match period {
        "day" => Some(period_start(period, now) + DAY),
        "month" => Some(month(now, 1)),
        _ => None,
    }
}

/// The first moment of the month, UTC, so many months later.
fn month(now: i64, later: i64) -> i64 {
    let Ok(moment) = jiff::Timestamp::from_millisecond(now) else { return 0 };
    let date = jiff::tz::Offset::UTC.to_datetime(moment).date().first_of_month();
    let moved = date.checked_add(jiff::Span::new().months(later)).unwrap_or(date);
    jiff::tz::Offset::UTC.to_timestamp(moved.at(0, 0, 0, 0)).map_or(0, jiff::Timestamp::as_millisecond)
}

/// Settles, takes back and gives, all in one transaction: what comes back is free for what is wanted.
///
/// # Errors
/// UNAVAILABLE or EXECUTION_ERROR; nothing was done then.
pub async fn apply(
    database: &Database,
    settlements: &[Settlement],
    back: &[Back],
    wanted: &[Wanted],
) -> Result<Applied, CallError> {
    let tx = database.begin().await?;
    let now = now_ms();
    let touched: BTreeSet<&str> = settlements
        .iter()
        .filter_map(|settlement| settlement.block.as_deref())
        .chain(back.iter().map(|back| back.block.as_str()))
        .chain(wanted.iter().map(|wanted| wanted.block.id.as_str()))
        .collect();
    let mut blocks: BTreeMap<String, Block> = BTreeMap::new();
    if !touched.is_empty() {
        let query = llm_reservations::Entity::find()
            .filter(llm_reservations::Column::Id.is_in(touched))
            .order_by_asc(llm_reservations::Column::Id)
            .lock_exclusive();
        let found = within(query.all(&tx)).await?;
        blocks.extend(found.into_iter().map(|block| (block.id.clone(), block)));
    }
    let blocks_before = blocks.clone();
    let touched: HashSet<&str> = blocks_before
        .values()
        .chain(wanted.iter().map(|wanted| &wanted.block))
        .flat_map(|block| ids(&block.budgets))
        .collect();
    let mut budgets: BTreeMap<String, Budget> = BTreeMap::new();
    if !touched.is_empty() {
        let query = llm_budgets::Entity::find()
            .filter(llm_budgets::Column::Id.is_in(touched))
            .order_by_asc(llm_budgets::Column::Id)
            .lock_exclusive();
        let found = within(query.all(&tx)).await?;
        budgets.extend(found.into_iter().map(|budget| (budget.id.clone(), budget)));
    }
    let before = budgets.clone();
    budgets.values_mut().for_each(|budget| renew(budget, now));

    let mut used = Vec::with_capacity(settlements.len());
    let mut late = 0;
    for settlement in settlements {
        let block = settlement.block.as_ref().map(|id| blocks.get_mut(id));
        match block {
            Some(Some(block)) => {
                let cost = settlement.record.cost;
                let taken = cost.min(block.amount);
                block.amount -= taken;
                for id in ids(&block.budgets) {
                    if let Some(budget) = budgets.get_mut(id) {
                        budget.reserved = budget.reserved.saturating_sub(taken).max(0);
                        budget.spent = budget.spent.saturating_add(cost);
                    }
                }
            }
            Some(None) if settlement.lost => continue,
            Some(None) => late += 1,
            None => {}
        }
        used.push(llm_usage::ActiveModel::from(settlement.record.clone()));
    }
    if !used.is_empty() {
        within(Box::pin(llm_usage::Entity::insert_many(used).exec_without_returning(&tx))).await?;
    }

    let mut closed = Vec::new();
    for back in back {
        let Some(block) = blocks.get_mut(&back.block) else { continue };
        let amount = if back.close { block.amount } else { back.amount.clamp(0, block.amount) };
        block.amount -= amount;
        for id in ids(&block.budgets) {
            if let Some(budget) = budgets.get_mut(id) {
                budget.reserved = budget.reserved.saturating_sub(amount).max(0);
            }
        }
        if back.close {
            blocks.remove(&back.block);
            closed.push(back.block.as_str());
        }
    }
    let mut granted = Vec::with_capacity(wanted.len());
    for wanted in wanted {
        let grant = give(wanted, &mut budgets, now);
        if let Ok(amount) = &grant {
            let block = blocks
                .entry(wanted.block.id.clone())
                .or_insert_with(|| Block { amount: 0, ..wanted.block.clone() });
            block.amount = block.amount.saturating_add(*amount);
        }
        granted.push(grant);
    }
    write(&tx, &blocks_before, blocks, &closed).await?;
    for (id, budget) in &budgets {
        if before.get(id) == Some(budget) {
            continue;
        }
        let write = llm_budgets::Entity::update_many()
            .col_expr(llm_budgets::Column::Spent, Expr::value(budget.spent))
            .col_expr(llm_budgets::Column::Reserved, Expr::value(budget.reserved))
            .col_expr(llm_budgets::Column::PeriodStart, Expr::value(budget.period_start))
            .filter(llm_budgets::Column::Id.eq(id.as_str()));
        within(write.exec(&tx)).await?;
    }
    within(tx.commit()).await?;
    Ok(Applied { granted, late })
}

async fn write(
    tx: &DatabaseTransaction,
    before: &BTreeMap<String, Block>,
    after: BTreeMap<String, Block>,
    closed: &[&str],
) -> Result<(), CallError> {
    if !closed.is_empty() {
        let gone = llm_reservations::Entity::delete_many()
            .filter(llm_reservations::Column::Id.is_in(closed.iter().copied()));
        within(gone.exec(tx)).await?;
    }
    let mut made = Vec::new();
    for (id, block) in after {
        match before.get(&id) {
            Some(before) if before.amount == block.amount => {}
            Some(_) => {
                let write = llm_reservations::Entity::update_many()
                    .col_expr(llm_reservations::Column::Amount, Expr::value(block.amount))
                    .filter(llm_reservations::Column::Id.eq(id));
                within(write.exec(tx)).await?;
            }
            None => made.push(llm_reservations::ActiveModel::from(block)),
        }
    }
    if !made.is_empty() {
        within(Box::pin(llm_reservations::Entity::insert_many(made).exec_without_returning(tx))).await?;
    }
    Ok(())
}

/// Takes from all budgets of a block what it needs, or from none, and what it wishes for while there is plenty.
fn give(wanted: &Wanted, budgets: &mut BTreeMap<String, Budget>, now: i64) -> Result<i64, Exceeded> {
    let free = |budget: &Budget| budget.amount.saturating_sub(budget.spent).saturating_sub(budget.reserved);
    let need = wanted.block.amount;
    // A budget that was removed meanwhile bounds nothing any more.
    let bounding = || ids(&wanted.block.budgets).filter_map(|id| budgets.get(id));
    if let Some(budget) = bounding().find(|budget| free(budget) < need || free(budget) <= 0) {
        return Err(Exceeded {
            kind: budget.kind.clone(),
            subject: budget.subject.clone(),
            period: budget.period.clone(),
            amount: budget.amount,
            spent: budget.spent,
            reserved: budget.reserved,
            renews_at: period_end(&budget.period, now),
        });
    }
    let plenty = bounding().map(|budget| free(budget) / SHARE).min().unwrap_or(0);
    let amount = need.max(wanted.wish.min(plenty));
    for id in ids(&wanted.block.budgets) {
        if let Some(budget) = budgets.get_mut(id) {
            budget.reserved = budget.reserved.saturating_add(amount);
        }
    }
    Ok(amount)
}

/// Which of these requests are in the books already.
///
/// # Errors
/// UNAVAILABLE or EXECUTION_ERROR.
pub async fn written(database: &Database, requests: Vec<String>) -> Result<HashSet<String>, CallError> {
    let query = llm_usage::Entity::find()
        .select_only()
        .column(llm_usage::Column::Id)
        .filter(llm_usage::Column::Id.is_in(requests));
    Ok(within(query.into_tuple::<String>().all(database.read().await?)).await?.into_iter().collect())
}

/// The blocks of a process.
///
/// # Errors
/// UNAVAILABLE or EXECUTION_ERROR.
pub async fn blocks_of(database: &Database, node: &str) -> Result<Vec<Block>, CallError> {
    let query = llm_reservations::Entity::find().filter(llm_reservations::Column::Node.eq(node));
    within(query.all(database.read().await?)).await
}

/// Begins a new period where the old one is over.
fn renew(budget: &mut Budget, now: i64) {
    let start = period_start(&budget.period, now);
    if start > budget.period_start {
        (budget.spent, budget.period_start) = (0, start);
    }
}

fn ids(list: &str) -> impl Iterator<Item = &str> {
    list.split(',').filter(|id| !id.is_empty())
}

/// Says that this process still works on its requests.
///
/// # Errors
/// UNAVAILABLE or EXECUTION_ERROR.
pub async fn extend(database: &Database, node: &str, lease_until: i64) -> Result<(), CallError> {
    let tx = database.begin().await?;
    let extending = llm_reservations::Entity::update_many()
        .col_expr(llm_reservations::Column::LeaseUntil, Expr::value(lease_until))
        .filter(llm_reservations::Column::Node.eq(node));
    within(extending.exec(&tx)).await?;
    within(tx.commit()).await
}

/// Blocks whose process has been silent for too long, at most so many.
///
/// # Errors
/// UNAVAILABLE or EXECUTION_ERROR.
pub async fn overdue(database: &Database, most: u64) -> Result<Vec<Block>, CallError> {
    let query = llm_reservations::Entity::find()
        .filter(llm_reservations::Column::LeaseUntil.lt(now_ms()))
        .order_by_asc(llm_reservations::Column::LeaseUntil)
        .limit(most);
    within(query.all(database.read().await?)).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods() {
        let at = |text: &str| crate::storage::time::parse("", text).expect(text);
        let now = at("2026-02-28T13:00:00Z");
        assert_eq!(period_start("day", now), at("2026-02-28T00:00:00Z"));
        assert_eq!(period_start("month", now), at("2026-02-01T00:00:00Z"));
        assert_eq!(period_end("month", now), Some(at("2026-03-01T00:00:00Z")));
        assert_eq!(period_end("day", now), Some(at("2026-03-01T00:00:00Z")));
        assert_eq!((period_start("total", now), period_end("total", now)), (0, None));
    }
}
