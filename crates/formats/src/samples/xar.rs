/// A xar of these files, compressed or not; names have at most one folder (`folder/file`).
pub fn xar(compressed: bool, files: &[(&str, &[u8])]) -> Vec<u8> {
    let zlib = |data: &[u8]| [&[0x78, 0xda][..], &super::deflated(data), &[0; 4]].concat();
    let mut heap = Vec::new();
    let mut table = String::from("<?xml version=\"1.0\"?>\n<xar><toc>");
    for (name, data) in files {
        let stored = if compressed { zlib(data) } else { data.to_vec() };
        let style = if compressed { "application/x-gzip" } else { "application/octet-stream" };
        let (folder, name) = name.split_once('/').unwrap_or(("", name));
        if !folder.is_empty() {
            table += &format!("<file id=\"9\"><type>directory</type><name>{folder}</name>");
        }
        table += &format!(
            "<file id=\"1\"><data><length>{}</length><offset>{}</offset><size>{}</size>\
             <encoding style=\"{style}\"/></data><type>file</type><name>{}</name></file>",
            stored.len(),
            heap.len(),
            data.len(),
            name.replace('&', "&amp;"),
        );
        if !folder.is_empty() {
            table += "</file>";
        }
        heap.extend(stored);
    }
    table += "</toc></xar>";
    let packed = zlib(table.as_bytes());
    let mut out = b"xar!\0\x1c\0\x01".to_vec();
    out.extend_from_slice(&(packed.len() as u64).to_be_bytes());
    out.extend_from_slice(&(table.len() as u64).to_be_bytes());
    out.extend_from_slice(&[0; 4]);
    [out, packed, heap].concat()
}
