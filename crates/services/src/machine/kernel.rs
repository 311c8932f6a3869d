use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::rootfs::{cache, made_once, release, sources};
use crate::tool;

/// Debian's package that depends on the newest kernel for virtual machines.
const PACKAGE: &str = "linux-image-cloud-amd64";

/// Modules that the guest needs, where the kernel does not have them built in, with what they depend on.
const MODULES: &[&str] =
    &["virtio_pci", "virtio_blk", "virtio_console", "squashfs", "overlay", "veth", "bridge"];

/// A kernel of Debian's for virtual machines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kernel {
    /// The release's: 6.1 for bookworm.
    Stable,
    /// The one of the release's backports: 6.12 for bookworm.
    Backports,
}

/// Its files.
#[derive(Debug)]
pub(super) struct Files {
    pub(super) vmlinuz: PathBuf,
    pub(super) initramfs: PathBuf,
}

impl Kernel {
    /// Every kernel.
    pub const ALL: [Self; 2] = [Self::Stable, Self::Backports];

    fn name(self) -> &'static str {
        match self {
            Self::Stable => "stable",
            Self::Backports => "backports",
        }
    }

    /// Fetches it once, and makes what it boots from.
    pub(super) fn files(self) -> io::Result<Files> {
        let release = release()?;
        let init = include_str!("init.sh");
        let key = super::key(&(init, MODULES));
        let place = cache()?.join(format!("kernel-{}-{release}-{key}", self.name()));
        let place = made_once(&place, |unfinished| self.make(&release, unfinished, init))?;
        Ok(Files { vmlinuz: place.join("vmlinuz"), initramfs: place.join("initramfs") })
    }

    fn make(self, release: &str, place: &Path, init: &str) -> io::Result<()> {
        let work = tempfile::tempdir()?;
        let package = self.download(release, work.path())?;
        let files = work.path().join("files");
        tool::output(Command::new("dpkg-deb").arg("--extract").arg(package).arg(&files))?;
        let version = only(&files.join("lib/modules"))?;
        let version = version.file_name().unwrap_or_default().to_string_lossy().into_owned();
        std::fs::create_dir_all(place)?;
        let image = files.join(format!("boot/vmlinuz-{version}"));
        std::fs::copy(image, place.join("vmlinuz"))?;

        let root = work.path().join("initramfs");
        for folder in ["bin", "dev", "modules", "proc"] {
            std::fs::create_dir_all(root.join(folder))?;
        }
        std::fs::copy("/bin/busybox", root.join("bin/busybox"))?;
        std::os::unix::fs::symlink("busybox", root.join("bin/sh"))?;
        executable(&root.join("init"), init)?;
        modules(&files, &version, &root.join("modules"))?;
        pack(&root, &place.join("initramfs"))
    }

    /// The package's file, in `place`.
    fn download(self, release: &str, place: &Path) -> io::Result<PathBuf> {
        let settings = match self {
            Self::Stable => Vec::new(),
            Self::Backports => backports(release, place)?,
        };
        let mut ask = Command::new("apt-cache");
        ask.args(&settings).args(["depends", "--important"]);
        let depends = tool::text(ask.arg(self.wanted(release)))?;
        let image = depends
            .lines()
            .find_map(|line| line.trim().strip_prefix("Depends: "))
            .ok_or_else(|| io::Error::other(format!("{PACKAGE} depends on no kernel")))?;
        let folder = place.join("package");
        std::fs::create_dir(&folder)?;
        let mut get = Command::new("apt-get");
        get.args(&settings).args(["download", image]).current_dir(&folder);
        // It drops privileges only where that user can write.
        tool::output(get.args(["-o", "APT::Sandbox::User=root"]))?;
        only(&folder)
    }

    fn wanted(self, release: &str) -> String {
        match self {
            Self::Stable => PACKAGE.to_owned(),
            Self::Backports => format!("{PACKAGE}/{release}-backports"),
        }
    }
}

/// Settings of apt's for the backports alone, with an index of their own: the machine's are left as they
/// are.
fn backports(release: &str, place: &Path) -> io::Result<Vec<String>> {
    let place = place.join("apt");
    let main = sources()?
        .into_iter()
        .find(|line| line.split(' ').nth(2) == Some(release))
        .ok_or_else(|| io::Error::other(format!("apt has no source for {release}")))?;
    let mirror = main.split(' ').nth(1).unwrap_or_default();
    for folder in ["lists/partial", "cache/archives/partial"] {
        std::fs::create_dir_all(place.join(folder))?;
    }
    let list = place.join("sources.list");
    std::fs::write(&list, format!("deb {mirror} {release}-backports main\n"))?;
    let settings: Vec<String> = [
        format!("Dir::Etc::sourcelist={}", list.display()),
        "Dir::Etc::sourceparts=-".to_owned(),
        format!("Dir::State::lists={}", place.join("lists").display()),
        format!("Dir::Cache={}", place.join("cache").display()),
        "APT::Sandbox::User=root".to_owned(),
    ]
    .into_iter()
    .flat_map(|setting| ["-o".to_owned(), setting])
    .collect();
    tool::output(Command::new("apt-get").args(&settings).args(["--quiet", "update"]))?;
    Ok(settings)
}

/// Copies the wanted modules and what they depend on, and writes the order in which to load them.
fn modules(files: &Path, version: &str, place: &Path) -> io::Result<()> {
    tool::output(Command::new("/sbin/depmod").arg("--basedir").arg(files).arg(version))?;
    let folder = files.join("lib/modules").join(version);
    let table = std::fs::read_to_string(folder.join("modules.dep"))?;
    let mut seen = BTreeSet::new();
    let mut order = String::new();
    for wanted in MODULES {
        let line = table
            .lines()
            .find(|line| line.split(':').next().is_some_and(|path| module(path) == *wanted));
        // Where there is none, the kernel has it built in, or the guest says what it lacks.
        let Some((path, dependencies)) = line.and_then(|line| line.split_once(':')) else {
            continue;
        };
        // What a module depends on is listed nearest first.
        for path in dependencies.split_whitespace().rev().chain([path]) {
            if seen.insert(path.to_owned()) {
                let name = module(path);
                let from = folder.join(path);
                let to = place.join(format!("{name}.ko"));
                if path.ends_with(".xz") {
                    let mut unpack = Command::new("xz");
                    unpack.args(["--decompress", "--stdout"]).arg(from);
                    std::fs::write(to, tool::output(&mut unpack)?)?;
                } else {
                    std::fs::copy(from, to)?;
                }
                order.push_str(&format!("{name}\n"));
            }
        }
    }
    std::fs::write(place.join("order"), order)
}

/// `kernel/fs/squashfs/squashfs.ko.xz` is `squashfs`.
fn module(path: &str) -> &str {
    let file = path.rsplit('/').next().unwrap_or_default();
    file.split('.').next().unwrap_or_default()
}

/// Packs a folder as the kernel unpacks it.
fn pack(root: &Path, archive: &Path) -> io::Result<()> {
    let mut list = Command::new("/bin/busybox");
    let names = tool::output(list.arg("find").current_dir(root))?;
    let mut pack = Command::new("/bin/busybox");
    pack.args(["cpio", "-o", "-H", "newc", "-R", "0:0"]).current_dir(root);
    pack.stdin(Stdio::piped()).stdout(File::create(archive)?).stderr(Stdio::piped());
    let mut child = pack.spawn().map_err(|error| tool::cannot(&pack, &error))?;
    if let Some(mut stdin) = child.stdin.take() {
        io::Write::write_all(&mut stdin, &names)?;
    }
    let done = child.wait_with_output()?;
    if !done.status.success() {
        return Err(io::Error::other(String::from_utf8_lossy(&done.stderr).into_owned()));
    }
    Ok(())
}

/// A program from its text.
pub(super) fn executable(path: &Path, text: &str) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    std::fs::write(path, text)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755))
}

/// The one entry of a folder.
fn only(folder: &Path) -> io::Result<PathBuf> {
    let mut entries = std::fs::read_dir(folder)?;
    match (entries.next(), entries.next()) {
        (Some(entry), None) => Ok(entry?.path()),
        _ => Err(io::Error::other(format!("{} holds not one entry", folder.display()))),
    }
}
