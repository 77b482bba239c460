//! Where a list of executions goes on.

/// A position in a list of executions: the token of a page of `ListExecutions`, and how many executions of that page
/// have been read. Only searches stop within a page.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cursor {
    /// `None` for the first page.
    pub token: Option<String>,
    pub skip: usize,
}

impl Cursor {
    /// The text of the cursor in an address.
    pub fn encode(&self) -> String {
        format!("{}~{}", self.skip, self.token.as_deref().unwrap_or_default())
    }

    /// Reads what [`Self::encode`] wrote. Whether the token is valid only Step Functions knows.
    pub fn decode(text: &str) -> Option<Self> {
        let (skip, token) = text.split_once('~')?;
        Some(Self { token: (!token.is_empty()).then(|| token.to_owned()), skip: skip.parse().ok()? })
    }
}

/// The rows of a page that a search selects.
#[derive(Debug, PartialEq, Eq)]
pub struct Selected<'a, T> {
    pub rows: Vec<&'a T>,
    /// How many rows were compared, which does not include those that were skipped.
    pub compared: usize,
    /// How many rows of the page to skip next time; `None` if the whole page has been read.
    pub stopped_at: Option<usize>,
}

/// Selects at most `room` rows after the first `skip` ones.
pub fn select<T>(page: &[T], skip: usize, room: usize, is_match: impl Fn(&T) -> bool) -> Selected<'_, T> {
    let mut selected = Selected { rows: Vec::new(), compared: 0, stopped_at: None };
    for (at, row) in page.iter().enumerate().skip(skip) {
        if selected.rows.len() == room {
            selected.stopped_at = Some(at);
            return selected;
        }
        selected.compared += 1;
        if is_match(row) {
            selected.rows.push(row);
        }
    }
    selected
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_back_as_it_was_written() {
        for cursor in [
            Cursor::default(),
            Cursor { token: Some("AAAA~b=".into()), skip: 0 },
            Cursor { token: Some("t".into()), skip: 730 },
            Cursor { token: None, skip: 12 },
        ] {
            assert_eq!(Cursor::decode(&cursor.encode()), Some(cursor));
        }
        assert_eq!(Cursor::decode("x~t"), None);
        assert_eq!(Cursor::decode("token"), None);
    }

    #[test]
    fn a_search_stops_within_a_page_and_goes_on_there() {
        let page: Vec<usize> = (0..10).collect();
        let is_even = |number: &usize| number.is_multiple_of(2);
        let first = select(&page, 0, 2, is_even);
        assert_eq!(first, Selected { rows: vec![&0, &2], compared: 3, stopped_at: Some(3) });
        let second = select(&page, 3, 9, is_even);
        assert_eq!(second, Selected { rows: vec![&4, &6, &8], compared: 7, stopped_at: None });
        assert_eq!(select(&page, 20, 9, is_even), Selected { rows: vec![], compared: 0, stopped_at: None });
    }
}
