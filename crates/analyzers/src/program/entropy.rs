/// Shannon entropy of bytes, in bits per byte: 0 for one value, 8 for all values equally often.
pub(crate) fn entropy(bytes: &[u8]) -> f64 {
    if bytes.is_empty() {
        return 0.0;
    }
    // Four tables, so that runs of one byte do not wait for the count just written.
    let mut counts = [[0u32; 256]; 4];
    let mut lanes = bytes.chunks_exact(4);
    for lane in &mut lanes {
        for (table, &byte) in counts.iter_mut().zip(lane) {
            table[usize::from(byte)] += 1;
        }
    }
    for &byte in lanes.remainder() {
        counts[0][usize::from(byte)] += 1;
    }
    let total = bytes.len() as f64;
    (0..256)
        .map(|value| counts.iter().map(|table| u64::from(table[value])).sum::<u64>())
        .filter(|&count| count > 0)
        .map(|count| {
            let share = count as f64 / total;
            -share * share.log2()
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::entropy;

    #[test]
    fn it_is_zero_for_one_value_and_eight_for_all() {
        assert_eq!(entropy(&[]), 0.0);
        assert_eq!(entropy(&[7; 1000]), 0.0);
        let all: Vec<u8> = (0..=255).collect();
        assert!((entropy(&all) - 8.0).abs() < 1e-9);
        assert!((entropy(b"abab") - 1.0).abs() < 1e-9);
    }
}
