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

/// `data` as one bzip2 stream.
pub fn bzip2(data: &[u8]) -> Vec<u8> {
    let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::best());
    encoder.write_all(data).expect("writing to memory");
    encoder.finish().expect("writing to memory")
}
