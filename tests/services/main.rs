//! The desk's services opened in this process, on a clock that the tests move, behind a connector that makes calls of
//! AWS fail, with a scripted valuation service. There are no sockets, and nothing waits for real time to pass.

mod answering;
mod correcting;
mod faults;
mod model;
mod policy;
mod reconciler;
mod support;
mod two_desks;
