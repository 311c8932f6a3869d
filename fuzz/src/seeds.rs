//! Writes the samples of `palisade_formats::samples` as first inputs: `corpus/archive_<type>/<name>`
//! in the current folder, which is where cargo-fuzz looks.

use std::path::Path;

fn main() -> std::io::Result<()> {
    for (type_id, name, bytes) in palisade_formats::samples::all() {
        let folder = Path::new("corpus").join(format!("archive_{type_id}"));
        std::fs::create_dir_all(&folder)?;
        std::fs::write(folder.join(name), bytes)?;
    }
    Ok(())
}
