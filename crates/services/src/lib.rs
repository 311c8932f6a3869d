//! Dev only: real servers for tests and benches, each in a directory of its own, on free ports of the
//! loopback, gone when the handle is dropped.
//!
//! What they are made of is installed by `cargo xtask` ([`home`]): Kafka's jars, an S3 server;
//! PostgreSQL is Debian's, and so are Docker, what containers and virtual machines run, and their
//! kernels ([`Rootfs`], [`Kernel`]), which are made at first use. Every call blocks.

mod authority;
mod cluster;
mod disk;
mod docker;
mod kafka;
mod machine;
mod network;
mod postgres;
mod process;
mod rootfs;
mod s3;
mod shared;
mod shift;
mod tool;

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};

pub use authority::{Authority, Identity};
pub use cluster::{Cluster, Node, Servers};
pub use disk::SmallDisk;
pub use docker::{Bridge, Container, ContainerNetwork, Daemon, Docker, Image, Mount, Options};
pub use kafka::{Kafka, Listener};
pub use machine::{Kernel, Machine, Transcript};
pub use network::Network;
pub use postgres::Postgres;
pub use rootfs::Rootfs;
pub use s3::S3;
pub use shared::Shared;
pub use shift::Shift;

/// Where `cargo xtask` installs what servers are made of: `PALISADE_SERVICES`, or `services` in the
/// target directory.
pub fn home() -> PathBuf {
    if let Some(home) = std::env::var_os("PALISADE_SERVICES") {
        return home.into();
    }
    let target = std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target"), PathBuf::from);
    let home = target.join("services");
    home.canonicalize().unwrap_or(home)
}

/// A port of the loopback that is free now.
///
/// # Panics
/// When there is none.
pub fn free_address() -> SocketAddr {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|listener| listener.local_addr())
        .expect("a free port of the loopback")
}

fn free_port() -> u16 {
    free_address().port()
}

/// What is missing, and how to get it.
fn missing(path: &Path) -> String {
    format!("{} is not there: run `cargo xtask services`", path.display())
}
