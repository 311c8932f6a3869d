//! What a program that behaves gets.

use std::time::Duration;

use palisade_jail::command::{ArtifactForm, CommandError, How, User};
use palisade_jail::{Layer, LayerState};

use crate::support::{memory_file, printed, python, run_for, try_run};

const TIME: Duration = Duration::from_secs(20);

#[tokio::test]
async fn it_gets_the_artifact_and_is_heard() {
    let code = "import sys, os
data = open(sys.argv[1], 'rb').read()
print(sys.argv[1] == sys.argv[2] + '/artifact.bin', data.decode(), os.getcwd() == sys.argv[2])
print('to err', file=sys.stderr)
sys.exit(7)";
    let end = run_for(&python(code), TIME).await;
    assert_eq!(end.how, How::Exited(7));
    assert_eq!(String::from_utf8_lossy(&end.stdout), "True some bytes True\n");
    assert_eq!(end.stderr, b"to err\n");
}

#[tokio::test]
async fn a_large_artifact_is_whole() {
    let code = "import sys, hashlib
print(hashlib.sha256(open(sys.argv[1], 'rb').read()).hexdigest())";
    let mut spec = python(code);
    // More than what it may write itself.
    spec.limits.scratch_bytes = 1 << 20;
    let bytes: Vec<u8> = (0..40_000_000_u32).map(|number| (number % 251) as u8).collect();
    let digest = {
        use sha2::Digest;
        let digest = sha2::Sha256::digest(&bytes);
        digest.iter().map(|byte| format!("{byte:02x}")).collect::<String>()
    };
    for form in [ArtifactForm::File("a".to_owned()), ArtifactForm::Memory] {
        spec.artifact = form;
        let end = try_run(&spec, &bytes, TIME).await.unwrap();
        assert_eq!(String::from_utf8_lossy(&end.stdout).trim(), digest, "{end:?}");
    }
}

#[tokio::test]
async fn memory_is_sealed_and_has_no_copy() {
    let code = "import sys, os
print(sys.argv[1], open(sys.argv[1], 'rb').read().decode(), os.listdir(sys.argv[2]))
try:
    open(sys.argv[1], 'r+b', buffering=0).write(b'x')
    print('written')
except OSError as error:
    print('refused')";
    let mut spec = python(code);
    spec.artifact = ArtifactForm::Memory;
    assert_eq!(printed(&spec).await, "/proc/self/fd/3 some bytes []\nrefused\n");
}

#[tokio::test]
async fn a_shared_file_is_seen_by_others_while_it_runs() {
    let below = tempfile::tempdir_in("/var/tmp").unwrap();
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(below.path(), std::fs::Permissions::from_mode(0o777)).unwrap();
    let code = "import sys, time
print(sys.argv[1], open(sys.argv[1]).read(), flush=True)
time.sleep(1)";
    let mut spec = python(code);
    let below_path = below.path().to_owned();
    spec.artifact = ArtifactForm::Shared { below: below_path.clone(), name: "artifact".to_owned() };
    let running = tokio::spawn(async move { run_for(&spec, TIME).await });
    let mut seen = None;
    for _ in 0..80 {
        tokio::time::sleep(Duration::from_millis(20)).await;
        let entries = std::fs::read_dir(&below_path).unwrap().flatten();
        seen =
            entries.filter_map(|e| std::fs::read_to_string(e.path().join("artifact")).ok()).next();
        if seen.as_deref() == Some("some bytes") {
            break;
        }
    }
    assert_eq!(seen.as_deref(), Some("some bytes"));
    let end = running.await.unwrap();
    assert!(String::from_utf8_lossy(&end.stdout).ends_with("/artifact some bytes\n"), "{end:?}");
    // Gone with the run.
    assert_eq!(std::fs::read_dir(below.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn the_environment_is_cleared() {
    let code = "import os, sys
print(os.environ.pop('TMPDIR') == sys.argv[2], sorted(os.environ.items()))";
    let mut spec = python(code);
    spec.environment.insert("LICENSE".to_owned(), "abc".to_owned());
    spec.environment.insert("HOME".to_owned(), "/x".to_owned());
    assert_eq!(
        printed(&spec).await,
        "True [('HOME', '/x'), ('LANG', 'C.UTF-8'), ('LICENSE', 'abc'), ('PATH', '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin')]\n"
    );
}

#[tokio::test]
async fn read_and_write_paths_are_granted() {
    use std::os::unix::fs::PermissionsExt;
    let given = tempfile::tempdir_in("/var/tmp").unwrap();
    let kept = tempfile::tempdir_in("/var/tmp").unwrap();
    for directory in [&given, &kept] {
        std::fs::set_permissions(directory.path(), std::fs::Permissions::from_mode(0o777)).unwrap();
        let data = directory.path().join("data");
        std::fs::write(&data, "signatures").unwrap();
        std::fs::set_permissions(data, std::fs::Permissions::from_mode(0o666)).unwrap();
    }
    let code = format!(
        "for place in ({:?}, {:?}):
    for mode in ('r', 'a'):
        try:
            file = open(place + '/data', mode)
            print(mode, 'ok', end=' ')
        except OSError:
            print(mode, 'no', end=' ')",
        given.path(),
        kept.path()
    );
    let mut spec = python(&code);
    assert_eq!(printed(&spec).await, "r no a no r no a no ");
    spec.read_paths = vec![given.path().to_owned()];
    assert_eq!(printed(&spec).await, "r ok a no r no a no ");
    spec.write_paths = vec![kept.path().to_owned()];
    assert_eq!(printed(&spec).await, "r ok a no r ok a ok ");
}

#[tokio::test]
async fn every_wall_is_told_of() {
    let end = run_for(&python("pass"), TIME).await;
    let layers: Vec<Layer> = end.layers.0.iter().map(|(layer, _)| *layer).collect();
    for layer in [
        Layer::Network,
        Layer::Processes,
        Layer::Mounts,
        Layer::Unprivileged,
        Layer::Limits,
        Layer::Landlock,
        Layer::Seccomp,
    ] {
        assert!(layers.contains(&layer), "{layer} is not told of");
    }
    let mut with_network = python("pass");
    with_network.network = true;
    let end = run_for(&with_network, TIME).await;
    let network = end.layers.0.iter().find(|(layer, _)| *layer == Layer::Network).unwrap();
    assert!(matches!(network.1, LayerState::Partial(_)));
}

#[tokio::test]
async fn what_cannot_run_says_why() {
    let mut spec = python("pass");
    spec.program = "/usr/bin/there-is-no-such-scanner".into();
    let error = try_run(&spec, b"", TIME).await.unwrap_err();
    assert!(matches!(error, CommandError::NotExecuted(_)), "{error}");
    assert!(error.to_string().contains("No such file"), "{error}");

    let mut spec = python("pass");
    spec.artifact = ArtifactForm::File("../escape".to_owned());
    let error = try_run(&spec, b"", TIME).await.unwrap_err();
    assert!(matches!(error, CommandError::Jail(_)), "{error}");

    if rustix::process::geteuid().is_root() {
        let mut spec = python("pass");
        spec.user = User { uid: 0, gid: 0 };
        let error = try_run(&spec, b"", TIME).await.unwrap_err();
        assert!(error.to_string().contains("no scanner runs as root"), "{error}");
    }

    // Without an artifact at all.
    let mut spec = python("print('here')");
    spec.artifact = ArtifactForm::None;
    let end = palisade_jail::command::run(&crate::support::helper(), &spec, None, TIME).await;
    assert_eq!(end.unwrap().stdout, b"here\n");
    drop(memory_file(b""));
}
