//! What the distributed tests and benches run against: Kafka's jars, an S3 server, PostgreSQL.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, bail};

use crate::command::{exists, run, say};
use crate::packages;

/// Apache Kafka's release on Maven Central.
const KAFKA: &str = "4.1.1";

/// Versity's S3 gateway, a Go module: an S3 server on a directory that checks signatures.
const S3_MODULE: &str = "github.com/versity/versitygw/cmd/versitygw";
const S3_VERSION: &str = "v1.8.0";

/// Makes sure that everything is there.
///
/// # Errors
/// When something cannot be installed.
pub(crate) fn install() -> anyhow::Result<()> {
    packages::ensure(&["postgresql"])?;
    if !exists("java") {
        packages::ensure(&["openjdk-17-jre-headless"])?;
    }
    let home = palisade_services::home();
    std::fs::create_dir_all(&home)?;
    kafka(&home)?;
    s3(&home)
}

/// The broker and what it needs, as Maven resolves it.
fn kafka(home: &Path) -> anyhow::Result<()> {
    let jars = home.join("kafka");
    let mark = jars.join("version");
    if std::fs::read_to_string(&mark).is_ok_and(|version| version == KAFKA) {
        return Ok(());
    }
    if !exists("mvn") {
        packages::ensure(&["maven"])?;
    }
    say(&format!("fetching Apache Kafka {KAFKA}"));
    let _ = std::fs::remove_dir_all(&jars);
    let work = tempfile::tempdir()?;
    let pom = work.path().join("pom.xml");
    std::fs::write(&pom, project())?;
    run(Command::new("mvn")
        .args(["--quiet", "--batch-mode", "--file"])
        .arg(&pom)
        .arg("dependency:copy-dependencies")
        .arg(format!("-DoutputDirectory={}", jars.display()))
        .stdin(Stdio::null()))?;
    Ok(std::fs::write(mark, KAFKA)?)
}

/// A project that depends on the broker, and on where its log lines go: nowhere but the console.
fn project() -> String {
    let dependency = |group: &str, artifact: &str, version: &str| {
        format!(
            "<dependency><groupId>{group}</groupId><artifactId>{artifact}</artifactId>\
             <version>{version}</version></dependency>"
        )
    };
    format!(
        "<project xmlns=\"http://maven.apache.org/POM/4.0.0\"><modelVersion>4.0.0</modelVersion>\
         <groupId>palisade</groupId><artifactId>services</artifactId><version>1</version>\
         <packaging>pom</packaging><dependencies>{}{}</dependencies></project>\n",
        dependency("org.apache.kafka", "kafka_2.13", KAFKA),
        dependency("org.slf4j", "slf4j-simple", "1.7.36"),
    )
}

fn s3(home: &Path) -> anyhow::Result<()> {
    let bin = home.join("bin");
    let mark = bin.join("versitygw.version");
    if std::fs::read_to_string(&mark).is_ok_and(|version| version == S3_VERSION) {
        return Ok(());
    }
    if !exists("go") {
        bail!(
            "the S3 server for the tests is built by Go 1.24 or later, which is not here: install it"
        );
    }
    say(&format!("building an S3 server ({S3_MODULE} {S3_VERSION})"));
    std::fs::create_dir_all(&bin)?;
    run(Command::new("go")
        .args(["install", &format!("{S3_MODULE}@{S3_VERSION}")])
        .env("GOBIN", &bin)
        .env("CGO_ENABLED", "0")
        .env("GOFLAGS", "-buildvcs=false -ldflags=-s"))
    .context("the S3 server cannot be built")?;
    Ok(std::fs::write(mark, S3_VERSION)?)
}
