/// An ar archive; names are written into the 16-byte field as they are.
pub fn ar(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut out = b"!<arch>\n".to_vec();
    for (name, data) in members {
        let size = data.len();
        out.extend_from_slice(format!("{name:<16}0           0     0     100644  ").as_bytes());
        out.extend_from_slice(format!("{size:<10}`\n").as_bytes());
        out.extend_from_slice(data);
        if size % 2 == 1 {
            out.push(b'\n');
        }
    }
    out
}

/// A Debian package that holds these files.
pub fn deb(files: &[(&str, &[u8])]) -> Vec<u8> {
    let control = super::gzip(&super::tar(&[("./control", b"Package: sample\n" as &[u8])]));
    let data = super::xz(&super::tar(files));
    ar(&[("debian-binary", b"2.0\n"), ("control.tar.gz", &control), ("data.tar.xz", &data)])
}
