//! The suite of the port, and what it leaves open.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use palisade_model::Sha256;
use palisade_ports::conformance::{self, Factory, Instance};
use palisade_ports::{Objects, PortError};
use palisade_s3::{S3Config, S3Objects};
use palisade_services::{S3, Shared};
use tempfile::NamedTempFile;

/// The server that tests share while any of them runs.
fn shared() -> Arc<S3> {
    static SERVER: Shared<S3> = Shared::new();
    SERVER.get(S3::start)
}

/// A server, and settings with a prefix that nobody else has.
struct Server {
    s3: Arc<S3>,
    secret: NamedTempFile,
    change: fn(&mut S3Config),
}

impl Server {
    async fn new(change: fn(&mut S3Config)) -> Self {
        let s3 = tokio::task::spawn_blocking(shared).await.expect("a server");
        Self { s3, secret: secret(S3::SECRET_KEY), change }
    }

    fn config(&self) -> S3Config {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let mut config = S3Config {
            bucket: S3::BUCKET.to_owned(),
            prefix: format!("t{}", NUMBER.fetch_add(1, Ordering::Relaxed)),
            endpoint: Some(self.s3.endpoint()),
            region: Some("us-east-1".to_owned()),
            allow_http: true,
            access_key_id: Some(S3::ACCESS_KEY.to_owned()),
            secret_key_file: Some(self.secret.path().to_owned()),
            note_use_minutes: 0,
            ..S3Config::default()
        };
        (self.change)(&mut config);
        config
    }
}

fn secret(text: &str) -> NamedTempFile {
    let mut file = NamedTempFile::new().expect("a file");
    writeln!(file, "{text}").expect("written");
    file
}

struct Fresh {
    config: S3Config,
    objects: Arc<S3Objects>,
}

#[async_trait]
impl Factory<dyn Objects> for Server {
    async fn fresh(&self) -> Box<dyn Instance<dyn Objects>> {
        let config = self.config();
        let objects = Arc::new(S3Objects::new(&config).expect("settings"));
        Box::new(Fresh { config, objects })
    }

    fn time_step(&self) -> Duration {
        // Servers tell whole seconds.
        Duration::from_millis(1_100)
    }
}

#[async_trait]
impl Instance<dyn Objects> for Fresh {
    fn port(&self) -> Arc<dyn Objects> {
        Arc::clone(&self.objects) as _
    }

    async fn restart(&mut self) {
        self.objects = Arc::new(S3Objects::new(&self.config).expect("settings"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn objects() {
    conformance::objects::suite(Server::new(|_| {}).await).await;
}

/// Every artifact goes through a temporary file and in parts, and the server knows no conditions.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn objects_in_parts_without_conditions() {
    let change = |config: &mut S3Config| {
        config.memory_bytes = 50;
        config.conditional_writes = false;
    };
    conformance::objects::suite(Server::new(change).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_secret_is_refused() {
    let server = Server::new(|_| {}).await;
    let wrong = secret("not-the-secret");
    let config = S3Config {
        secret_key_file: Some(wrong.path().to_owned()),
        timeout_ms: 2_000,
        ..server.config()
    };
    let objects = S3Objects::new(&config).expect("settings");
    let mut writer = objects.writer().await.expect("a writer");
    writer.write(Bytes::from_static(b"bytes")).await.expect("gathered");
    let refused = writer.commit(Sha256([7; 32])).await;
    assert!(matches!(refused, Err(PortError::Unavailable { .. })), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_use_is_noted_seldom_and_counts_all_the_same() {
    let server = Server::new(|config| config.note_use_minutes = 1).await;
    let objects = S3Objects::new(&server.config()).expect("settings");
    let name = Sha256([9; 32]);
    let mut writer = objects.writer().await.expect("a writer");
    writer.write(Bytes::from_static(b"bytes")).await.expect("gathered");
    writer.commit(name).await.expect("commit");
    tokio::time::sleep(Duration::from_millis(2_100)).await;
    assert!(objects.touch(name).await.expect("touch"));
    // Made before this moment, used after it, and the use was not written.
    let now = std::time::UNIX_EPOCH.elapsed().expect("after 1970").as_millis();
    let before =
        palisade_model::UnixMillis(u64::try_from(now).expect("a time").saturating_sub(500));
    assert_eq!(objects.remove_older(before).await.expect("remove_older"), (0, 0));
    assert!(objects.open(name).await.expect("open").is_some());
}

async fn put(objects: &S3Objects, name: Sha256) -> Result<(), PortError> {
    let mut writer = objects.writer().await?;
    writer.write(Bytes::from_static(b"bytes")).await?;
    writer.commit(name).await
}

/// A gateway that is killed in the middle of a write keeps the description of an object that it does
/// not have, and refuses to write what it takes to be there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_description_without_its_object_does_not_stand_in_the_way() {
    let s3 = tokio::task::spawn_blocking(S3::with_sidecar).await.expect("a server");
    let server = Server { s3: Arc::new(s3), ..Server::new(|_| {}).await };
    let config = server.config();
    let objects = S3Objects::new(&config).expect("settings");
    let name = Sha256([11; 32]);
    put(&objects, name).await.expect("the first time");
    let key = server.s3.directory().join(&config.prefix).join("objects/0b").join(name.to_string());
    std::fs::remove_file(key).expect("its file");
    assert!(objects.open(name).await.expect("open").is_none());
    put(&objects, name).await.expect("again");
    assert!(objects.open(name).await.expect("open").is_some());
}

/// A remover that died leaves its note behind; who brings the artifact again waits, and not for ever.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_abandoned_removal_ends() {
    let server = Server::new(|config| config.timeout_ms = 500).await;
    let config = server.config();
    let objects = S3Objects::new(&config).expect("settings");
    let name = Sha256([12; 32]);
    put(&objects, name).await.expect("the first time");
    let removals = server.s3.directory().join(&config.prefix).join("removals");
    std::fs::create_dir_all(&removals).expect("a directory");
    std::fs::write(removals.join(name.to_string()), "").expect("a note");
    assert!(!objects.touch(name).await.expect("touch"), "a removal is under way");
    let patience = Duration::from_secs(30);
    tokio::time::timeout(patience, put(&objects, name)).await.expect("in time").expect("put");
    assert!(objects.touch(name).await.expect("touch"), "nobody removes it any more");
}
