//! The sensor on this machine's kernel. As root, with BPF.

mod acts;
mod bounds;
mod live;
mod marks;
mod objects;
mod refusals;
mod sequences;
mod support;
mod told;
mod track;
mod without_bpf;
