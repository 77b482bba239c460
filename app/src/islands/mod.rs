//! The piece of every page that lives in the browser. Everything works without it; it keeps the page fresh.

mod clock;
mod copy;
mod keys;
mod live;
mod morph;
mod refresh;

pub use live::Live;
