//! Sessions of people and programs that sign in with a password, as MetaDefender Core's do. They are
//! in memory: a restart signs everybody out.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use argon2::{Argon2, PasswordHash, PasswordVerifier};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use palisade_model::{KeyId, Sha256, UnixMillis};
use palisade_ports::records::{ApiKey, Role};
use sha2::Digest;
use tokio::sync::Semaphore;

use crate::auth::{hash_secret, new_secret};
use crate::config::UserConfig;

/// Sessions at once; when there are more, the one unused for longest ends.
const MAX_SESSIONS: usize = 4_096;

/// Passwords that are tried a minute, of all users together: guesses are slow.
const TRIES_PER_MINUTE: NonZeroU32 = NonZeroU32::new(60).unwrap();

/// Passwords that are checked at once: each check takes tens of megabytes for a while.
const CHECKS_AT_ONCE: usize = 2;

/// The longest password, in bytes.
pub(crate) const MAX_PASSWORD: usize = 1_024;

/// What is checked for a user that there is not, so that the answer takes as long: Argon2id of a
/// password that nobody has.
const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$\
                      0000000000000000000000000000000000000000000";

/// Why nobody was signed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    /// No such user, or another password.
    Wrong,
    /// Too many tries a minute.
    TooFast,
}

/// Who is signed in.
pub(crate) struct Sessions {
    open: Mutex<HashMap<Sha256, (Instant, Arc<ApiKey>)>>,
    tries: DefaultDirectRateLimiter,
    checks: Arc<Semaphore>,
}

impl Default for Sessions {
    fn default() -> Self {
        Self {
            open: Mutex::default(),
            tries: RateLimiter::direct(Quota::per_minute(TRIES_PER_MINUTE)),
            checks: Arc::new(Semaphore::new(CHECKS_AT_ONCE)),
        }
    }
}

impl Sessions {
    /// Signs a user in; gives the session's secret.
    pub(crate) async fn sign_in(
        &self,
        name: &str,
        user: Option<&UserConfig>,
        password: String,
        now: UnixMillis,
    ) -> Result<String, Refused> {
        self.tries.check().map_err(|_| Refused::TooFast)?;
        let hash = user.map_or(NOBODY, |user| user.password_hash.as_str()).to_owned();
        // The semaphore is never closed.
        let _place = self.checks.acquire().await;
        let check = move || verify(&hash, password.as_bytes());
        let right = tokio::task::spawn_blocking(check).await.unwrap_or(false);
        let Some(user) = user.filter(|_| right) else { return Err(Refused::Wrong) };
        let key = Arc::new(ApiKey {
            id: user_id(name),
            name: name.to_owned(),
            role: if user.admin { Role::Admin } else { Role::User },
            requests_per_minute: None,
            scans_per_day: None,
            workflow: user.workflow.clone(),
            created: now,
            revoked: None,
        });
        let secret = new_secret();
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if open.len() >= MAX_SESSIONS {
            let oldest = open.iter().min_by_key(|(_, (used, _))| *used).map(|(id, _)| *id);
            oldest.and_then(|oldest| open.remove(&oldest));
        }
        open.insert(hash_secret(secret.as_bytes()), (Instant::now(), key));
        Ok(secret)
    }

    /// Whose session this is; using it keeps it open.
    pub(crate) fn key(&self, secret: Sha256, idle: Duration) -> Option<Arc<ApiKey>> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let (used, key) = open.get_mut(&secret)?;
        if used.elapsed() >= idle {
            open.remove(&secret);
            return None;
        }
        *used = Instant::now();
        Some(Arc::clone(key))
    }

    /// Ends a session; false when there is none.
    pub(crate) fn sign_out(&self, secret: Sha256) -> bool {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).remove(&secret).is_some()
    }
}

/// The id of the key that stands for a user.
fn user_id(name: &str) -> KeyId {
    let digest = sha2::Sha256::new().chain_update("user\0").chain_update(name).finalize();
    let mut id = [0; 6];
    id.iter_mut().zip(digest).for_each(|(id, byte)| *id = byte);
    KeyId::new(id)
}

fn verify(hash: &str, password: &[u8]) -> bool {
    match PasswordHash::new(hash) {
        Ok(hash) => Argon2::default().verify_password(password, &hash).is_ok(),
        Err(error) => {
            tracing::error!(%error, "a user's password_hash is no Argon2 hash in PHC form");
            false
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_of_nobody_is_one_to_be_checked() {
        assert!(PasswordHash::new(NOBODY).is_ok());
        assert!(!verify(NOBODY, b"") && !verify("nonsense", b""));
    }

    #[test]
    fn users_have_ids_of_their_own() {
        assert_eq!(user_id("a"), user_id("a"));
        assert_ne!(user_id("a"), user_id("b"));
    }
}
