//! The counters, with the time given to them.

use palisade_defender::Finding;
use palisade_defender::detect::counters::{COUNTERS, CounterSettings, Counters};
use palisade_defender::detect::{DetectSettings, Detector};
use palisade_model::UnixMillis;
use palisade_model::event::{Activity, Event, FileRef, OpenFlags};

use super::events::*;

/// What is found when one event comes every `step` milliseconds.
fn run(counters: &mut Counters, from: u64, step: u64, events: Vec<Event>) -> Vec<Finding> {
    let mut found = Vec::new();
    for (event, place) in events.iter().zip(0..) {
        counters.look(event, UnixMillis(from + place * step), &mut found);
    }
    found
}

fn titles(found: &[Finding]) -> Vec<&str> {
    found.iter().map(|finding| finding.title.as_str()).collect()
}

fn fresh() -> Counters {
    Counters::new(CounterSettings::default())
}

const START: u64 = 1_700_000_000_000;

fn ports(count: u16) -> Vec<Event> {
    (0..count).map(|port| connect("x", &format!("10.0.0.1:{}", 1_000 + port))).collect()
}

#[test]
fn a_scan_is_many_ports_within_the_window_once_for_each_quiet_time() {
    assert_eq!(titles(&run(&mut fresh(), START, 10, ports(100))), ["Scan of one host's ports"]);
    assert!(run(&mut fresh(), START, 10, ports(19)).is_empty());
    // Twenty ports, but never twenty within a minute.
    assert!(run(&mut fresh(), START, 4_000, ports(100)).is_empty());
    // The same port again and again is none.
    let same = vec![connect("x", "10.0.0.1:5432"); 1_000];
    assert!(run(&mut fresh(), START, 10, same).is_empty());

    let mut counters = fresh();
    run(&mut counters, START, 10, ports(100));
    assert!(run(&mut counters, START + 300_000, 10, ports(100)).is_empty());
    assert_eq!(run(&mut counters, START + 700_000, 10, ports(100)).len(), 1);
}

#[test]
fn a_sweep_is_many_hosts_at_one_uncommon_port() {
    let hosts = |port: u16| -> Vec<Event> {
        (1..=40).map(|host| connect("x", &format!("10.0.0.{host}:{port}"))).collect()
    };
    assert_eq!(titles(&run(&mut fresh(), START, 10, hosts(9_200))), ["Scan of many hosts"]);
    assert!(run(&mut fresh(), START, 10, hosts(443)).is_empty());
}

#[test]
fn counts_belong_to_one_container() {
    let mut counters = fresh();
    let events = ports(38).into_iter().zip(0..).map(|(mut event, place)| {
        if place % 2 == 0 {
            event.container = None;
        }
        event
    });
    assert!(run(&mut counters, START, 10, events.collect()).is_empty());
    assert_eq!(counters.scopes(), 2);
    let id = act("x", Activity::Exit { status: 0, signal: 0 }).container.unwrap().id.clone();
    counters.forget(&id);
    assert_eq!(counters.scopes(), 1);
}

#[test]
fn guessing_is_many_connections_to_a_login_port() {
    let out = |count| vec![connect("hydra", "10.0.0.1:22"); count];
    let found = run(&mut fresh(), START, 10, out(25));
    assert_eq!(titles(&found), ["Password guessing against another host"]);
    assert_eq!(found[0].detail, "20 connections to 10.0.0.1:22 in 60 s, by hydra");
    assert!(run(&mut fresh(), START, 10, out(19)).is_empty());
    assert!(run(&mut fresh(), START, 10_000, out(100)).is_empty());
    assert!(run(&mut fresh(), START, 10, vec![connect("app", "10.0.0.1:5432"); 500]).is_empty());

    let into = |count| vec![accept("sshd", "10.0.0.2:22", "192.0.2.7:50000"); count];
    let found = run(&mut fresh(), START, 10, into(40));
    assert_eq!(titles(&found), ["Password guessing by a client"]);
    assert!(run(&mut fresh(), START, 10, into(29)).is_empty());
}

fn names(of: impl Fn(u32) -> String) -> Vec<Event> {
    (0..80).map(|place| question(&of(place))).collect()
}

/// Thirty-two digits that differ in every place.
fn random(place: u32) -> String {
    let mut state = u64::from(place) + 1;
    let digits = (0..32).map(|_| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        char::from_digit(u32::try_from(state >> 60).unwrap(), 16).unwrap()
    });
    digits.collect()
}

#[test]
fn a_tunnel_is_many_long_random_names_below_one_domain() {
    let found =
        run(&mut fresh(), START, 10, names(|place| format!("{}.example.com", random(place))));
    assert_eq!(titles(&found), ["DNS tunnel"]);
    assert_eq!(found[0].detail, "40 names below example.com within 60 s, by app");
    let innocent: [&dyn Fn(u32) -> String; 5] = [
        &|_| format!("{}.example.com", random(1)),
        &|place| format!("host{place}.example.com"),
        &|place| format!("{}.{}.example{place}.com", random(place), random(place)),
        &|place| format!("{}.ip6.arpa", random(place)),
        &|place| format!("{}a{place}.example.com", "a".repeat(40)),
    ];
    for (number, of) in innocent.iter().enumerate() {
        assert!(run(&mut fresh(), START, 10, names(of)).is_empty(), "{number}");
    }
    // Questions for text carry more in less.
    let texts = |record| -> Vec<Event> {
        let short = names(|place| format!("{}.example.com", &random(place)[..16]));
        let changed = short.into_iter().map(|mut event| {
            if let Activity::DnsQuestion { record_type, .. } = &mut event.activity {
                *record_type = record;
            }
            event
        });
        changed.collect()
    };
    assert_eq!(titles(&run(&mut fresh(), START, 10, texts(16))), ["DNS tunnel"]);
    assert!(run(&mut fresh(), START, 10, texts(1)).is_empty());
}

fn files(count: u32, directories: u32, of: impl Fn(String) -> Event) -> Vec<Event> {
    (0..count).map(|n| of(format!("/data/{}/{n}.txt", n % directories))).collect()
}

#[test]
fn mass_deletion_is_of_many_files_in_many_directories_by_one_process() {
    let remove = |path: String| unlink("rm", &path);
    let found = run(&mut fresh(), START, 10, files(400, 20, remove));
    assert_eq!(titles(&found), ["Mass deletion of files"]);
    assert!(found[0].detail.starts_with("300 files in at least 10 directories within 60 s, by rm"));
    assert!(run(&mut fresh(), START, 10, files(299, 20, remove)).is_empty());
    assert!(run(&mut fresh(), START, 10, files(1_000, 5, remove)).is_empty());
    assert!(run(&mut fresh(), START, 1_000, files(1_000, 20, remove)).is_empty());
    let cache = |path: String| unlink("rm", &format!("/var/cache{path}"));
    assert!(run(&mut fresh(), START, 10, files(1_000, 20, cache)).is_empty());
    let many = files(400, 20, remove).into_iter().zip(0..);
    let many = many.map(|(event, place)| event.key(place % 2 + 1)).collect();
    assert!(run(&mut fresh(), START, 10, many).is_empty());
    let failed = files(400, 20, remove).into_iter().map(|mut event| {
        event.error = 2;
        event
    });
    assert!(run(&mut fresh(), START, 10, failed.collect()).is_empty());
}

#[test]
fn mass_rewriting_is_by_extension_beside_the_original_or_in_place() {
    let title = ["Mass rewriting of files"];
    let extend = |extension: &'static str| {
        move |path: String| rename("x", &path, &format!("{path}.{extension}"))
    };
    assert_eq!(titles(&run(&mut fresh(), START, 10, files(60, 6, extend("locked")))), title);
    for usual in ["gz", "bak", "1", "dpkg-tmp"] {
        assert!(run(&mut fresh(), START, 10, files(300, 20, extend(usual))).is_empty(), "{usual}");
    }
    let other = |path: String| rename("x", &path, &path.replace(".txt", ".enc"));
    assert_eq!(titles(&run(&mut fresh(), START, 10, files(60, 6, other))), title);
    let moved = |path: String| rename("x", &path, &path.replace("/data", "/archive"));
    assert!(run(&mut fresh(), START, 10, files(300, 20, moved)).is_empty());
    // A package manager's way: the new file takes the old one's place.
    let unpacked = |path: String| rename("dpkg", &format!("{path}.dpkg-new"), &path);
    assert!(run(&mut fresh(), START, 10, files(300, 20, unpacked)).is_empty());

    let beside = |extension: &str| -> Vec<Event> {
        let paths = (0..60).map(|n| format!("/data/{}/{n}.txt", n % 6));
        let pairs =
            paths.map(|path| [write("x", &format!("{path}.{extension}")), unlink("x", &path)]);
        pairs.flatten().collect()
    };
    assert_eq!(titles(&run(&mut fresh(), START, 10, beside("crypt"))), title);
    assert!(run(&mut fresh(), START, 10, beside("gz")).is_empty());

    let in_place =
        |path: String| act("x", Activity::Open { file: FileRef::at(path), flags: OpenFlags(2) });
    assert_eq!(titles(&run(&mut fresh(), START, 10, files(250, 6, in_place))), title);
    assert!(run(&mut fresh(), START, 10, files(1_000, 3, in_place)).is_empty());
    let same = |_| in_place("/data/1/1.txt".to_owned());
    assert!(run(&mut fresh(), START, 10, files(1_000, 6, same)).is_empty());
}

#[test]
fn a_shell_that_waits_for_orders_after_a_connection_is_a_reverse_or_bind_shell() {
    let shell = |line: &str| exec(line);
    let sequence =
        |first: Event, second: Event| run(&mut fresh(), START, 1_000, vec![first, second]);
    let out = || connect("bash", "192.0.2.1:4444");
    let into = || accept("nc", "10.0.0.2:4444", "192.0.2.1:50000");

    let found = sequence(out(), shell("bash -i"));
    assert_eq!(titles(&found), ["Reverse shell"]);
    assert_eq!(found[0].detail, "bash after a connection to 192.0.2.1:4444 by the same process");
    let child = shell("sh").key(101).below("python3");
    assert_eq!(titles(&sequence(out().key(91), child.clone())), Vec::<&str>::new());
    let parent = out().process(|process| process.key = child.process.parent().unwrap());
    assert_eq!(titles(&sequence(parent.clone(), child)), ["Reverse shell"]);
    assert_eq!(titles(&sequence(into(), shell("sh"))), ["Bind shell"]);

    assert!(sequence(out(), shell("bash -c id")).is_empty());
    assert!(sequence(out(), shell("bash /start.sh")).is_empty());
    assert!(sequence(out(), exec("python3")).is_empty());
    assert!(sequence(shell("bash -i"), out()).is_empty());
    let login = shell("bash").key(101).below("sshd");
    assert!(sequence(parent, login).is_empty());
    assert!(run(&mut fresh(), START, 61_000, vec![out(), shell("bash -i")]).is_empty());
    let mut refused = out();
    refused.error = 111;
    assert!(sequence(refused, shell("bash -i")).is_empty());
}

#[test]
fn a_busy_processor_is_told_after_a_quarter_of_an_hour_without_a_break() {
    let minute = 60_000_000_000;
    let minutes = |detector: &mut Detector, from: u64, busy: u64, count: u64| {
        let mut found = Vec::new();
        for place in 1..=count {
            let now = UnixMillis(START + (from + place) * 60_000);
            detector.cpu(None, busy, minute, now, &mut found);
        }
        titles(&found).len()
    };
    let (mut detector, _) = Detector::load(&[], DetectSettings::default());
    assert_eq!(minutes(&mut detector, 0, minute, 14), 0);
    assert_eq!(minutes(&mut detector, 14, minute / 2, 1), 0);
    assert_eq!(minutes(&mut detector, 15, minute, 14), 0);
    assert_eq!(minutes(&mut detector, 29, minute, 1), 1);
    let mut found = Vec::new();
    detector.cpu(None, 1, 0, UnixMillis(START), &mut found);
    assert!(found.is_empty());
}

#[test]
fn counts_are_bounded_and_what_is_pushed_out_is_counted() {
    let settings = CounterSettings { containers: 1, peers: 4, processes: 4, ..Default::default() };
    let mut counters = Counters::new(settings);
    let hosts = (0..100).map(|host| connect("x", &format!("10.0.{host}.1:7000")));
    run(&mut counters, START, 10, hosts.collect());
    assert!(counters.pushed_out() >= 90, "{}", counters.pushed_out());
    let before = counters.pushed_out();
    for number in 0..50 {
        let mut event = unlink("rm", "/data/x");
        let mut container = (**event.container.as_ref().unwrap()).clone();
        container.id = format!("c{number}").parse().unwrap();
        event.container = Some(std::sync::Arc::new(container));
        counters.look(&event, UnixMillis(START), &mut Vec::new());
    }
    assert_eq!(counters.scopes(), 2);
    assert!(counters.pushed_out() >= before + 48);
}

#[test]
fn each_counter_has_its_off_switch() {
    let off = "[shell]\nenabled = false\n[scan]\nenabled = false\n[guessing]\nenabled = false\n\
               [dns]\nenabled = false\n[deletion]\nenabled = false\n[rewriting]\nenabled = false\n\
               [processor]\nenabled = false\n";
    let settings: CounterSettings = toml::from_str(off).unwrap();
    let mut counters = Counters::new(settings);
    let mut events = ports(100);
    events.extend(vec![connect("x", "10.0.0.1:22"); 50]);
    events.extend(vec![accept("x", "10.0.0.1:22", "192.0.2.1:1"); 50]);
    events.extend(names(|place| format!("{}.example.com", random(place))));
    events.extend(files(400, 20, |path| unlink("rm", &path)));
    events.extend(files(100, 20, |path| rename("x", &path, &format!("{path}.locked"))));
    events.extend((1..=40).map(|host| connect("x", &format!("10.0.0.{host}:9200"))));
    events.push(exec("bash -i"));
    assert!(run(&mut counters, START, 10, events.clone()).is_empty());
    let mut found = Vec::new();
    for place in 0..60 {
        counters.processor(None, 9, 9, UnixMillis(START + place * 60_000), &mut found);
    }
    assert!(found.is_empty());
    // The same with the switches as they are; the shell's last connection went out.
    let mut all = run(&mut fresh(), START, 10, events);
    all.sort_by_key(|finding| finding.title.clone());
    all.dedup_by_key(|finding| finding.title.clone());
    assert_eq!(all.len(), COUNTERS.len() - 2, "{:?}", titles(&all));
    assert!(toml::from_str::<CounterSettings>("[scan]\nenable = false\n").is_err());
}

#[test]
fn a_reload_goes_on_with_the_counts() {
    let (mut before, _) = Detector::load(&[], DetectSettings::default());
    let mut found = Vec::new();
    for event in ports(15) {
        before.look(&event, UnixMillis(START), &mut found);
    }
    let (mut after, _) = Detector::load(&[], DetectSettings::default());
    after.take_over(before);
    for event in ports(30).into_iter().skip(15) {
        after.look(&event, UnixMillis(START + 10), &mut found);
    }
    assert_eq!(titles(&found), ["Scan of one host's ports"]);
}
