//! Spokes over real sockets: the call protocol message by message, routing, faults.

mod asked;
mod composing;
mod connecting;
mod described;
mod edges;
mod faults;
mod registering;
mod routing;
mod serving;
