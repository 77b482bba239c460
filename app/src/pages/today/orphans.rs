//! Executions that failed before the desk had an application for them.

use leptos::prelude::*;

use crate::{
    components::{TimeStyle, When},
    desk::OrphanedExecution,
    pages::execution::execution_address,
};

#[component]
pub fn Orphans(orphans: Vec<OrphanedExecution>) -> impl IntoView {
    let rows = orphans.into_iter().map(|orphan| view! { <Row orphan/> }).collect_view();
    view! {
        <h3>"Executions without an application"</h3>
        <p class="under">"They were started in Step Functions, and failed before they became applications."</p>
        <div class="scroll">
            <table class="table orphans">
                <caption class="visually-hidden">"Failed executions without an application, newest first"</caption>
                <thead>
                    <tr>
                        <th scope="col">"Execution"</th>
                        <th scope="col">"Why it failed"</th>
                        <th scope="col" class="wide">"Failed"</th>
                        <th scope="col"><span class="visually-hidden">"Action"</span></th>
                    </tr>
                </thead>
                <tbody>{rows}</tbody>
            </table>
        </div>
    }
    .into_any()
}

#[component]
fn Row(orphan: OrphanedExecution) -> impl IntoView {
    let OrphanedExecution { state_machine, name, reference, failed_at, failure } = orphan;
    let href = execution_address(&state_machine, &name);
    let name = name.to_string();
    let (id, form) = (format!("orphan-{name}"), format!("dismiss-{name}"));
    let reference = reference.filter(|reference| *reference != name);
    let error = failure.error.unwrap_or_else(|| "No error name".to_owned());
    view! {
        <tr id=id data-version=name.clone() data-news=format!("The execution {name} failed")>
            <th class="words" scope="row">
                <a class="long-name target" href=href>{name.clone()}</a>
                {reference.map(|reference| view! { <span class="under">"for "<bdi>{reference}</bdi></span> })}
            </th>
            <td class="words">
                <code class="error-name">{error}</code>
                {failure.cause.map(|cause| view! { <span class="under reason">{cause}</span> })}
            </td>
            <td class="wide quiet"><When at=failed_at style=TimeStyle::Relative/></td>
            <td class="action">
                <form id=form action="/desk/dismiss-execution" method="post">
                    <input type="hidden" name="machine" value=state_machine.to_string()/>
                    <input type="hidden" name="name" value=name.clone()/>
                    <button class="button secondary small" type="submit">
                        "Dismiss"<span class="visually-hidden">" " {name.clone()}</span>
                    </button>
                </form>
            </td>
        </tr>
    }
    .into_any()
}
