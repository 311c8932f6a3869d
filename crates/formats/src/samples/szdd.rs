/// `data` as COMPRESS.EXE packs it: literals, and matches where the last 4 KiB have some.
pub fn szdd(data: &[u8]) -> Vec<u8> {
    let mut out = b"SZDD\x88\xf0\x27\x33A\0".to_vec();
    out.extend_from_slice(&(data.len() as u32).to_le_bytes());
    let mut at = 0;
    while at < data.len() {
        let (mut flags, mut group) = (0, Vec::new());
        for bit in 0..8 {
            if at == data.len() {
                break;
            }
            // The window starts full of blanks.
            let byte_at = |index: usize, distance: usize| {
                index.checked_sub(distance).map_or(b' ', |index| data[index])
            };
            let longest = 18.min(data.len() - at);
            let best = (1..256.min(at + 20))
                .map(|distance| {
                    let length = (0..longest)
                        .take_while(|&step| byte_at(at + step, distance) == data[at + step])
                        .count();
                    (length, distance)
                })
                .max_by_key(|&(length, _)| length)
                .unwrap_or((0, 0));
            if best.0 >= 3 {
                let place = (at + 4_096 - 16 + 4_096 - best.1) % 4_096;
                group.push(place as u8);
                group.push((place >> 4 & 0xf0) as u8 | (best.0 - 3) as u8);
                at += best.0;
            } else {
                flags |= 1 << bit;
                group.push(data[at]);
                at += 1;
            }
        }
        out.push(flags);
        out.extend(group);
    }
    out
}
