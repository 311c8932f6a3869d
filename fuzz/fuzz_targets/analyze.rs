#![no_main]

use libfuzzer_sys::fuzz_target;

// The first byte picks the type, as the detector would: the script and mail analysers read text, whose
// kind the rest alone seldom tells.
fuzz_target!(|data: &[u8]| {
    let Some((pick, bytes)) = data.split_first() else { return };
    palisade_fuzz::analyze(usize::from(*pick), bytes);
});
