//! The committed objects are what the sources say.

use std::path::Path;
use std::process::Command;

#[test]
fn a_rebuild_gives_the_same_bytes() {
    let home = Path::new(env!("CARGO_MANIFEST_DIR"));
    let version = Command::new("clang-14").arg("--version").output();
    let version = version.expect("clang-14 and llvm-14 of Debian 12 are installed (bpf/build.md)");
    let version = String::from_utf8_lossy(&version.stdout).into_owned();
    assert!(version.contains("14.0.6"), "another compiler gives other bytes: {version}");
    let scratch = tempfile::tempdir().expect("a scratch folder");
    let built = Command::new(home.join("bpf/build.sh")).arg(scratch.path()).status();
    assert!(built.expect("a shell").success(), "the sources do not compile");
    let mut compared = 0;
    for object in std::fs::read_dir(scratch.path()).expect("the folder") {
        let object = object.expect("an entry");
        let fresh = std::fs::read(object.path()).expect("built");
        let committed = std::fs::read(home.join("objects").join(object.file_name()));
        let name = object.file_name();
        assert!(
            committed.expect("committed") == fresh,
            "{}: run `cargo xtask bpf`",
            name.display()
        );
        compared += 1;
    }
    assert_eq!(compared, std::fs::read_dir(home.join("objects")).expect("objects").count());
}
