/// The bounds of one unpacking (law 6). Going over one is a [`super::Problem`], never a crash or a
/// silent skip.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Children of one container. Default 50,000.
    pub max_children: u32,
    /// Bytes of one child. Default 2 GiB.
    pub max_child_bytes: u64,
    /// Bytes of all children of one container together. Default 8 GiB.
    pub max_total_bytes: u64,
    /// Unpacked bytes for each packed byte, over the whole container; checked once more than
    /// `ratio_floor_bytes` were unpacked. Default 1,000 (deflate itself cannot exceed 1,032).
    pub max_ratio: u32,
    /// Unpacked bytes below which the ratio is not checked. Default 64 MiB.
    pub ratio_floor_bytes: u64,
    /// Memory that a decoder may take for its window or dictionary. Default 256 MiB.
    pub max_memory_bytes: u64,
    /// Bytes of a child's name; longer names are cut. Default 4,096.
    pub max_name_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_children: 50_000,
            max_child_bytes: 2 << 30,
            max_total_bytes: 8 << 30,
            max_ratio: 1_000,
            ratio_floor_bytes: 64 << 20,
            max_memory_bytes: 256 << 20,
            max_name_bytes: 4_096,
        }
    }
}
