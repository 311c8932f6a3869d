//! What every test here needs.

use std::io::Write;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use palisade_model::{
    ArtifactRef, Command, FileType, Hashes, NodeId, Outcome, Priority, Request, RequestId, Sha256,
    UnixMillis, UnpackLimits,
};
use palisade_ports::Engine;
use palisade_ports::engine::{Artifact, NoChildren, Opinion, ScanError};
use palisade_ports::records::EngineState;
use palisade_scanners::{JailHelper, ScannersConfig, build_with};
use rustix::fs::{MemfdFlags, SealFlags};

/// Harmless words that the tests' own signatures look for.
pub(crate) const MARKER: &str = "PALISADE-HARMLESS-MARKER-7f14c1b";

/// A sealed memory file, as the pipeline gives it.
pub(crate) fn artifact(bytes: &[u8]) -> Artifact {
    let file = rustix::fs::memfd_create("test", MemfdFlags::ALLOW_SEALING | MemfdFlags::CLOEXEC);
    let mut file = std::fs::File::from(file.unwrap());
    file.write_all(bytes).unwrap();
    let seals = SealFlags::SEAL | SealFlags::SHRINK | SealFlags::GROW | SealFlags::WRITE;
    rustix::fs::fcntl_add_seals(&file, seals).unwrap();
    Artifact::new(reference(bytes), OwnedFd::from(file))
}

fn reference(bytes: &[u8]) -> ArtifactRef {
    use sha2::Digest;
    let hashes = Hashes {
        md5: String::new(),
        sha1: String::new(),
        sha256: Sha256(sha2::Sha256::digest(bytes).into()),
        sha512: String::new(),
    };
    ArtifactRef { hashes, size: bytes.len() as u64 }
}

pub(crate) fn command(engine: &dyn Engine, artifact: &Artifact, name: &str) -> Command {
    Command {
        engine: engine.name().clone(),
        request: Request {
            node: NodeId::root(RequestId::new(UnixMillis(1), [7; 10])),
            lineage: None,
            inline: None,
            artifact: artifact.reference.clone(),
            name: name.to_owned(),
            path: String::new(),
            workflow: "default".to_owned(),
            engines: None,
            passwords: Vec::new(),
            limits: UnpackLimits::default(),
            accepted: UnixMillis(1),
            deadline: UnixMillis(u64::MAX),
            priority: Priority::Interactive,
            key: None,
            user_agent: None,
            metadata: None,
            callback: None,
            facets: None,
            policy: None,
        },
        file_type: FileType {
            id: "text".to_owned(),
            extension: "txt".to_owned(),
            ..FileType::default()
        },
        issued: UnixMillis(1),
    }
}

pub(crate) async fn scan_in(
    engine: &Arc<dyn Engine>,
    bytes: &[u8],
    timeout_ms: u64,
) -> Result<Opinion, ScanError> {
    let artifact = artifact(bytes);
    let command = command(engine.as_ref(), &artifact, "näme.txt");
    let started = Instant::now();
    let scan = engine.scan(&command, Some(artifact), timeout_ms, Box::new(NoChildren));
    let (opinion, _) = scan.await;
    // Law 1 of engines.
    let most = Duration::from_millis(timeout_ms + 1_000);
    assert!(started.elapsed() < most, "it took {:?}", started.elapsed());
    opinion
}

pub(crate) async fn scan(engine: &Arc<dyn Engine>, bytes: &[u8]) -> Result<Opinion, ScanError> {
    scan_in(engine, bytes, 20_000).await
}

pub(crate) async fn outcome(engine: &Arc<dyn Engine>, bytes: &[u8]) -> Option<Outcome> {
    scan(engine, bytes).await.unwrap().outcome
}

/// The one engine of these settings. Its helper is the example binary, which `cargo test` builds
/// beside this one.
pub(crate) fn engine(toml: &str) -> Arc<dyn Engine> {
    let config: ScannersConfig = toml::from_str(toml).unwrap();
    let this = std::env::current_exe().unwrap();
    let executable = this.parent().unwrap().parent().unwrap().join("examples/scanner-helper");
    assert!(executable.exists(), "{} is not built", executable.display());
    let helper = JailHelper { executable, arguments: Vec::new() };
    build_with(&config, &helper).unwrap().remove(0)
}

/// Waits until its health is so.
pub(crate) async fn wait_for(engine: &Arc<dyn Engine>, state: EngineState) {
    let until = Instant::now() + Duration::from_secs(30);
    while engine.health().state != state {
        assert!(Instant::now() < until, "it is {:?}, not {state:?}", engine.health());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
