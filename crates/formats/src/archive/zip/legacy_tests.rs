//! The methods of PKZIP 0.9 and 1: there is no encoder at hand, so these write streams by hand.

use super::super::test_support::collect;
use super::unpack;
use crate::samples::{self, ZipMember};

/// Bits, least significant first.
#[derive(Default)]
struct Bits(Vec<bool>);

impl Bits {
    fn put(&mut self, value: u32, width: u32) {
        self.0.extend((0..width).map(|bit| value >> bit & 1 == 1));
    }

    /// A code, its first bit first.
    fn put_code(&mut self, code: u32, width: u32) {
        self.0.extend((0..width).rev().map(|bit| code >> bit & 1 == 1));
    }

    fn bytes(&self) -> Vec<u8> {
        self.0
            .chunks(8)
            .map(|bits| bits.iter().rev().fold(0, |byte, &bit| byte << 1 | u8::from(bit)))
            .collect()
    }
}

fn check(method: u16, flags: u16, data: Vec<u8>, plain: &[u8]) {
    let mut member = ZipMember::packed("x", method, plain, data);
    member.flags |= flags;
    collect(unpack, &samples::zip_members(&[member])).assert_clean(&[("x", plain)]);
}

#[test]
fn shrink_with_a_wider_code_and_a_clearing() {
    let mut bits = Bits::default();
    // "ab" defines 257 = "ab"; then 257, then 259 before it is defined (258 = "ba", 259 = "aba").
    for code in [97, 98, 257, 259] {
        bits.put(code, 9);
    }
    // Ten bits from here; then clear the leaves: 257 stays, because 259 extends it, 259 goes.
    for (code, width) in [(256, 9), (1, 9), (256, 10), (2, 10), (257, 10), (99, 10), (258, 10)] {
        bits.put(code, width);
    }
    // After the clearing the first new string takes 258: 259 + "a". But 259 was cleared, and is
    // "ab" + "c" by the time that 258 is used.
    let plain = [&b"ab"[..], b"ab", b"aba", b"ab", b"c", b"abca"].concat();
    check(1, 0, bits.bytes(), &plain);
}

#[test]
fn reduce_with_followers_and_repeats() {
    for factor in 1..=4_u32 {
        let mut bits = Bits::default();
        // Follower sets from 255 down: after 'a' come 'b' or 'c' or 'd', nothing else has any.
        for byte in (0..256_u32).rev() {
            if byte == 97 {
                bits.put(3, 6);
                for follower in [98, 99, 100] {
                    bits.put(follower, 8);
                }
            } else {
                bits.put(0, 6);
            }
        }
        bits.put(97, 8);
        // Index 1 of 'a': 'c'.
        bits.put(0, 1);
        bits.put(1, 2);
        bits.put(97, 8);
        // No follower: a whole byte.
        bits.put(1, 1);
        bits.put(120, 8);
        // The marker itself.
        for byte in [144, 0] {
            bits.put(byte, 8);
        }
        // Repeat 3 + 1 bytes from 5 back; a value of 0 would mean the marker.
        for byte in [144, 1, 4] {
            bits.put(byte, 8);
        }
        // A long repeat: all ones, 2 more, distance 1.
        let mask = (1 << (8 - factor)) - 1;
        for byte in [144, mask, 2, 0] {
            bits.put(byte, 8);
        }
        let mut plain = b"acax\x90acax".to_vec();
        plain.extend(std::iter::repeat_n(b'x', mask as usize + 2 + 3));
        check(factor as u16 + 1, 0, bits.bytes(), &plain);
    }
}

#[test]
fn implode_with_and_without_coded_literals() {
    for with_literals in [false, true] {
        for wide in [false, true] {
            let mut bits = Bits::default();
            // A tree of equal lengths: 8 bits for 256 literals, 6 bits for 64 others. Codes count
            // down from all ones.
            if with_literals {
                bits.put(15, 8);
                for _ in 0..16 {
                    bits.put(0xf7, 8);
                }
            }
            for _ in 0..2 {
                bits.put(3, 8);
                for _ in 0..4 {
                    bits.put(0xf5, 8);
                }
            }
            for byte in b"ab" {
                bits.put(1, 1);
                if with_literals {
                    bits.put_code(255 - u32::from(*byte), 8);
                } else {
                    bits.put(u32::from(*byte), 8);
                }
            }
            // Distance 2 (low bits 1, high 0), length minimum + 2.
            bits.put(0, 1);
            bits.put(1, if wide { 7 } else { 6 });
            bits.put_code(63, 6);
            bits.put_code(63 - 2, 6);
            // The longest kind: 63 + 7 + minimum, from before the start: zeros.
            bits.put(0, 1);
            bits.put(0, if wide { 7 } else { 6 });
            bits.put_code(63 - 20, 6);
            bits.put_code(0, 6);
            bits.put(7, 8);
            let minimum = if with_literals { 3 } else { 2 };
            let mut plain: Vec<u8> = b"ab".iter().copied().cycle().take(2 + 2 + minimum).collect();
            plain.extend(std::iter::repeat_n(0, 63 + 7 + minimum));
            let flags = u16::from(wide) << 1 | u16::from(with_literals) << 2;
            check(6, flags, bits.bytes(), &plain);
        }
    }
}
