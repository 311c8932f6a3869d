//! The API over real HTTP on a loopback listener, with small in-memory ports behind the gateway.

mod admin;
mod connections;
mod golden;
mod keys;
mod lookups;
mod openapi;
mod operation;
mod results;
mod routes;
mod support;
mod uploads;
