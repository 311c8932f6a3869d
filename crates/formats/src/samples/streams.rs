use std::io::Write;

/// `data` as one gzip member without a name.
pub fn gzip(data: &[u8]) -> Vec<u8> {
    gzip_with(flate2::GzBuilder::new(), data)
}

/// `data` as one gzip member that stores a file name.
pub fn gzip_named(name: &str, data: &[u8]) -> Vec<u8> {
    gzip_with(flate2::GzBuilder::new().filename(name), data)
}

fn gzip_with(builder: flate2::GzBuilder, data: &[u8]) -> Vec<u8> {
    let mut encoder = builder.write(Vec::new(), flate2::Compression::default());
    encoder.write_all(data).expect("writing to memory");
    encoder.finish().expect("writing to memory")
}

/// `data` as one zlib stream.
pub fn zlib(data: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(data).expect("writing to memory");
    encoder.finish().expect("writing to memory")
}

/// `data` as one bzip2 stream.
pub fn bzip2(data: &[u8]) -> Vec<u8> {
    let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    encoder.write_all(data).expect("writing to memory");
    encoder.finish().expect("writing to memory")
}

/// `data` as one xz stream.
pub fn xz(data: &[u8]) -> Vec<u8> {
    let mut encoder = lzma_rust2::XzWriter::new(Vec::new(), lzma_rust2::XzOptions::with_preset(1))
        .expect("valid options");
    encoder.write_all(data).expect("writing to memory");
    encoder.finish().expect("writing to memory")
}

/// `data` in the .lzma format, ended by a marker.
pub fn lzma(data: &[u8]) -> Vec<u8> {
    let options = lzma_rust2::LzmaOptions::with_preset(1);
    let mut encoder =
        lzma_rust2::LzmaWriter::new_use_header(Vec::new(), &options, None).expect("valid options");
    encoder.write_all(data).expect("writing to memory");
    encoder.finish().expect("writing to memory")
}

/// `data` as raw LZMA: properties, dictionary size and the stream with its end marker.
pub fn lzma_raw(data: &[u8]) -> (u8, u32, Vec<u8>) {
    let options = lzma_rust2::LzmaOptions::with_preset(1);
    let mut encoder =
        lzma_rust2::LzmaWriter::new_no_header(Vec::new(), &options, true).expect("valid options");
    encoder.write_all(data).expect("writing to memory");
    let props = encoder.props();
    (props, options.dict_size, encoder.finish().expect("writing to memory"))
}

/// `data` as one lzip member.
pub fn lzip(data: &[u8]) -> Vec<u8> {
    let (_, dictionary, stream) = lzma_raw(data);
    let mut out = [&b"LZIP\x01"[..], &[dictionary.ilog2() as u8], &stream].concat();
    out.extend_from_slice(&crc32fast::hash(data).to_le_bytes());
    out.extend_from_slice(&(data.len() as u64).to_le_bytes());
    let length = out.len() as u64 + 8;
    out.extend_from_slice(&length.to_le_bytes());
    out
}

/// `data` as one zstd frame.
pub fn zstd(data: &[u8]) -> Vec<u8> {
    ruzstd::encoding::compress_to_vec(data, ruzstd::encoding::CompressionLevel::Fastest)
}

/// `data` as one lz4 frame.
pub fn lz4(data: &[u8]) -> Vec<u8> {
    let mut encoder = lz4_flex::frame::FrameEncoder::new(Vec::new());
    encoder.write_all(data).expect("writing to memory");
    encoder.finish().expect("writing to memory")
}

/// `data` as one legacy lz4 frame of one block.
pub fn lz4_legacy(data: &[u8]) -> Vec<u8> {
    let block = lz4_flex::block::compress(data);
    [&[0x02, 0x21, 0x4c, 0x18], &(block.len() as u32).to_le_bytes()[..], &block].concat()
}

/// `data` as Unix `compress` writes it, with codes of at most 12 bits.
pub fn compress(data: &[u8]) -> Vec<u8> {
    let mut out = vec![0x1f, 0x9d, 0x80 | 12];
    let mut table = std::collections::HashMap::<(usize, u8), usize>::new();
    let (mut next_free, mut width, mut run) = (257, 9, Vec::<usize>::new());
    let flush = |run: &mut Vec<usize>, width: usize, whole: bool, out: &mut Vec<u8>| {
        if run.is_empty() {
            return;
        }
        let mut bits = Vec::new();
        for code in run.iter() {
            bits.extend((0..width).map(|bit| code >> bit & 1));
        }
        if whole {
            bits.resize(bits.len().next_multiple_of(width * 8), 0);
        }
        for byte in bits.chunks(8) {
            out.push(byte.iter().rev().fold(0, |byte, &bit| byte << 1 | bit as u8));
        }
        run.clear();
    };
    let mut bytes = data.iter();
    let Some(&first) = bytes.next() else { return out };
    let mut current = usize::from(first);
    // The reader defines each string one code later than the writer.
    let mut reader_free = 256;
    let mut emit = |code: usize, run: &mut Vec<usize>, out: &mut Vec<u8>| {
        run.push(code);
        reader_free = (reader_free + 1).min(1 << 12);
        if reader_free > (1 << width) - 1 && width < 12 {
            flush(run, width, true, out);
            width += 1;
        }
        width
    };
    let mut last_width = 9;
    for &byte in bytes {
        if let Some(&code) = table.get(&(current, byte)) {
            current = code;
            continue;
        }
        last_width = emit(current, &mut run, &mut out);
        if next_free < 1 << 12 {
            table.insert((current, byte), next_free);
            next_free += 1;
        }
        current = usize::from(byte);
    }
    last_width = last_width.max(emit(current, &mut run, &mut out));
    flush(&mut run, last_width, false, &mut out);
    out
}
