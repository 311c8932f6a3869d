//! Palisade with a yara engine that misbehaves when an artifact tells it to: for the fault tests.
//!
//! An artifact that starts with `PALISADE-FAULT ` and a word makes the worker do what an exploited
//! or broken one would do; everything else goes to the real engine. What is done is harmless even
//! without the jail.

use std::io::Read;
use std::process::ExitCode;

use palisade_engines::yara;
use palisade_jail::Loaded;
use palisade_model::Definitions;
use palisade_ports::Analyzer;
use palisade_ports::engine::{ChildHead, Opinion, Scan, ScanContext};

fn main() -> ExitCode {
    palisade_app::run(palisade_engines::loaders().with(yara::NAME, load))
}

fn load(settings: &serde_json::Value, definitions: &[&[u8]]) -> Result<Box<dyn Loaded>, String> {
    Ok(Box::new(Faulty(yara::load(settings, definitions)?)))
}

struct Faulty(Box<dyn Loaded>);

impl Loaded for Faulty {
    fn definitions(&self) -> Definitions {
        self.0.definitions()
    }

    fn analyzer(&self) -> Box<dyn Analyzer + '_> {
        Box::new(FaultyAnalyzer(self.0.analyzer()))
    }
}

struct FaultyAnalyzer<'a>(Box<dyn Analyzer + 'a>);

impl Analyzer for FaultyAnalyzer<'_> {
    fn analyze(&mut self, bytes: &[u8], context: &ScanContext, scan: &mut dyn Scan) -> Opinion {
        let fault = bytes.strip_prefix(b"PALISADE-FAULT ");
        if let Some(fault) = fault {
            let word = fault.split(u8::is_ascii_whitespace).next().unwrap_or_default();
            misbehave(word, scan);
        }
        self.0.analyze(bytes, context, scan)
    }
}

/// Does what the word says. Returns only when the deed went unpunished.
fn misbehave(word: &[u8], scan: &mut dyn Scan) {
    match word {
        b"hang" => loop {
            std::hint::spin_loop();
        },
        b"sleep" => std::thread::sleep(std::time::Duration::from_secs(3600)),
        b"slow" => {
            let started = std::time::Instant::now();
            while started.elapsed().as_millis() < 300 && !scan.should_stop() {
                std::hint::spin_loop();
            }
        }
        b"memory" => {
            let mut held: Vec<Vec<u8>> = Vec::new();
            loop {
                held.push(vec![1; 16 << 20]);
                std::hint::black_box(&held);
            }
        }
        b"fork" => drop(std::process::Command::new("/bin/true").spawn()),
        b"thread" => drop(std::thread::spawn(|| {})),
        b"socket" => drop(std::net::TcpStream::connect("127.0.0.1:9")),
        b"listen" => drop(std::net::TcpListener::bind("127.0.0.1:0")),
        b"open" => drop(std::fs::File::open("/etc/hostname")),
        b"write" => drop(std::fs::File::create("/tmp/palisade-fault")),
        b"list" => drop(std::fs::read_dir("/")),
        b"signal" => drop(std::fs::write("/proc/self/oom_score_adj", "0")),
        b"panic" => panic!("told to"),
        b"abort" => std::process::abort(),
        b"exit" => std::process::exit(0),
        b"overflow" => drop(std::hint::black_box(deep(1))),
        // Children from an engine that has none: the host must not take them.
        b"child" => {
            let head = ChildHead { name: "../../etc/passwd".to_owned(), encrypted: false };
            let _ = scan.child(&head, &mut std::io::repeat(0).take(10));
        }
        // More words than an answer may have.
        b"flood" => {
            let head = ChildHead { name: "x".repeat(16 << 20), encrypted: false };
            let _ = scan.child(&head, &mut std::io::empty());
        }
        _ => {}
    }
}

/// Recursion without an end that the compiler can see.
fn deep(level: u64) -> u64 {
    let space = std::hint::black_box([level; 512]);
    if level == u64::MAX { 0 } else { deep(level + 1).wrapping_add(space[7]) }
}
