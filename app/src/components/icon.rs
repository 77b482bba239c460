//! Icons: one path each on a 16 by 16 grid, drawn in the colour of the surrounding text.

use leptos::prelude::*;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Glyph {
    Alert,
    Answer,
    Applications,
    Archive,
    ArrowDown,
    ArrowRight,
    ArrowUp,
    Branches,
    Check,
    ChevronRight,
    Circle,
    Clock,
    Cross,
    Data,
    Dark,
    Diamond,
    Document,
    Home,
    Info,
    Light,
    Person,
    Plus,
    Scales,
    Search,
    Send,
    Stop,
    System,
    Task,
    Tiles,
}

impl Glyph {
    /// The path's `d`.
    pub fn path(self) -> &'static str {
        match self {
            Self::Alert => "M8 2 14.5 13.5H1.5ZM8 6.5v3M8 11.6v.1",
            Self::Answer => "M6.5 3.5 2.5 7.5l4 4M2.5 7.5h7a4 4 0 0 1 4 4v1",
            Self::Applications => "M2.5 3.5h11v9h-11ZM2.5 6.5h11M6 6.5v6",
            Self::Archive => "M2.5 3h11v3h-11ZM3.5 6v7h9V6M6.5 8.5h3",
            Self::ArrowDown => "M8 3v10M4 9l4 4 4-4",
            Self::ArrowRight => "M2.5 8h11M9.5 4l4 4-4 4",
            Self::ArrowUp => "M8 13V3M4 7l4-4 4 4",
            Self::Branches => "M8 2v3M4 14v-4a2 2 0 0 1 2-2h4a2 2 0 0 1 2 2v4M8 5v3",
            Self::Check => "M3 8.5 6.5 12 13 4.5",
            Self::ChevronRight => "M6 3.5 10.5 8 6 12.5",
            Self::Circle => "M8 3a5 5 0 1 1 0 10A5 5 0 0 1 8 3Z",
            Self::Clock => "M8 2a6 6 0 1 1 0 12A6 6 0 0 1 8 2ZM8 4.8V8l2.2 1.6",
            Self::Cross => "M4 4l8 8M12 4l-8 8",
            Self::Data => "M3 4c0-2.2 10-2.2 10 0s-10 2.2-10 0ZM3 4v8c0 2.2 10 2.2 10 0V4M3 8c0 2.2 10 2.2 10 0",
            Self::Dark => "M13.2 9.7A5.7 5.7 0 0 1 6.3 2.8a5.7 5.7 0 1 0 6.9 6.9Z",
            Self::Diamond => "M8 2l6 6-6 6-6-6Z",
            Self::Document => "M4 2h5l3 3v9H4ZM9 2v3h3M6 8.5h4M6 11h4",
            Self::Home => "M2.5 7.5 8 2.5l5.5 5M4 6.5v7h3v-4h2v4h3v-7",
            Self::Info => "M8 2a6 6 0 1 1 0 12A6 6 0 0 1 8 2ZM8 7.2v3.6M8 5.1v.1",
            Self::Light => {
                "M8 5a3 3 0 1 1 0 6 3 3 0 0 1 0-6ZM8 1.5v1M8 13.5v1M1.5 8h1M13.5 8h1M3.4 3.4l.7.7M11.9 11.9l.7.7M12.6 3.4l-.7.7M4.1 11.9l-.7.7"
            }
            Self::Person => "M8 2.5a2.5 2.5 0 1 1 0 5 2.5 2.5 0 0 1 0-5ZM3 13.5c0-5.3 10-5.3 10 0",
            Self::Plus => "M8 3v10M3 8h10",
            Self::Scales => "M8 2v12M5 14h6M3 4.5h10M3 4.5 1.2 9h3.6ZM13 4.5 11.2 9h3.6Z",
            Self::Search => "M7 2.5a4.5 4.5 0 1 1 0 9 4.5 4.5 0 0 1 0-9ZM10.3 10.3l3.2 3.2",
            Self::Send => "M14 2 7 9M14 2 9.5 14 7 9 2 6.5Z",
            Self::Stop => "M4 4h8v8H4Z",
            Self::System => "M2 3h12v8H2ZM6 14h4M8 11v3",
            Self::Task => "M3 3h10v10H3ZM6 8l1.5 1.5L10.5 6.5",
            Self::Tiles => "M2.5 2.5h4v4h-4ZM9.5 2.5h4v4h-4ZM2.5 9.5h4v4h-4ZM9.5 9.5h4v4h-4Z",
        }
    }
}

/// Decorative, so hidden from screen readers. The text beside it carries the meaning.
#[component]
pub fn Icon(glyph: Glyph) -> impl IntoView {
    view! {
        <svg class="icon" viewBox="0 0 16 16" width="16" height="16" aria-hidden="true" focusable="false">
            <path d=glyph.path()/>
        </svg>
    }
    .into_any()
}
