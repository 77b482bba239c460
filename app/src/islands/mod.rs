//! The client side of the pages. It keeps an open page current; everything works without it.

mod clock;
mod copy;
mod elements;
mod keys;
mod live;
mod morph;
mod refresh;

pub use live::Live;
