//! The client side of the pages. It keeps an open page current and what is typed safe; everything works without it.

mod clock;
mod copy;
mod drafts;
mod elements;
mod keys;
mod live;
mod manual_valuation;
mod morph;
mod refresh;
mod states;
mod submission;

pub use live::Live;
