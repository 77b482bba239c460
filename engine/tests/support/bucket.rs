//! A substitute for S3 that stores objects, lists them in short pages, and can be told to fail or to wait.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{Path, Query, State},
    http::{Method, Response},
    routing::any,
};
use tokio::sync::watch;

/// The number of keys on a page.
const PAGE: usize = 2;

pub struct Bucket {
    pub url: String,
    objects: Arc<Objects>,
}

struct Objects {
    /// The objects by `bucket/key`.
    kept: Mutex<BTreeMap<String, String>>,
    /// The requests so far, for example `GET loans/a.json`.
    asked: Mutex<Vec<String>>,
    /// The prefix of requests to refuse.
    refused: Mutex<Option<String>>,
    open: watch::Sender<bool>,
}

impl Bucket {
    /// Listens on a free port, with these objects.
    pub async fn start(objects: &[(&str, &str)]) -> Self {
        let kept = objects.iter().map(|(key, body)| ((*key).to_owned(), (*body).to_owned())).collect();
        let objects = Arc::new(Objects {
            kept: Mutex::new(kept),
            asked: Mutex::default(),
            refused: Mutex::default(),
            open: watch::Sender::new(true),
        });
        let router = Router::new()
            .route("/{bucket}", any(answer))
            .route("/{bucket}/{*key}", any(answer))
            .layer(axum::extract::DefaultBodyLimit::disable())
            .with_state(objects.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, objects }
    }

    pub fn put(&self, key: &str, body: &str) {
        self.objects.kept.lock().expect("not poisoned").insert(key.to_owned(), body.to_owned());
    }

    pub fn get(&self, key: &str) -> Option<String> {
        self.objects.kept.lock().expect("not poisoned").get(key).cloned()
    }

    pub fn keys(&self) -> Vec<String> {
        self.objects.kept.lock().expect("not poisoned").keys().cloned().collect()
    }

    pub fn asked(&self) -> Vec<String> {
        self.objects.asked.lock().expect("not poisoned").clone()
    }

    /// Refuses requests that begin with `what`, until this is called again.
    pub fn refuses(&self, what: Option<&str>) {
        *self.objects.refused.lock().expect("not poisoned") = what.map(str::to_owned);
    }

    /// Whether requests are answered. If not, they wait.
    pub fn answers(&self, open: bool) {
        self.objects.open.send_replace(open);
    }
}

async fn answer(
    State(objects): State<Arc<Objects>>,
    method: Method,
    Path(path): Path<HashMap<String, String>>,
    Query(query): Query<HashMap<String, String>>,
    body: Bytes,
) -> Response<Body> {
    let bucket = &path["bucket"];
    let name = path.get("key").map_or_else(|| bucket.clone(), |key| format!("{bucket}/{key}"));
    let asked = format!("{method} {name}");
    objects.asked.lock().expect("not poisoned").push(asked.clone());
    let _ = objects.open.subscribe().wait_for(|open| *open).await;
    let with = |status: u16, body: String| {
        let response = Response::builder().status(status).header("x-amz-request-id", "request-1");
        response.body(Body::from(body)).expect("a response")
    };
    if objects.refused.lock().expect("not poisoned").as_ref().is_some_and(|refused| asked.starts_with(refused)) {
        return with(403, "<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>".to_owned());
    }
    let mut kept = objects.kept.lock().expect("not poisoned");
    if method == Method::PUT {
        kept.insert(name, String::from_utf8(body.to_vec()).expect("UTF-8"));
        return with(200, String::new());
    }
    if query.contains_key("list-type") {
        let prefix = format!("{bucket}/{}", query.get("prefix").map_or("", String::as_str));
        let after = query.get("continuation-token").cloned().unwrap_or_default();
        let found: Vec<_> =
            kept.iter().filter(|(key, _)| key.starts_with(&prefix) && **key > after).take(PAGE + 1).collect();
        let listed: String = found
            .iter()
            .take(PAGE)
            .map(|(key, body)| {
                format!(
                    "<Contents><Key>{}</Key><LastModified>2022-11-17T15:44:41.000Z</LastModified><ETag>&quot;e&quot;\
                     </ETag><Size>{}</Size><StorageClass>STANDARD</StorageClass></Contents>",
                    &key[bucket.len() + 1..],
                    body.len()
                )
            })
            .collect();
        let next = match found.get(PAGE) {
            Some(_) => format!("<NextContinuationToken>{}</NextContinuationToken>", found[PAGE - 1].0),
            None => String::new(),
        };
        let truncated = found.len() > PAGE;
        return with(
            200,
            format!("<ListBucketResult><IsTruncated>{truncated}</IsTruncated>{next}{listed}</ListBucketResult>"),
        );
    }
    match kept.get(&name) {
        Some(body) => with(200, body.clone()),
        None => with(
            404,
            "<Error><Code>NoSuchKey</Code><Message>The specified key does not exist.</Message></Error>".to_owned(),
        ),
    }
}
