//! Clients over HTTP or in-process.

use std::{io, net::SocketAddr};

use asl_engine::StepFunctions;
use serde_json::Value;

use super::{
    Failure,
    http::{Answer, Connection, read_answer},
};

/// The server that clients connect to.
#[derive(Clone)]
pub enum Server {
    Http(SocketAddr),
    Inside(StepFunctions),
}

pub enum Client {
    Http(Connection),
    Inside(StepFunctions),
}

impl Server {
    pub async fn client(&self) -> io::Result<Client> {
        Ok(match self {
            Self::Http(address) => Client::Http(Connection::open(*address).await?),
            Self::Inside(engine) => Client::Inside(engine.clone()),
        })
    }
}

impl Client {
    pub async fn ask(&mut self, operation: &str, request: &Value) -> io::Result<Answer> {
        let engine = match self {
            Self::Http(connection) => return connection.ask(operation, request).await,
            Self::Inside(engine) => engine,
        };
        let answer = engine.handle(operation, request.to_string().as_bytes()).await;
        read_answer(answer.status, &answer.body)
    }

    /// Sends a request that must succeed.
    pub async fn must(&mut self, operation: &str, request: &Value) -> Result<Value, Failure> {
        self.ask(operation, request).await?.map_err(|fault| format!("{operation}: {fault}").into())
    }
}
