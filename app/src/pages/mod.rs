//! One module a page.

mod not_found;
mod placeholder;

pub use not_found::NotFoundPage;
pub use placeholder::*;
