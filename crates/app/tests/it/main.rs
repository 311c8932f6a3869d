//! Palisade from the outside: the command line and the wire, with the real program.

mod containers;
mod defend;
mod distributed;
mod faults;
mod scan;
mod serve;
mod support;
