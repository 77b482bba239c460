//! Tests of the binary: it is started as a process, driven over HTTP, by forms without script and by the AWS SDKs,
//! killed, and restarted.
//!
//! All tests are in one crate, so that it links only once. Each test has its own desk and waits for conditions, not for
//! fixed times.

mod callback_trust;
mod callbacks;
mod changes_in_step_functions;
mod cost;
mod crashes;
mod endpoints;
mod export;
mod figures;
mod manual_valuations;
mod many;
mod operating;
mod refusals;
mod secrets;
mod sessions;
mod status_and_story;
mod submitting;
mod support;
mod two_desks;
mod valuer_behaviours;
mod waiting;
mod workflows;
