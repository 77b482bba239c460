//! Submits an application.

use leptos::prelude::*;

use super::{cannot_remember, whole_form};
use crate::{
    desk::{DeskError, Submission},
    forms::{Draft, FieldError, NEW_APPLICATION, NewApplicationForm},
    request,
    session::{Notice, VisitorSession},
};

#[server(prefix = "/desk", endpoint = "submit-application")]
pub async fn submit_application(#[server(flatten)] form: NewApplicationForm) -> Result<(), ServerFnError> {
    let session = VisitorSession::current();
    match submit(&form).await {
        Ok((path, notice)) => {
            // The application is stored, so a notice that cannot be stored is not an error.
            let _ = session
                .leave_notice(&Notice {
                    text: notice.to_owned(),
                    links: Vec::new(),
                    sent: Some(form.draft_in_browser()),
                })
                .await;
            request::see_other(&path);
        }
        Err(errors) => {
            let draft = Draft { typed: form.with_written_postcode(), errors };
            session.keep_draft(NEW_APPLICATION, &draft).await.map_err(cannot_remember)?;
            request::see_other("/applications/new");
        }
    }
    Ok(())
}

async fn submit(form: &NewApplicationForm) -> Result<(String, &'static str), Vec<FieldError>> {
    let (desk, by) = request::desk_and_actor().await.map_err(|error| whole_form(&error))?;
    let application = form.read()?;
    let path = format!("/applications/{}", application.application_reference);
    match desk.submit(&by, application).await {
        Ok(Submission::Started) => Ok((path, "Application submitted.")),
        Ok(Submission::AlreadyThere) => {
            Ok((path, "This application was already submitted, so nothing new was started."))
        }
        Err(DeskError::ReferenceTaken(reference)) => Err(vec![FieldError {
            field: "reference".to_owned(),
            message: format!(
                "An application with reference {reference} already exists with different details. Choose another \
                 reference, or leave it empty to get one generated"
            ),
        }]),
        Err(error) => Err(whole_form(&error)),
    }
}
