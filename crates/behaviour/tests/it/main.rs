//! Behaviour models over given times: no test waits.

mod bounds;
mod events;
mod files;
mod life;
mod order;
