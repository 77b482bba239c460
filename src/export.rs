//! `GET /applications.csv`: all applications that match a filter, for a spreadsheet.

use std::{collections::HashMap, sync::Arc};

use app::{
    desk::{Actor, ApplicationPage, ApplicationQuery, ApplicationRow, Desk, DeskError, Sort},
    domain::{Money, ValuationSource, iso_day, uk_day},
};
use axum::{
    Router,
    body::Body,
    extract::{Query, State},
    http::{header, request::Parts},
    response::{IntoResponse, Response},
    routing::get,
};
use futures_util::stream;

use crate::{clock::Clock, refusals::Problem, timestamp};

const HEAD: [&str; COLUMNS] = [
    "Reference",
    "Applicant",
    "Property",
    "Postcode",
    "Loan amount",
    "Term in years",
    "Estimated value",
    "Status",
    "Reason",
    "Waiting on",
    "Waiting since",
    "Deadline",
    "Valuation",
    "Valuation reference",
    "Valued by",
    "Basis",
    "Valued on",
    "Comment",
    "Loan-to-value %",
    "Approve up to %",
    "Refer up to %",
    "Ended",
    "Submitted",
    "Submitted by",
    "Updated",
];

const COLUMNS: usize = 25;

/// Marks the file as UTF-8 for spreadsheets.
const BYTE_ORDER_MARK: char = '\u{feff}';

pub fn router(desk: Arc<dyn Desk>, clock: Clock) -> Router {
    Router::new().route("/applications.csv", get(export)).with_state((desk, clock))
}

/// Streams the file, newest first, or in the order of a search. Spreadsheets can sort it differently.
async fn export(
    State((desk, clock)): State<(Arc<dyn Desk>, Clock)>,
    Query(parameters): Query<HashMap<String, String>>,
    request: Parts,
) -> Response {
    let by = app::actor(&request).await;
    // The filter of the applications page.
    let query = ApplicationQuery {
        sort: Sort::Newest,
        after: None,
        ..ApplicationQuery::read(|name| parameters.get(name).cloned())
    };
    // Load the first page before the response starts, so that an error can still be reported.
    let Ok(first) = desk.applications(&by, &query).await else { return Problem::unavailable().into_response() };
    // Half of a file would be taken for all of it.
    if let Some(incomplete) = desk.incomplete() {
        return Problem::incomplete(incomplete).into_response();
    }
    let head = format!("{BYTE_ORDER_MARK}{}", record(HEAD.map(str::to_owned)));
    let rows = stream::try_unfold(Some((head, first)), move |at| {
        let (desk, by, query) = (desk.clone(), by.clone(), query.clone());
        async move {
            let Some((before, page)) = at else { return Ok::<_, DeskError>(None) };
            let text = page.rows.iter().fold(before, |text, row| text + &record(fields(row)));
            let next = next(desk.as_ref(), &by, query, page).await?;
            Ok(Some((text, next.map(|page| (String::new(), page)))))
        }
    });
    let name = format!("attachment; filename=\"applications-{}.csv\"", uk_day(clock.now()));
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8; header=present".to_owned()),
        (header::CONTENT_DISPOSITION, name),
        (header::CACHE_CONTROL, "private, no-store".to_owned()),
    ];
    (headers, Body::from_stream(rows)).into_response()
}

async fn next(
    desk: &dyn Desk,
    by: &Actor,
    query: ApplicationQuery,
    page: ApplicationPage,
) -> Result<Option<ApplicationPage>, DeskError> {
    match page.next {
        Some(after) => desk.applications(by, &ApplicationQuery { after: Some(after), ..query }).await.map(Some),
        None => Ok(None),
    }
}

fn fields(row: &ApplicationRow) -> [String; COLUMNS] {
    let application = &row.application;
    let amount = |amount: Option<Money>| amount.map(Money::decimal).unwrap_or_default();
    let percent = |percent: Option<f64>| percent.map(|percent| format!("{percent:.2}")).unwrap_or_default();
    let waiting = row.waiting.as_ref();
    let [valuation_reference, valued_by, basis, valued_on, comment] = valued(row);
    [
        application.application_reference.to_string(),
        application.applicant.clone().map(String::from).unwrap_or_default(),
        application.property.name_or_number.to_string(),
        application.property.postcode.to_string(),
        amount(application.loan_amount),
        application.term_years.map(|years| years.to_string()).unwrap_or_default(),
        amount(application.estimated_value),
        row.status.to_string(),
        row.remark.clone().unwrap_or_default(),
        waiting.map(|item| item.kind.waits_on().to_string()).unwrap_or_default(),
        waiting.map(|item| timestamp::write(item.since)).unwrap_or_default(),
        waiting.map(|item| timestamp::write(item.deadline)).unwrap_or_default(),
        amount(row.valuation.as_ref().map(|valuation| valuation.value)),
        valuation_reference,
        valued_by,
        basis,
        valued_on,
        comment,
        percent(row.loan_to_value),
        percent(row.policy.map(|policy| policy.approve_up_to)),
        percent(row.policy.map(|policy| policy.refer_up_to)),
        row.decided_at.map(timestamp::write).unwrap_or_default(),
        timestamp::write(row.submitted_at),
        row.submitted_by.clone().unwrap_or_default(),
        timestamp::write(row.updated_at),
    ]
}

/// The reference of the valuation, by whom it is, on which basis, of which day, and the comment.
fn valued(row: &ApplicationRow) -> [String; 5] {
    match row.valuation.as_ref().map(|valuation| &valuation.source) {
        None => Default::default(),
        Some(ValuationSource::Service { valuation_reference }) => {
            [valuation_reference.clone(), "Valuation service".to_owned(), String::new(), String::new(), String::new()]
        }
        Some(ValuationSource::Manual { name, basis, valued_on, comment, valuation_reference }) => [
            valuation_reference.clone().unwrap_or_default(),
            name.clone(),
            basis.to_string(),
            iso_day(*valued_on),
            comment.clone(),
        ],
    }
}

/// A record in the format of RFC 4180.
fn record(fields: [String; COLUMNS]) -> String {
    fields.map(|field| quoted(&harmless(field))).join(",") + "\r\n"
}

/// Marks a field that a spreadsheet would run as a formula as text, with a leading apostrophe.
fn harmless(field: String) -> String {
    let begins_a_formula =
        |c: char| matches!(c, '=' | '+' | '-' | '@' | '\t' | '\r' | '\n' | '＝' | '＋' | '－' | '＠');
    if field.trim_start_matches(' ').starts_with(begins_a_formula) { format!("'{field}") } else { field }
}

fn quoted(field: &str) -> String {
    if field.contains([',', '"', '\r', '\n']) || field.starts_with(' ') || field.ends_with(' ') {
        format!("\"{}\"", field.replace('"', "\"\""))
    } else {
        field.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str) -> String {
        let mut fields = [const { String::new() }; COLUMNS];
        fields[0] = text.to_owned();
        record(fields)
    }

    #[test]
    fn fields_with_commas_quotes_and_line_breaks_are_quoted() {
        for (text, written) in [
            ("Rose Cottage", "Rose Cottage"),
            ("1, High Street", r#""1, High Street""#),
            (r#"The "Old" Inn"#, r#""The ""Old"" Inn""#),
            ("two\nlines", "\"two\nlines\""),
            ("Zoë 李", "Zoë 李"),
        ] {
            assert_eq!(line(text), format!("{written}{}\r\n", ",".repeat(COLUMNS - 1)));
        }
    }

    #[test]
    fn formulas_are_marked_as_text() {
        for formula in ["=1+2", "+44 20", "-2", "@SUM(A1)", "  =1", "\t=1", "＝1"] {
            assert!(line(formula).trim_start_matches('"').starts_with('\''), "{formula}");
        }
        assert_eq!(
            line(r#"=HYPERLINK("http://x",A1)"#),
            format!("\"'=HYPERLINK(\"\"http://x\"\",A1)\"{}\r\n", ",".repeat(COLUMNS - 1))
        );
        assert_eq!(line("a=b"), format!("a=b{}\r\n", ",".repeat(COLUMNS - 1)));
    }
}
