//! The courier: takes a message to a receiver outside.

use std::fmt;

use async_trait::async_trait;
use bytes::Bytes;
use palisade_model::UnixMillis;

/// The longest URL that is called, in bytes.
pub const MAX_URL_BYTES: usize = 2_048;

/// Why a URL cannot be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// Longer than [`MAX_URL_BYTES`].
    #[error("it is longer than {MAX_URL_BYTES} bytes")]
    TooLong,
    /// Neither `http://` nor `https://`.
    #[error("it does not begin with http:// or https://")]
    Scheme,
    /// A name and a password, or only one of them, before the host.
    #[error("it holds a user name: use a secret path or query instead")]
    UserInfo,
    /// No host, or no port where there is a colon.
    #[error("its host or port cannot be read")]
    Host,
    /// A character that must be percent-encoded.
    #[error("it holds a character that must be percent-encoded, or punycode in a host name")]
    Character,
}

/// Where a message goes: a URL that was taken apart (RFC 3986, section 3; RFC 9110, section 4.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Whether it is `https`.
    pub https: bool,
    /// A name, or an address without brackets.
    pub host: String,
    /// The port; 80 or 443 when the URL names none.
    pub port: u16,
    /// The host and port as they go into the header `Host`.
    pub authority: String,
    /// Path and query, beginning with `/`. A fragment is never sent.
    pub path: String,
}

impl Target {
    /// Takes a URL apart.
    ///
    /// # Errors
    /// [`TargetError`].
    pub fn parse(url: &str) -> Result<Self, TargetError> {
        if url.len() > MAX_URL_BYTES {
            return Err(TargetError::TooLong);
        }
        let scheme = |name: &str| {
            let head = url.get(..name.len())?;
            head.eq_ignore_ascii_case(name).then(|| url.get(name.len()..)).flatten()
        };
        let (https, rest) = match (scheme("https://"), scheme("http://")) {
            (Some(rest), _) => (true, rest),
            (None, Some(rest)) => (false, rest),
            (None, None) => return Err(TargetError::Scheme),
        };
        let forbidden = |c: char| !c.is_ascii_graphic() || "\"<>\\^`{|}".contains(c);
        if rest.contains(forbidden) {
            return Err(TargetError::Character);
        }
        let rest = rest.split('#').next().unwrap_or_default();
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at_checked(end).ok_or(TargetError::Host)?;
        if authority.contains('@') {
            return Err(TargetError::UserInfo);
        }
        let (host, port) = split_port(authority).ok_or(TargetError::Host)?;
        let port = match port {
            "" => {
                if https {
                    443
                } else {
                    80
                }
            }
            digits if digits.bytes().all(|c| c.is_ascii_digit()) => {
                digits.parse().ok().filter(|port| *port != 0).ok_or(TargetError::Host)?
            }
            _ => return Err(TargetError::Host),
        };
        let fit = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | ':');
        if host.is_empty() || !host.chars().all(fit) {
            return Err(TargetError::Host);
        }
        Ok(Self {
            https,
            host: host.to_ascii_lowercase(),
            port,
            authority: authority.to_ascii_lowercase(),
            path: if path.starts_with('/') { path.to_owned() } else { format!("/{path}") },
        })
    }
}

/// Host and port, the port empty when there is none.
fn split_port(authority: &str) -> Option<(&str, &str)> {
    if let Some(rest) = authority.strip_prefix('[') {
        let (host, rest) = rest.split_once(']')?;
        let port = match rest {
            "" => "",
            rest => rest.strip_prefix(':').filter(|port| !port.is_empty())?,
        };
        host.contains(':').then_some((host, port))
    } else {
        match authority.split_once(':') {
            None => Some((authority, "")),
            Some((host, port)) => (!port.is_empty()).then_some((host, port)),
        }
    }
}

impl fmt::Display for Target {
    /// Without path and query, which may hold a secret: for logs.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}://{}", if self.https { "https" } else { "http" }, self.authority)
    }
}

/// What is taken to a receiver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Where.
    pub target: Target,
    /// The same for every try of the same message: a receiver knows repeats by it.
    pub id: String,
    /// When this try is made.
    pub time: UnixMillis,
    /// JSON.
    pub body: Bytes,
}

/// A message that was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CourierError {
    /// It must not go there, now or later.
    #[error("not allowed: {0}")]
    Forbidden(String),
    /// No answer: another try may have one.
    #[error("{0}")]
    NoAnswer(String),
}

/// Takes messages out.
///
/// Laws:
/// 1. It connects to no address that its settings do not allow, whatever name leads there and however
///    often that name changes its mind.
/// 2. It follows no redirect.
/// 3. It signs every message, and answers within a bounded time after reading a bounded answer.
#[async_trait]
pub trait Courier: Send + Sync + 'static {
    /// Takes one message; returns the HTTP status of the answer.
    ///
    /// # Errors
    /// [`CourierError`].
    async fn send(&self, message: &Message) -> Result<u16, CourierError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_taken_apart() {
        for (url, https, host, port, authority, path) in [
            ("http://a.example", false, "a.example", 80, "a.example", "/"),
            ("HTTPS://A.example:8443/x?y=1#z", true, "a.example", 8443, "a.example:8443", "/x?y=1"),
            ("https://a?b", true, "a", 443, "a", "/?b"),
            ("http://[2001:db8::1]:81/", false, "2001:db8::1", 81, "[2001:db8::1]:81", "/"),
            ("http://[::1]", false, "::1", 80, "[::1]", "/"),
        ] {
            let target = Target::parse(url).unwrap();
            assert_eq!((target.https, target.port), (https, port), "{url}");
            assert_eq!(
                (target.host.as_str(), target.authority.as_str(), target.path.as_str()),
                (host, authority, path)
            );
        }
        let secret = Target::parse("https://a.example/secret?token=1").unwrap();
        assert_eq!(secret.to_string(), "https://a.example");
    }

    #[test]
    fn what_is_no_url_is_refused() {
        let long = format!("http://a/{}", "x".repeat(MAX_URL_BYTES));
        for (url, error) in [
            ("ftp://a", TargetError::Scheme),
            ("a.example", TargetError::Scheme),
            ("", TargetError::Scheme),
            ("http://", TargetError::Host),
            ("http:///x", TargetError::Host),
            ("http://user:secret@a", TargetError::UserInfo),
            ("http://a:", TargetError::Host),
            ("http://a:0", TargetError::Host),
            ("http://a:65536", TargetError::Host),
            ("http://a:+80", TargetError::Host),
            ("http://[::1", TargetError::Host),
            ("http://[::1]x", TargetError::Host),
            ("http://[a]", TargetError::Host),
            ("http://a b", TargetError::Character),
            ("http://a/\r\nX: y", TargetError::Character),
            ("http://ü.example", TargetError::Character),
            ("http://a%2eb", TargetError::Host),
            (&long, TargetError::TooLong),
        ] {
            assert_eq!(Target::parse(url), Err(error), "{url}");
        }
    }
}
