//! Services that are not embedded: Lambda, SQS, SNS, EventBridge and S3 at addresses of their own, say those of
//! `sam local start-lambda` and of local emulators, each spoken to in its own protocol.
//!
//! Requests carry the form of a signature, with the service and the region in it, but are not signed: the real AWS
//! would refuse them.
//!
//! # Examples
//! ```
//! use asl_engine::endpoints::{EndpointUrls, Endpoints};
//!
//! let urls = EndpointUrls { sqs: Some("http://127.0.0.1:9324".parse()?), ..EndpointUrls::default() };
//! let endpoints = Endpoints::new(urls, "eu-west-2");
//! assert_eq!(endpoints.unavailable("sqs", "sendMessage"), None);
//! assert_eq!(endpoints.unavailable("sns", "publish").as_deref(), Some("SNS needs --sns-endpoint"));
//! # Ok::<(), asl_engine::endpoints::NotAnEndpoint>(())
//! ```

mod aws_json;
mod events;
mod http;
mod lambda;
mod s3;
mod service;
mod sns;
mod sqs;
mod xml;

use std::{str::FromStr, sync::Arc, time::Duration};

use ::http::Uri;
use async_trait::async_trait;

use self::{
    http::Http,
    service::{Kind, Service},
};
use crate::{FunctionError, Integrations, Invocation, Invoked, ServiceAnswer, ServiceCall, ServiceError};

/// The URL of a service: `http://host:port`, optionally with a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Without a trailing slash.
    base: String,
}

/// The error for a text that is not the URL of a service.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}; write it like http://127.0.0.1:3001")]
pub struct NotAnEndpoint(String);

impl FromStr for Endpoint {
    type Err = NotAnEndpoint;

    fn from_str(text: &str) -> Result<Self, NotAnEndpoint> {
        let wrong = |why: &str| NotAnEndpoint(why.to_owned());
        let uri: Uri = text.parse().map_err(|_| wrong("not an address"))?;
        match (uri.scheme_str(), uri.authority()) {
            (Some("http"), Some(authority)) if authority.as_str().contains('@') => {
                Err(wrong("it can't contain a user name or a password"))
            }
            (Some("http"), Some(_)) if uri.query().is_some() => Err(wrong("it can't have a query")),
            (Some("http"), Some(_)) => Ok(Self { base: text.trim_end_matches('/').to_owned() }),
            (Some("https"), _) => Err(wrong("requests are not signed, so only local services answer them, over http")),
            _ => Err(wrong("it must begin with http://")),
        }
    }
}

/// The URLs of the services that are available.
#[derive(Debug, Clone, Default)]
pub struct EndpointUrls {
    pub lambda: Option<Endpoint>,
    pub sqs: Option<Endpoint>,
    pub sns: Option<Endpoint>,
    pub events: Option<Endpoint>,
    pub s3: Option<Endpoint>,
}

/// The timeout for a service's answer. SQS can take 20 seconds when a queue is empty.
const SERVICE_TIMEOUT: Duration = Duration::from_secs(60);
/// The timeout for a function's answer. Lambda allows 15 minutes.
const FUNCTION_TIMEOUT: Duration = Duration::from_secs(15 * 60 + 5);

/// Services at their endpoints, for Task states to call. It can be the only [`Integrations`] of an engine, or your own
/// implementation can delegate to it.
pub struct Endpoints {
    lambda: Option<Service>,
    sqs: Option<Service>,
    sns: Option<Service>,
    events: Option<Service>,
    s3: Option<Service>,
}

impl Endpoints {
    /// `region` is the region that requests are signed for.
    #[must_use]
    pub fn new(urls: EndpointUrls, region: &str) -> Self {
        Self::with_timeouts(urls, region, SERVICE_TIMEOUT, FUNCTION_TIMEOUT)
    }

    /// Like [`Self::new`], with other timeouts for the answers of services and functions.
    #[must_use]
    pub fn with_timeouts(urls: EndpointUrls, region: &str, services: Duration, functions: Duration) -> Self {
        let http = Arc::new(Http::new(region));
        let service = |kind, endpoint: Option<Endpoint>, timeout| {
            endpoint.map(|endpoint| Service::new(kind, http.clone(), endpoint.base, timeout))
        };
        Self {
            lambda: service(&lambda::KIND, urls.lambda, functions),
            sqs: service(&sqs::KIND, urls.sqs, services),
            sns: service(&sns::KIND, urls.sns, services),
            events: service(&events::KIND, urls.events, services),
            s3: service(&s3::KIND, urls.s3, services),
        }
    }

    /// See [`Integrations::unavailable`].
    #[must_use]
    pub fn unavailable(&self, service: &str, action: &str) -> Option<String> {
        let Some((kind, configured)) = self.find(service) else {
            return Some(format!("{service} is not supported, and can't have an endpoint"));
        };
        if configured.is_none() {
            return Some(format!("{} needs {}", kind.name, kind.flag));
        }
        if !kind.actions.contains(&action) {
            return Some(format!("the supported actions of {} are {}", kind.name, kind.actions.join(", ")));
        }
        None
    }

    fn find(&self, service: &str) -> Option<(&'static Kind, Option<&Service>)> {
        let (kind, configured) = match service {
            "lambda" => (&lambda::KIND, &self.lambda),
            "sqs" => (&sqs::KIND, &self.sqs),
            "sns" => (&sns::KIND, &self.sns),
            "events" | "eventbridge" => (&events::KIND, &self.events),
            "s3" => (&s3::KIND, &self.s3),
            _ => return None,
        };
        Some((kind, configured.as_ref()))
    }
}

#[async_trait]
impl Integrations for Endpoints {
    async fn invoke_function(&self, invocation: Invocation) -> Result<Invoked, FunctionError> {
        match &self.lambda {
            Some(lambda) => lambda::invoke(lambda, invocation).await,
            None => Err(FunctionError::NotFound(invocation.function)),
        }
    }

    async fn call_service(&self, call: ServiceCall) -> Result<ServiceAnswer, ServiceError> {
        let ServiceCall { service, action, parameters, .. } = call;
        if let Some(reason) = self.unavailable(&service, &action) {
            return Err(ServiceError::new("States.Runtime", reason));
        }
        match (service.as_str(), self.find(&service)) {
            ("lambda", Some((_, Some(lambda)))) => lambda::call(lambda, &action, parameters).await,
            ("sqs", Some((_, Some(sqs)))) => sqs::call(sqs, &action, parameters).await,
            ("sns", Some((_, Some(sns)))) => sns::call(sns, &action, parameters).await,
            ("s3", Some((_, Some(s3)))) => s3::call(s3, &action, parameters).await,
            (_, Some((_, Some(events)))) => events::call(events, &action, parameters).await,
            (_, _) => Err(ServiceError::new("States.Runtime", service)),
        }
    }

    async fn read_object(&self, call: ServiceCall) -> Result<ServiceAnswer, ServiceError> {
        match &self.s3 {
            Some(s3) => s3::read_object(s3, &call.parameters).await,
            None => self.call_service(call).await,
        }
    }

    fn unavailable(&self, service: &str, action: &str) -> Option<String> {
        Self::unavailable(self, service, action)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_an_address_over_http() {
        for good in ["http://127.0.0.1:3001", "http://localhost:4566/", "http://[::1]:9324/sqs"] {
            assert!(good.parse::<Endpoint>().is_ok(), "{good}");
        }
        for bad in ["", "127.0.0.1:3001", "localhost", "https://sqs.local", "http://a:b@c", "http://a/?b=c", "ftp://a"]
        {
            let refused = bad.parse::<Endpoint>().expect_err(bad).to_string();
            assert!(refused.ends_with("write it like http://127.0.0.1:3001"), "{refused}");
        }
    }

    #[test]
    fn unavailable_services_are_reported_by_name() {
        let urls = EndpointUrls { sqs: "http://127.0.0.1:1".parse().ok(), ..EndpointUrls::default() };
        let endpoints = Endpoints::new(urls, "eu-west-2");
        let reason = |service, action| endpoints.unavailable(service, action).unwrap_or_default();
        assert_eq!(reason("events", "putEvents"), "EventBridge needs --events-endpoint");
        assert_eq!(reason("dynamodb", "putItem"), "dynamodb is not supported, and can't have an endpoint");
        assert!(reason("sqs", "listMessageMoveTasks").starts_with("the supported actions of SQS are sendMessage, "));
    }
}
