//! The language of policies and what is decided by it.

use palisade_behaviour::{Fact, Outcome};
use palisade_defender::Finding;
use palisade_defender::policy::{
    Act, Allowed, AuditEntry, Audited, Clause, Effect, Enforce, ExecQuestion, HashVerdict, Leases,
    Limits, Policy, Respond, Severity, Trial,
};
use palisade_model::event::{
    Activity, Cause, Effect as Came, FileRef, IncidentSeverity, MountOperation, Transport,
};
use palisade_model::{Sha256, wire};

use crate::policy_support::*;

fn found(name: &str, severity: IncidentSeverity, technique: &str) -> Finding {
    Finding {
        cause: Cause::Rule { name: name.to_owned() },
        title: name.to_owned(),
        detail: "it matched".to_owned(),
        severity,
        techniques: vec![technique.parse().unwrap()],
    }
}

#[test]
fn the_default_only_alerts() {
    let policy = Policy::default();
    assert!(!policy.refuses());
    assert_eq!(policy.version(), Policy::parse("", "p").unwrap().version());
    let identity = container("nginx:1.27");
    for place in [Some(&identity), None] {
        let rule = policy.for_container(place);
        let planned = rule.plan(None, &Leases::default());
        assert!(planned.is_empty() && planned.gaps.is_empty(), "{planned:?}");
        let outcome = runs("/tmp/x", IncidentSeverity::High);
        let event = exec("/tmp/x");
        let findings = vec![found("Shell", IncidentSeverity::Critical, "T1059")];
        let act = Act { outcome: Some(&outcome), findings, ..Act::bare(&event) };
        let decision = rule.decide(act);
        assert_eq!((decision.effect, decision.allowed), (Effect::Alert, true));
        assert_eq!((decision.respond, decision.findings.len()), (Respond::Nothing, 2));
        assert!(AuditEntry::of(&event, &decision, policy.version()).is_none());
    }
    let quiet = policy.for_container(Some(&identity)).decide(Act::bare(&exec("/usr/sbin/nginx")));
    assert_eq!((quiet.effect, quiet.findings.len()), (Effect::Disable, 0));
}

#[test]
fn the_first_rule_that_is_for_a_container_holds() {
    let policy = parse(
        r#"
        [[rule]]
        name = "by digest"
        match = { images = ["sha256:abab*"] }
        [[rule]]
        name = "old nginx"
        match = { images = ["nginx:1.2[0-6]*"] }
        [[rule]]
        name = "labelled"
        match = { images = ["nginx"], labels = { app = "shop*" }, runtimes = ["podman"] }
        [[rule]]
        name = "hub"
        match = { images = ["docker.io/library/redis:7"] }
        [[rule]]
        name = "registry"
        match = { images = ["registry.example:5000/*"], namespaces = ["prod", "stage-*"] }
        [[rule]]
        name = "by name"
        match = { containers = ["web-*"] }
        [[rule]]
        name = "host"
        match = { host = true }
        "#,
    );
    let of = |image: &str| policy.for_container(Some(&container(image))).name().to_owned();
    for (image, rule) in [
        ("nginx:1.24", "old nginx"),
        ("docker.io/library/nginx:1.24", "old nginx"),
        ("nginx:1.27", "by name"),
        ("redis:7", "hub"),
        ("redis:8", "by name"),
        ("registry.example:5000/team/app:3", "registry"),
        ("registry.example/team/app:3", "by name"),
        ("", "by name"),
    ] {
        assert_eq!(of(image), rule, "{image}");
    }
    let mut digest = container("nginx:1.24");
    digest.image_digest = Some(palisade_model::event::ImageDigest(Sha256([0xab; 32])));
    assert_eq!(policy.for_container(Some(&digest)).name(), "by digest");
    let mut other = container("alpine");
    other.name = "db".to_owned();
    assert_eq!(policy.for_container(Some(&other)).name(), "default");
    other.labels.clear();
    assert_eq!(policy.for_container(None).name(), "host");
    assert!(policy.warnings().is_empty(), "{:?}", policy.warnings());
}

#[test]
fn each_section_says_what_it_was_told_to() {
    let policy = parse(
        r#"
        [[rule]]
        name = "all"
        [rule.process]
        effect = "alert"
        learned = false
        allow = ["/usr/**"]
        deny_effect = "prevent"
        deny = ["/usr/bin/nc", { path = "/usr/bin/*sh", parent = "/usr/sbin/nginx" },
                { path = "/usr/bin/id", user = 0 }]
        drift = "block"
        drift_allow = ["/opt/plugins/*"]
        fileless = "prevent"
        [rule.file]
        learned = false
        effect = "disable"
        deny_effect = "prevent"
        deny = ["/etc/passwd", "/usr/bin/*", "/boot/**"]
        read_deny = ["/etc/shadow"]
        [rule.network]
        learned = false
        effect = "prevent"
        allow = ["10.0.0.0/8:443,8000-8100", "udp/192.0.2.53:53", "[2001:db8::]/32"]
        deny = ["10.9.0.0/16"]
        listen = [80, "tcp/443"]
        listen_deny = ["8080"]
        [rule.dns]
        learned = false
        effect = "alert"
        allow = ["*.example.com"]
        deny = ["evil.example.com"]
        deny_effect = "prevent"
        [rule.kernel]
        mount = "prevent"
        "#,
    );
    let identity = container("x");
    let rule = policy.for_container(Some(&identity));
    let mut upper = process("/opt/x", "/usr/sbin/nginx");
    upper.executable.file.upper = Some(true);
    let mut plugin = process("/opt/plugins/x", "/usr/sbin/nginx");
    plugin.executable.file.upper = Some(true);
    let mut memory = process("/memfd:x", "/usr/sbin/nginx");
    memory.executable.fileless = true;
    let mut root = process("/usr/bin/id", "/usr/bin/make");
    root.credentials.euid = 0;
    let tcp = |end| connect(Transport::Tcp, end);
    let mount = event(Activity::Mount {
        operation: MountOperation::Mount,
        source: String::new(),
        target: "/mnt".to_owned(),
        filesystem: String::new(),
        flags: 0,
    });
    let rename = event(Activity::Rename {
        from: FileRef::at("/tmp/x"),
        to: "/etc/passwd".to_owned(),
        replaced: None,
    });
    let (off, alert, prevent, block) =
        (Effect::Disable, Effect::Alert, Effect::Prevent, Effect::Block);
    for (event, effect) in [
        (exec("/usr/bin/ls"), off),
        (exec("/srv/x"), alert),
        (exec("/usr/bin/nc"), prevent),
        (exec("/usr/bin/bash"), prevent),
        (by(process("/usr/bin/bash", "/usr/bin/make"), exec_activity()), off),
        (by(root, exec_activity()), prevent),
        (exec("/usr/bin/id"), off),
        (by(upper, exec_activity()), block),
        (by(plugin, exec_activity()), alert),
        (by(memory, exec_activity()), prevent),
        (write("/etc/passwd"), prevent),
        (write("/etc/hosts"), off),
        (write("/usr/bin/x"), prevent),
        (write("/usr/bin/deep/x"), off),
        (write("/boot/a/b/c"), prevent),
        (rename, prevent),
        (read("/etc/shadow"), prevent),
        (read("/etc/passwd"), off),
        (tcp("10.1.1.1:443"), off),
        (tcp("10.1.1.1:8050"), off),
        (tcp("10.1.1.1:80"), prevent),
        (tcp("10.9.1.1:443"), prevent),
        (tcp("192.0.2.53:53"), prevent),
        (connect(Transport::Udp, "192.0.2.53:53"), off),
        (tcp("[2001:db8::9]:1"), off),
        (tcp("[2001:db9::9]:1"), prevent),
        (tcp("127.0.0.1:9"), off),
        (bind(Transport::Tcp, "0.0.0.0:80"), off),
        (bind(Transport::Udp, "0.0.0.0:443"), prevent),
        (bind(Transport::Tcp, "0.0.0.0:8080"), prevent),
        (bind(Transport::Tcp, "0.0.0.0:0"), off),
        (question("www.example.com"), off),
        (question("Evil.Example.Com."), prevent),
        (question("example.com"), alert),
        (mount, prevent),
    ] {
        let decision = rule.decide(Act::bare(&event));
        assert_eq!(decision.effect, effect, "{:?}\n{}", event.activity, decision.why);
        assert_eq!(decision.allowed, !effect.refuses());
        assert_eq!(decision.findings.is_empty(), effect == off, "{:?}", event.activity);
    }
}

#[test]
fn a_model_is_added_to_and_taken_from() {
    let policy = parse(
        r#"
        [[rule]]
        name = "learned"
        [rule.process]
        effect = "block"
        allow = ["/usr/bin/helper"]
        deny = ["/usr/bin/known"]
        [rule.network]
        effect = "block"
        allow = ["198.51.100.0/24"]
        [rule.file]
        effect = "disable"
        "#,
    );
    let identity = container("x");
    let rule = policy.for_container(Some(&identity));
    let decide = |event: &palisade_model::event::Event, outcome: &Outcome| {
        rule.decide(Act { outcome: Some(outcome), ..Act::bare(event) })
    };
    use IncidentSeverity::{High, Low};
    let known = Outcome::Known;
    for (event, outcome, effect, raised) in [
        (exec("/usr/bin/new"), runs("/usr/bin/new", High), Effect::Block, 1),
        (exec("/usr/bin/helper"), runs("/usr/bin/helper", High), Effect::Disable, 0),
        (exec("/usr/bin/known"), known.clone(), Effect::Block, 1),
        (exec("/usr/bin/other"), known.clone(), Effect::Disable, 0),
        // Low deviations join the model by themselves: they end nothing.
        (exec("/usr/bin/new"), runs("/usr/bin/new", Low), Effect::Alert, 1),
        (connect(Transport::Tcp, "10.0.0.1:80"), reaches("10.0.0.1:80", Low), Effect::Prevent, 1),
        (connect(Transport::Tcp, "192.0.2.1:80"), reaches("192.0.2.1:80", High), Effect::Block, 1),
        (
            connect(Transport::Tcp, "198.51.100.1:80"),
            reaches("198.51.100.1:80", High),
            Effect::Disable,
            0,
        ),
        (
            write("/x"),
            deviates(Fact::File { executable: "/a".to_owned(), path: "/x".to_owned() }, High),
            Effect::Disable,
            0,
        ),
    ] {
        let decision = decide(&event, &outcome);
        assert_eq!(decision.effect, effect, "{:?} {}", event.activity, decision.why);
        assert_eq!(decision.findings.len(), raised, "{:?}", decision.findings);
    }
    let decision = decide(&exec("/usr/bin/new"), &runs("/usr/bin/new", High));
    assert!(matches!(decision.findings[0].cause, Cause::Deviation { .. }));
    assert_eq!((decision.respond, decision.missed), (Respond::Stop, true));
}

#[test]
fn detections_are_promoted_lowered_and_disabled_with_a_reason() {
    let policy = parse(
        r#"
        detections = "alert"
        [[rule]]
        name = "web"
        [[rule.detect]]
        rule = "Package manager*"
        effect = "disable"
        reason = "the image updates itself"
        [[rule.detect]]
        rule = "Shell*"
        severity = "high"
        effect = "prevent"
        [[rule.detect]]
        technique = "T1496"
        effect = "block"
        raise_as = "critical"
        "#,
    );
    let identity = container("x");
    let rule = policy.for_container(Some(&identity));
    use IncidentSeverity::{Critical, High, Low};
    for (finding, effect, respond, raised) in [
        (found("Package manager run", High, "T1072"), Effect::Disable, Respond::Nothing, None),
        (found("Shell spawned", High, "T1059"), Effect::Prevent, Respond::Kill, Some(High)),
        (found("Shell spawned", Low, "T1059"), Effect::Alert, Respond::Nothing, Some(Low)),
        (found("Miner", Low, "T1496.001"), Effect::Block, Respond::Stop, Some(Critical)),
        (found("Other", Low, "T14960"[..5].trim()), Effect::Block, Respond::Stop, Some(Critical)),
        (found("Other", Low, "T1000"), Effect::Alert, Respond::Nothing, Some(Low)),
    ] {
        let event = exec("/usr/bin/x");
        let act = Act { findings: vec![finding.clone()], ..Act::bare(&event) };
        let decision = rule.decide(act);
        assert_eq!((decision.effect, decision.respond), (effect, respond), "{}", finding.title);
        assert_eq!(decision.findings.first().map(|finding| finding.severity), raised);
    }
    let refused =
        Policy::parse("[[rule]]\nname='a'\n[[rule.detect]]\nrule='x'\neffect='disable'", "p");
    assert!(refused.unwrap_err().to_string().contains("needs a `reason`"));
}

#[test]
fn what_the_kernel_refused_is_not_done_twice_and_is_audited() {
    let policy = parse("[[rule]]\nname = 'a'\nprocess = { effect = 'prevent', deny = ['/x/nc'] }");
    let identity = container("x");
    let rule = policy.for_container(Some(&identity));
    let audit = |event: &palisade_model::event::Event| {
        let decision = rule.decide(Act::bare(event));
        let entry = AuditEntry::of(event, &decision, policy.version());
        (decision.respond, decision.missed, entry.map(|entry| entry.what))
    };
    let mut event = exec("/x/nc");
    assert_eq!(audit(&event), (Respond::Kill, true, Some(Audited::Killed)));
    event.effect = Came::Refused;
    assert_eq!(audit(&event), (Respond::Nothing, false, Some(Audited::Refused)));
    event.effect = Came::Killed;
    assert_eq!(audit(&event), (Respond::Nothing, false, Some(Audited::Killed)));
    // Refused by the plan of a policy before this one.
    let mut stale = exec("/x/other");
    stale.effect = Came::Refused;
    assert_eq!(audit(&stale), (Respond::Nothing, false, Some(Audited::Refused)));
    assert_eq!(audit(&exec("/x/other")), (Respond::Nothing, false, None));
    let decision = rule.decide(Act::bare(&event));
    let entry = AuditEntry::of(&event, &decision, policy.version()).unwrap();
    let line = serde_json::to_string(&entry).unwrap();
    assert!(line.contains(&format!("\"policy\":\"{}\"", policy.version())), "{line}");
    assert_eq!(policy.version().to_string().len(), 12);
}

#[test]
fn programs_that_wait_get_an_answer() {
    let text = r#"
        [[rule]]
        name = "a"
        [rule.process]
        effect = "prevent"
        deny = [{ path = "/bin/*sh", parent = "/usr/sbin/nginx" }]
        malware = "prevent"
        drift = "prevent"
        "#;
    let (open, closed) = (parse(text), parse(&format!("fail = \"closed\"\n{text}")));
    let identity = container("x");
    let [open, closed] = [&open, &closed].map(|policy| policy.for_container(Some(&identity)));
    let asks =
        |path: &'static str, parent| ExecQuestion { path, parent, ..ExecQuestion::default() };
    let shell = asks("/bin/bash", Some("/usr/sbin/nginx"));
    let answer = open.decide_exec(&shell, None);
    assert!(!answer.allow);
    assert_eq!(answer.why.reasons[0].clause, Clause::Deny);
    assert_eq!(answer.why.reasons[0].entry.as_ref().unwrap().line, 6);
    // Not knowing the parent lets it run, unless the policy fails closed.
    assert!(open.decide_exec(&asks("/bin/bash", None), None).allow);
    assert!(!closed.decide_exec(&asks("/bin/bash", None), None).allow);
    assert!(closed.decide_exec(&asks("/bin/ls", None), None).allow);
    assert!(open.late().allow && !closed.late().allow);
    let bad = HashVerdict::KnownBad("X".to_owned());
    assert!(!open.decide_exec(&ExecQuestion { hash: bad, ..asks("/bin/ls", None) }, None).allow);
    for (upper, allow) in [(None, true), (Some(false), true), (Some(true), false)] {
        let question = ExecQuestion { upper, ..asks("/bin/ls", None) };
        assert_eq!(open.decide_exec(&question, None).allow, allow, "{upper:?}");
    }
    let model = Allowed::new()
        .with_executables(["/bin/ls".to_owned(), "/tmp/build-<random>/cc".to_owned()]);
    for (path, allow) in
        [("/bin/ls", true), ("/tmp/build-Xy7/cc", true), ("/tmp/a/b/cc", false), ("/x", false)]
    {
        let answer = open.decide_exec(&asks(path, Some("")), Some(&model));
        assert_eq!(answer.allow, allow, "{path}");
    }
    let loader = ExecQuestion { auxiliary: true, ..asks("/lib64/ld-linux-x86-64.so.2", Some("")) };
    assert!(open.decide_exec(&loader, Some(&model)).allow);
    let drifted = ExecQuestion { upper: Some(true), ..loader };
    assert!(!open.decide_exec(&drifted, Some(&model)).allow);
}

#[test]
fn addresses_of_refused_names_are_refused_for_a_while() {
    let policy = parse(
        r#"
        [[rule]]
        name = "a"
        [rule.dns]
        effect = "prevent"
        deny = ["*.bad.example"]
        [rule.network]
        allow = ["192.0.2.0/24"]
        "#,
    );
    let identity = container("x");
    let rule = policy.for_container(Some(&identity));
    assert_eq!(rule.refusals(&answer("good.example", &["203.0.113.1"], &[]), None), None);
    let spared = ["192.0.2.7", "127.0.0.1", "203.0.113.5", "::ffff:203.0.113.6"];
    let refusal = rule.refusals(&answer("x.bad.example", &spared, &[]), None).unwrap();
    assert_eq!(refusal.addresses.len(), 2, "{refusal:?}");
    assert!(
        rule.refusals(&answer("a.example", &["203.0.113.9"], &["c.bad.example"]), None).is_some()
    );
    let mut leases = Leases::new(2);
    assert!(leases.add(refusal.clone(), TIME, 1_000));
    assert!(!leases.add(refusal, TIME.plus(500), 1_000));
    let event = connect(Transport::Tcp, "203.0.113.5:443");
    let decision = rule.decide(Act { leases: Some(&leases), ..Act::bare(&event) });
    assert!(!decision.allowed);
    assert_eq!(decision.why.reasons[0].clause, Clause::Answer);
    let planned = rule.plan(None, &leases);
    assert_eq!(planned.plan.net.len(), 4, "{:?}", planned.plan.net);
    let reason = planned.numbers.get(planned.plan.net[0].rule).unwrap();
    assert_eq!(reason.entry.as_ref().unwrap().text, "*.bad.example");
    assert!(!leases.expire(TIME.plus(1_499)));
    assert_eq!(leases.next(), Some(TIME.plus(1_500)));
    assert!(leases.expire(TIME.plus(1_500)) && leases.iter().next().is_none());
    for number in 0..10_u8 {
        let entry = palisade_defender::policy::Entry { text: "e".to_owned(), line: 1 };
        let addresses = vec![[203, 0, 113, number].into()];
        let refusal = palisade_defender::policy::Refusal { addresses, entry };
        leases.add(refusal, TIME.plus(number.into()), 1_000);
    }
    assert_eq!((leases.iter().count(), leases.displaced()), (2, 8));
}

#[test]
fn mistakes_are_told_with_their_place_and_advice() {
    let rule = |section: &str| format!("[[rule]]\nname = \"a\"\n{section}");
    for (text, place, words) in [
        (
            rule("process.effect = \"prevents\""),
            "3:18",
            "unknown effect `prevents`: did you mean `prevent`?",
        ),
        (rule("process.effect = \"prevеnt\""), "3:18", "did you mean `prevent`?"),
        (rule("proces = {}"), "3:1", "unknown key `proces`: did you mean `process`?"),
        (rule("process.xyzzy = 1"), "3:9", "known here: effect"),
        (rule("process.deny = [\"nc\"]"), "3:17", "no absolute path"),
        (rule("process.deny = [\"/a/../b\"]"), "3:17", "without `..`"),
        (rule("process.deny = [\"/a[\"]"), "3:17", "pattern `/a[`"),
        (rule("process.deny = [{ parent = \"/a\" }]"), "3:17", "`path` is missing"),
        (rule("process.deny = \"/bin/nc\""), "3:16", "a list in brackets"),
        (rule("process.learned = \"yes\""), "3:19", "true or false"),
        (rule("network.deny = [\"10.1.2.3/8\"]"), "3:17", "did you mean `10.0.0.0/8`?"),
        (rule("network.deny = [\"10.0.0.0/33\"]"), "3:17", "no prefix"),
        (rule("network.deny = [\"example.com\"]"), "3:17", "names go to the section `dns`"),
        (rule("network.deny = [\"*:99999\"]"), "3:17", "no port"),
        (rule("network.deny = [\"[::1\"]"), "3:17", "not closed"),
        (rule("network.listen = [70000]"), "3:19", "a whole number from 0 to 65535"),
        (rule("dns.deny = [\"a*.example\"]"), "3:13", "whole labels"),
        (rule("dns.deny = [\"bücher.example\"]"), "3:13", "ASCII"),
        (rule("match.runtimes = [\"dokcer\"]"), "3:19", "did you mean `docker`?"),
        (rule("match = { host = true, images = [\"x\"] }"), "3:9", "stands alone"),
        (rule("[[rule.detect]]\neffect = \"alert\""), "3:1", "needs `rule`"),
        ("fail = \"close\"".to_owned(), "1:8", "did you mean `closed`?"),
        ("deadline_ms = 0".to_owned(), "1:15", "from 1 to 60000"),
        ("[rule]\nname = 'a'".to_owned(), "1:1", "two brackets"),
        ("[[rule]]\n".to_owned(), "1:1", "needs a `name`"),
        (format!("{}\n{}", rule(""), rule("")), "4:1", "is the name of the rule in line 1 too"),
        ("a = ".to_owned(), "1:", ""),
    ] {
        let problems = Policy::parse(&text, "p.toml").expect_err(&text);
        let shown = problems.to_string();
        let hit = shown
            .lines()
            .any(|line| line.starts_with(&format!("p.toml:{place}")) && line.contains(words));
        assert!(hit, "{text}\n{shown}");
    }
}

#[test]
fn what_works_and_was_perhaps_not_meant_is_warned_of() {
    let rule = |name: &str, rest: &str| format!("[[rule]]\nname = \"{name}\"\n{rest}\n");
    let all = rule("all", "match = { images = [\"nginx*\"] }");
    for (text, words) in [
        (all.clone() + &rule("b", "match = { images = [\"nginx:1.27\"] }"), "`b` never holds"),
        (rule("a", "") + &rule("b", "match.namespaces = [\"x\"]"), "`b` never holds"),
        (rule("a", "match.images = []"), "never holds. Leave the key out"),
        (rule("a", "process.deny = [\"/bin/sh\"]"), "under /usr"),
        (rule("a", "process.deny = [\"/usr/bin/ѕh\"]"), "U+0455"),
        (rule("a", "process = { allow = [\"/a\"], deny = [\"/*\"] }"), "never allowed"),
        (rule("a", "process.drift_allow = [\"/a\"]"), "`drift` is not set"),
        (
            rule("a", "match.host = true\nprocess.effect = \"block\""),
            "nothing is refused on the host",
        ),
    ] {
        let policy = parse(&text);
        let hit = policy.warnings().iter().any(|warning| {
            warning.severity == Severity::Warning && warning.message.contains(words)
        });
        assert!(hit, "{text}\n{:?}", policy.warnings());
    }
    let fine = all + &rule("b", "match = { images = [\"redis\"] }") + &rule("c", "");
    assert_eq!(parse(&fine).warnings(), []);
}

#[test]
fn hostile_files_are_refused_in_bounded_time() {
    let began = std::time::Instant::now();
    let many = |count: usize| {
        (0..count).fold(String::new(), |text, number| {
            text + &format!("[[rule]]\nname = 'r{number}'\nmatch.images = ['a{number}*']\n")
        })
    };
    let globs: Vec<String> = (0..20_000).map(|number| format!("'/a{number}/*/b*'")).collect();
    let lists: String =
        globs.chunks(4_000).enumerate().fold(String::new(), |text, (index, chunk)| {
            text + &format!("[[rule]]\nname='r{index}'\nprocess.deny=[{}]\n", chunk.join(","))
        });
    for (text, words) in [
        (many(10_000), "more than 1024 rules"),
        ("#".repeat(2 << 20), "longer than 1048576 bytes"),
        (format!("a = {}{}", "[".repeat(5_000), "]".repeat(5_000)), "recursion"),
        (format!("{} = 1", vec!["a"; 5_000].join(".")), ""),
        (format!("[[rule]]\nname = '{}'", "x".repeat(2_000)), "longer than 1024 bytes"),
        (
            format!("[[rule]]\nname='a'\nnetwork.deny=[{}]", "'1.1.1.1',".repeat(5_000)),
            "4096 entries",
        ),
        (lists, "more than 16384 patterns"),
        ("x = 1\n".repeat(3), "duplicate"),
        ((0..500).map(|n| format!("key{n} = 1\n")).collect(), "400 more problems are not shown"),
        ("[[rule]]\nname='a'\nprocess.deny=['/{a,{b,{c,d}}']".to_owned(), "pattern"),
    ] {
        let problems = Policy::parse(&text, "p").expect_err(words);
        assert!(problems.to_string().contains(words), "{words}: {problems}");
        assert!(problems.0.len() <= Limits::default().max_problems + 1);
        assert!(problems.0.iter().all(|problem| problem.message.len() < 1_000));
    }
    assert!(parse(&many(1_024)).rules().len() == 1_024);
    assert!(began.elapsed().as_secs() < 60, "{:?}", began.elapsed());
}

#[test]
fn an_event_is_explained_with_the_model_of_its_image() {
    use palisade_behaviour::{Model, Settings};
    use palisade_defender::policy::{ImageModel, KnownError};
    use palisade_model::event::{Event, KindSet};
    let image = container("nginx:1.27").image_digest.unwrap();
    let mut model = Model::new(image, "nginx:1.27".to_owned(), Settings::default(), TIME);
    let identity = container("nginx:1.27");
    model.sensors(KindSet::all(), TIME);
    model.container_started(&identity.id, TIME);
    model.observe(&exec("/usr/sbin/nginx"), TIME);
    let import = |model: &Model| ImageModel::import(&model.export(), Settings::default(), TIME);
    assert!(matches!(import(&model), Err(KnownError::NotActive(of)) if of == image));
    assert!(matches!(
        ImageModel::import("x", Settings::default(), TIME),
        Err(KnownError::Import(_))
    ));
    model.finish_learning(TIME.plus(7_200_000));
    let known = import(&model).unwrap();
    let policy = parse("[[rule]]\nname = 'a'\nprocess = { effect = 'prevent' }\n");
    let explain = |event: Event, model| {
        let record = palisade_model::event::Record::Event(Box::new(event));
        let line = String::from_utf8(wire::encode(&record)).unwrap();
        policy.explain(&line, model, &Enforce::all()).unwrap().allowed
    };
    assert!(explain(exec("/usr/sbin/nginx"), Some(&known)));
    assert!(!explain(exec("/usr/bin/dash"), Some(&known)));
    assert!(explain(exec("/usr/bin/dash"), None), "without a model nothing departs");
    let mut other = exec("/usr/bin/dash");
    let mut identity = container("redis:7");
    identity.image_digest = None;
    other.container = Some(std::sync::Arc::new(identity));
    assert!(explain(other, Some(&known)), "it is another image's");
}

#[test]
fn an_event_is_explained_as_it_would_be_decided() {
    let policy = parse(
        "[[rule]]\nname = 'web'\nmatch.images = ['nginx:*']\n\
         network = { effect = 'prevent', deny = ['192.0.2.0/24'] }\n",
    );
    let mut event = connect(Transport::Tcp, "192.0.2.1:443");
    event.effect = Came::Refused;
    event.error = 1;
    let record = palisade_model::event::Record::Event(Box::new(event));
    let line = String::from_utf8(wire::encode(&record)).unwrap();
    let explained = policy.explain(&line, None, &Enforce::all()).unwrap();
    assert_eq!(
        explained.to_string(),
        "connect by /usr/sbin/nginx in web-1: refused\n\
         rule `web` (line 1), for images nginx:*\n  \
         prevent: network.deny `192.0.2.0/24` (line 4): no connection may be made by tcp to 192.0.2.1, \
         port 443\n\
         effect: prevent\n\
         kernel: refuses the connection: EPERM (rung 3, cgroup)\n\
         after:  nothing"
    );
    let bare = serde_json::to_string(&record).unwrap();
    assert_eq!(policy.explain(&bare, None, &Enforce::all()).unwrap(), explained);
    let without = policy.explain(&line, None, &Enforce::default()).unwrap();
    assert_eq!(without.kernel, "lets it pass; it is told of");
    let mut trial = Trial::default();
    for line in [line.as_str(), "{", "", &line] {
        trial.add(&policy.explain(line, None, &Enforce::all()));
    }
    assert_eq!((trial.events, trial.unreadable, trial.refused()), (2, 2, 2));
    assert!(trial.to_string().contains("rule `web`: network.deny `192.0.2.0/24` (line 4)"));
}

#[test]
fn a_check_says_what_cannot_be_done_here() {
    let policy = parse(
        r#"
        [[rule]]
        name = "web"
        process = { effect = "prevent", deny = ["/x/*", "/y"], fileless = "prevent" }
        file = { effect = "prevent", deny = ["/etc/**", "/usr/*/x", "/a"] }
        network = { effect = "prevent", deny = ["tcp/192.0.2.1:25"], listen_deny = ["8080"] }
        kernel = { mount = "prevent" }
        "#,
    );
    let shown = policy.check(&Enforce::default()).to_string();
    for words in [
        "asked in user space: process.deny `/x/*`",
        "not wholly: file.deny `/etc/**` (line 5): the kernel refuses what is directly in",
        "not wholly: file.deny `/usr/*/x`",
        "not wholly: network.deny `tcp/192.0.2.1:25`",
        "here: process: what may not run is told of",
        "fanotify is missing",
        "here: network: a listener",
        "here: kernel: a mount",
        "here: file: a change",
        "default (host)",
    ] {
        assert!(shown.contains(words), "{words}\n{shown}");
    }
    let best = policy.check(&Enforce::all());
    assert!(best.rules[0].unenforced.is_empty(), "{best}");
}
