use std::net::Ipv4Addr;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use crate::{Cluster, Servers};

/// The longest that a relay may take to listen.
const START: Duration = Duration::from_secs(10);

/// A network namespace with one cable to the host, as a second machine would have: what runs in it
/// reaches the servers at the same addresses, over that cable, which can be cut. Needs root, and
/// Debian's `iproute2` and `socat`.
#[derive(Debug)]
pub struct Network {
    name: String,
    /// The cable's end on the host.
    cable: String,
    here: Ipv4Addr,
    there: Ipv4Addr,
    relays: Vec<Child>,
}

impl Network {
    /// One in which the servers of this installation can be reached.
    ///
    /// # Panics
    /// When it cannot be made.
    pub fn of(cluster: &Cluster) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let pid = std::process::id();
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        // Four addresses for each, in a private block (RFC 1918) that nobody else is likely to use.
        let first = u32::from(Ipv4Addr::new(10, 213, 0, 0)) + (pid * 16 + number * 4) % (1 << 16);
        let mut network = Self {
            name: format!("palisade-{pid}-{number}"),
            // At most 15 characters.
            cable: format!("pal{}-{number}", pid % 1_000_000),
            here: Ipv4Addr::from(first + 1),
            there: Ipv4Addr::from(first + 2),
            relays: Vec::new(),
        };
        network.lay();
        let Servers { kafka, s3, postgres } = &cluster.servers;
        for port in [kafka.port(), s3.port(), postgres.port()] {
            network.relay(port);
        }
        network
    }

    fn lay(&self) {
        let Self { name, cable, .. } = self;
        ip(&format!("netns add {name}"));
        ip(&format!("link add {cable} type veth peer name cable netns {name}"));
        ip(&format!("address add {}/30 dev {cable}", self.here));
        ip(&format!("link set {cable} up"));
        ip(&format!("-n {name} address add {}/30 dev cable", self.there));
        ip(&format!("-n {name} link set cable up"));
        ip(&format!("-n {name} link set lo up"));
    }

    /// Servers listen at `127.0.0.1` and tell clients so: the same address, in the namespace.
    fn relay(&mut self, port: u16) {
        let (here, name) = (self.here, self.name.clone());
        let socat = |command: &mut Command, listen: &str, to: &str| -> Child {
            command
                .arg(format!("TCP-LISTEN:{port},bind={listen},fork,reuseaddr"))
                .arg(format!("TCP:{to}:{port}"))
                .stdin(Stdio::null())
                .spawn()
                .expect("socat is installed: apt-get install socat")
        };
        let listen = here.to_string();
        self.relays.push(socat(&mut Command::new("socat"), &listen, "127.0.0.1"));
        let mut inside = Command::new("ip");
        inside.args(["netns", "exec", &name, "socat"]);
        self.relays.push(socat(&mut inside, "127.0.0.1", &listen));
        let started = Instant::now();
        while std::net::TcpStream::connect((here, port)).is_err() {
            assert!(started.elapsed() < START, "the relay to port {port} does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Its address, seen from the host.
    pub fn address(&self) -> Ipv4Addr {
        self.there
    }

    /// What runs a program in it: the arguments before the program's own.
    pub(crate) fn prefix(&self) -> [&str; 4] {
        ["ip", "netns", "exec", &self.name]
    }

    /// Nothing comes through any more, and nobody is told.
    ///
    /// # Panics
    /// When the cable's end is gone.
    pub fn cut(&self) {
        ip(&format!("link set {} down", self.cable));
    }

    /// As before the cut.
    ///
    /// # Panics
    /// When the cable's end is gone.
    pub fn mend(&self) {
        ip(&format!("link set {} up", self.cable));
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        for relay in &mut self.relays {
            let _ = relay.kill();
            let _ = relay.wait();
        }
        // The cable goes with it.
        let _ = Command::new("ip").args(["netns", "delete", &self.name]).status();
    }
}

fn ip(arguments: &str) {
    let done = Command::new("ip").args(arguments.split(' ')).stdin(Stdio::null()).output();
    let done = done.expect("ip is installed: apt-get install iproute2");
    assert!(
        done.status.success(),
        "ip {arguments}: {}(network namespaces need root)",
        String::from_utf8_lossy(&done.stderr)
    );
}
