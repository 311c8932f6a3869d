//! Runs a distributed installation of a program until its input ends: `cluster target/release/palisade`.

use std::io::{Read, Write};
use std::path::Path;

use palisade_services::Cluster;

fn main() {
    let program = std::env::args().nth(1).unwrap_or_else(|| "target/release/palisade".to_owned());
    let mut cluster = Cluster::start(Path::new(&program), "");
    if let Ok(more) = std::env::var("PALISADE_MORE") {
        let text = std::fs::read_to_string(cluster.settings()).unwrap_or_default();
        let _ = std::fs::write(cluster.settings(), text + &more.replace("\\n", "\n"));
    }
    let gateway = cluster.serve("gateway,janitor");
    let nodes = [
        cluster.serve("extractor"),
        cluster.serve("aggregator"),
        cluster.engine(&["unpack"]),
        cluster.engine(&["yara", "reputation"]),
        cluster.engine(&["elf", "pe", "office", "pdf", "script", "mail"]),
    ];
    let mut out = std::io::stdout();
    let key = cluster.key(&gateway);
    let _ = writeln!(out, "http://{} {key}", gateway.address());
    for node in &nodes {
        let _ = writeln!(out, "{} {:?}", node.address(), node.pid());
    }
    let _ = out.flush();
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
}
