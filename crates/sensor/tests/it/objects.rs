//! The committed objects are what the sources say.

use std::path::Path;
use std::process::Command;

const OBJECTS: &[(&str, &str, &[&str])] = &[
    ("sensor_x86_64.o", "sensor.bpf.c", &["-D__TARGET_ARCH_x86"]),
    ("sensor_raw_x86_64.o", "sensor.bpf.c", &["-D__TARGET_ARCH_x86", "-DRAW_TRACEPOINTS"]),
    ("lsm_x86_64.o", "lsm.bpf.c", &["-D__TARGET_ARCH_x86"]),
    ("sensor_aarch64.o", "sensor.bpf.c", &["-D__TARGET_ARCH_arm64"]),
    ("sensor_raw_aarch64.o", "sensor.bpf.c", &["-D__TARGET_ARCH_arm64", "-DRAW_TRACEPOINTS"]),
    ("lsm_aarch64.o", "lsm.bpf.c", &["-D__TARGET_ARCH_arm64"]),
];

/// The one compiler whose bytes are committed.
fn is_the_pinned_compiler() -> bool {
    Command::new("clang")
        .arg("--version")
        .output()
        .is_ok_and(|out| String::from_utf8_lossy(&out.stdout).contains("14.0.6"))
}

#[test]
fn a_rebuild_gives_the_same_bytes() {
    if !is_the_pinned_compiler() {
        return; // another compiler gives other bytes: build.md
    }
    let home = Path::new(env!("CARGO_MANIFEST_DIR"));
    let scratch = tempfile::tempdir().expect("a scratch folder");
    for (object, source, extra) in OBJECTS {
        let out = scratch.path().join(object);
        let built = Command::new("clang")
            .current_dir(home.join("bpf"))
            .args([
                "-target",
                "bpf",
                "-mcpu=v3",
                "-O2",
                "-g",
                "-nostdinc",
                "-Wall",
                "-Wextra",
                "-Werror",
            ])
            .args(["-Wno-unused-function", "-Wno-unused-variable", "-Wno-unused-const-variable"])
            .args(["-Wno-sign-compare", "-fdebug-compilation-dir=."])
            .args(*extra)
            .args(["-c", source, "-o"])
            .arg(&out)
            .status();
        assert!(built.is_ok_and(|status| status.success()), "{object} does not compile");
        let stripped = Command::new("llvm-strip").arg("-g").arg(&out).status();
        assert!(stripped.is_ok_and(|status| status.success()), "{object} cannot be stripped");
        let (fresh, committed) =
            (std::fs::read(&out), std::fs::read(home.join("objects").join(object)));
        assert!(
            fresh.expect("built") == committed.expect("committed"),
            "{object}: run `cargo xtask bpf`"
        );
    }
}
