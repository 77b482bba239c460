//! Pages of applications: sorted by age or by a column, filtered by status and by a search.
//!
//! A search finds parts of words. If the list is sorted by age, applications that contain all words of the search as whole
//! words come before the others.
//!
//! The cost of a page does not depend on the number of applications. A list is read along the index of its order, skipping
//! rows that the filter excludes. That is quick unless the filter matches few of many rows. If it matches few, they are
//! found first and sorted afterwards.

use app::{
    desk::{ApplicationRow, Column, Direction, Sort},
    domain::{ApplicationReference, ApplicationStatus},
};
use rusqlite::{Connection, Row, ToSql};
use time::OffsetDateTime;

use super::{
    cursor::{Cursor, Key},
    entry,
    filter::{Filter, borrowed},
    item_column,
    narrow::{self, FEW, Narrow},
    text,
};
use crate::applications;

/// Which applications, in which order.
#[derive(Debug, Clone, Default)]
pub struct Query {
    pub filter: Filter,
    pub sort: Sort,
    /// The end of the previous page. A cursor of a list in another order is ignored.
    pub after: Option<Cursor>,
    pub at_most: usize,
}

/// A page of applications.
#[derive(Debug, Clone, Default)]
pub struct Page {
    pub rows: Vec<ApplicationRow>,
    /// `None` on the last page.
    pub next: Option<Cursor>,
    /// The number of rows on the pages before.
    pub before: usize,
}

/// Reads one page.
pub fn page(connection: &Connection, query: &Query) -> rusqlite::Result<Page> {
    let words = query.filter.words();
    let (tokens, whole) = (text::query(&words), text::whole_words_query(&words));
    let search = Search { tokens, whole, words, filter: &query.filter };
    let after = query.after.as_ref().filter(|after| after.is_of(query.sort));
    let way = search.way(connection, query.sort)?;
    let mut rows: Vec<(Option<Key>, i64, ApplicationRow)> = Vec::new();
    for segment in segments(query.sort, &search, after) {
        let missing = query.at_most + 1 - rows.len();
        rows.extend(read(connection, way, &search, &segment, missing)?);
        if rows.len() > query.at_most {
            break;
        }
    }
    let has_more = rows.len() > query.at_most;
    rows.truncate(query.at_most);
    let before = after.map_or(0, |after| after.rows);
    let until = before + rows.len();
    let next = rows.last().filter(|_| has_more).map(|(key, id, _)| Cursor::new(query.sort, key.clone(), *id, until));
    Ok(Page { rows: rows.into_iter().map(|(.., row)| row).collect(), next, before })
}

/// The oldest applications at a status that were submitted before `until`, and where to continue.
pub fn at(
    connection: &Connection,
    status: ApplicationStatus,
    until: OffsetDateTime,
    at_most: usize,
    after: Option<i64>,
) -> rusqlite::Result<(Vec<ApplicationReference>, Option<i64>)> {
    let mut statement = connection.prepare_cached(
        "SELECT reference, id FROM applications INDEXED BY applications_status \
         WHERE status = ?1 AND id > ?2 AND id < ?3 ORDER BY id LIMIT ?4",
    )?;
    let (after, until) = (after.unwrap_or(-1), entry::first_id_of(until));
    let found = statement.query_map((status.key(), after, until, at_most), |row| {
        Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?))
    })?;
    let found: Vec<(String, i64)> = found.collect::<Result<_, _>>()?;
    let next = found.last().filter(|_| found.len() == at_most).map(|(_, id)| *id);
    // The column contains only references.
    Ok((found.into_iter().filter_map(|(reference, _)| reference.parse().ok()).collect(), next))
}

struct Search<'a> {
    words: Vec<String>,
    /// The full-text query for the words, as parts of words.
    tokens: Option<String>,
    /// The full-text query for the words as whole words.
    whole: String,
    filter: &'a Filter,
}

/// How the rows of a list are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// Along the index of the order, checking each row.
    Order,
    /// Along the full-text index, which is in the order of age.
    Search,
    /// All rows that an index of the filter finds, which are few, sorted afterwards.
    Few(Narrow),
    /// All rows that the full-text index finds, which are few, sorted afterwards.
    FewFound,
}

impl Search<'_> {
    fn way(&self, connection: &Connection, sort: Sort) -> rusqlite::Result<Way> {
        let by_age = sort == Sort::Newest;
        let filter = self.filter;
        let by_index_of_status = by_age || matches!(sort, Sort::By(Column::Status, _));
        if filter.statuses.len() == 1 && filter.is_by_status_alone() && by_index_of_status {
            return Ok(Way::Order);
        }
        if let Some(narrow) = narrow::narrowest(connection, filter)? {
            return Ok(Way::Few(narrow));
        }
        let Some(tokens) = &self.tokens else { return Ok(Way::Order) };
        if by_age && filter.statuses.is_empty() {
            return Ok(Way::Search);
        }
        Ok(match finds_few(connection, tokens)? {
            true => Way::FewFound,
            false if by_age => Way::Search,
            false => Way::Order,
        })
    }
}

impl Search<'_> {
    /// The full-text query for applications that match in this way.
    fn full_text(&self, matched: Match) -> Option<String> {
        let tokens = self.tokens.as_ref()?;
        Some(match matched {
            Match::Any => tokens.clone(),
            Match::Whole => self.whole.clone(),
            Match::Part => format!("({tokens}) NOT ({})", self.whole),
        })
    }
}

fn finds_few(connection: &Connection, tokens: &str) -> rusqlite::Result<bool> {
    let mut found = connection.prepare_cached("SELECT rowid FROM search WHERE search MATCH ?1 LIMIT ?2")?;
    let mut rows = found.query((tokens, FEW + 1))?;
    let mut count = 0;
    while rows.next()?.is_some() {
        count += 1;
    }
    Ok(count <= FEW)
}

/// Whether the words of a search are whole words of an application.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Match {
    /// All of them are, or not: it does not matter.
    Any,
    Whole,
    /// At least one is only a part of a word.
    Part,
}

/// A part of a list that is read along one index.
struct Segment {
    matched: Match,
    /// The column that the list is sorted by; `NULL` if it is sorted by age alone.
    key: &'static str,
    index: Option<&'static str>,
    order: String,
    condition: String,
    parameters: Vec<Key>,
}

/// The parts of a list after `after`, in their order.
fn segments(sort: Sort, search: &Search<'_>, after: Option<&Cursor>) -> Vec<Segment> {
    let statuses = &search.filter.statuses;
    match sort {
        Sort::Newest if search.words.is_empty() => vec![by_age(after, statuses)],
        Sort::Newest => by_match(after, statuses),
        Sort::By(Column::Status, direction) => by_status(direction, statuses, after),
        Sort::By(column, direction) => by_column(column, direction, after),
    }
}

fn by_age(after: Option<&Cursor>, statuses: &[ApplicationStatus]) -> Segment {
    let (condition, parameters) = match after {
        None => ("TRUE".to_owned(), vec![]),
        Some(after) => ("id < ?".to_owned(), vec![Key::Number(after.id)]),
    };
    let index = (statuses.len() == 1).then_some("applications_status");
    Segment { matched: Match::Any, key: "NULL", index, order: "id DESC".to_owned(), condition, parameters }
}

/// Whole words first. The key of a row in a cursor says which part of the list it is in.
fn by_match(after: Option<&Cursor>, statuses: &[ApplicationStatus]) -> Vec<Segment> {
    let whole = |after| Segment { matched: Match::Whole, key: "0", ..by_age(after, statuses) };
    let part = |after| Segment { matched: Match::Part, key: "1", ..by_age(after, statuses) };
    match after {
        Some(Cursor { key: Some(Key::Number(1)), .. }) => vec![part(after)],
        _ => vec![whole(after), part(None)],
    }
}

/// Status by status, in the order of an application's life.
fn by_status(direction: Direction, among: &[ApplicationStatus], after: Option<&Cursor>) -> Vec<Segment> {
    let mut statuses: Vec<&str> = ApplicationStatus::ALL
        .into_iter()
        .filter(|one| among.is_empty() || among.contains(one))
        .map(|one| one.key())
        .collect();
    if direction == Direction::Descending {
        statuses.reverse();
    }
    let begun = after.and_then(|after| match &after.key {
        Some(Key::Text(key)) => statuses.iter().position(|status| status == key).map(|place| (place, after.id)),
        _ => None,
    });
    let mut segments = Vec::new();
    for (place, status) in statuses.iter().enumerate().skip(begun.map_or(0, |(place, _)| place)) {
        let mut condition = "status = ?".to_owned();
        let mut parameters = vec![Key::Text((*status).to_owned())];
        if let Some((_, id)) = begun.filter(|(begun, _)| *begun == place) {
            condition.push_str(" AND id < ?");
            parameters.push(Key::Number(id));
        }
        let index = Some("applications_status");
        segments.push(Segment {
            matched: Match::Any,
            key: "status",
            index,
            order: "id DESC".to_owned(),
            condition,
            parameters,
        });
    }
    segments
}

/// First the remaining rows with the value of the last row, then those after it, then those without a value.
fn by_column(column: Column, direction: Direction, after: Option<&Cursor>) -> Vec<Segment> {
    let (text, number) = (Key::Text(String::new()), Key::Number(i64::MIN));
    let (key, least, up, down) = match column {
        Column::Reference => ("reference_key", text, "applications_reference_up", "applications_reference_down"),
        Column::Applicant => ("applicant_key", text, "applications_applicant_up", "applications_applicant_down"),
        Column::Property => ("property_key", text, "applications_property_up", "applications_property_down"),
        Column::Amount => ("amount", number, "applications_amount_up", "applications_amount_down"),
        Column::LoanToValue => {
            ("loan_to_value", number, "applications_loan_to_value_up", "applications_loan_to_value_down")
        }
        Column::Deadline => ("deadline", number, "applications_deadline_up", "applications_deadline_down"),
        Column::Updated | Column::Status => {
            ("updated_at", number, "applications_updated_up", "applications_updated_down")
        }
    };
    let (index, way, beyond) = match direction {
        Direction::Ascending => (up, "ASC", ">"),
        Direction::Descending => (down, "DESC", "<"),
    };
    let segment = |condition: String, parameters: Vec<Key>| Segment {
        matched: Match::Any,
        key,
        index: Some(index),
        order: format!("{key} {way}, id DESC"),
        condition,
        parameters,
    };
    let without = |before: Option<i64>| match before {
        None => segment(format!("{key} IS NULL"), vec![]),
        Some(id) => segment(format!("{key} IS NULL AND id < ?"), vec![Key::Number(id)]),
    };
    match after {
        // `IS NOT NULL` would scan all rows without a value.
        None => vec![segment(format!("{key} >= ?"), vec![least]), without(None)],
        Some(Cursor { key: Some(last), id, .. }) => vec![
            segment(format!("{key} = ? AND id < ?"), vec![last.clone(), Key::Number(*id)]),
            segment(format!("{key} {beyond} ?"), vec![last.clone()]),
            without(None),
        ],
        Some(Cursor { key: None, id, .. }) => vec![without(Some(*id))],
    }
}

/// At most `at_most` rows of a segment.
fn read(
    connection: &Connection,
    way: Way,
    search: &Search<'_>,
    segment: &Segment,
    at_most: usize,
) -> rusqlite::Result<Vec<(Option<Key>, i64, ApplicationRow)>> {
    let mut parameters: Vec<&dyn ToSql> = Vec::new();
    // CROSS JOIN fixes the order of the join. A plus sign keeps SQLite from using an index for the term after it.
    let (from, order) = match (way, segment.index) {
        (Way::Order, None) => ("applications".to_owned(), segment.order.clone()),
        (Way::Order, Some(index)) => (format!("applications INDEXED BY {index}"), segment.order.clone()),
        (Way::Few(narrow), _) => (narrow.source().to_owned(), unindexed(&segment.order)),
        (Way::Search, _) => (SEARCHED.to_owned(), "search.rowid DESC".to_owned()),
        (Way::FewFound, _) => (SEARCHED.to_owned(), unindexed(&segment.order)),
    };
    let full_text = search.full_text(segment.matched);
    let mut condition = match way {
        Way::Search | Way::FewFound => {
            parameters.push(&full_text);
            // The full-text index can only seek by its own name for the id.
            format!("search MATCH ? AND {}", segment.condition.replace("id <", "search.rowid <"))
        }
        Way::Few(_) => unindexed_condition(segment),
        Way::Order => segment.condition.clone(),
    };
    parameters.extend(segment.parameters.iter().map(|parameter| parameter as &dyn ToSql));
    let (conditions, values) = search.filter.conditions();
    condition.push_str(&conditions);
    parameters.extend(borrowed(&values));
    // The last line of the search text has the whole words between spaces.
    let whole: Vec<String> = search.words.iter().map(|word| format!(" {word} ")).collect();
    if matches!(way, Way::Order | Way::Few(_)) {
        for word in &search.words {
            condition.push_str(" AND instr(search_text, ?) > 0");
            parameters.push(word);
        }
        let all_whole = vec!["instr(search_text, ?) > 0"; whole.len()].join(" AND ");
        match segment.matched {
            Match::Any => {}
            Match::Whole => condition.push_str(&format!(" AND {all_whole}")),
            Match::Part => condition.push_str(&format!(" AND NOT ({all_whole})")),
        }
        if segment.matched != Match::Any {
            parameters.extend(whole.iter().map(|word| word as &dyn ToSql));
        }
    }
    parameters.push(&at_most);
    let sql = format!("SELECT {COLUMNS}, {} FROM {from} WHERE {condition} ORDER BY {order} LIMIT ?", segment.key);
    let mut statement = connection.prepare_cached(&sql)?;
    let rows = statement.query_map(&*parameters, |row| Ok((row.get(KEY)?, row.get(0)?, application_row(row)?)))?;
    rows.collect()
}

pub(super) const SEARCHED: &str = "search CROSS JOIN applications ON applications.id = search.rowid";

/// `+amount DESC, +id DESC`
fn unindexed(order: &str) -> String {
    order.split(", ").map(|one| format!("+{one}")).collect::<Vec<_>>().join(", ")
}

/// The condition on the key must not use an index, unless the key is the status.
fn unindexed_condition(segment: &Segment) -> String {
    if segment.key == "status" { segment.condition.clone() } else { format!("+{}", segment.condition) }
}

const COLUMNS: &str = "applications.id, item";

/// The position of the key, which follows [`COLUMNS`].
const KEY: usize = 2;

/// Reads a row of the list from its item.
fn application_row(row: &Row<'_>) -> rusqlite::Result<ApplicationRow> {
    item_column(row, 1, applications::read).map(|record| record.row())
}
