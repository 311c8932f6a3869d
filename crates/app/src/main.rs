//! `palisade`: the one binary.

fn main() -> std::process::ExitCode {
    palisade_app::run(palisade_engines::loaders())
}
