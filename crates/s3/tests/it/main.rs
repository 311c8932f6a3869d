//! The object store on a real S3 server.

mod conformance;
