//! Every address of the desk.

use axum::{Router, middleware::from_fn_with_state};

use crate::{
    api, callbacks,
    config::Config,
    export, health, mock_valuer,
    security::{self, OwnNames},
    services::{Addresses, Services},
    web,
};

/// Everything that the desk serves.
pub fn router(services: &Services, config: &Config, addresses: &Addresses) -> Router {
    let names = OwnNames::new(&addresses.public_url);
    let secure = addresses.public_url.scheme() == "https";
    let pages = web::Pages {
        desk: services.desk.clone(),
        sessions: services.sessions.clone(),
        secure,
        site_root: config.site_root.display().to_string(),
        names: names.clone(),
    };
    let csv = export::router(services.desk.clone(), services.clock.clone())
        .layer(web::visits(services.sessions.clone(), secure));
    // Callbacks and health checks are answered under any name: a valuer may reach the desk by another one, and a
    // monitor by its address.
    let mut machines = Router::new()
        .merge(api::applications(services.desk.clone()))
        .merge(services.live.clone().router())
        .merge(csv)
        .layer(from_fn_with_state(names, security::own_name))
        .merge(health::router(services.health.clone()))
        .merge(callbacks::router(services.callbacks.clone()))
        .merge(api::fallback());
    if config.valuation_service_url.is_none() {
        machines = machines.merge(mock_valuer::router(services.functions.mock_valuer.clone()));
    }
    web::around(web::machines(machines).fallback_service(pages.router()))
}
