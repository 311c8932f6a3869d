//! What a plan has the kernel refuse is what the policy refuses. The kernel here follows `guard.h` and
//! `net.h` line by line.

use std::net::IpAddr;

use palisade_behaviour::Port;
use palisade_defender::policy::{Act, Allowed, Clause, Leases, Network, Planned, RuleSet, Section};
use palisade_model::event::{Activity, Event, SocketAddress, Transport};
use palisade_sensor::{Direction, Plan};
use proptest::prelude::*;

use crate::policy_support::*;

fn kernel_exec(plan: &Plan, path: &str, upper: bool, memory: bool) -> Option<u32> {
    if let Some(rule) = plan.exec_upper.filter(|_| upper).or(plan.exec_memory.filter(|_| memory)) {
        return Some(rule);
    }
    match plan.exec.iter().find(|rule| rule.path == path) {
        Some(rule) => (!rule.allow).then_some(rule.rule),
        None => plan.exec_unlisted,
    }
}

fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().to_bits(),
        IpAddr::V6(v6) => v6.to_bits(),
    }
}

fn kernel_net(plan: &Plan, direction: Direction, address: IpAddr, port: u16) -> Option<u32> {
    let fits = |rule: &&palisade_sensor::NetRule| {
        let prefix = u32::from(rule.prefix) + if rule.address.is_ipv4() { 96 } else { 0 };
        let mask = u128::MAX.checked_shl(128 - prefix).unwrap_or(0);
        rule.direction == direction && bits(address) & mask == bits(rule.address) & mask
    };
    let length = |rule: &&palisade_sensor::NetRule| {
        rule.prefix + if rule.address.is_ipv4() { 96 } else { 0 }
    };
    let found = plan.net.iter().filter(fits).max_by_key(length);
    match found {
        Some(rule)
            if rule.ports.is_empty() || rule.ports.iter().any(|range| range.contains(&port)) =>
        {
            (!rule.allow).then_some(rule.rule)
        }
        _ if direction != Direction::Bind => plan.net_unlisted,
        _ => None,
    }
}

fn kernel(plan: &Plan, event: &Event) -> Option<u32> {
    let end = |address: &SocketAddress| address.endpoint().unwrap();
    match &event.activity {
        Activity::Exec { .. } => {
            let executable = &event.process.executable;
            let upper = executable.file.upper == Some(true) && !executable.fileless;
            kernel_exec(plan, event.process.path(), upper, executable.fileless)
        }
        Activity::Connect { remote, .. } => {
            kernel_net(plan, Direction::Connect, end(remote).ip(), end(remote).port())
        }
        Activity::Send { remote, .. } => {
            kernel_net(plan, Direction::Send, end(remote).ip(), end(remote).port())
        }
        Activity::Bind { local, .. } => {
            kernel_net(plan, Direction::Bind, end(local).ip(), end(local).port())
        }
        other => panic!("{other:?}"),
    }
}

const PATHS: [&str; 6] =
    ["/usr/bin/a", "/usr/bin/b", "/usr/sbin/nginx", "/opt/x/y", "/opt/x", "/tmp/q"];
const ENDS: [&str; 12] = [
    "10.1.2.3:443",
    "10.1.2.3:80",
    "10.1.9.9:443",
    "10.200.0.1:8080",
    "192.0.2.1:53",
    "203.0.113.9:443",
    "203.0.113.9:25",
    "127.0.0.1:80",
    "0.0.0.0:443",
    "[2001:db8::1]:443",
    "[2001:db8:1::1]:80",
    "[::1]:25",
];

fn effect() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["disable", "alert", "prevent", "block"])
}

fn some_of(list: &'static [&'static str]) -> impl Strategy<Value = Vec<&'static str>> {
    prop::collection::vec(prop::sample::select(list.to_vec()), 0..4)
}

fn programs() -> impl Strategy<Value = Vec<&'static str>> {
    some_of(&["/usr/bin/a", "/usr/bin/b", "/usr/bin/*", "/opt/**", "/opt/x", "/usr/sbin/nginx"])
}

fn networks() -> impl Strategy<Value = Vec<&'static str>> {
    some_of(&[
        "10.0.0.0/8",
        "10.1.0.0/16:443",
        "10.1.2.3:80,8000-8100",
        "*:443",
        "0.0.0.0/0:1-100",
        "::/0",
        "[2001:db8::]/32:443",
        "tcp/10.1.2.0/24:443",
        "udp/192.0.2.1:53",
        "127.0.0.0/8:80",
        "203.0.113.9",
    ])
}

fn ports() -> impl Strategy<Value = Vec<&'static str>> {
    some_of(&["80", "443", "tcp/8080", "1-100", "udp/53", "50000-60000"])
}

fn list(key: &str, entries: Option<&Vec<&str>>) -> String {
    entries.map_or_else(String::new, |entries| {
        let quoted: Vec<String> = entries.iter().map(|entry| format!("\"{entry}\"")).collect();
        format!("{key} = [{}]\n", quoted.join(", "))
    })
}

prop_compose! {
    fn policies()(
        (effect, deny_effect, drift, fileless) in (effect(), effect(), effect(), effect()),
        learned in any::<bool>(),
        allow in prop::option::of(programs()),
        deny in programs(),
    )(
        network in (self::effect(), self::effect(), any::<bool>()),
        lists in (prop::option::of(networks()), networks(), prop::option::of(ports()), ports()),
        effect in Just(effect), deny_effect in Just(deny_effect), drift in Just(drift),
        fileless in Just(fileless), learned in Just(learned), allow in Just(allow), deny in Just(deny),
    ) -> String {
        let mut text = format!(
            "[[rule]]\nname = \"r\"\n[rule.process]\neffect = \"{effect}\"\n\
             deny_effect = \"{deny_effect}\"\ndrift = \"{drift}\"\nfileless = \"{fileless}\"\n\
             learned = {learned}\n{}{}",
            list("allow", allow.as_ref()), list("deny", Some(&deny)),
        );
        let (effect, deny_effect, learned) = network;
        text += &format!(
            "[rule.network]\neffect = \"{effect}\"\ndeny_effect = \"{deny_effect}\"\n\
             learned = {learned}\n{}{}{}{}",
            list("allow", lists.0.as_ref()), list("deny", Some(&lists.1)),
            list("listen", lists.2.as_ref()), list("listen_deny", Some(&lists.3)),
        );
        text
    }
}

fn model(known: &[usize]) -> Allowed {
    let port = |transport, number| Port { transport, number };
    let chosen = |index: &usize| PATHS[index % PATHS.len()].to_owned();
    let network = |text: &str, prefix| Network::new(text.parse().unwrap(), prefix).unwrap();
    let all = [
        (port(Transport::Tcp, Some(443)), network("10.1.0.0", 16)),
        (port(Transport::Tcp, Some(80)), network("2001:db8::", 32)),
        (port(Transport::Udp, Some(53)), network("192.0.2.1", 32)),
        (port(Transport::Tcp, None), network("203.0.113.0", 24)),
    ];
    Allowed::new()
        .with_executables(known.iter().map(chosen))
        .with_listening([port(Transport::Tcp, Some(80)), port(Transport::Udp, None)], 32_768)
        .with_outbound(all.into_iter().take(known.len()), [], 32_768)
}

fn acts() -> Vec<Event> {
    let mut events = Vec::new();
    for path in PATHS {
        for (upper, fileless) in [(None, false), (Some(true), false), (None, true)] {
            let mut process = process(path, "/usr/sbin/nginx");
            process.executable.file.upper = upper;
            process.executable.fileless = fileless;
            events.push(by(process, exec_activity()));
        }
    }
    for end in ENDS {
        for transport in [Transport::Tcp, Transport::Udp, Transport::Other] {
            events.push(connect(transport, end));
            events.push(bind(transport, end));
        }
        let transport = Transport::Udp;
        events.push(event(Activity::Send { transport, remote: inet(end), bytes: 1 }));
    }
    events.push(bind(Transport::Tcp, "0.0.0.0:0"));
    events.push(bind(Transport::Tcp, "[::]:55555"));
    events
}

fn agree(rule: &RuleSet, planned: &Planned, model: Option<&Allowed>, event: &Event, text: &str) {
    let decision = rule.decide(Act { model, ..Act::bare(event) });
    let refused = kernel(&planned.plan, event);
    let section = match event.activity {
        Activity::Exec { .. } => Section::Process,
        _ => Section::Network,
    };
    if let Some(number) = refused {
        let reason = planned.numbers.get(number).unwrap_or_else(|| panic!("{number}\n{text}"));
        assert_eq!(reason.section, section);
        assert!(!decision.allowed, "{:?}\n{reason}\n{text}{}", event.activity, decision.why);
    }
    let whole = !planned.asked.iter().chain(&planned.gaps).any(|reason| reason.section == section);
    if whole {
        let shown = format!("{:?}\n{text}{}\n{planned:#?}", event.activity, decision.why);
        assert_eq!(refused.is_some(), !decision.allowed, "{shown}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn what_the_plan_refuses_the_policy_refuses(
        text in policies(),
        known in prop::option::of(prop::collection::vec(0_usize..8, 0..4)),
    ) {
        let policy = parse(&text);
        let identity = container("nginx:1.27");
        let rule = policy.for_container(Some(&identity));
        let model = known.as_deref().map(model);
        let planned = rule.plan(model.as_ref(), &Leases::default());
        for event in acts() {
            agree(rule, &planned, model.as_ref(), &event, &text);
        }
    }
}

fn planned(text: &str, model: Option<&Allowed>) -> Planned {
    let policy = parse(text);
    policy.for_container(Some(&container("x"))).plan(model, &Leases::default())
}

#[test]
fn numbers_name_the_entry_that_refused() {
    let planned = planned(
        "[[rule]]\nname = 'a'\n[rule.process]\neffect = 'prevent'\nlearned = false\n\
         allow = ['/a']\ndeny = ['/b',\n '/c', '/d*']\n[rule.network]\neffect = 'prevent'\n\
         deny = ['192.0.2.0/24:25', '192.0.2.9']\n",
        None,
    );
    let of = |number: Option<u32>| {
        let reason = planned.numbers.get(number.unwrap()).unwrap();
        let entry = reason.entry.as_ref();
        (reason.clause, entry.map(|entry| (entry.text.clone(), entry.line)))
    };
    let named = |text: &str, line| Some((text.to_owned(), line));
    let plan = &planned.plan;
    assert_eq!(of(kernel_exec(plan, "/c", false, false)), (Clause::Deny, named("/c", 8)));
    assert_eq!(of(kernel_exec(plan, "/x", false, false)), (Clause::Effect, None));
    assert_eq!(kernel_exec(plan, "/a", false, false), None);
    let to = |text: &str, port| kernel_net(plan, Direction::Connect, text.parse().unwrap(), port);
    assert_eq!(of(to("192.0.2.1", 25)), (Clause::Deny, named("192.0.2.0/24:25", 11)));
    assert_eq!(of(to("192.0.2.9", 443)), (Clause::Deny, named("192.0.2.9", 11)));
    assert_eq!(to("192.0.2.1", 443), None);
    assert_eq!(planned.numbers.get(0), None);
    assert_eq!(planned.asked.len(), 1);
    assert_eq!(planned.asked[0].entry.as_ref().unwrap().text, "/d*");
}

#[test]
fn what_a_model_cannot_tell_whole_is_not_refused() {
    let text = "[[rule]]\nname = 'a'\nprocess.effect = 'prevent'\nnetwork.effect = 'prevent'\n";
    assert!(planned(text, None).is_empty());
    assert!(planned(text, Some(&Allowed::new())).is_empty());
    let changing = Allowed::new().with_executables(["/tmp/<random>/x".to_owned()]);
    let asked = planned(text, Some(&changing));
    assert!(asked.plan.exec.is_empty() && asked.plan.exec_unlisted.is_none());
    assert_eq!(asked.asked.len(), 1);
    let port = Port { transport: Transport::Tcp, number: Some(443) };
    let named = Allowed::new().with_outbound([], [port], 32_768);
    let opened = planned(text, Some(&named));
    let to = |port| kernel_net(&opened.plan, Direction::Connect, [203, 0, 113, 1].into(), port);
    assert!(to(443).is_none() && to(444).is_some());
    assert!(opened.gaps.iter().any(|gap| gap.text.contains("by name")), "{:?}", opened.gaps);
}

#[test]
fn plans_are_bounded_and_fail_open() {
    let many: Vec<String> =
        (0..3_000).map(|n| format!("'10.{}.{}.0/24'", n / 256, n % 256)).collect();
    let text = |key: &str| {
        format!(
            "[[rule]]\nname='a'\n[rule.network]\nlearned=false\neffect='prevent'\n{key}=[{}]",
            many.join(",")
        )
    };
    for key in ["allow", "deny"] {
        let planned = planned(&text(key), None);
        assert!(
            planned.plan.net.len() <= 2 * (palisade_defender::policy::MAX_PLANNED_NETWORKS + 2)
        );
        assert!(planned.gaps.iter().any(|gap| gap.text.contains("than the kernel holds")), "{key}");
        let free = kernel_net(&planned.plan, Direction::Connect, [203, 0, 113, 1].into(), 1);
        assert_eq!(free, None, "{key}");
    }
    let ports: Vec<String> = (0..20).map(|n| (n * 10 + 1).to_string()).collect();
    let listens = planned(
        &format!(
            "[[rule]]\nname='a'\n[rule.network]\neffect='prevent'\nlisten_deny=['{}']",
            ports.join(",")
        ),
        None,
    );
    assert!(listens.plan.net.iter().all(|rule| rule.ports.len() <= 8));
    assert!(listens.gaps.iter().any(|gap| gap.text.contains("ranges")));
    let paths: Vec<String> = (0..3_000).map(|n| format!("'/a/{n}'")).collect();
    let execs = planned(
        &format!("[[rule]]\nname='a'\nprocess={{effect='prevent',deny=[{}]}}", paths.join(",")),
        None,
    );
    let max = palisade_defender::policy::MAX_PLANNED_EXECUTABLES;
    assert_eq!((execs.plan.exec.len(), execs.asked.len()), (max, 3_000 - max));
}
