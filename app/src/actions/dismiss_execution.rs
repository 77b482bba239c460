//! Takes a failed execution without an application off Today.

use axum::http::StatusCode;
use leptos::prelude::*;

use crate::{
    desk::{DeskError, StepFunctionsName},
    request,
    session::{Notice, VisitorSession},
};

#[server(prefix = "/desk", endpoint = "dismiss-execution")]
pub async fn dismiss_execution(
    #[server(default)] machine: String,
    #[server(default)] name: String,
) -> Result<(), ServerFnError> {
    let session = VisitorSession::current();
    match dismiss(&machine, &name).await {
        Ok(name) => {
            let text = format!("The execution {name} is dismissed. It stays in Workflows.");
            let notice = Notice { text, links: Vec::new(), sent: None };
            // It is dismissed, so a notice that cannot be stored is not an error.
            let _ = session.leave_notice(&notice).await;
            request::see_other("/");
            Ok(())
        }
        Err(error) => {
            request::set_status(StatusCode::SERVICE_UNAVAILABLE);
            Err(ServerFnError::ServerError(error.to_string()))
        }
    }
}

async fn dismiss(machine: &str, name: &str) -> Result<StepFunctionsName, DeskError> {
    let (desk, by) = request::desk_and_actor().await?;
    let read = |name: &str| name.parse().map_err(|_| DeskError::NotFound);
    let (machine, name): (StepFunctionsName, StepFunctionsName) = (read(machine)?, read(name)?);
    desk.dismiss_execution(&by, &machine, &name).await?;
    Ok(name)
}
