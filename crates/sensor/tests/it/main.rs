//! The sensor on this machine's kernel. As root, with BPF.

mod live;
mod objects;
mod without_bpf;
