//! The routes of the desk.

use axum::{Router, middleware::from_fn_with_state};

use crate::{
    api, callbacks,
    config::Config,
    export,
    limits::{self, StreamLimit},
    mock_valuer,
    security::{self, OwnNames},
    services::{Addresses, Services},
    web,
};

/// The maximum number of open pages that listen for changes. Each uses a connection and a few kilobytes.
const STREAMS: usize = 2_000;

/// The router of the whole desk.
pub fn router(services: &Services, config: &Config, addresses: &Addresses) -> Router {
    let names = OwnNames::new(&addresses.public_url);
    let secure = addresses.public_url.scheme() == "https";
    let pages = web::Pages {
        clock: services.clock.clone(),
        desk: services.desk.clone(),
        sessions: services.sessions.clone(),
        secure,
        site_root: config.site_root.display().to_string(),
        names: names.clone(),
    };
    let csv =
        export::router(services.desk.clone(), services.clock.clone()).layer(services.sessions.clone().layer(secure));
    let streams = StreamLimit::new(STREAMS);
    let events = services.live.clone().router().layer(from_fn_with_state(streams, limits::limit_streams));
    // Callbacks and health checks are accepted with any host name, because a valuer may use another name and a monitor
    // the IP address.
    let mut machines = Router::new()
        .merge(api::applications(services.desk.clone(), services.clock.clone()))
        .merge(events)
        .merge(csv)
        .layer(from_fn_with_state(names, security::own_name))
        .merge(services.health.clone().router())
        .merge(callbacks::router(services.callbacks.clone()))
        .merge(api::fallback());
    if config.valuation_service_url.is_none() {
        machines = machines.merge(mock_valuer::router(services.functions.mock_valuer.clone()));
    }
    web::around(web::machines(machines).fallback_service(pages.router()), secure)
}
