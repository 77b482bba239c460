//! Components that several pages use.

mod application_table;
mod deadline;
mod facts;
mod form;
mod gauge;
mod icon;
mod incomplete;
mod live;
mod notice;
mod sparkline;
mod status;
mod story_list;
mod when;

pub use application_table::{ApplicationTable, SortLinks, money, percent, version};
pub use deadline::{Deadline, DeadlineBar};
pub use facts::{Fact, Facts};
pub use form::{Choice, ErrorSummary, NotSent, Radios, RestoredDraft, TextArea, TextField};
pub use gauge::LoanToValueGauge;
pub use icon::{Glyph, Icon};
pub use incomplete::IncompleteBanner;
pub use live::{all_counts, shown, shown_rows, waiting_counts};
pub use notice::NoticeBanner;
pub use sparkline::{Bar, Sparkline};
pub use status::{Status, StatusLegend};
pub use story_list::StoryList;
pub use when::{TimeStyle, When, day_and_month, milliseconds};
