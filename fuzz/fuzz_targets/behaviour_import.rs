//! A behaviour model's file: whatever it holds, it is refused or read within the bounds, and what was
//! read is written and read again as the same.

#![no_main]

use palisade_behaviour::{Model, Settings};
use palisade_model::UnixMillis;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let settings = || Settings {
        max_executables: 4,
        max_files: 8,
        max_names: 8,
        max_outbound: 4,
        max_listening: 4,
        max_files_per_directory: 2,
        max_directories_per_directory: 2,
        max_names_per_domain: 2,
        max_addresses_per_port: 2,
        max_networks_per_port: 2,
        ..Settings::default()
    };
    let Ok(model) = Model::import(text, settings(), UnixMillis(0)) else { return };
    let written = model.export();
    let again = Model::import(&written, settings(), UnixMillis(0)).expect("what was written");
    assert_eq!(again.export(), written);
});
