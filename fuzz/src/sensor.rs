//! Records as the kernel side writes them (`crates/sensor/bpf/abi.h`), by offset: first inputs for
//! `sensor_record`.

const HEADER: usize = 128;
const EXECUTABLE: usize = 544;

/// A record under construction. What is not set is zero.
struct Record(Vec<u8>);

impl Record {
    fn new(kind: u16, flags: u32, fixed: usize) -> Self {
        let mut record = Self(vec![0; fixed]);
        record
            .put(0, &1_u16.to_le_bytes())
            .put(2, &kind.to_le_bytes())
            .put(16, &5_000_000_000_u64.to_le_bytes())
            .put(28, &flags.to_le_bytes())
            .put(32, &100_u32.to_le_bytes())
            .put(36, &100_u32.to_le_bytes())
            .put(40, &1_000_u64.to_le_bytes())
            .put(48, &7_u64.to_le_bytes())
            .put(84, &9_u32.to_le_bytes())
            .put(96, &1_u32.to_le_bytes())
            .put(100, &2_u32.to_le_bytes())
            .put(112, b"sh\x1b[31m");
        record
    }

    fn put(&mut self, at: usize, bytes: &[u8]) -> &mut Self {
        self.0[at..at + bytes.len()].copy_from_slice(bytes);
        self
    }

    /// Appends a text and points to it.
    fn text(&mut self, at: usize, bytes: &[u8]) -> &mut Self {
        while !self.0.len().is_multiple_of(8) {
            self.0.push(0);
        }
        let (offset, length) = (self.0.len() as u16, bytes.len() as u16);
        self.0.extend_from_slice(bytes);
        self.put(at, &offset.to_le_bytes()).put(at + 2, &length.to_le_bytes())
    }

    /// The same for a path: components leaf first.
    fn path(&mut self, at: usize, bytes: &[u8]) -> &mut Self {
        self.text(at, bytes).put(at + 4, &1_u16.to_le_bytes())
    }

    fn end(&mut self) -> Vec<u8> {
        while !self.0.len().is_multiple_of(8) {
            self.0.push(0);
        }
        let size = self.0.len() as u32;
        self.put(4, &size.to_le_bytes());
        std::mem::take(&mut self.0)
    }
}

fn question() -> Vec<u8> {
    let mut message = vec![0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    message.extend(b"\x03www\x07example\x03com\x00\x00\x01\x00\x01");
    message
}

/// Name and bytes of each.
pub(crate) fn records() -> Vec<(&'static str, Vec<u8>)> {
    let call = |number: u32, kind: u16, flags: u32| {
        let mut record = Record::new(kind, flags, 288);
        record.put(280, &number.to_le_bytes()).path(256, b"data\0srv\0").text(272, b"../a\nb");
        record.path(264, b"tmp\0").text(276, b"/etc/passwd").end()
    };
    let message = question();
    let mut all = vec![
        (
            "fork",
            Record::new(0, 0, 168)
                .put(128, &2_000_u64.to_le_bytes())
                .put(144, &101_u32.to_le_bytes())
                .put(156, &10_u32.to_le_bytes())
                .end(),
        ),
        (
            "exec",
            Record::new(1, 0, EXECUTABLE)
                .put(248, &40_u32.to_le_bytes())
                .put(268, &1_u32.to_le_bytes())
                .path(HEADER + 56, b"sh\0bin\0usr\0")
                .path(192, b"srv\0")
                .text(200, b"./run")
                .text(204, b"/bin/sh")
                .text(208, b"sh\0-c\0echo \xff\0")
                .text(212, b"LD_PRELOAD=/tmp/x\0\0\0\0\0\0\0")
                .end(),
        ),
        ("exit", Record::new(2, 0, 152).put(128, &9_u32.to_le_bytes()).end()),
        (
            "killed",
            Record::new(1, 1 << 3, 216)
                .put(HEADER, &77_u64.to_le_bytes())
                .path(HEADER + 56, b"nc\0tmp\0")
                .end(),
        ),
        (
            "open",
            Record::new(3, 1 << 9, 216)
                .put(HEADER, &77_u64.to_le_bytes())
                .path(HEADER + 56, b"mem\x0012\0proc\0")
                .end(),
        ),
        ("rename", call(82, 5, 0)),
        ("mount", call(165, 12, 0)),
        ("unshare-32-bit", call(310, 15, 1 << 1)),
        ("mknod", call(133, 4, 0)),
        ("ptrace", call(101, 13, 0)),
        (
            "connect",
            Record::new(21, 0, 232)
                .put(160, &2_u16.to_le_bytes())
                .put(162, &1_u16.to_le_bytes())
                .put(200, &2_u16.to_le_bytes())
                .put(202, &443_u16.to_le_bytes())
                .put(208, &[192, 0, 2, 1])
                .end(),
        ),
        (
            "abstract",
            Record::new(21, 0, 232).put(160, &1_u16.to_le_bytes()).text(224, b"\0bus").end(),
        ),
        (
            "dns",
            Record::new(26, 1, 704)
                .put(160, &2_u16.to_le_bytes())
                .put(184, &1_u16.to_le_bytes())
                .put(190, &(message.len() as u16).to_le_bytes())
                .put(192, &message)
                .end(),
        ),
        ("signal", Record::new(29, 0, 160).put(144, &101_u32.to_le_bytes()).end()),
        ("io-uring", Record::new(30, 0, 144).end()),
        (
            "cgroup",
            Record::new(40, 0, 160)
                .put(144, &3_u32.to_le_bytes())
                .text(156, b"/system.slice/docker-\x07.scope")
                .end(),
        ),
        ("task", Record::new(41, 0, 208).path(HEADER + 56, b"init\0sbin\0").end()),
        ("listening", Record::new(42, 0, 256).end()),
        (
            "refused",
            Record::new(21, 1 << 2 | 1 << 8, 1_272)
                .put(192, &2_u16.to_le_bytes())
                .put(216, &8_u32.to_le_bytes())
                .put(220, &0x8000_0001_u32.to_le_bytes())
                .end(),
        ),
    ];
    let story = all.iter().flat_map(|(_, bytes)| bytes.clone()).collect();
    all.push(("story", story));
    all
}
