# What a policy refuses where the kernel has BPF-LSM, and what is like it and is not refused: each act by its
# name, with how it ended. Run in a container once without a Defender, which undoes what was done, and once with.
import ctypes
import errno
import os
import shutil
import socket
import subprocess
import sys

libc = ctypes.CDLL(None, use_errno=True)


def call(result):
    if result < 0:
        raise OSError(ctypes.get_errno(), "")


def write(path):
    with open(path, "a") as file:
        file.write("x")


def run(program):
    subprocess.run([program], check=True, stdout=subprocess.DEVNULL)


def connect(port):
    with socket.socket() as end:
        end.connect(("127.0.0.1", port))


def bind(port):
    with socket.socket() as end:
        end.bind(("0.0.0.0", port))


def send(port):
    with socket.socket(type=socket.SOCK_DGRAM) as end:
        end.sendto(b"x", ("127.0.0.1", port))


def trace():
    other = subprocess.Popen(["/usr/bin/sleep", "60"])
    try:
        call(libc.ptrace(16, other.pid, 0, 0))  # PTRACE_ATTACH
        os.waitpid(other.pid, 0)
    finally:
        other.kill()


def load_map():
    # BPF_MAP_CREATE: BPF_MAP_TYPE_ARRAY, key 4, value 4, one entry
    wanted = (ctypes.c_uint32 * 18)(2, 4, 4, 1)
    handle = libc.syscall(321, 0, wanted, ctypes.sizeof(wanted))
    call(handle)
    os.close(handle)


REFUSED = [
    ("program", lambda: run("/usr/bin/id")),
    ("drift", lambda: run("/tmp/drift")),
    ("append", lambda: write("/etc/kept")),
    ("create", lambda: write("/opt/new")),
    ("directory", lambda: os.mkdir("/opt/directory")),
    ("symlink", lambda: os.symlink("x", "/opt/symlink")),
    ("node", lambda: os.mkfifo("/opt/fifo")),
    ("rename-in", lambda: os.rename("/tmp/moves", "/opt/moves")),
    ("link-of", lambda: os.link("/etc/kept", "/tmp/linked")),
    ("mode", lambda: os.chmod("/etc/kept", 0o600)),
    ("owner", lambda: os.chown("/etc/kept", 1, 1)),
    ("truncate", lambda: os.truncate("/etc/kept", 0)),
    ("rename-over", lambda: os.rename("/tmp/over", "/etc/kept")),
    ("remove", lambda: os.unlink("/etc/kept")),
    ("rename-above", lambda: os.rename("/home/app", "/home/other")),
    ("connect", lambda: connect(9)),
    ("bind", lambda: bind(8080)),
    ("send", lambda: send(9)),
    ("packet", lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW).close()),
    ("mount", lambda: call(libc.mount(b"none", b"/mnt", b"tmpfs", 0, None))),
    ("trace", trace),
    ("bpf", load_map),
]

ALIKE = [
    ("other-program", lambda: run("/usr/bin/true")),
    ("other-file", lambda: write("/etc/kept-not")),
    ("read", lambda: open("/etc/passwd").close()),
    ("below", lambda: write("/srv/kept/below/new")),
    ("other-rename", lambda: os.rename("/tmp/one", "/tmp/two")),
    ("other-connect", lambda: connect(10)),
    ("other-bind", lambda: bind(8081)),
]


def prepare():
    for path in ("/etc/kept", "/home/app/keys", "/tmp/moves", "/tmp/over", "/tmp/one"):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        write(path)
    os.makedirs("/srv/kept/below", exist_ok=True)
    shutil.copy("/usr/bin/true", "/tmp/drift")


def undo():
    call(libc.umount2(b"/mnt", 2))
    shutil.rmtree("/opt")
    os.mkdir("/opt")
    shutil.rmtree("/home/other")
    os.unlink("/tmp/linked")
    os.unlink("/tmp/two")


when = sys.argv[1]
if when == "before":
    prepare()
for name, act in REFUSED + ALIKE:
    try:
        act()
        end = "done"
    except OSError as error:
        end = errno.errorcode.get(error.errno, str(error.errno))
    print(when, name, end, flush=True)
if when == "before":
    undo()
    prepare()
