//! Metalith over HTTP: the API, the page, and what runs in the background.
//!
//! This is a door: it parses a request, calls the crates below and prints what they say. What
//! blocks a deletion, what goes with what, and in which words that is told, is decided there; here
//! a [`Kind`](metalith_base::Kind) of failure becomes a status.
//!
//! Without tokens the server speaks only to this machine, and takes everybody on it for the same
//! person. On any other address there must be tokens.
#![expect(unused_qualifications, reason = "the macros of utoipa write whole paths")]

mod api;
mod app;
mod auth;
mod background;
mod changes;
mod error;
mod metrics;
mod middleware;
mod ongoing;
mod openapi;
mod page;
mod problem;
mod replay;
mod serve;
mod wire;

pub use crate::{
    error::ServerError,
    openapi::document as openapi,
    serve::{Limits, Running, Settings, start},
};
