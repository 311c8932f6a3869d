//! What the sensor promises, on this machine's kernel.

mod objects;
