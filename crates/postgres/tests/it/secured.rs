//! TLS and sign-in: what works, and what an operator reads when it does not.

use std::error::Error;
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use palisade_ports::Records;
use palisade_postgres::{PostgresConfig, PostgresRecords};
use palisade_services::{Authority, Postgres, Shared};
use tempfile::NamedTempFile;

/// A start that takes longer hangs.
const HANGS: Duration = Duration::from_secs(30);

struct Secured {
    authority: Authority,
    /// Its certificate names `localhost`, and not `127.0.0.1`.
    postgres: Postgres,
    password: NamedTempFile,
}

impl Secured {
    fn start() -> Self {
        let authority = Authority::new("The database's authority");
        let postgres = Postgres::secured(&authority.issue(&["localhost"]));
        postgres.database("palisade");
        Self { authority, postgres, password: file(Postgres::PASSWORD) }
    }

    /// Settings without an authority.
    fn config(&self, host: &str, mode: &str) -> PostgresConfig {
        let (user, port) = (Postgres::USER, self.postgres.port());
        PostgresConfig {
            url: format!(
                "postgres://{user}@{host}:{port}/palisade?{mode}&application_name={}",
                name(host, mode)
            ),
            password_file: Some(self.password.path().to_owned()),
            ..PostgresConfig::default()
        }
    }

    fn trusting(&self, host: &str, mode: &str) -> PostgresConfig {
        let ca_file = Some(self.authority.certificate());
        PostgresConfig { ca_file, ..self.config(host, mode) }
    }
}

/// The name by which the server knows a session.
fn name(host: &str, mode: &str) -> String {
    format!("{host}.{}", mode.replace(['=', '&'], "."))
}

async fn secured() -> Arc<Secured> {
    static SERVER: Shared<Secured> = Shared::new();
    tokio::task::spawn_blocking(|| SERVER.get(Secured::start)).await.expect("a server")
}

fn file(text: &str) -> NamedTempFile {
    let mut file = NamedTempFile::new().expect("a file");
    writeln!(file, "{text}").expect("written");
    file
}

async fn start(config: &PostgresConfig) -> Result<PostgresRecords, String> {
    let records = PostgresRecords::new(config).map_err(|error| chain(&error))?;
    let prepared = tokio::time::timeout(HANGS, records.prepare()).await.expect("it hangs");
    prepared.map_err(|error| chain(&error))?;
    records.counts().await.map_err(|error| chain(&error))?;
    Ok(records)
}

/// As the server's log has it.
fn chain(error: &dyn Error) -> String {
    let sources = std::iter::successors(Some(error), |&error| error.source());
    sources.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

async fn refused(config: &PostgresConfig, words: &str) {
    let Err(text) = start(config).await else { panic!("not refused: {config:?}") };
    assert!(text.contains(words), "{text}");
}

/// How the server sees the sessions of a configuration: `t` with TLS.
async fn encrypted(secured: &Arc<Secured>, host: &str, mode: &str) -> String {
    let statement = format!(
        "SELECT DISTINCT ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) \
         WHERE application_name = '{}'",
        name(host, mode)
    );
    let secured = Arc::clone(secured);
    tokio::task::spawn_blocking(move || secured.postgres.ask("palisade", &statement))
        .await
        .expect("an answer")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn modes_that_ask_for_no_proof() {
    let secured = secured().await;
    for (mode, tls) in [("sslmode=disable", "f"), ("sslmode=prefer", "t"), ("sslmode=require", "t")]
    {
        // A name that is not in the certificate, and nobody knows the authority.
        let records = start(&secured.config("127.0.0.1", mode)).await.expect(mode);
        assert_eq!(encrypted(&secured, "127.0.0.1", mode).await, tls, "{mode}");
        drop(records);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn modes_that_ask_for_proof() {
    let secured = secured().await;
    for (host, mode) in [
        ("127.0.0.1", "sslmode=verify-ca"),
        // With an authority named, as libpq has it.
        ("127.0.0.1", "sslmode=require"),
        ("localhost", "sslmode=verify-full"),
        // No mode, and an authority: the whole proof.
        ("localhost", "connect_timeout=5"),
    ] {
        let records = start(&secured.trusting(host, mode)).await.expect(mode);
        assert_eq!(encrypted(&secured, host, mode).await, "t", "{mode}");
        drop(records);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unknown_authority() {
    let secured = secured().await;
    let words = "the server's certificate is not signed by an authority that is trusted: set \
                 postgres.ca_file";
    let other = Authority::new("Another authority");
    for mode in ["sslmode=require", "sslmode=verify-ca", "sslmode=verify-full"] {
        let ca_file = Some(other.certificate());
        let config = secured.config("localhost", mode);
        refused(&PostgresConfig { ca_file, ..config }, words).await;
    }
    // The authorities of this system do not know it either.
    for mode in ["sslmode=verify-ca", "sslmode=verify-full"] {
        refused(&secured.config("localhost", mode), words).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_that_the_certificate_does_not_name() {
    let secured = secured().await;
    let words = "the server's certificate does not name the host in postgres.url";
    refused(&secured.trusting("127.0.0.1", "sslmode=verify-full"), words).await;
    refused(&secured.trusting("127.0.0.1", "connect_timeout=5"), words).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_password() {
    let secured = secured().await;
    let wrong = file("not-the-password");
    let words = "the server refuses the sign-in: see the user in postgres.url, \
                 postgres.password_file";
    let config = secured.trusting("localhost", "sslmode=verify-full");
    let password_file = Some(wrong.path().to_owned());
    refused(&PostgresConfig { password_file, ..config.clone() }, words).await;
    let words = "the server asks for a password: set postgres.password_file";
    refused(&PostgresConfig { password_file: None, ..config }, words).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_without_tls() {
    let postgres = tokio::task::spawn_blocking(|| {
        let postgres = Postgres::start();
        postgres.database("palisade");
        postgres
    });
    let postgres = postgres.await.expect("a server");
    let words = "the server offers no TLS, and sslmode in postgres.url asks for it";
    for mode in ["require", "verify-ca", "verify-full"] {
        let url = format!("{}?sslmode={mode}", postgres.url("palisade"));
        refused(&PostgresConfig { url, ..PostgresConfig::default() }, words).await;
    }
    let url = format!("{}?sslmode=prefer", postgres.url("palisade"));
    start(&PostgresConfig { url, ..PostgresConfig::default() }).await.expect("without TLS");
}

/// Something that takes connections and says nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_says_nothing() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    for mode in ["disable", "require"] {
        let config = PostgresConfig {
            url: format!("postgres://me:secret@127.0.0.1:{port}/palisade?sslmode={mode}"),
            timeout_ms: 500,
            ..PostgresConfig::default()
        };
        refused(&config, "PostgreSQL did not answer in 500 ms").await;
    }
}

#[tokio::test]
async fn an_authority_that_cannot_be_read() {
    let nonsense = file("nonsense");
    let config = PostgresConfig {
        url: "postgres://me@localhost/palisade".to_owned(),
        ca_file: Some(nonsense.path().to_owned()),
        ..PostgresConfig::default()
    };
    refused(&config, "there is no certificate in it (PEM)").await;
    let config = PostgresConfig { ca_file: Some("not/there.pem".into()), ..config };
    refused(&config, "not/there.pem cannot be read").await;
}
