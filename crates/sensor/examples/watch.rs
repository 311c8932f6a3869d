//! Prints what the sensor sees on this host: `watch [SECONDS]`.

use std::time::{Duration, Instant};

use palisade_sensor::ladder::Ladder;
use palisade_sensor::{Observation, Sensor, SensorConfig};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let seconds = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(3);
    let config = SensorConfig {
        cgroup_root: Some("/sys/fs/cgroup/unified".into()),
        host: true,
        ..SensorConfig::default()
    };
    let mut ladder = Ladder::default();
    let began = Instant::now();
    let (sensor, mut reader) = Sensor::start(&config, &mut ladder)?;
    println!("{ladder}loaded in {:?}, best rung {:?}", began.elapsed(), ladder.best());
    let mut existing = 0;
    reader.existing(&mut |_| existing += 1)?;
    println!("{existing} things were there");
    let until = Instant::now() + Duration::from_secs(seconds);
    while Instant::now() < until {
        reader.read(Duration::from_millis(100), 1_000, &mut |observation| match observation {
            Observation::Event { event, rule, .. } => {
                let line: Vec<&str> =
                    event.process.ancestors.iter().map(|one| one.name.as_str()).collect();
                println!("{} {:?} {:?} {rule:?}", event.process.name, line, event.activity);
            }
            other => println!("{other:?}"),
        })?;
    }
    println!("{:?}; losses {:?}", reader.counts(), sensor.take_losses()?);
    Ok(())
}
