//! Writes the samples of `palisade_formats` as first inputs: `corpus/<target>/<name>` in the current
//! folder, which is where the fuzz targets look.

use std::path::Path;

use palisade_formats::{document, samples};

fn main() -> std::io::Result<()> {
    for (room, list) in [("archive", samples::all()), ("document", document::samples::samples())] {
        for (type_id, name, bytes) in list {
            write(&format!("{room}_{type_id}"), name, &bytes)?;
            write("filetype", &format!("{type_id}-{name}"), &bytes)?;
        }
    }
    Ok(())
}

fn write(target: &str, name: &str, bytes: &[u8]) -> std::io::Result<()> {
    let folder = Path::new("corpus").join(target);
    std::fs::create_dir_all(&folder)?;
    std::fs::write(folder.join(name), bytes)
}
