//! What a policy refuses by BPF-LSM, in a virtual machine: no other kernel here has it.

use std::collections::BTreeMap;

use palisade_services::{Image, Kernel, Machine, Options};
use serde_json::Value;

use super::kit::{READY, settings};
use super::machine::{BEGIN, DEADLINE, quoted};
use super::seen::MARKER_RULES;
use crate::support::program;

/// Its acts, each with a name; what is alike and stays allowed comes last.
const ACTS: &str = include_str!("refusals.py");

const ALIKE: [&str; 7] =
    ["other-program", "other-file", "read", "below", "other-rename", "other-connect", "other-bind"];

/// `/srv/kept` is a directory: what is directly in it is refused, and what is deeper is not.
const POLICY: &str = "\
[[rule]]
name = \"none of these\"

[rule.process]
deny_effect = \"prevent\"
deny = [\"/usr/bin/id\"]
drift = \"prevent\"

[rule.file]
deny_effect = \"prevent\"
deny = [\"/etc/kept\", \"/opt\", \"/srv/kept\", \"/home/app/keys\"]

[rule.network]
deny_effect = \"prevent\"
deny = [\"127.0.0.1:9\"]
listen_deny = [8080]

[rule.kernel]
mount = \"prevent\"
ptrace = \"prevent\"
bpf = \"prevent\"
";

/// Every act is done without a Defender and refused with one, and each refusal has its entry.
pub(super) fn refused(kernel: Kernel) {
    let mut machine = Machine::new(kernel).expect("a machine").deadline(DEADLINE);
    machine.program("palisade", &program()).expect("the program");
    let settings = settings(None, "/payload/marker.yaml") + "[sensor]\nsequences = true\n";
    machine.text("defend.toml", &settings).expect("settings");
    machine.text("marker.yaml", MARKER_RULES).expect("rules");
    machine.text("policy.toml", POLICY).expect("a policy");
    let options = Options {
        capabilities: ["SYS_ADMIN", "SYS_PTRACE", "NET_RAW"].map(str::to_owned).to_vec(),
        ..Options::of(Image::Debian).run(&["sleep", "infinity"])
    };
    let id = machine.container(&options).expect("a container");
    let acts = quoted(ACTS);
    let begin = BEGIN.replace(
        "palisade defend ",
        "palisade defend --policy /payload/policy.toml --state /tmp/state ",
    );
    let script = format!(
        "start_container {id}\n\
         exec_container {id} python3 -c {acts} before\n\
         {begin}\
         until_true 600 grep -q {READY} /tmp/log || {{ tell; exit 1; }}\n\
         refused() {{ ! exec_container {id} /usr/bin/id; }}\n\
         until_true 60 refused || echo 'nothing is refused'\n\
         exec_container {id} python3 -c {acts} after\n\
         sleep 5\n\
         tell\n\
         palisade defend --check --config /payload/defend.toml > /tmp/check 2>&1\n\
         emit check /tmp/check\n\
         emit audit /tmp/state/audit.jsonl\n"
    );
    let transcript = machine.run(&script).expect("the machine runs");
    let text = |name: &str| {
        let bytes = transcript.files.get(name).map(Vec::as_slice).unwrap_or_default();
        String::from_utf8_lossy(bytes).into_owned()
    };
    let more = format!(
        "{}\n{}\n{}\n{}\n{}",
        transcript.console,
        transcript.output,
        text("check"),
        text("log"),
        text("audit")
    );
    assert_eq!(transcript.exit, Some(0), "under {kernel:?}, the machine said:\n{more}");
    let ends = |when: &str| -> BTreeMap<String, String> {
        let lines = transcript.output.lines().map(|line| line.split(' ').collect::<Vec<_>>());
        lines
            .filter_map(|words| match words[..] {
                [said, name, end] if said == when => Some((name.to_owned(), end.to_owned())),
                _ => None,
            })
            .collect()
    };
    let (before, after) = (ends("before"), ends("after"));
    assert!(before.len() > 20 && after.len() == before.len(), "not all was done:\n{more}");
    for (name, end) in &after {
        let before = &before[name];
        if ALIKE.contains(&name.as_str()) {
            assert_eq!(end, before, "{name}, which nothing refuses, under {kernel:?}:\n{more}");
        } else {
            assert_ne!(before, "EPERM", "{name} without a Defender, under {kernel:?}:\n{more}");
            assert_eq!(end, "EPERM", "{name} under {kernel:?}:\n{more}");
        }
    }
    let entries: Vec<Value> = text("audit")
        .lines()
        .map(|line| serde_json::from_str(line).expect("an entry is JSON"))
        .filter(|entry: &Value| entry["what"] == "refused" && entry["container"] == id.as_str())
        .collect();
    let of = |section: &str| {
        entries.iter().filter(|entry| entry["reasons"][0]["section"] == section).count()
    };
    let refused =
        |names: &[&str]| after.keys().filter(|name| names.contains(&name.as_str())).count();
    let network = refused(&["connect", "bind", "send", "packet"]);
    let kernel_wide = refused(&["mount", "trace", "bpf"]);
    let process = refused(&["program", "drift"]);
    let file = after.len() - ALIKE.len() - network - kernel_wide - process;
    let counted = [of("file"), of("network"), of("kernel")];
    assert_eq!(counted, [file, network, kernel_wide], "entries under {kernel:?}:\n{more}");
    assert!(of("process") >= process, "entries under {kernel:?}:\n{more}");
    // What is off elsewhere can be had here too.
    let check = text("check");
    let follows = |line: &str| line.contains("sequence__follow") && line.ends_with("in use");
    assert!(check.lines().any(follows), "under {kernel:?}:\n{more}");
}
