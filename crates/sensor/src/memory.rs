//! Memory that only a start needs.

/// Gives freed memory back to the kernel. A start needs much for a moment (the kernel's type information
/// alone is some 20 MiB as it is read), and glibc keeps what was freed. Other C libraries: nothing is done.
pub fn give_back() {
    #[cfg(target_env = "gnu")]
    // SAFETY: it takes no pointer, and guards the heap by its own locks.
    unsafe {
        libc::malloc_trim(0);
    }
}
