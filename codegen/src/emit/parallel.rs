//! Operations are independent of each other: print them on every core.

use std::{num::NonZero, thread};

use crate::{
    diagnostic::Report,
    model::{Model, Operation},
};

use super::{Module, Options, operation};

/// The modules of the operations, in their order.
pub(super) fn modules(
    model: &Model,
    operations: &[&Operation],
    options: &Options,
    report: &mut Report,
) -> Vec<Module> {
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    let share = operations.len().div_ceil(cores).max(4);
    let print = &|share: &[&Operation]| {
        let mut report = Report::default();
        let modules: Vec<_> =
            share.iter().map(|op| operation::module(model, op, options, &mut report)).collect();
        (modules, report)
    };
    let parts = thread::scope(|scope| {
        let threads: Vec<_> =
            operations.chunks(share).map(|share| scope.spawn(move || print(share))).collect();
        threads.into_iter().map(thread::ScopedJoinHandle::join).collect::<Vec<_>>()
    });
    let mut modules = Vec::with_capacity(operations.len());
    for part in parts {
        match part {
            Ok((printed, found)) => {
                modules.extend(printed);
                report.absorb(found);
            }
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }
    modules
}
