//! The API over real HTTP on a loopback listener, with small in-memory ports behind the gateway.

mod admin;
mod archives;
mod batches;
mod callbacks;
mod cancelling;
mod connections;
mod dialect;
mod golden;
mod history;
mod keys;
mod lookups;
mod openapi;
mod operation;
mod parts;
mod results;
mod routes;
mod support;
mod uploads;
