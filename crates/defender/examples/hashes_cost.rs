//! A list of known-bad hashes: `hashes_cost COUNT` makes one of so many, reads it and asks it. Prints a name
//! and a number a line.

use std::io::Write as _;
use std::time::Instant;

use palisade_defender::hashes::{KnownBad, ListSettings};
use palisade_model::Sha256;

/// Hashes that are asked for.
const ASKED: u64 = 100_000;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let count: u64 = std::env::args().nth(1).ok_or("how many?")?.parse()?;
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("list");
    let mut file = std::io::BufWriter::new(std::fs::File::create(&path)?);
    for number in 1..=count {
        writeln!(file, "{}  family-{}", hash(number), number % 50)?;
    }
    file.into_inner()?;
    let directory = folder.path().to_owned();
    let settings = ListSettings { file: Some(path), directory, ..ListSettings::default() };
    let known = KnownBad::open(settings)?;
    let began = Instant::now();
    let loaded = known.reload()?.ok_or("it was not read")?;
    println!("read_s {}", began.elapsed().as_secs_f64());
    println!("hashes {}", loaded.hashes);
    println!("bytes {}", loaded.bytes);
    let numbers: Vec<Sha256> = (count + 1..=count + ASKED).map(hash).collect();
    println!("absent_us {}", each(&known, &numbers, false)?);
    let step = usize::try_from(count.div_ceil(ASKED))?;
    let numbers: Vec<Sha256> = (1..=count).step_by(step).map(hash).collect();
    println!("present_us {}", each(&known, &numbers, true)?);
    Ok(())
}

/// Microseconds of one question.
fn each(known: &KnownBad, hashes: &[Sha256], wanted: bool) -> Result<f64, String> {
    let began = Instant::now();
    let found = hashes.iter().filter(|hash| known.find(hash).is_some()).count();
    let spent = began.elapsed();
    if found != if wanted { hashes.len() } else { 0 } {
        return Err(format!("{found} of {} were found", hashes.len()));
    }
    Ok(spent.as_secs_f64() * 1e6 / hashes.len() as f64)
}

/// As spread as hashes are, and made much faster.
fn hash(number: u64) -> Sha256 {
    let mut bytes = [0; 32];
    let mut state = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    for chunk in bytes.chunks_exact_mut(8) {
        state = (state ^ (state >> 31)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        chunk.copy_from_slice(&state.to_be_bytes());
    }
    Sha256(bytes)
}
