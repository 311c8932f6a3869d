//! The object store on a real S3 server.

mod conformance;
mod recorder;
mod secured;
