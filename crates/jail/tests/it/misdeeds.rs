//! What a program tries that should not.

use std::io::Write;
use std::time::Duration;

use palisade_jail::Layer;
use palisade_jail::command::{ArtifactForm, CommandSpec, How};

use crate::support::{PYTHON, all_gone, helper, printed, processes_with, python, run_for, stands};

const TIME: Duration = Duration::from_secs(20);

/// The soft and the hard limit of processor time are one: either may be what it dies of.
const SIGXCPU: i32 = 24;
const SIGKILL: i32 = 9;

#[tokio::test]
async fn it_cannot_connect_out() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let code = format!(
        "import socket
for family in (socket.AF_INET, socket.AF_INET6, socket.AF_PACKET, 38):
    try:
        s = socket.socket(family, socket.SOCK_STREAM)
        s.settimeout(2)
        s.connect(('127.0.0.1', {port}))
        print('connected')
    except OSError as error:
        print(error.errno)
a, b = socket.socketpair()
a.send(b'x')
print('pair', b.recv(1))"
    );
    assert_eq!(printed(&python(&code)).await, "1\n1\n1\n1\npair b'x'\n");
    // With the network it is the host's.
    let code = format!(
        "import socket
s = socket.create_connection(('127.0.0.1', {port}), 5)
print('connected')
try:
    socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
except OSError as error:
    print(error.errno)"
    );
    let mut spec = python(&code);
    spec.network = true;
    assert_eq!(printed(&spec).await, "connected\n1\n");
}

#[tokio::test]
async fn it_cannot_reach_services_by_their_sockets() {
    if !stands(Layer::Mounts).await {
        return;
    }
    // As a container engine's would be: anybody may connect. `/dev/shm` is hidden as `/run` is, and
    // any user may make one there.
    let directory = tempfile::tempdir_in("/dev/shm").unwrap();
    let path = directory.path().join("service.sock");
    let _listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
    use std::os::unix::fs::PermissionsExt;
    for (path, mode) in [(directory.path(), 0o755), (path.as_path(), 0o777)] {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    }
    let code = format!(
        "import socket
try:
    socket.socket(socket.AF_UNIX).connect({path:?})
    print('connected')
except OSError as error:
    print(error.errno)"
    );
    assert_eq!(printed(&python(&code)).await, "2\n");
}

#[tokio::test]
async fn it_cannot_read_secrets() {
    let mut secret = tempfile::NamedTempFile::new_in("/var/tmp").unwrap();
    secret.write_all(b"hush").unwrap();
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(secret.path(), std::fs::Permissions::from_mode(0o644)).unwrap();
    let home = std::env::var("HOME").unwrap_or_else(|_| "/root".to_owned());
    let code = format!(
        "import os
for path in ('/etc/shadow', '/etc/ssh/sshd_config', {:?}, '/proc/1/environ', '/proc/kcore', '/var/lib/dpkg/status'):
    try:
        open(path, 'rb').read(10)
        print('read', path)
    except OSError:
        pass
for path in ({home:?}, '/home', '/run', '/var/tmp', '/etc', '/', '/work'):
    try:
        if os.listdir(path):
            print('listed', path)
    except OSError:
        pass
print('end')",
        secret.path()
    );
    assert_eq!(printed(&python(&code)).await, "end\n");
}

#[tokio::test]
async fn it_cannot_write_outside() {
    use std::os::unix::fs::PermissionsExt;
    let open = tempfile::tempdir_in("/var/tmp").unwrap();
    std::fs::set_permissions(open.path(), std::fs::Permissions::from_mode(0o777)).unwrap();
    let code = format!(
        "import os, sys
for place in ({:?}, '/var/tmp', '/dev/shm', '/usr', '/etc', '/', '/run', '/proc/sys/kernel'):
    try:
        open(os.path.join(place, 'left-behind'), 'w')
        print('written', place)
    except OSError:
        pass
open(sys.argv[2] + '/mine', 'w').write('x')
# Neither what it wrote, nor a new view of the world.
os.chmod(sys.argv[2] + '/mine', 0o755)
try:
    os.execv(sys.argv[2] + '/mine', ['mine'])
except OSError as error:
    print(error.errno)",
        open.path()
    );
    assert_eq!(printed(&python(&code)).await, "13\n");
    assert_eq!(std::fs::read_dir(open.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn its_disk_its_memory_and_its_files_are_bounded() {
    let code = "import sys
total = 0
try:
    for number in range(1000):
        with open(f'{sys.argv[2]}/{number}', 'wb', buffering=0) as file:
            total += file.write(b'x' * 100000)
except OSError as error:
    print(error.errno, total)";
    let mut spec = python(code);
    spec.limits.scratch_bytes = 2 << 20;
    if stands(Layer::Mounts).await {
        let said = printed(&spec).await;
        let total: usize = said.trim().split(' ').next_back().unwrap().parse().unwrap();
        assert!(said.starts_with("28 ") && total <= (2 << 20) + 10_000, "{said}");
    }
    // One file is bounded everywhere: SIGXFSZ, which Python ignores, or EFBIG.
    let code = "import sys
try:
    with open(sys.argv[2] + '/one', 'wb', buffering=0) as file:
        while True: file.write(b'x' * 100000)
except OSError as error:
    print(error.errno)";
    let mut one = python(code);
    one.limits.scratch_bytes = 1 << 20;
    let said = printed(&one).await;
    assert!(["27\n", "28\n"].contains(&said.as_str()), "{said}");

    let mut spec = python("x = []\nwhile True: x.append(bytearray(1 << 20))");
    spec.limits.memory_bytes = 100 << 20;
    let end = run_for(&spec, TIME).await;
    assert_eq!(end.how, How::Exited(1));
    assert!(String::from_utf8_lossy(&end.stderr).contains("MemoryError"));

    let mut spec = python("x = [open('/dev/null') for _ in range(1000)]");
    spec.limits.open_files = 32;
    let end = run_for(&spec, TIME).await;
    assert!(String::from_utf8_lossy(&end.stderr).contains("Too many open files"));

    let mut spec = python("while True: pass");
    spec.limits.cpu_seconds = 1;
    let end = run_for(&spec, TIME).await;
    assert!(
        matches!(end.how, How::Signalled(signal) if [SIGXCPU, SIGKILL].contains(&signal)),
        "{end:?}"
    );
}

#[tokio::test]
async fn a_fork_bomb_is_bounded_and_leaves_nothing() {
    let word = "fork-bomb-8c1d";
    let code = format!(
        "import os, time
count = 0
while True:
    try:
        if os.fork() == 0:
            time.sleep(1000)
        count += 1
    except OSError:
        print(count, '{word}', flush=True)
        time.sleep(1000)"
    );
    let mut spec = python(&code);
    spec.limits.processes = 20;
    let end = run_for(&spec, Duration::from_secs(2)).await;
    assert_eq!(end.how, How::TimedOut);
    let said = String::from_utf8_lossy(&end.stdout).into_owned();
    let count: u32 = said.split(' ').next().unwrap().parse().unwrap();
    assert!((5..=20).contains(&count), "{said}");
    all_gone(word).await;

    // One that forks for ever, in every child.
    let code = format!("import os\nwhile True:\n  try: os.fork()\n  except OSError: pass # {word}");
    let mut spec = python(&code);
    spec.limits.processes = 50;
    let end = run_for(&spec, Duration::from_secs(1)).await;
    assert_eq!(end.how, How::TimedOut);
    all_gone(word).await;
}

#[tokio::test]
async fn endless_output_ends() {
    for stream in ["stdout", "stderr"] {
        let code = format!("import sys\nwhile True: sys.{stream}.write('x' * 10000)");
        let mut spec = python(&code);
        spec.limits.output_bytes = 50_000;
        let end = run_for(&spec, TIME).await;
        assert_eq!(end.how, How::TooMuchOutput);
        assert_eq!(end.stdout.len() + end.stderr.len(), 50_000);
    }
}

#[tokio::test]
async fn a_hanging_one_ends_with_all_that_it_started() {
    let word = "hanging-5f2a";
    let code = format!(
        "import os, time, signal, sys
for number in range(64):
    try: signal.signal(number, signal.SIG_IGN)
    except (OSError, ValueError): pass
if os.fork() == 0:
    os.setsid()
    os.fork()
    while True: time.sleep(1) # {word}
print('started', flush=True)
while True: time.sleep(1)"
    );
    let end = run_for(&python(&code), Duration::from_millis(700)).await;
    assert_eq!(end.how, How::TimedOut);
    assert_eq!(end.stdout, b"started\n");
    all_gone(word).await;
}

#[tokio::test]
async fn children_left_behind_go_too() {
    let word = "left-behind-77aa";
    let code = format!(
        "import os, time
if os.fork() == 0:
    os.setsid()
    os.fork()
    time.sleep(1000) # {word}
print('done', flush=True)
os._exit(3)"
    );
    // They hold its output open, which must not hold us.
    let end = run_for(&python(&code), TIME).await;
    assert_eq!(end.how, How::Exited(3));
    assert_eq!(end.stdout, b"done\n");
    all_gone(word).await;
}

#[tokio::test]
async fn whoever_waits_no_more_leaves_nothing() {
    let word = "dropped-31be";
    let spec = python(&format!("import time\ntime.sleep(1000) # {word}"));
    let running = tokio::spawn(async move { run_for(&spec, Duration::from_secs(60)).await });
    for _ in 0..200 {
        if processes_with(word) > 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(processes_with(word) > 0);
    running.abort();
    all_gone(word).await;
}

#[tokio::test]
async fn nothing_outlives_a_killed_host() {
    let word = "orphaned-90ce";
    let spec = python(&format!("import time\ntime.sleep(1000) # {word}"));
    // As the host sends it, without an artifact: only the host is another program here.
    let spec = CommandSpec { artifact: ArtifactForm::None, ..spec };
    let start =
        serde_json::json!({ "spec": spec, "directory": "/tmp/unused", "artifact_bytes": 0 });
    let message = serde_json::to_vec(&start).unwrap();
    let hex: String = message.iter().map(|byte| format!("{byte:02x}")).collect();
    let code = "import socket, subprocess, sys, time
ours, theirs = socket.socketpair()
subprocess.Popen([sys.argv[1]], stdin=theirs, stdout=subprocess.DEVNULL)
theirs.close()
message = bytes.fromhex(sys.argv[2])
ours.sendall(len(message).to_bytes(4, 'little') + message)
time.sleep(1000)";
    let mut host = std::process::Command::new(PYTHON)
        .args(["-c", code])
        .arg(helper().executable)
        .arg(hex)
        .spawn()
        .unwrap();
    for _ in 0..200 {
        if processes_with(word) > 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(processes_with(word) > 0);
    host.kill().unwrap();
    host.wait().unwrap();
    all_gone(word).await;
}

#[tokio::test]
async fn its_signals_are_told_and_reach_nobody_else() {
    for (signal, number) in [("SIGSEGV", 11), ("SIGKILL", 9), ("SIGABRT", 6), ("SIGTERM", 15)] {
        let code = format!("import os, signal\nos.kill(os.getpid(), signal.{signal})");
        assert_eq!(run_for(&python(&code), TIME).await.how, How::Signalled(number));
    }
    if !stands(Layer::Processes).await {
        return;
    }
    // All that it may signal, itself and its keeper left out: nobody.
    let code = "import os, signal
try:
    os.kill(-1, signal.SIGKILL)
    print('sent')
except OSError as error:
    print(error.errno)
for pid in (1, os.getppid()):
    try:
        os.kill(pid, signal.SIGKILL)
        print('sent')
    except OSError as error:
        print(error.errno)
print([pid for pid in os.listdir('/proc') if pid.isdigit() and int(pid) > 2])";
    let end = run_for(&python(code), TIME).await;
    assert_eq!(end.how, How::Exited(0), "{end:?}");
    assert!(String::from_utf8_lossy(&end.stdout).ends_with("[]\n"), "{end:?}");
}

#[tokio::test]
async fn forbidden_system_calls_fail() {
    // The numbers are x86-64's.
    if std::env::consts::ARCH != "x86_64" {
        return;
    }
    let code = "import ctypes
libc = ctypes.CDLL(None, use_errno=True)
calls = {'ptrace': 101, 'mount': 165, 'bpf': 321, 'kexec_load': 246, 'init_module': 175,
         'keyctl': 250, 'userfaultfd': 323, 'perf_event_open': 298, 'unshare': 272, 'setns': 308,
         'io_uring_setup': 425, 'clone3': 435, 'open_by_handle_at': 304, 'x32 getpid': 0x40000027,
         'process_vm_readv': 310, 'chroot': 161, 'fsopen': 430, 'pidfd_getfd': 438}
for name, number in calls.items():
    result = libc.syscall(number, 0, 0, 0, 0, 0)
    if result != -1 or ctypes.get_errno() not in (1, 38):
        print(name, result, ctypes.get_errno())
if libc.syscall(56, 0x10000000 | 17, 0, 0, 0, 0) != -1:
    print('clone into a user namespace')
status = dict(line.split(':', 1) for line in open('/proc/self/status'))
print(status['CapEff'].strip(), status['CapBnd'].strip() != '', status['NoNewPrivs'].strip(), status['Seccomp'].strip())
import os
print(os.getuid() != 0, os.geteuid() != 0, len(os.getgroups()) <= 1)";
    let said = printed(&python(code)).await;
    assert_eq!(said, "0000000000000000 True 1 2\nTrue True True\n");
    assert!(std::path::Path::new(PYTHON).exists());
}
