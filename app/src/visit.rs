//! What the desk remembers of a visit between one page and the next, in the visitor's session: their name, a form that
//! was not accepted, and one notice.

use axum::http::request::Parts;
use leptos::prelude::*;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use tower_sessions::Session;

use crate::{
    desk::{Actor, DeskError, Person},
    forms::Draft,
    request,
};

const NAME: &str = "name";
const NOTICE: &str = "notice";

/// One sentence for the next page: what has just been done, and what could be done next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    pub text: String,
    pub next: Option<Link>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    pub href: String,
    pub text: String,
}

/// Who sends a request: the person whose session the server found among the request's extensions.
pub async fn actor(request: &Parts) -> Actor {
    Visit(request.extensions.get::<Session>().cloned()).actor().await
}

/// A visitor's session. Reading is forgiving: without a session there is simply nothing remembered.
#[derive(Debug, Clone)]
pub struct Visit(Option<Session>);

impl Visit {
    /// The session of the request that is being answered.
    pub fn current() -> Self {
        Self(use_context::<Parts>().and_then(|parts| parts.extensions.get::<Session>().cloned()))
    }

    /// Who this is, as they last said. A signed-in person's name will stand here.
    pub async fn name(&self) -> Option<String> {
        let session = self.0.as_ref()?;
        session.get(NAME).await.unwrap_or_else(|error| {
            log(&error);
            None
        })
    }

    /// Who this is to the desk.
    pub async fn actor(&self) -> Actor {
        let person = self.name().await.as_deref().and_then(Person::named);
        person.map_or(Actor::Visitor, Actor::Person)
    }

    pub async fn remember_name(&self, name: &str) -> Result<(), DeskError> {
        self.keep(NAME, name).await
    }

    /// Keeps a form that was not accepted until its page has shown it once more.
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

    /// What is taken is gone, except when nobody may see it: then it is not taken at all.
    async fn take<T: DeserializeOwned>(&self, key: &str) -> Option<T> {
        let session = self.0.as_ref().filter(|_| !request::is_answered_unseen())?;
        session.remove(key).await.unwrap_or_else(|error| {
            log(&error);
            None
        })
    }
}

fn draft_key(form: &str) -> String {
    format!("draft:{form}")
}

/// Whatever keeps sessions has logged its own failures.
fn log(error: &tower_sessions::session::Error) {
    if let tower_sessions::session::Error::SerdeJson(error) = error {
        tracing::error!(%error, "what a visit remembers could not be read");
    }
}
