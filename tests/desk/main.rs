//! The binary as others meet it: started in a process of its own, driven over HTTP, by forms without script and by AWS's
//! SDKs, killed, and started again.
//!
//! One binary, so that it links once. Each test has a desk of its own; none waits for longer than what it waits for takes.

mod callback_trust;
mod callbacks;
mod crashes;
mod endpoints;
mod export;
mod figures;
mod manual_valuations;
mod many;
mod operating;
mod past_the_desk;
mod refusals;
mod secrets;
mod submitting;
mod support;
mod two_desks;
mod valuer_behaviours;
mod visits;
