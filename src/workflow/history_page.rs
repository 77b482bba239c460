//! A page of a history.

use std::ops::Range;

use app::desk::{EventView, HistoryPage};
use time::OffsetDateTime;

use super::{
    history::{Event, History},
    pretty,
};

/// The page that contains event number `event`, counted from 1. A number beyond the end gives the last page.
pub fn around(history: &History<'_>, event: usize) -> HistoryPage {
    let times: Vec<OffsetDateTime> = history.events().map(Event::at).collect();
    let shown = page(event, times.len());
    let pauses = times.windows(2).map(|pair| (pair[1] - pair[0]).whole_milliseconds());
    HistoryPage {
        events: history.events().skip(shown.start).take(shown.len()).map(view).collect(),
        skipped: shown.start,
        total: times.len(),
        started_at: times.first().copied().unwrap_or(OffsetDateTime::UNIX_EPOCH),
        previous_at: shown.start.checked_sub(1).map(|previous| times[previous]),
        longest_pause: pauses.max().and_then(|pause| i64::try_from(pause).ok()).unwrap_or_default(),
    }
}

/// The positions of a page's events in a history of `total` events.
fn page(event: usize, total: usize) -> Range<usize> {
    let start_of = |position: usize| position / HistoryPage::SIZE * HistoryPage::SIZE;
    let start = start_of(event.saturating_sub(1)).min(start_of(total.saturating_sub(1)));
    start..total.min(start + HistoryPage::SIZE)
}

fn view(event: Event<'_>) -> EventView {
    EventView {
        id: event.id(),
        previous_id: event.previous_id(),
        event_type: event.kind().to_owned(),
        state: event.state().map(str::to_owned),
        at: event.at(),
        failure: event.failure(),
        details: event.details().map(pretty).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn a_page_contains_the_event_that_is_asked_for() {
        assert_eq!(page(1, 0), 0..0);
        assert_eq!(page(1, 200), 0..200);
        assert_eq!(page(0, 450), 0..200);
        assert_eq!(page(200, 450), 0..200);
        assert_eq!(page(201, 450), 200..400);
        assert_eq!(page(400, 450), 200..400);
        assert_eq!(page(450, 450), 400..450);
    }

    #[test]
    fn an_event_beyond_the_end_gives_the_last_page() {
        assert_eq!(page(usize::MAX, 450), 400..450);
        assert_eq!(page(9_999, 400), 200..400);
    }

    #[test]
    fn a_page_knows_the_event_before_it_and_the_longest_pause_of_the_whole_history() {
        let event = |id: usize| {
            // Two minutes pass before the second event, which is not on the second page.
            let seconds = if id == 1 { 0 } else { 120 + id };
            json!({ "id": id, "previousEventId": id - 1, "type": "PassStateEntered", "timestamp": seconds })
        };
        let events: Vec<Value> = (1..=250).map(event).collect();
        let page = around(&History::new(&events), 250);
        assert_eq!((page.skipped, page.total, page.events.len()), (200, 250, 50));
        assert_eq!(page.events[0].id, 201);
        assert_eq!(page.previous_at.map(OffsetDateTime::unix_timestamp), Some(120 + 200));
        assert_eq!(page.started_at.unix_timestamp(), 0);
        assert_eq!(page.longest_pause, 122_000);
    }
}
