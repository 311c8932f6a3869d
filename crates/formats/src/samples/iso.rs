/// Which names an [`iso9660`] image has besides the plain ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IsoNames {
    /// None.
    Plain,
    /// A second tree in UTF-16.
    Joliet,
    /// Names in the system use areas.
    RockRidge,
}

const SECTOR: usize = 2_048;

/// An image of these files; names have at most one folder (`folder/file`).
pub fn iso9660(names: IsoNames, files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut folders: Vec<&str> = Vec::new();
    for (name, _) in files {
        if let Some((folder, _)) = name.split_once('/')
            && !folders.contains(&folder)
        {
            folders.push(folder);
        }
    }
    // Sector 16: primary, 17: Joliet's or the end, 18: the end. Then folders, then data.
    let trees = if names == IsoNames::Joliet { 2 } else { 1 };
    let per_tree = 1 + folders.len();
    let mut next = 19 + trees * per_tree;
    let places: Vec<(usize, usize)> = files
        .iter()
        .map(|(_, data)| {
            let place = (next, data.len());
            next += data.len().div_ceil(SECTOR);
            place
        })
        .collect();
    let mut image = vec![0; next * SECTOR];
    for tree in 0..trees {
        let joliet = tree == 1;
        let first = 19 + tree * per_tree;
        let descriptor = &mut image[(16 + tree) * SECTOR..][..SECTOR];
        descriptor[0] = tree as u8 + 1;
        descriptor[1..7].copy_from_slice(b"CD001\x01");
        let root = record(b"\0", (first, SECTOR), true, &[]);
        descriptor[156..156 + root.len()].copy_from_slice(&root);
        if joliet {
            descriptor[88..91].copy_from_slice(b"%/E");
        }
        let list = |folder: Option<usize>| -> Vec<u8> {
            let system_use: &[u8] = if names == IsoNames::RockRidge && folder.is_none() {
                b"SP\x07\x01\xbe\xef\0"
            } else {
                &[]
            };
            let place = (first + folder.map_or(0, |folder| folder + 1), SECTOR);
            let mut out = record(b"\0", place, true, system_use);
            out.extend(record(b"\x01", (first, SECTOR), true, &[]));
            let mut add = |name: &str, number: usize, place, is_folder| {
                let stored = match (names, joliet) {
                    (_, true) => name.encode_utf16().flat_map(u16::to_be_bytes).collect(),
                    (IsoNames::Plain, _) => name.as_bytes().to_vec(),
                    _ => format!("F{number}").into_bytes(),
                };
                let stored =
                    if is_folder || joliet { stored } else { [&stored[..], b";1"].concat() };
                let system_use = if names == IsoNames::RockRidge {
                    [&[b'N', b'M', name.len() as u8 + 5, 1, 0], name.as_bytes()].concat()
                } else {
                    Vec::new()
                };
                out.extend(record(&stored, place, is_folder, &system_use));
            };
            for (number, (name, _)) in files.iter().enumerate() {
                let (parent, name) = match name.split_once('/') {
                    Some((parent, name)) => (Some(parent), name),
                    None => (None, *name),
                };
                if parent == folder.map(|folder| folders[folder]) {
                    add(name, number, places[number], false);
                }
            }
            if folder.is_none() {
                for (number, name) in folders.iter().enumerate() {
                    add(name, 100 + number, (first + 1 + number, SECTOR), true);
                }
            }
            out
        };
        for folder in 0..per_tree {
            let bytes = list(folder.checked_sub(1));
            image[(first + folder) * SECTOR..][..bytes.len()].copy_from_slice(&bytes);
        }
    }
    let end = &mut image[(16 + trees) * SECTOR..][..7];
    end.copy_from_slice(b"\xffCD001\x01");
    for ((_, data), (sector, _)) in files.iter().zip(places) {
        image[sector * SECTOR..][..data.len()].copy_from_slice(data);
    }
    image
}

fn record(name: &[u8], place: (usize, usize), is_folder: bool, system_use: &[u8]) -> Vec<u8> {
    let mut out = vec![0, 0];
    for value in [place.0 as u32, place.1 as u32] {
        out.extend_from_slice(&value.to_le_bytes());
        out.extend_from_slice(&value.to_be_bytes());
    }
    out.extend_from_slice(&[0; 7]);
    out.push(if is_folder { 2 } else { 0 });
    out.extend_from_slice(&[0, 0, 1, 0, 0, 1, name.len() as u8]);
    out.extend_from_slice(name);
    if name.len().is_multiple_of(2) {
        out.push(0);
    }
    out.extend_from_slice(system_use);
    if out.len() % 2 == 1 {
        out.push(0);
    }
    out[0] = out.len() as u8;
    out
}
