//! Writes the samples of `palisade_formats` and of the analysers, and records of the sensor, as first inputs: `corpus/<target>/<name>` in the current
//! folder, which is where the fuzz targets look.

mod sensor;

use std::path::Path;

use palisade_formats::{document, samples};

fn main() -> std::io::Result<()> {
    for (room, list) in [("archive", samples::all()), ("document", document::samples::samples())] {
        for (type_id, name, bytes) in list {
            write(&format!("{room}_{type_id}"), name, &bytes)?;
            write("filetype", &format!("{type_id}-{name}"), &bytes)?;
        }
    }
    for case in palisade_analyzers::samples::cases() {
        let target = format!("analyzer_{}", case.analyzer);
        write(&target, case.finding, &(case.sample)())?;
        write(&target, &format!("{}-near-miss", case.finding), &(case.near_miss)())?;
    }
    for (name, bytes) in sensor::records() {
        write("sensor_record", name, &bytes)?;
    }
    Ok(())
}

fn write(target: &str, name: &str, bytes: &[u8]) -> std::io::Result<()> {
    let folder = Path::new("corpus").join(target);
    std::fs::create_dir_all(&folder)?;
    std::fs::write(folder.join(name), bytes)
}
