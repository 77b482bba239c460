//! Applications as a table whose rows are links.

use leptos::prelude::*;

use super::{Deadline, Status, TimeStyle, When, when::milliseconds};
use crate::{
    desk::{ApplicationRow, WaitingOn},
    domain::Money,
};

#[component]
pub fn ApplicationTable(caption: &'static str, rows: Vec<ApplicationRow>) -> impl IntoView {
    view! {
        <table class="table rows-are-links">
            <caption class="visually-hidden">{caption}</caption>
            <thead>
                <tr>
                    <th scope="col">"Reference"</th>
                    <th scope="col" class="wide">"Applicant"</th>
                    <th scope="col">"Property"</th>
                    <th scope="col" class="number wide">"Amount"</th>
                    <th scope="col" class="number wide wider">"LTV"</th>
                    <th scope="col">"Status"</th>
                    <th scope="col" class="wide">"Deadline"</th>
                    <th scope="col" class="wide wider">"Updated"</th>
                </tr>
            </thead>
            <tbody>{rows.into_iter().map(|row| view! { <Row row/> }).collect_view()}</tbody>
        </table>
    }
}

#[component]
fn Row(row: ApplicationRow) -> impl IntoView {
    let reference = row.application.application_reference.to_string();
    let property = row.application.property;
    view! {
        <tr
            id=format!("row-{reference}")
            data-version=version(row.updated_at, row.status.key())
            data-news=format!("{reference}: {}", row.status)
        >
            <th scope="row"><a class="row-link" href=format!("/applications/{reference}")>{reference.clone()}</a></th>
            <td class="words wide">{row.application.applicant.unwrap_or_else(|| "–".to_owned())}</td>
            <td class="words">
                <span class="property">{property.name_or_number}</span> " "
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

/// `75.8%`
pub fn percent(percent: Option<f64>) -> String {
    percent.map_or_else(|| "–".to_owned(), |percent| format!("{percent:.1}%"))
}
