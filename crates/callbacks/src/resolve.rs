use std::io;
use std::net::IpAddr;

use async_trait::async_trait;

/// Addresses of a name that are looked at; a name has no need of more.
const MAX_ADDRESSES: usize = 16;

/// Turns names into addresses.
#[async_trait]
pub trait Resolve: Send + Sync + 'static {
    /// The addresses of a host, in the order in which they are to be tried.
    ///
    /// # Errors
    /// When it has none.
    async fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>>;
}

/// The system's resolver.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemResolver;

#[async_trait]
impl Resolve for SystemResolver {
    async fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        let found = tokio::net::lookup_host((host, 0)).await?;
        Ok(found.take(MAX_ADDRESSES).map(|address| address.ip()).collect())
    }
}
