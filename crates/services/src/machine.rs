//! A virtual machine with a kernel of Debian's: for what needs another kernel than this machine's.

mod bundle;
mod kernel;
mod transcript;

use std::fs::File;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

pub use kernel::Kernel;
pub use transcript::Transcript;

use crate::docker::{ContainerNetwork, Image, Options};
use crate::rootfs::Rootfs;
use crate::tool;

/// The security modules of a guest: with BPF's, as an operator who wants prevention boots.
const SECURITY: &str = "lockdown,capability,landlock,bpf";

/// A virtual machine that runs a script and ends. Its system is [`Rootfs::SCENARIOS`], below memory, with
/// cgroup v2 only. It is emulated: slow, but it runs on every machine, and needs no rights but those to
/// make its files (root, Debian's `qemu-system-x86`, `mmdebstrap`, `squashfs-tools`, `busybox-static`,
/// `kmod`, `xz-utils`).
#[derive(Debug)]
pub struct Machine {
    kernel: Kernel,
    memory: u32,
    security: String,
    deadline: Duration,
    payload: TempDir,
    bridges: u32,
}

impl Machine {
    /// One with 2 GiB, one processor, BPF's security module, and two minutes to live.
    ///
    /// # Errors
    /// Without a directory for its files.
    pub fn new(kernel: Kernel) -> io::Result<Self> {
        Ok(Self {
            kernel,
            memory: 2048,
            security: SECURITY.to_owned(),
            deadline: Duration::from_secs(120),
            payload: TempDir::with_prefix("palisade-machine-")?,
            bridges: 0,
        })
    }

    /// With so many MiB.
    pub fn memory(mut self, memory: u32) -> Self {
        self.memory = memory;
        self
    }

    /// With these security modules, as the kernel's `lsm=` has them.
    pub fn security(mut self, modules: &str) -> Self {
        modules.clone_into(&mut self.security);
        self
    }

    /// Killed after so long.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// A file of the host's as `/payload/name`.
    ///
    /// # Errors
    /// When it cannot be copied.
    pub fn file(&mut self, name: &str, path: &Path) -> io::Result<()> {
        std::fs::copy(path, self.place(name)?).map(drop)
    }

    /// A program of this machine's as `/payload/name`, without its debugging information. Its libraries
    /// are the guest's own: those that [`Rootfs::SCENARIOS`] has.
    ///
    /// # Errors
    /// When it is none, or `strip` is missing.
    pub fn program(&mut self, name: &str, path: &Path) -> io::Result<()> {
        let mut strip = Command::new("strip");
        strip.args(["--strip-debug", "-o"]).arg(self.place(name)?).arg(path);
        tool::output(&mut strip).map(drop)
    }

    /// A text as `/payload/name`.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn text(&mut self, name: &str, text: &str) -> io::Result<()> {
        std::fs::write(self.place(name)?, text)
    }

    /// A container for the script's `run_container`, `start_container`, `exec_container` and
    /// `remove_container`. Its id: 64 hexadecimal digits, as its runtime would choose them.
    ///
    /// # Errors
    /// When its files cannot be written, or it is the 251st with a network.
    pub fn container(&mut self, options: &Options) -> io::Result<String> {
        let folder = self.payload.path().join("containers");
        std::fs::create_dir_all(&folder)?;
        let number = std::fs::read_dir(&folder)?.count();
        let id: String = (0..4).map(|part| key(&(number, part))).collect();
        let image = if options.image == Image::Busybox { "busybox" } else { "debian" };
        if options.network == ContainerNetwork::Bridge {
            self.bridges += 1;
            if self.bridges > 250 {
                return Err(io::Error::other("250 containers with a network are the most"));
            }
            self.text(&format!("containers/{id}/bridge"), &self.bridges.to_string())?;
        }
        self.text(&format!("containers/{id}/image"), image)?;
        let config = bundle::config(&id, options)?;
        self.text(&format!("containers/{id}/config.json"), &config.to_string())?;
        Ok(id)
    }

    fn place(&self, name: &str) -> io::Result<PathBuf> {
        let path = self.payload.path().join(name);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        Ok(path)
    }

    /// Boots it, runs the script with a POSIX shell, and waits for its end.
    ///
    /// # Errors
    /// When its files cannot be made, or the emulator cannot be run. A machine that does not come to the
    /// script's end is no error: see [`Transcript::exit`].
    pub fn run(self, script: &str) -> io::Result<Transcript> {
        let kernel = self.kernel.files()?;
        let disk = Rootfs::SCENARIOS.disk()?;
        self.file_of_image()?;
        std::fs::write(self.place("start")?, include_str!("machine/start.sh"))?;
        std::fs::write(self.place("containers.sh")?, include_str!("machine/containers.sh"))?;
        std::fs::write(self.place("run")?, script)?;

        let work = TempDir::with_prefix("palisade-machine-")?;
        let at = |name: &str| work.path().join(name);
        let mut tar = Command::new("tar");
        // Whole sectors: a disk has no others.
        tar.args(["--create", "--owner=0", "--group=0", "--file"]).arg(at("payload.tar"));
        tool::output(tar.arg("--directory").arg(self.payload.path()).arg("."))?;
        File::create(at("console"))?;
        File::create(at("output"))?;
        let drive =
            |path: &Path| format!("file={},format=raw,if=virtio,read-only=on", path.display());
        let parameters = format!("console=ttyS0 quiet panic=-1 lsm={}", self.security);
        let mut emulator = Command::new("setpriv");
        emulator
            .args(["--pdeathsig", "KILL", "qemu-system-x86_64", "-accel", "tcg"])
            // Without `cmpxchg16b`: after one, QEMU 7.2 has flags that are none, and a kernel that is
            // interrupted there dies of a double fault. Kernels do without it.
            .args(["-cpu", "qemu64,-cx16", "-nodefaults", "-no-user-config", "-no-reboot"])
            .args(["-display", "none", "-monitor", "none"])
            .args(["-m", &self.memory.to_string()])
            // With several, the emulator loses what the kernel changes in its own code (static keys,
            // trampolines): kernel 6.12 dies of a breakpoint of its own that nobody knows any more.
            .args(["-smp", "1"])
            .arg("-kernel")
            .arg(&kernel.vmlinuz)
            .arg("-initrd")
            .arg(&kernel.initramfs)
            .args(["-append", &parameters])
            .args(["-drive", &drive(&disk), "-drive", &drive(&at("payload.tar"))])
            .args(["-serial", &format!("file:{}", at("console").display())])
            .args(["-chardev", &format!("file,id=output,path={}", at("output").display())])
            .args(["-device", "virtio-serial", "-device", "virtserialport,chardev=output"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(at("errors"))?);
        let started = Instant::now();
        let mut process = emulator.spawn().map_err(|error| tool::cannot(&emulator, &error))?;
        let status = loop {
            if let Some(status) = process.try_wait()? {
                break Some(status);
            }
            if started.elapsed() > self.deadline {
                process.kill()?;
                process.wait()?;
                break None;
            }
            std::thread::sleep(Duration::from_millis(20));
        };
        if status.is_some_and(|status| !status.success()) {
            let errors = std::fs::read_to_string(at("errors"))?;
            return Err(io::Error::other(format!("the emulator failed: {}", errors.trim())));
        }
        let (console, output) = (std::fs::read(at("console"))?, std::fs::read(at("output"))?);
        Ok(Transcript::parse(&console, &output, started.elapsed()))
    }

    fn file_of_image(&self) -> io::Result<()> {
        std::fs::copy(Image::Busybox.archive()?, self.place("busybox.tar")?).map(drop)
    }
}

/// 16 hexadecimal digits for a value: the same for the same.
fn key(value: &impl Hash) -> String {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}
