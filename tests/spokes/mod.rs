//! Spokes over real sockets: the call protocol message by message, routing, faults.

mod asked;
mod connecting;
mod registering;
mod routing;
mod serving;
