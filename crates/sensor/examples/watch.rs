//! Prints what the sensor sees on this host for some seconds.
use palisade_sensor::ladder::Ladder;
use palisade_sensor::loader::{Loaded, LoaderConfig};
use palisade_sensor::ring::Ring;
use palisade_sensor::{Settings, Watch};

#[tokio::main]
async fn main() {
    let config = LoaderConfig {
        ring_bytes: 8 << 20,
        cgroup_root: Some("/sys/fs/cgroup/unified".into()),
        prevent: false,
        compat: false,
    };
    let settings = Settings {
        mode: 1,
        self_tgid: std::process::id(),
        cgroup_key: 0,
        wake_bytes: 0,
        dedup_window: 0,
        rate_limit: 0,
        signal_mask: !0,
        host: Watch { kinds: !0, flags: !0, id: 0 },
    };
    let mut ladder = Ladder::default();
    let start = std::time::Instant::now();
    let mut loaded =
        Loaded::load(&config, &settings, &mut ladder).unwrap_or_else(|e| panic!("{e:?}"));
    println!("loaded in {:?}, best rung {:?}", start.elapsed(), ladder.best());
    for step in ladder.steps() {
        println!("{step:?}");
    }
    let mut rings: Vec<Ring> = loaded
        .take_rings()
        .expect("rings")
        .into_iter()
        .map(|r| Ring::new(r).expect("ring"))
        .collect();
    let child = std::process::Command::new("sh")
        .args(["-c", "ls /tmp >/dev/null; echo x > /tmp/palisade-try; mv /tmp/palisade-try /tmp/palisade-try2; chmod 600 /tmp/palisade-try2; rm /tmp/palisade-try2; getent hosts example.invalid; exec 3<>/dev/tcp/127.0.0.1/1"])
        .spawn();
    drop(child);
    let mut seen = 0;
    let until = tokio::time::Instant::now() + std::time::Duration::from_secs(3);
    while let Ok(taken) = tokio::time::timeout_at(
        until,
        rings[0].take(64, |record| {
            seen += 1;
            if seen < 60 {
                println!("{:?}", record.body);
            }
        }),
    )
    .await
    {
        taken.expect("taken");
    }
    println!("{seen} records; losses {:?}", loaded.take_losses().map(|l| l.len()));
}
