//! Outside scanners: the real ones where they can run, and lying ones.

mod clamd;
mod clamd_lies;
mod command;
mod http;
mod http_lies;
mod support;
