//! `palisade defend` on real containers: in a Docker engine on this host's kernel, and in virtual
//! machines with other kernels. Needs root and what `cargo xtask test` installs.

mod asked;
mod command_line;
mod faults;
mod kit;
mod known_bad;
mod learn;
mod machine;
mod own_container;
mod place;
mod refusals;
mod scenarios;
mod seen;

use std::sync::{Mutex, MutexGuard, PoisonError};

use palisade_services::Kernel;
use place::Place;

/// One Defender at a time: each sees the containers of all.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

#[test]
fn every_rule_tells_its_act_and_not_its_near_miss_on_this_host() {
    scenarios::on_this_host(Place::Host);
}

#[test]
#[ignore = "eight minutes under emulation: `cargo xtask test --only machines`"]
fn every_rule_tells_its_act_and_not_its_near_miss_under_the_stable_kernel() {
    let _alone = alone();
    machine::scenarios(Kernel::Stable);
}

#[test]
#[ignore = "eight minutes under emulation: `cargo xtask test --only machines`"]
fn every_rule_tells_its_act_and_not_its_near_miss_under_the_kernel_of_the_backports() {
    let _alone = alone();
    machine::scenarios(Kernel::Backports);
}

#[test]
#[ignore = "three minutes under emulation: `cargo xtask test --only machines`"]
fn what_a_policy_refuses_fails_under_the_stable_kernel() {
    let _alone = alone();
    refusals::refused(Kernel::Stable);
}

#[test]
#[ignore = "three minutes under emulation: `cargo xtask test --only machines`"]
fn what_a_policy_refuses_fails_under_the_kernel_of_the_backports() {
    let _alone = alone();
    refusals::refused(Kernel::Backports);
}
