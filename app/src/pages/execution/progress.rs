//! How far a state has come, in words, as a class and as an icon.

use crate::{components::Glyph, desk::StateProgress};

/// The name of the class that colours the state.
pub fn class(progress: StateProgress) -> &'static str {
    match progress {
        StateProgress::Untouched => "untouched",
        StateProgress::Current => "current",
        StateProgress::Done => "done",
        StateProgress::Caught => "caught",
        StateProgress::Failed => "failed",
        StateProgress::Aborted => "aborted",
    }
}

pub fn words(progress: StateProgress) -> &'static str {
    match progress {
        StateProgress::Untouched => "not reached",
        StateProgress::Current => "here now",
        StateProgress::Done => "done",
        StateProgress::Caught => "failed, and the failure was caught",
        StateProgress::Failed => "failed",
        StateProgress::Aborted => "aborted",
    }
}

/// So that the progress is not shown by colour alone.
pub fn glyph(progress: StateProgress) -> Option<Glyph> {
    match progress {
        StateProgress::Untouched => None,
        StateProgress::Current => Some(Glyph::Clock),
        StateProgress::Done => Some(Glyph::Check),
        StateProgress::Caught | StateProgress::Failed => Some(Glyph::Alert),
        StateProgress::Aborted => Some(Glyph::Stop),
    }
}
