use super::super::Category;
use super::super::structure::disk;
use super::{Entry, Signature};

const fn image(
    id: &'static str,
    description: &'static str,
    mime: &'static str,
    extensions: &'static [&'static str],
    signatures: &'static [Signature],
) -> Entry {
    Entry::new(Category::Other, id, description, mime, extensions, signatures)
}

/// Disk images and file systems that this crate does not open as archives.
#[rustfmt::skip] // One row a line: a table is read down its columns.
pub(super) static TYPES: &[Entry] = &[
    image("vmdk", "VMware disk", "application/x-vmdk", &["vmdk"], &[&[(0, b"KDMV")], &[(0, b"COWD")], &[(0, b"# Disk DescriptorFile")]]),
    image("vhd", "Virtual hard disk", "application/x-vhd", &["vhd"], &[&[(0, b"conectix")]]),
    image("vhdx", "Virtual hard disk 2", "application/x-vhdx", &["vhdx", "avhdx"], &[&[(0, b"vhdxfile")]]),
    image("vdi", "VirtualBox disk", "application/x-virtualbox-vdi", &["vdi"], &[&[(64, b"\x7f\x10\xda\xbe")]]),
    image("qcow2", "QEMU disk", "application/x-qemu-disk", &["qcow2", "qcow"], &[&[(0, b"QFI\xfb")]]),
    image("qed", "QEMU enhanced disk", "application/x-qed-disk", &["qed"], &[&[(0, b"QED\0")]]),
    image("parallels", "Parallels disk", "application/x-parallels-disk", &["hdd", "hds"], &[&[(0, b"WithoutFreeSpace")], &[(0, b"WithouFreSpacExt")]]),
    image("ewf", "Expert witness image", "application/x-ewf", &["e01", "ex01"], &[&[(0, b"EVF\x09\x0d\x0a\xff\0")], &[(0, b"EVF2\x0d\x0a\x81\0")], &[(0, b"LVF\x09\x0d\x0a\xff\0")]]),
    image("aff", "Advanced forensic image", "application/x-aff", &["aff"], &[&[(0, b"AFF10\r\n\0")]]),
    image("ext", "Ext2/3/4 file system", "application/x-ext-image", &["ext4", "ext3", "ext2", "img"], &[&[(1080, b"\x53\xef")]]).check(disk::ext),
    image("ntfs", "NTFS file system", "application/x-ntfs-image", &["ntfs", "img"], &[&[(3, b"NTFS    ")]]),
    image("exfat", "exFAT file system", "application/x-exfat-image", &["exfat", "img"], &[&[(3, b"EXFAT   ")]]),
    image("refs", "ReFS file system", "application/x-refs-image", &["img"], &[&[(3, b"ReFS\0\0\0\0")]]),
    image("fat", "FAT file system", "application/x-fat-image", &["img", "ima", "vfd", "flp"], &[&[(54, b"FAT12   ")], &[(54, b"FAT16   ")], &[(82, b"FAT32   ")]]),
    image("bitlocker", "BitLocker volume", "application/x-bitlocker", &["img"], &[&[(3, b"-FVE-FS-")]]),
    image("luks", "LUKS volume", "application/x-luks", &["luks", "img"], &[&[(0, b"LUKS\xba\xbe")]]),
    image("mbr", "Disk with boot record", "application/x-mbr-image", &["img", "raw", "dd", "bin"], &[&[(510, b"\x55\xaa")]]).check(disk::mbr),
    image("gpt", "Disk with GPT", "application/x-gpt-image", &["img", "raw", "dd"], &[&[(512, b"EFI PART")]]),
    image("hfsplus", "HFS+ file system", "application/x-hfs-plus-image", &["img", "hfs"], &[&[(1024, b"H+\0\x04")], &[(1024, b"HX\0\x05")]]),
    image("apfs", "APFS container", "application/x-apfs-image", &["img"], &[&[(32, b"NXSB")]]),
    image("xfs", "XFS file system", "application/x-xfs-image", &["img"], &[&[(0, b"XFSB\0\0")]]),
    image("btrfs", "Btrfs file system", "application/x-btrfs-image", &["img"], &[&[(0x1_0040, b"_BHRfS_M")]]),
    image("f2fs", "F2FS file system", "application/x-f2fs-image", &["img"], &[&[(1024, b"\x10\x20\xf5\xf2")]]),
    image("swap", "Linux swap area", "application/x-linux-swap", &["swap"], &[&[(4086, b"SWAPSPACE2")], &[(4086, b"SWAP-SPACE")]]),
    image("lvm2", "LVM physical volume", "application/x-lvm2", &["img"], &[&[(512, b"LABELONE"), (536, b"LVM2 001")]]),
    image("raw_cd", "Raw CD image", "application/x-cd-image", &["bin", "mdf", "img"], &[&[(0, b"\0\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\0")]]),
    image("mds", "Alcohol disc description", "application/x-mds", &["mds"], &[&[(0, b"MEDIA DESCRIPTOR")]]),
    image("ciso", "Compressed ISO", "application/x-ciso", &["cso", "ciso"], &[&[(0, b"CISO\x18\0\0\0")], &[(0, b"CISO\0\0\0\0")]]),
    image("isz", "Zipped ISO", "application/x-isz", &["isz"], &[&[(0, b"IsZ!")]]),
    image("daa", "Direct access archive", "application/x-daa", &["daa"], &[&[(0, b"DAA\0\0\0\0\0")]]),
    image("minidump", "Windows minidump", "application/x-dmp", &["dmp", "mdmp"], &[&[(0, b"MDMP\x93\xa7")]]),
    image("memory_dump", "Windows memory dump", "application/x-ms-memory-dump", &["dmp"], &[&[(0, b"PAGEDUMP")], &[(0, b"PAGEDU64")]]),
    image("hibernation", "Windows hibernation file", "application/x-ms-hiberfil", &["sys"], &[&[(0, b"hibr\0\0\0\0")], &[(0, b"HIBR\0\0\0\0")]]),
];
