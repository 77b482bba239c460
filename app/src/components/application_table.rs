//! Applications as a table whose rows are links.

use std::sync::Arc;

use leptos::prelude::*;

use super::{Deadline, Glyph, Icon, Status, TimeStyle, When, when::milliseconds};
use crate::{
    desk::{ApplicationRow, Column, Direction, Sort, WaitingOn},
    domain::{Money, percent_in_words},
};

/// Where the heads of the columns lead: the address of the same list in another order.
#[derive(Clone)]
pub struct SortLinks {
    pub current: Sort,
    pub address: Arc<dyn Fn(Sort) -> String + Send + Sync>,
}

#[component]
pub fn ApplicationTable(
    #[prop(into)] caption: String,
    rows: Vec<ApplicationRow>,
    /// Without them the heads are words only.
    #[prop(optional)]
    sort: Option<SortLinks>,
) -> impl IntoView {
    let head = |column: Column, text: &'static str, class: &'static str| {
        view! { <Head column text class sort=sort.clone()/> }
    };
    view! {
        <div class="scroll">
            <table class="table rows-are-links">
                <caption class="visually-hidden">{caption}</caption>
                <thead>
                    <tr>
                        {head(Column::Reference, "Reference", "")}
                        {head(Column::Applicant, "Applicant", "wide")}
                        {head(Column::Property, "Property", "wide-enough")}
                        {head(Column::Amount, "Amount", "number wide")}
                        {head(Column::LoanToValue, "LTV", "number wide wider")}
                        {head(Column::Status, "Status", "")}
                        {head(Column::Deadline, "Deadline", "wide")}
                        {head(Column::Updated, "Updated", "wide wider")}
                    </tr>
                </thead>
                <tbody>{rows.into_iter().map(|row| view! { <Row row/> }).collect_view()}</tbody>
            </table>
        </div>
    }
    .into_any()
}

#[component]
fn Head(column: Column, text: &'static str, class: &'static str, sort: Option<SortLinks>) -> impl IntoView {
    let Some(SortLinks { current, address }) = sort else {
        return view! { <th scope="col" class=class>{text}</th> }.into_any();
    };
    let (sorted, glyph) = match current {
        Sort::By(by, Direction::Ascending) if by == column => (Some("ascending"), Some(Glyph::ArrowUp)),
        Sort::By(by, Direction::Descending) if by == column => (Some("descending"), Some(Glyph::ArrowDown)),
        _ => (None, None),
    };
    view! {
        <th scope="col" class=class aria-sort=sorted>
            <a class="sort" href=address(current.next(column))>{text}{glyph.map(|glyph| view! { <Icon glyph/> })}</a>
        </th>
    }
    .into_any()
}

#[component]
fn Row(row: ApplicationRow) -> impl IntoView {
    let reference = row.application.application_reference.to_string();
    let property = row.application.property;
    // For screens too narrow for a column of its own; a postcode is not broken in two.
    let on_one_line = format!("{}, {}", property.name_or_number, property.postcode.to_string().replace(' ', "\u{a0}"));
    view! {
        <tr
            id=format!("row-{reference}")
            data-version=version(row.updated_at, row.status.key())
            data-news=format!("{reference}: {}", row.status)
        >
            <th scope="row" data-property=on_one_line>
                <a class="row-link" href=format!("/applications/{reference}")>{reference.clone()}</a>
            </th>
            <td class="words wide"><bdi>{row.application.applicant.unwrap_or_else(|| "–".to_owned())}</bdi></td>
            <td class="words wide-enough">
                <bdi>{property.name_or_number}</bdi> " "
                <span class="postcode">{property.postcode.to_string()}</span>
            </td>
            <td class="number wide">{money(row.application.loan_amount)}</td>
            <td class="number wide wider">{percent(row.loan_to_value)}</td>
            <td><Status status=row.status/></td>
            <td class="wide">{row.waiting.map(|item| view! { <Deadline item/> })}</td>
            <td class="wide wider quiet"><When at=row.updated_at style=TimeStyle::Relative/></td>
        </tr>
    }
    .into_any()
}

/// On whom something waits, in words.
pub fn waiting_on(on: WaitingOn) -> &'static str {
    match on {
        WaitingOn::ValuationService => "Valuation service",
        WaitingOn::Staff => "Staff",
    }
}

/// What a row says it shows, for the browser's half: a row whose version changed is tinted for a moment.
pub fn version(at: time::OffsetDateTime, state: &str) -> String {
    format!("{}-{state}", milliseconds(at))
}

pub fn money(amount: Option<Money>) -> String {
    amount.map_or_else(|| "–".to_owned(), |amount| amount.to_string())
}

/// `75.8%`, or a dash.
pub fn percent(percent: Option<f64>) -> String {
    percent.map_or_else(|| "–".to_owned(), percent_in_words)
}
