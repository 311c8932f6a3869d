//! A distributed installation: real Kafka, S3 and PostgreSQL, every role in a process of its own, and
//! the faults that such a thing has. After each, every acknowledged request has exactly one report.

mod client;
mod clocks;
mod doubled;
mod faults;
mod network;
mod roles;

use std::sync::{Mutex, MutexGuard, PoisonError};

use palisade_services::{Cluster, Node};

use crate::support::program;
use client::Client;

/// One installation at a time: two would share two processors.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One engine that makes children, one that looks at bytes, one that looks at records: every path that
/// a command can take. Further engines would share two processors.
const ENGINES: &str = "engines = [\"unpack\", \"reputation\", \"yara\"]";

/// Every role in a process of its own.
struct Installation {
    cluster: Cluster,
    gateway: Node,
    extractor: Node,
    aggregator: Node,
    unpack: Node,
    others: Node,
}

impl Installation {
    fn start(program: &std::path::Path) -> Self {
        Self::start_with(program, "")
    }

    /// With further settings.
    fn start_with(program: &std::path::Path, more: &str) -> Self {
        let mut cluster = Cluster::start(program, &format!("{ENGINES}\n{more}"));
        let gateway = cluster.serve("gateway,janitor");
        let unpack = cluster.engine(&["unpack"]);
        let others = cluster.engine(&["yara", "reputation"]);
        let extractor = cluster.serve("extractor");
        let aggregator = cluster.serve("aggregator");
        let installation = Self { cluster, gateway, extractor, aggregator, unpack, others };
        installation.client().wait_until_ready();
        installation
    }

    fn client(&self) -> Client {
        Client::new(self.gateway.address(), self.cluster.key(&self.gateway))
    }

    fn nodes(&mut self) -> [&mut Node; 5] {
        [
            &mut self.gateway,
            &mut self.extractor,
            &mut self.aggregator,
            &mut self.unpack,
            &mut self.others,
        ]
    }
}
