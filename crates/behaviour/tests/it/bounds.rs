//! Every bound is kept, stated, and never turned into a deviation.

use palisade_behaviour::{Bound, NotComparable, Outcome, Section, Settings};

use crate::events::*;

fn names(count: usize, form: impl Fn(usize) -> String) -> Vec<String> {
    (0..count).map(form).collect()
}

#[test]
fn many_files_of_a_directory_become_the_directory() {
    let settings = Settings::default();
    let words = names(30, |number| format!("/data/{}.bin", "x".repeat(number + 1)));
    let events: Vec<_> = words.iter().map(|path| write(NGINX, path)).collect();
    let mut model = active_with(settings, &events);
    assert!(model.export().contains("\"/data/*\""));
    assert_eq!(model.observe(&write(NGINX, "/data/never.seen"), after(26)), Outcome::Known);
    // Near, but not it: below, and beside.
    for path in ["/data/below/x", "/data2/x"] {
        assert_eq!(deviation(&model.observe(&write(NGINX, path), after(26))).0, Section::Files);
    }
}

#[test]
fn names_made_of_numbers_are_one() {
    let events = [
        write("/usr/bin/postgres", "/pgdata/base/16384/2619"),
        write("/usr/bin/postgres", "/pgdata/pg_wal/000000010000000000000001"),
        write("/usr/bin/postgres", "/tmp/sess_q0v8a2kd"),
    ];
    let mut model = active(&events);
    for path in
        ["/pgdata/base/16385/99", "/pgdata/pg_wal/0000000100000000000000AF", "/tmp/sess_z1y2x3w4"]
    {
        let outcome = model.observe(&write("/usr/bin/postgres", path), after(26));
        assert_eq!(outcome, Outcome::Known, "{path}");
    }
    let outcome = model.observe(&write("/usr/bin/postgres", "/pgdata/pg_wal/evil.so"), after(26));
    assert_eq!(deviation(&outcome).0, Section::Files);
}

#[test]
fn ports_that_the_kernel_hands_out_are_one() {
    let mut model = active(&[listen(40_000), listen(8_080)]);
    assert_eq!(model.observe(&listen(50_000), after(26)), Outcome::Known);
    assert_eq!(deviation(&model.observe(&listen(8_081), after(26))).0, Section::Listening);
}

#[test]
fn many_addresses_become_networks_and_then_any() {
    let settings =
        Settings { max_addresses_per_port: 2, max_networks_per_port: 2, ..Settings::default() };
    let some: Vec<_> = (1..=3).map(|last| connect(&format!("192.0.2.{last}"), 443)).collect();
    let mut model = active_with(settings.clone(), &some);
    assert_eq!(model.observe(&connect("192.0.2.200", 443), after(26)), Outcome::Known);
    let outcome = model.observe(&connect("192.0.3.1", 443), after(26));
    assert_eq!(deviation(&outcome).0, Section::Outbound);
    assert_eq!(model.bounds().get(&Bound::Addresses), Some(&1));

    let many: Vec<_> = (1..=9).map(|net| connect(&format!("192.0.{net}.1"), 443)).collect();
    let mut model = active_with(settings, &many);
    assert_eq!(model.observe(&connect("2001:db8::1", 443), after(26)), Outcome::Known);
    assert_eq!(model.bounds().get(&Bound::Networks), Some(&1));
}

#[test]
fn many_names_of_a_domain_become_the_domain_but_never_a_top_level_one() {
    let mut events: Vec<_> =
        names(40, |number| format!("{}.tenant.example.com", "a".repeat(number + 1)))
            .iter()
            .map(|name| ask(name))
            .collect();
    events.extend(
        names(40, |number| format!("{}.org", "b".repeat(number + 1))).iter().map(|n| ask(n)),
    );
    let mut model = active(&events);
    assert!(model.export().contains("*.tenant.example.com"));
    assert_eq!(model.observe(&ask("new.tenant.example.com"), after(26)), Outcome::Known);
    assert_eq!(deviation(&model.observe(&ask("evil.org"), after(26))).0, Section::Names);
}

#[test]
fn a_full_section_is_not_comparable() {
    let settings = Settings {
        max_executables: 3,
        max_listening: 3,
        max_outbound: 3,
        max_names: 3,
        max_users: 3,
        max_files: 3,
        ..Settings::default()
    };
    let mut events = Vec::new();
    for number in 1..=9_u16 {
        let letter = char::from(b'a' + u8::try_from(number).unwrap());
        let mut process = process(&format!("/bin/{letter}"), None);
        process.credentials.euid = u32::from(number);
        events.push(exec_of(process));
        events.push(listen(number));
        events.push(connect("192.0.2.1", number));
        events.push(ask(&format!("{letter}.test")));
        events.push(write("/bin/a", &format!("/{letter}/x")));
        events.push(write(&format!("/bin/{letter}"), "/var/x"));
    }
    let mut model = active_with(settings, &events);
    let now = after(26);
    for (event, bound) in [
        (exec("/bin/new", None), Bound::Executables),
        (listen(99), Bound::Listening),
        (connect("192.0.2.1", 99), Bound::Outbound),
        (ask("new.test"), Bound::Names),
        (write("/bin/a", "/new/x"), Bound::FilesFull),
        (write("/bin/new", "/new/x"), Bound::Writers),
    ] {
        let outcome = model.observe(&event, now);
        assert_eq!(outcome, Outcome::NotComparable(NotComparable::Bound(bound)), "{event:?}");
        assert!(model.bounds().contains_key(&bound), "{bound} is not stated");
    }
    assert!(model.bounds().contains_key(&Bound::Users));
}

#[test]
fn too_many_hashes_or_parents_accept_any() {
    let mut events = Vec::new();
    for byte in 0..20 {
        events.push(hashed("/bin/sh", "/init", byte));
    }
    for number in 0..40 {
        events.push(exec("/bin/ls", Some(&format!("/bin/{}", "p".repeat(number + 1)))));
    }
    let mut model = active(&events);
    assert_eq!(model.observe(&hashed("/bin/sh", "/init", 200), after(26)), Outcome::Known);
    assert_eq!(model.observe(&exec("/bin/ls", Some("/bin/new")), after(26)), Outcome::Known);
    let outcome = model.observe(&exec("/bin/sh", Some("/bin/new")), after(26));
    assert_eq!(deviation(&outcome).0, Section::Processes);
    assert_eq!(model.bounds().get(&Bound::Hashes), Some(&1));
    assert_eq!(model.bounds().get(&Bound::Parents), Some(&1));
}

#[test]
fn a_flood_of_everything_stays_small() {
    let mut model = model();
    for number in 0..5_000_u32 {
        let word: String = number
            .to_be_bytes()
            .iter()
            .flat_map(|byte| [byte >> 4, byte & 15])
            .map(|nibble| char::from(b'g' + nibble))
            .collect();
        model.observe(&exec(&format!("/opt/{word}"), None), START);
        model.observe(&write(&format!("/opt/{word}"), &format!("/{word}/{word}")), START);
        model.observe(&write(NGINX, &format!("/{word}/{word}/{word}")), START);
        model.observe(&ask(&format!("{word}.{word}.com")), START);
        let address = std::net::Ipv4Addr::from_bits(0x0b00_0000 + number * 256);
        model.observe(&connect(&address.to_string(), 443), START);
        model.observe(&answer(&format!("{word}.com"), &address.to_string()), START);
    }
    let export = model.export();
    assert!(export.len() < 1 << 20, "{} bytes", export.len());
    for bound in [Bound::Executables, Bound::Writers, Bound::FilesFull, Bound::Networks] {
        assert!(model.bounds().contains_key(&bound), "{bound}");
    }
    assert!(model.bounds().contains_key(&Bound::Names));
    assert!(model.bounds().contains_key(&Bound::Resolved));
}

#[test]
fn a_long_path_is_cut_and_said_to_be() {
    let mut model = model();
    model.observe(&write(NGINX, &format!("/x/{}", "y".repeat(5_000))), START);
    assert!(model.bounds().contains_key(&Bound::Text));
}
