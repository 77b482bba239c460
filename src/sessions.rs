//! Sessions: what the desk remembers about a browser between requests.

use aws_sdk_dynamodb::operation::put_item::builders::PutItemFluentBuilder;
use axum::{
    extract::{Request, State},
    middleware::Next,
    response::Response,
};
use time::OffsetDateTime;
use tower_sessions::{
    Expiry, Session, SessionManagerLayer, SessionStore,
    cookie::SameSite,
    session::{Id, Record},
    session_store::{Error, Result},
};

use crate::{
    aws::{Aws, AwsError},
    clock::Clock,
    item::{Read, number, text},
    tables::Table,
};

pub const TABLE: Table = Table {
    name: "loan-desk-sessions",
    key: "id",
    indexes: &[],
    retired_indexes: &[],
    time_to_live: Some("expiresAt"),
};

/// The lifetime of a session after its last use.
const LIFETIME: time::Duration = time::Duration::hours(12);

/// The precision of the last use, which limits how often it is written.
const PRECISION: time::Duration = time::Duration::minutes(10);

/// The key of the last use, in seconds since the epoch.
const LAST_USE: &str = "used";

/// The number of ids that are tried. With 128 random bits the first is practically always free.
const ATTEMPTS: usize = 3;

#[derive(Debug, Clone)]
pub struct Sessions {
    aws: Aws,
}

impl Sessions {
    pub fn new(aws: Aws) -> Self {
        Self { aws }
    }

    /// The layer that attaches sessions to requests. `secure` means that the desk is reached only by https.
    pub fn layer(self, secure: bool) -> SessionManagerLayer<Self> {
        SessionManagerLayer::new(self)
            .with_name("visit")
            .with_http_only(true)
            .with_same_site(SameSite::Lax)
            .with_secure(secure)
            .with_expiry(Expiry::OnInactivity(LIFETIME))
    }

    fn put(&self, record: &Record) -> Result<PutItemFluentBuilder> {
        let data = serde_json::to_string(&record.data).map_err(|error| Error::Encode(error.to_string()))?;
        let put = self.aws.dynamodb.put_item().table_name(TABLE.name);
        Ok(put
            .item(TABLE.key, text(record.id.to_string()))
            .item("data", text(data))
            .item("expiresAt", number((self.aws.clock.now() + LIFETIME).unix_timestamp())))
    }
}

/// Records that a session is used. A session expires [`LIFETIME`] after it was last written, and it is written only
/// when it changes, so without this it would expire during a day's work. Requests that an open page makes by itself do
/// not count.
pub async fn record_use(State(clock): State<Clock>, request: Request, next: Next) -> Response {
    if let Some(session) = request.extensions().get::<Session>()
        && !app::is_unseen(request.headers())
        && let Err(error) = renew(session, clock.now()).await
    {
        // The store has logged the cause. Pages work without a session.
        tracing::debug!(%error, "cannot extend a session");
    }
    next.run(request).await
}

async fn renew(session: &Session, now: OffsetDateTime) -> std::result::Result<(), tower_sessions::session::Error> {
    // Do not set a cookie for visitors without session data.
    if session.id().is_none() || session.is_empty().await {
        return Ok(());
    }
    let last_use = session.get::<i64>(LAST_USE).await?.unwrap_or_default();
    if now.unix_timestamp() - last_use >= PRECISION.whole_seconds() {
        session.insert(LAST_USE, now.unix_timestamp()).await?;
    }
    Ok(())
}

/// Logs an error of the backend. The session layer and its callers only pass the error on.
fn backend(error: impl Into<AwsError>) -> Error {
    let error = error.into();
    tracing::error!(%error, "cannot read or write a session");
    Error::Backend(error.to_string())
}

fn corrupt(error: impl std::fmt::Display) -> Error {
    tracing::error!(%error, "cannot read a session");
    Error::Decode(error.to_string())
}

#[async_trait::async_trait]
impl SessionStore for Sessions {
    async fn create(&self, record: &mut Record) -> Result<()> {
        for _ in 0..ATTEMPTS {
            let put = self.put(record)?.condition_expression("attribute_not_exists(id)");
            match put.send().await.map_err(AwsError::from) {
                Ok(_) => return Ok(()),
                Err(error) if error.is_condition() => record.id = Id::default(),
                Err(error) => return Err(backend(error)),
            }
        }
        Err(Error::Backend("no free session id".to_owned()))
    }

    async fn save(&self, record: &Record) -> Result<()> {
        self.put(record)?.send().await.map_err(backend)?;
        Ok(())
    }

    async fn load(&self, id: &Id) -> Result<Option<Record>> {
        let answer = self.aws.dynamodb.get_item().table_name(TABLE.name).key(TABLE.key, text(id.to_string()));
        let Some(item) = answer.consistent_read(true).send().await.map_err(backend)?.item else { return Ok(None) };
        let expires = item.number("expiresAt").unwrap_or_default() as i64;
        let expiry_date = OffsetDateTime::from_unix_timestamp(expires).map_err(corrupt)?;
        // The table deletes expired items with a delay.
        if expiry_date <= self.aws.clock.now() {
            return Ok(None);
        }
        let data = item.text("data").unwrap_or_default();
        let data = serde_json::from_str(data).map_err(corrupt)?;
        Ok(Some(Record { id: *id, data, expiry_date }))
    }

    async fn delete(&self, id: &Id) -> Result<()> {
        let delete = self.aws.dynamodb.delete_item().table_name(TABLE.name).key(TABLE.key, text(id.to_string()));
        delete.send().await.map_err(backend)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use axum::{
        Router,
        body::{Body, to_bytes},
        http::header,
        middleware::from_fn_with_state,
        routing::get,
    };
    use time::macros::datetime;
    use tower::ServiceExt;

    use super::*;
    use crate::{aws::Embedded, deploy};

    /// A clock that moves only when a test sets it.
    struct ManualClock(Mutex<OffsetDateTime>);

    #[async_trait::async_trait]
    impl asl_engine::Clock for ManualClock {
        fn now(&self) -> OffsetDateTime {
            *self.0.lock().unwrap()
        }

        async fn sleep_until(&self, _: OffsetDateTime) {
            std::future::pending().await
        }
    }

    /// A router that stores a name in the session and returns it.
    async fn desk(clock: Clock) -> (tempfile::TempDir, Arc<Embedded>, Router) {
        let folder = tempfile::tempdir().unwrap();
        let embedded = Embedded::open(folder.path(), clock.clone()).unwrap();
        let aws = Aws::inside(&embedded, "eu-west-2");
        deploy::create_tables(&aws).await.unwrap();
        let remember = |session: Session| async move { session.insert("name", "Ada").await.unwrap() };
        let tell = |session: Session| async move { session.get::<String>("name").await.unwrap().unwrap_or_default() };
        let router = Router::new()
            .route("/remember", get(remember))
            .route("/tell", get(tell))
            .layer(from_fn_with_state(clock, record_use))
            .layer(Sessions::new(aws).layer(true));
        (folder, embedded, router)
    }

    async fn ask(router: &Router, path: &str, cookie: &str, refreshes: bool) -> (String, Option<String>) {
        let mut request = Request::get(path).header(header::COOKIE, cookie);
        if refreshes {
            request = request.header("desk-refresh", "1");
        }
        let answer = router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        let cookie = answer.headers().get(header::SET_COOKIE).map(|cookie| cookie.to_str().unwrap().to_owned());
        let body = to_bytes(answer.into_body(), 1024).await.unwrap();
        (String::from_utf8_lossy(&body).into_owned(), cookie)
    }

    #[tokio::test]
    async fn a_session_expires_twelve_hours_after_its_last_use() {
        let time = Arc::new(ManualClock(Mutex::new(datetime!(2026-11-22 8:00 UTC))));
        let later = |duration: time::Duration| *time.0.lock().unwrap() += duration;
        let (_folder, _embedded, router) = desk(Clock::new(time.clone())).await;
        let cookie = ask(&router, "/remember", "", false).await.1.expect("a cookie");
        assert!(cookie.contains("Max-Age=43200"), "{cookie}");
        let cookie = cookie.split(';').next().unwrap();

        for _ in 0..3 {
            later(time::Duration::hours(11));
            let (told, renewed) = ask(&router, "/tell", cookie, false).await;
            assert_eq!(told, "Ada");
            assert!(
                renewed.is_some_and(|renewed| renewed.contains("Max-Age=43200")),
                "the cookie has the same lifetime"
            );
        }
        assert_eq!(ask(&router, "/tell", cookie, false).await.1, None, "not written again within ten minutes");
        later(time::Duration::hours(11));
        assert_eq!(ask(&router, "/tell", cookie, true).await, ("Ada".to_owned(), None), "a refresh by the page itself");
        later(time::Duration::hours(1));
        assert_eq!(ask(&router, "/tell", cookie, false).await.0, "");
    }

    #[tokio::test]
    async fn viewing_a_page_sets_no_cookie() {
        let clock = Clock::new(Arc::new(ManualClock(Mutex::new(datetime!(2026-11-22 8:00 UTC)))));
        let (_folder, _embedded, router) = desk(clock).await;
        assert_eq!(ask(&router, "/tell", "", false).await, (String::new(), None));
    }
}
