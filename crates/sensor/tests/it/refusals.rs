//! What an attacker would try to get past a plan.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use palisade_model::event::{Activity, Effect, Event, SocketAddress};
use palisade_sensor::{Direction, ExecRule, NetRule, Plan};

use crate::support::{Cgroup, listener, start, until};

const EPERM: i32 = 1;

fn exec(path: &Path, allow: bool, rule: u32) -> ExecRule {
    ExecRule { path: path.display().to_string(), allow, rule }
}

fn refuse(address: &str, prefix: u8, port: u16, rule: u32) -> Vec<NetRule> {
    let of = |direction| NetRule {
        direction,
        address: address.parse().expect("an address"),
        prefix,
        ports: vec![port..=port],
        allow: false,
        rule,
    };
    vec![of(Direction::Connect), of(Direction::Send)]
}

fn copy_of_echo(to: &Path) {
    std::fs::create_dir_all(to.parent().expect("a folder")).expect("made");
    std::fs::copy("/bin/echo", to).expect("a copy");
    std::fs::set_permissions(to, PermissionsExt::from_mode(0o755)).expect("executable");
}

#[test]
fn a_longer_path_is_not_taken_for_the_listed_one_that_it_ends_with() {
    let (sensor, mut reader) = start(&[]);
    let cgroup = Cgroup::new("long");
    let folder = tempfile::tempdir().expect("a folder");
    // As long as a listed path may be: 512 bytes.
    let rest = 512 - folder.path().as_os_str().len() - 1;
    let (first, last) = ("a".repeat(250), "b".repeat(rest - 251));
    let listed = folder.path().join(first).join(last);
    assert_eq!(listed.as_os_str().len(), 512);
    let longer = folder.path().join(listed.strip_prefix("/").expect("absolute"));
    copy_of_echo(&listed);
    copy_of_echo(&longer);
    let shell = std::fs::canonicalize("/bin/sh").expect("there");
    let plan = Plan {
        exec: vec![exec(&shell, true, 1), exec(&listed, true, 2)],
        exec_unlisted: Some(9),
        ..Plan::default()
    };
    sensor.enforce(cgroup.id(), &[], &plan).expect("the plan");
    let run = |program: &Path| cgroup.run(&format!("{} written; exit 0", program.display()));
    assert_eq!(run(&listed).stdout, b"written\n");
    assert_eq!(run(&longer).stdout, b"");
    until(&mut reader, cgroup.id(), |event, rule| {
        event.effect == Effect::Killed && rule == Some(9)
    });
}

#[test]
fn a_plan_holds_in_a_cgroup_that_is_made_inside_from_its_first_moment() {
    let (sensor, mut reader) = start(&[]);
    let cgroup = Cgroup::new("nested");
    let folder = tempfile::tempdir().expect("a folder");
    let (forbidden, listening) = (folder.path().join("forbidden"), listener());
    copy_of_echo(&forbidden);
    let plan = Plan {
        exec: vec![exec(&forbidden, false, 41)],
        exec_memory: Some(43),
        net: refuse("127.0.0.0", 8, listening.1, 42),
        ..Plan::default()
    };
    sensor.enforce(cgroup.id(), &[], &plan).expect("the plan");
    let child = cgroup.child("child");
    let grandchild = child.child("grandchild");
    let to = format!("tcp 127.0.0.1:{}", listening.1);
    for (place, run) in [(&child, "the child"), (&grandchild, "the grandchild")] {
        let output = place.run(&format!("{} written; echo end", forbidden.display()));
        assert_eq!(String::from_utf8_lossy(&output.stdout), "end\n", "{run}: {output:?}");
        assert_eq!(place.act(&to), EPERM, "{run}");
        let mut said = (false, false);
        until(&mut reader, place.id(), |event, rule| {
            said.0 |= event.effect == Effect::Killed && rule == Some(41);
            said.1 |= event.effect == Effect::Refused && rule == Some(42);
            said == (true, true)
        });
    }
    // Another plan reaches those that are there by being told of them.
    let inside = [child.id(), grandchild.id()];
    sensor.enforce(cgroup.id(), &inside, &Plan::default()).expect("none");
    assert_eq!(grandchild.act(&to), 0);
    sensor.enforce(cgroup.id(), &inside, &plan).expect("the plan");
    assert_eq!(grandchild.act(&to), EPERM);
}

#[test]
fn no_other_address_of_the_same_place_gets_past() {
    let (sensor, _reader) = start(&[]);
    let cgroup = Cgroup::new("addresses");
    let any = std::net::TcpListener::bind("[::]:0").expect("a port");
    let port = any.local_addr().expect("its address").port();
    let own = own_address();
    let open = [
        format!("tcp 127.0.0.1:{port}"),
        format!("tcp 0.0.0.0:{port}"),
        format!("tcp [::ffff:127.0.0.1]:{port}"),
        format!("tcp [::ffff:0.0.0.0]:{port}"),
        format!("tcp-from [::ffff:127.0.0.1]:0 [::]:{port}"),
        format!("udp 0.0.0.0:{port}"),
        format!("udp [::ffff:0.0.0.0]:{port}"),
        format!("mptcp 127.0.0.1:{port}"),
        format!("fastopen 127.0.0.1:{port}"),
        format!("udp-other 127.0.0.1:1 127.0.0.1:{port}"),
        format!("udp-again 127.0.0.1:1 127.0.0.1:{port}"),
        format!("udp-many 127.0.0.1:1 127.0.0.1:{port}"),
    ];
    let six = [format!("tcp [::1]:{port}"), format!("tcp [::]:{port}"), format!("udp [::]:{port}")];
    let bound = own.map(|own| format!("tcp-from {own}:0 0.0.0.0:{port}"));
    sensor.watch(cgroup.id()).expect("watched");
    for act in open.iter().chain(&six).chain(&bound) {
        assert_eq!(cgroup.act(act), 0, "{act}");
    }
    let enforce = |net| {
        sensor.enforce(cgroup.id(), &[], &Plan { net, ..Plan::default() }).expect("the plan");
    };
    enforce(refuse("127.0.0.0", 8, port, 1));
    for act in &open {
        assert_eq!(cgroup.act(act), EPERM, "{act}");
    }
    for act in &six {
        assert_eq!(cgroup.act(act), 0, "another family: {act}");
    }
    enforce(refuse("::1", 128, port, 1));
    for act in &six {
        assert_eq!(cgroup.act(act), EPERM, "{act}");
    }
    if let (Some(own), Some(act)) = (own, bound) {
        enforce(refuse(&own.to_string(), 32, port, 1));
        assert_eq!(cgroup.act(&act), EPERM, "{act}");
    }
}

/// An IPv4 address of this machine that is not of loopback.
fn own_address() -> Option<std::net::Ipv4Addr> {
    let socket = std::net::UdpSocket::bind("0.0.0.0:0").ok()?;
    socket.connect("192.0.2.1:9").ok()?;
    match socket.local_addr().ok()?.ip() {
        std::net::IpAddr::V4(own) if !own.is_loopback() => Some(own),
        _ => None,
    }
}

#[test]
fn sockets_that_no_rule_is_asked_about_are_not_made_where_something_is_refused() {
    let (sensor, mut reader) = start(&[]);
    let cgroup = Cgroup::new("sockets");
    let past = ["raw", "raw6", "udplite", "sctp"];
    sensor.watch(cgroup.id()).expect("watched");
    let there: Vec<&str> = past.into_iter().filter(|act| cgroup.act(act) == 0).collect();
    assert!(there.contains(&"raw") && there.contains(&"raw6"), "{there:?}");
    let net = refuse("192.0.2.1", 32, 9, 7);
    sensor.enforce(cgroup.id(), &[], &Plan { net, ..Plan::default() }).expect("the plan");
    for act in &there {
        assert_eq!(cgroup.act(act), EPERM, "{act}");
    }
    assert_eq!(cgroup.act("plain"), 0);
    until(&mut reader, cgroup.id(), |event, rule| {
        matches!(event.activity, Activity::RawSocket { family: 10, socket_type: 3, protocol: 58 })
            && event.effect == Effect::Refused
            && rule == Some(7)
    });
    sensor
        .enforce(cgroup.id(), &[], &Plan { net_unlisted: Some(8), ..Plan::default() })
        .expect("it");
    assert_eq!(cgroup.act("raw"), EPERM);
    until(&mut reader, cgroup.id(), |event, rule| {
        matches!(event.activity, Activity::RawSocket { .. }) && rule == Some(8)
    });
}

#[test]
fn the_address_that_is_told_is_the_one_that_is_meant() {
    let (sensor, mut reader) = start(&[]);
    let cgroup = Cgroup::new("meant");
    let listening = listener();
    sensor.watch(cgroup.id()).expect("watched");
    assert_eq!(cgroup.act(&format!("tcp 0.0.0.0:{}", listening.1)), 0);
    let to = |event: &Event| match &event.activity {
        Activity::Connect { remote: SocketAddress::Inet(remote), .. } => Some(*remote),
        _ => None,
    };
    let events = until(&mut reader, cgroup.id(), |event, _| {
        to(event).is_some_and(|end| end.port() == listening.1)
    });
    let last = events.iter().find_map(to).expect("one");
    assert_eq!(last.ip().to_string(), "127.0.0.1");
}
