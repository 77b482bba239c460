//! What the desk keeps in a visitor's session between pages: their name, a rejected form, and one notice.

use axum::http::request::Parts;
use leptos::prelude::*;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use tower_sessions::Session;

use crate::{
    desk::{Actor, DeskError, Person},
    forms::Draft,
    unseen,
};

const NAME: &str = "name";
const NOTICE: &str = "notice";

/// A message for the next page: what has just been done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    pub text: String,
    /// What could be done next.
    pub links: Vec<Link>,
    /// The draft in the browser that is not needed any more, because the desk has what was typed.
    #[serde(default)]
    pub sent: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    pub href: String,
    pub text: String,
}

/// The actor of a request, from the session among its extensions.
pub async fn actor(request: &Parts) -> Actor {
    VisitorSession(request.extensions.get::<Session>().cloned()).actor().await
}

/// A visitor's session. Reads return `None` if there is no session or it cannot be read.
#[derive(Debug, Clone)]
pub struct VisitorSession(Option<Session>);

impl VisitorSession {
    /// The session of the current request.
    pub fn current() -> Self {
        Self(use_context::<Parts>().and_then(|parts| parts.extensions.get::<Session>().cloned()))
    }

    /// The name that the visitor last gave.
    pub async fn name(&self) -> Option<String> {
        let session = self.0.as_ref()?;
        session.get(NAME).await.unwrap_or_else(|error| {
            log(&error);
            None
        })
    }

    /// The visitor as the [`Actor`] of calls to the desk.
    pub async fn actor(&self) -> Actor {
        let person = self.name().await.as_deref().and_then(Person::named);
        person.map_or(Actor::Visitor, Actor::Person)
    }

    pub async fn remember_name(&self, name: &str) -> Result<(), DeskError> {
        self.keep(NAME, name).await
    }

    /// Keeps a rejected form until its page has shown it again.
    pub async fn keep_draft<F: Serialize>(&self, form: &str, draft: &Draft<F>) -> Result<(), DeskError> {
        self.keep(&draft_key(form), draft).await
    }

    pub async fn take_draft<F: DeserializeOwned>(&self, form: &str) -> Option<Draft<F>> {
        self.take(&draft_key(form)).await
    }

    pub async fn leave_notice(&self, notice: &Notice) -> Result<(), DeskError> {
        self.keep(NOTICE, notice).await
    }

    pub async fn take_notice(&self) -> Option<Notice> {
        self.take(NOTICE).await
    }

    async fn keep<T: Serialize + ?Sized>(&self, key: &str, value: &T) -> Result<(), DeskError> {
        let session = self.0.as_ref().ok_or(DeskError::Unavailable)?;
        session.insert(key, value).await.map_err(|error| {
            log(&error);
            DeskError::Unavailable
        })
    }

    /// Removes and returns a value. Does nothing for a request whose response may not be seen.
    async fn take<T: DeserializeOwned>(&self, key: &str) -> Option<T> {
        let session = self.0.as_ref().filter(|_| !unseen::is_answered_unseen())?;
        session.remove(key).await.unwrap_or_else(|error| {
            log(&error);
            None
        })
    }
}

fn draft_key(form: &str) -> String {
    format!("draft:{form}")
}

/// Logs errors of (de)serialization only: the session store logs its own failures.
fn log(error: &tower_sessions::session::Error) {
    if let tower_sessions::session::Error::SerdeJson(error) = error {
        tracing::error!(%error, "session data could not be read");
    }
}
