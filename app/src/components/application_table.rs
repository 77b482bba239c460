//! A table of applications whose rows are links.

use std::sync::Arc;

use leptos::prelude::*;

use super::{Deadline, Glyph, Icon, Status, TimeStyle, When, when::milliseconds};
use crate::{
    desk::{ApplicationRow, Column, Direction, Sort},
    domain::{Money, percent_in_words},
};

/// The columns with their headings and CSS classes. The classes determine the screen width from which a column is
/// shown.
const COLUMNS: [(Column, &str, &str); 8] = [
    (Column::Reference, "Reference", ""),
    (Column::Applicant, "Applicant", "wide-enough"),
    (Column::Property, "Property", "wide-enough"),
    (Column::Amount, "Amount", "number wide"),
    (Column::LoanToValue, "LTV", "number wide wider"),
    (Column::Status, "Status", ""),
    (Column::Deadline, "Deadline", "wide"),
    (Column::Updated, "Updated", "wide wider"),
];

/// The links of the column headings, which sort the list.
#[derive(Clone)]
pub struct SortLinks {
    pub current: Sort,
    pub address: Arc<dyn Fn(Sort) -> String + Send + Sync>,
}

#[component]
pub fn ApplicationTable(
    #[prop(into)] caption: String,
    rows: Vec<ApplicationRow>,
    /// Without it the headings are plain text.
    #[prop(optional)]
    sort: Option<SortLinks>,
) -> impl IntoView {
    let heads = COLUMNS.map(|(column, text, class)| view! { <Head column text class sort=sort.clone()/> });
    view! {
        {sort.map(|sort| view! { <SortMenu sort/> })}
        <div class="scroll">
            <table class="table rows-are-links">
                <caption class="visually-hidden">{caption}</caption>
                <thead>
                    <tr>{heads.collect_view()}</tr>
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

/// The same links, for screens that are too narrow for all columns.
#[component]
fn SortMenu(sort: SortLinks) -> impl IntoView {
    let SortLinks { current, address } = sort;
    let links = COLUMNS.map(|(column, text, _)| {
        let way = match current {
            Sort::By(by, Direction::Ascending) if by == column => Some(("ascending", Glyph::ArrowUp)),
            Sort::By(by, Direction::Descending) if by == column => Some(("descending", Glyph::ArrowDown)),
            _ => None,
        };
        let way_shown = way.map(|(words, glyph)| {
            view! { " "<Icon glyph/><span class="visually-hidden">{words}</span> }
        });
        view! {
            <li>
                <a class="chip" href=address(current.next(column)) aria-current=way.map(|_| "true")>{text}{way_shown}</a>
            </li>
        }
    });
    view! {
        <details class="sort-menu" id="sort-menu">
            <summary>"Sort by"</summary>
            <nav aria-label="Sort by"><ul class="chips">{links.collect_view()}</ul></nav>
        </details>
    }
    .into_any()
}

#[component]
fn Row(row: ApplicationRow) -> impl IntoView {
    let reference = row.application.application_reference.to_string();
    let property = row.application.property;
    // Shown on screens too narrow for these columns. The no-break space keeps the postcode on one line.
    let address = format!("{}, {}", property.name_or_number, property.postcode.to_string().replace(' ', "\u{a0}"));
    let on_one_line = match &row.application.applicant {
        Some(applicant) => format!("{applicant} · {address}"),
        None => address,
    };
    view! {
        <tr
            id=format!("row-{reference}")
            data-version=version(row.updated_at, row.status.key())
            data-news=format!("{reference}: {}", row.status)
        >
            <th scope="row" data-details=on_one_line>
                <a class="row-link" href=format!("/applications/{reference}")>{reference.clone()}</a>
            </th>
            <td class="words wide-enough"><bdi>{row.application.applicant.map_or_else(|| "–".to_owned(), String::from)}</bdi></td>
            <td class="words wide-enough">
                <bdi>{property.name_or_number.to_string()}</bdi> " "
                <span class="postcode">{property.postcode.to_string()}</span>
            </td>
            <td class="number wide">{money(row.application.loan_amount)}</td>
            <td class="number wide wider">{percent(row.loan_to_value)}</td>
            <td>
                <Status status=row.status/>
                {row.remark.map(|remark| view! { <span class="under reason">{remark}</span> })}
            </td>
            <td class="wide">{row.waiting.map(|item| view! { <Deadline item/> })}</td>
            <td class="wide wider quiet"><When at=row.updated_at style=TimeStyle::Relative/></td>
        </tr>
    }
    .into_any()
}

/// The value of a row's `data-version`. The client tints a row briefly when its version has changed.
pub fn version(at: time::OffsetDateTime, state: &str) -> String {
    format!("{}-{state}", milliseconds(at))
}

pub fn money(amount: Option<Money>) -> String {
    amount.map_or_else(|| "–".to_owned(), |amount| amount.to_string())
}

/// `75.80%`, or a dash for none.
pub fn percent(percent: Option<f64>) -> String {
    percent.map_or_else(|| "–".to_owned(), percent_in_words)
}
