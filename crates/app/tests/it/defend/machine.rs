//! The scenarios in a virtual machine: the same containers by runc, without an engine, under another
//! kernel.

use std::time::Duration;

use palisade_services::{Image, Kernel, Machine, Options};

use super::kit::{READY, settings};
use super::scenarios::{ACT, LASTS, Step, judge, steps};
use super::seen::{MARKER, MARKER_RULES, Seen};
use crate::support::program;

/// How long all of it may take: an emulated machine starts a container in two to three seconds.
pub(super) const DEADLINE: Duration = Duration::from_secs(1_500);

/// What stands around the steps.
pub(super) const BEGIN: &str = r#"
palisade defend --config /payload/defend.toml --format jsonl > /tmp/seen.jsonl 2> /tmp/log < /dev/null &
defender=$!
tell() {
    kill -TERM "$defender" 2> /dev/null
    wait "$defender"
    echo "defender ended $?"
    emit seen.jsonl /tmp/seen.jsonl
    emit log /tmp/log
}
# until SECONDS COMMAND…
until_true() {
    left=$(($1 * 5))
    shift
    until "$@" > /dev/null 2>&1; do
        left=$((left - 1))
        [ "$left" -gt 0 ] && kill -0 "$defender" || return 1
        sleep 0.2
    done
}
"#;

const END: &str = r#"
# Incidents wait for what belongs to them.
sleep 5
tell
"#;

/// All scenarios under this kernel.
pub(super) fn scenarios(kernel: Kernel) {
    let mut machine = Machine::new(kernel).expect("a machine").deadline(DEADLINE).memory(3072);
    machine.program("palisade", &program()).expect("the program");
    machine.text("defend.toml", &settings(None, "/payload/marker.yaml")).expect("settings");
    machine.text("marker.yaml", MARKER_RULES).expect("rules");
    let (steps, skipped) = steps(&[LASTS], "/tmp");
    let mut script = BEGIN.to_owned();
    script.push_str(&format!("until_true 600 grep -q {READY} /tmp/log || {{ tell; exit 1; }}\n"));
    let mut ids = Vec::new();
    for step in &steps {
        let id = machine.container(&step.options).expect("a container");
        script.push_str(&commands(step, &id));
        ids.push(id);
    }
    let last = Options::of(Image::Debian).run(&[Image::MARKER, "env", "true"]);
    let last = machine.container(&last).expect("a container");
    script.push_str(&format!("run_container {last} 30 > /dev/null 2>&1\n"));
    script.push_str(&format!("until_true 60 grep -q {last} /tmp/seen.jsonl\n{END}"));

    let transcript = machine.run(&script).expect("the machine runs");
    let text = |name: &str| {
        let bytes = transcript.files.get(name).map(Vec::as_slice).unwrap_or_default();
        String::from_utf8_lossy(bytes).into_owned()
    };
    let more = format!("{}\n{}\n{}", transcript.console, transcript.output, text("log"));
    assert_eq!(transcript.exit, Some(0), "under {kernel:?}, the machine said:\n{more}");
    let mut seen = Seen::default();
    text("seen.jsonl").lines().for_each(|line| seen.take(line));
    let mut faults: Vec<(String, String)> = Vec::new();
    if !seen.has(&last, MARKER) {
        faults.push(("the last marker".to_owned(), "not told".to_owned()));
    }
    for (step, id) in steps.iter().zip(&ids) {
        let told = seen.account(id);
        let code = transcript.output.lines().find_map(|line| {
            line.strip_prefix(&format!("ended {id} ")).and_then(|code| code.parse::<i32>().ok())
        });
        let fault = match code {
            None => "it did not end".to_owned(),
            Some(124) => format!("it was not done within {} s", ACT.as_secs()),
            Some(code) if code != 0 => format!("it was not done (exit code {code})"),
            Some(_) if step.act && !seen.has(id, &step.rule) => {
                format!("not told; {told}")
            }
            Some(_) if step.act => continue,
            Some(_) if !seen.has(id, MARKER) => {
                format!("the Defender is blind to this container; {told}")
            }
            Some(_) if seen.has(id, &step.rule) => format!("told; {told}"),
            Some(_) => continue,
        };
        faults.push((step.name(), fault));
    }
    faults.extend(seen.garbled.drain(..).map(|line| ("a line that is no JSON".to_owned(), line)));
    judge(&format!("under {kernel:?}"), &faults, &skipped, &more);
}

/// One step, in the words of the guest's shell.
fn commands(step: &Step, id: &str) -> String {
    let quiet = format!("> /tmp/{id}.out 2>&1");
    let patience = ACT.as_secs();
    let end = format!("echo \"ended {id} $?\"\n");
    if !step.service {
        return format!("run_container {id} {patience} {quiet}\n{end}");
    }
    let words: Vec<String> = step.run.iter().map(|word| quoted(word)).collect();
    let run = words.join(" ");
    format!("start_container {id}\nexec_container {id} {run} {quiet}\n{end}remove_container {id}\n")
}

/// One word, whatever is in it.
pub(super) fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}
