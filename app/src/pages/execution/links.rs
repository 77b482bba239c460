//! The addresses of an execution's states and events: links that keep the rest of the page as it is.

use crate::address;

/// What the query string of the page says. Links are relative, so they work on every page that shows an execution.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Links {
    /// The part of the query that other parts of the page need: `tab=workflow`.
    pub page: Option<String>,
    /// The selected state.
    pub state: Option<String>,
    /// The number of an event on the page of events that is shown.
    pub event: Option<usize>,
}

impl Links {
    /// The address that selects a state. It leads to the graph, so that the graph stays in view without script.
    pub fn to_state(&self, name: &str) -> String {
        self.query(Some(name), self.event, "graph")
    }

    /// The address of the page of events that contains event number `event`, counted from 1.
    pub fn to_event(&self, event: usize) -> String {
        self.query(self.state.as_deref(), Some(event), "events")
    }

    fn query(&self, state: Option<&str>, event: Option<usize>, anchor: &str) -> String {
        let state = state.map(|name| format!("state={}", address::escape(name)));
        let event = event.filter(|event| *event > 1).map(|event| format!("event={event}"));
        let query = [self.page.clone(), state, event].into_iter().flatten().collect::<Vec<_>>().join("&");
        format!("?{query}#{anchor}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_keep_the_tab_the_state_and_the_page_of_events() {
        let links = Links { page: Some("tab=workflow".into()), state: Some("A & b".into()), event: Some(201) };
        assert_eq!(links.to_state("Ask"), "?tab=workflow&state=Ask&event=201#graph");
        assert_eq!(links.to_event(401), "?tab=workflow&state=A%20%26%20b&event=401#events");
        assert_eq!(links.to_event(1), "?tab=workflow&state=A%20%26%20b#events");
        assert_eq!(Links::default().to_state("Ask"), "?state=Ask#graph");
    }
}
