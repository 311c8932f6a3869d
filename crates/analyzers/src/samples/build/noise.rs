/// Bytes that look random and are the same every time (a multiplicative generator).
pub(crate) fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    (0..length)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 56) as u8
        })
        .collect()
}

/// Bytes with the entropy of compiled code: an instruction pattern with varying operands.
pub(crate) fn code(length: usize) -> Vec<u8> {
    let pattern =
        [0x48, 0x89, 0x45, 0xf8, 0xe8, 0, 0, 0, 0x8b, 0x45, 0xfc, 0x83, 0xc0, 1, 0x90, 0xc3];
    (0..length).map(|at| if at % 16 == 5 { (at / 16) as u8 } else { pattern[at % 16] }).collect()
}
