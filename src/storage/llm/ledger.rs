//! Reserving before a request and settling after it, many at once in one transaction.
//!
//! The budgets that a batch touches are locked first, in the order of their ids, so that what is decided of them holds
//! whatever other processes do, and two processes never wait for each other in a circle. A reservation's row is what
//! remains of a request whose process died: [`overdue`] finds it, and it is settled in full.

use std::collections::{BTreeMap, HashMap, HashSet};

use alkhub_core::CallError;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, sea_query::Expr};

use super::{Budget, usage::Record};
use crate::storage::{
    Database,
    entity::{llm_budgets, llm_reservations, llm_usage},
    error::within,
    time::now_ms,
};

/// A reservation, as it is stored: `budgets` are their ids, separated by commas.
pub type Reservation = llm_reservations::Model;

/// What is known of a request at its end.
#[derive(Clone, Debug)]
pub struct Settlement {
    /// What was used; its id is the reservation's.
    pub record: Record,
}

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
    /// For each reservation whether it was made.
    pub granted: Vec<Result<(), Exceeded>>,
    /// Settlements that came too late: their reservations had been settled already.
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

/// Settles and reserves, all in one transaction: what is settled is free for what is reserved.
///
/// # Errors
/// UNAVAILABLE or EXECUTION_ERROR; nothing was done then.
pub async fn apply(
    database: &Database,
    reservations: &[Reservation],
    settlements: &[Settlement],
) -> Result<Applied, CallError> {
    let tx = database.begin().await?;
    let now = now_ms();
    let settled = match settlements.is_empty() {
        true => Vec::new(),
        false => {
            let ids = settlements.iter().map(|settlement| settlement.record.id.as_str());
            let gone =
                llm_reservations::Entity::delete_many().filter(llm_reservations::Column::Id.is_in(ids));
            within(Box::pin(gone.exec_with_returning(&tx))).await?
        }
    };
    let touched: HashSet<&str> =
        reservations.iter().chain(&settled).flat_map(|reservation| ids(&reservation.budgets)).collect();
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

    let by_id: HashMap<&str, &Reservation> =
        settled.iter().map(|reservation| (reservation.id.as_str(), reservation)).collect();
    let mut used = Vec::with_capacity(settled.len());
    for settlement in settlements {
        let Some(reservation) = by_id.get(settlement.record.id.as_str()) else { continue };
        for id in ids(&reservation.budgets) {
            if let Some(budget) = budgets.get_mut(id) {
                budget.reserved = budget.reserved.saturating_sub(reservation.amount).max(0);
                budget.spent = budget.spent.saturating_add(settlement.record.cost);
            }
        }
        used.push(llm_usage::ActiveModel::from(settlement.record.clone()));
    }
    let late = (settlements.len() - used.len()) as u64;
    if !used.is_empty() {
        within(Box::pin(llm_usage::Entity::insert_many(used).exec_without_returning(&tx))).await?;
    }

    let mut granted = Vec::with_capacity(reservations.len());
    let mut made = Vec::with_capacity(reservations.len());
    for reservation in reservations {
        let grant = reserve(reservation, &mut budgets, now);
        if grant.is_ok() {
            made.push(llm_reservations::ActiveModel::from(reservation.clone()));
        }
        granted.push(grant);
    }
    if !made.is_empty() {
        within(Box::pin(llm_reservations::Entity::insert_many(made).exec_without_returning(&tx))).await?;
    }
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

/// Takes from all budgets of a reservation, or from none.
fn reserve(
    reservation: &Reservation,
    budgets: &mut BTreeMap<String, Budget>,
    now: i64,
) -> Result<(), Exceeded> {
    let free = |budget: &Budget| budget.amount.saturating_sub(budget.spent).saturating_sub(budget.reserved);
    // A budget that was removed meanwhile bounds nothing any more.
    let short = ids(&reservation.budgets)
        .filter_map(|id| budgets.get(id))
        .find(|budget| free(budget) < reservation.amount || free(budget) <= 0);
    if let Some(budget) = short {
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
    for id in ids(&reservation.budgets) {
        if let Some(budget) = budgets.get_mut(id) {
            budget.reserved = budget.reserved.saturating_add(reservation.amount);
        }
    }
    Ok(())
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

/// Reservations whose process has been silent for too long, at most so many.
///
/// # Errors
/// UNAVAILABLE or EXECUTION_ERROR.
pub async fn overdue(database: &Database, most: u64) -> Result<Vec<Reservation>, CallError> {
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
