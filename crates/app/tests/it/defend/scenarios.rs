//! One harmless act for each rule, which it must tell, and a near miss, which it must not: each in a
//! container of its own. `crates/defender/scenarios` has them.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use palisade_services::{ContainerNetwork, Docker, Image, Mount, Options};
use serde::Deserialize;

use super::alone;
use super::kit::{Defender, INCIDENT};
use super::place::Place;
use super::seen::MARKER;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../defender/scenarios");

/// How long an act may take.
pub(super) const ACT: Duration = Duration::from_secs(60);

/// What takes many minutes: a counter of processor time, which has tests of its own.
pub(super) const LASTS: &str = "cpu";

/// Containers at a time.
const WORKERS: usize = 3;

/// A rule and what shows that it works.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Scenario {
    pub(super) rule: String,
    image: String,
    /// Run by `exec` in a container that runs the image's own service.
    #[serde(default)]
    pub(super) service: bool,
    /// What it cannot be shown without. `rung:…`: prevention that not every kernel has.
    #[serde(default)]
    needs: Vec<String>,
    act: Part,
    near_miss: Part,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Part {
    run: Vec<String>,
    #[serde(default)]
    service: Option<bool>,
    #[serde(default)]
    capabilities: Vec<String>,
    #[serde(default)]
    mounts: Vec<String>,
    user: Option<String>,
    #[serde(default)]
    network: String,
    #[serde(default)]
    needs: Vec<String>,
}

/// One container's worth of a scenario.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) rule: String,
    /// Whether the rule is to tell it.
    pub(super) act: bool,
    /// What the container is given; its command is the image's own for a service.
    pub(super) options: Options,
    /// The command, behind the marker.
    pub(super) run: Vec<String>,
    /// Whether the command is run by `exec`.
    pub(super) service: bool,
}

impl Step {
    pub(super) fn name(&self) -> String {
        format!("{}, {}", self.rule, if self.act { "act" } else { "near miss" })
    }
}

/// Every step of every scenario that can be shown where some needs are not met, and the names of those
/// that cannot. `folder` is where a bind mount comes from.
pub(super) fn steps(lacks: &[&str], folder: &str) -> (Vec<Step>, Vec<String>) {
    let (mut steps, mut skipped) = (Vec::new(), Vec::new());
    for (file, scenario) in read() {
        for (act, part) in [(true, &scenario.act), (false, &scenario.near_miss)] {
            let mut needs = scenario.needs.iter().chain(&part.needs);
            let step = step(&file, &scenario, act, part, folder);
            match needs.find(|need| lacks.contains(&need.as_str())) {
                Some(need) => skipped.push(format!("{} (needs {need})", step.name())),
                None => steps.push(step),
            }
        }
    }
    (steps, skipped)
}

fn read() -> BTreeMap<String, Scenario> {
    let folder = Path::new(FOLDER);
    let entries = std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{FOLDER}: {error}"));
    let mut scenarios = BTreeMap::new();
    for entry in entries {
        let path = entry.expect("an entry").path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            let text = std::fs::read_to_string(&path).expect("a scenario");
            let shown = path.display().to_string();
            let scenario = toml::from_str(&text).unwrap_or_else(|error| panic!("{shown}: {error}"));
            scenarios.insert(shown, scenario);
        }
    }
    assert!(!scenarios.is_empty(), "{FOLDER} holds no scenario");
    scenarios
}

fn step(file: &str, scenario: &Scenario, act: bool, part: &Part, folder: &str) -> Step {
    let image = Image::named(&scenario.image)
        .unwrap_or_else(|| panic!("{file}: there is no image {}", scenario.image));
    // The marker becomes the command, in the same process: nobody sees another parent.
    let run: Vec<String> = [Image::MARKER, "env"]
        .into_iter()
        .map(str::to_owned)
        .chain(part.run.iter().cloned())
        .collect();
    let service = part.service.unwrap_or(scenario.service);
    let mut options = Options::of(image);
    if !service {
        options = options.run(&run);
    }
    options.capabilities.clone_from(&part.capabilities);
    options.user.clone_from(&part.user);
    options.network = match part.network.as_str() {
        "" | "none" => ContainerNetwork::None,
        "bridge" => ContainerNetwork::Bridge,
        "host" => ContainerNetwork::Host,
        other => panic!("{file}: there is no network {other}"),
    };
    options.mounts = part
        .mounts
        .iter()
        .map(|mount| match mount.split_once(':') {
            Some(("tmpfs", to)) => Mount::Tmpfs(to.to_owned()),
            Some(("bind", to)) => Mount::Bind(folder.to_owned(), to.to_owned()),
            _ => panic!("{file}: {mount} is neither tmpfs: nor bind: and a path"),
        })
        .collect();
    Step { rule: scenario.rule.clone(), act, options, run, service }
}

/// Says all that went wrong in one table, and what was not shown at all.
pub(super) fn judge(place: &str, faults: &[(String, String)], skipped: &[String], more: &str) {
    let width = faults.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
    let table: String =
        faults.iter().map(|(name, fault)| format!("{name:width$}  {fault}\n")).collect();
    if !skipped.is_empty() {
        println!("SKIPPED {place}: {}", skipped.join("; "));
    }
    assert!(faults.is_empty(), "{} faults {place}:\n{table}\n{more}", faults.len());
}

/// All of them, in containers of Docker.
pub(super) fn on_this_host(place: Place) {
    let docker = Docker::shared().expect("a Docker engine");
    let _alone = alone();
    let folder = tempfile::tempdir().expect("a folder for bind mounts");
    // Its kernel may have no BPF security module; the virtual machines' do.
    let (steps, skipped) = steps(&["rung:lsm", LASTS], &folder.path().display().to_string());
    for image in Image::ALL {
        docker.image(image).expect("an image");
    }
    let defender = Defender::start(place, &docker);
    let waiting = Mutex::new(steps.iter());
    let faults = Mutex::new(Vec::new());
    let next = || waiting.lock().unwrap_or_else(PoisonError::into_inner).next();
    std::thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                while let Some(step) = next() {
                    if let Err(fault) = show(&docker, &defender, step) {
                        let mut faults = faults.lock().unwrap_or_else(PoisonError::into_inner);
                        faults.push((step.name(), fault));
                    }
                }
            });
        }
    });
    let mut faults = faults.into_inner().unwrap_or_else(PoisonError::into_inner);
    let garbled = defender.seen(|seen| seen.garbled.clone());
    faults.extend(garbled.into_iter().map(|line| ("a line that is no JSON".to_owned(), line)));
    judge(&format!("on this host, {place:?}"), &faults, &skipped, &defender.log());
}

/// Shows one step; the error says what was not as it should be.
fn show(docker: &Docker, defender: &Defender, step: &Step) -> Result<(), String> {
    let io = |error: std::io::Error| error.to_string();
    let container = docker.run(&step.options).map_err(io)?;
    let (code, words) = if step.service {
        let user = step.options.user.as_deref();
        let output = container.exec_as(user, &step.run).map_err(io)?;
        let words = [output.stdout, output.stderr].concat();
        (output.status.code().unwrap_or(-1), String::from_utf8_lossy(&words).into_owned())
    } else {
        (container.wait(ACT).map_err(io)?, container.logs().map_err(io)?)
    };
    // What may fail says so itself (`; true`): else nobody knows whether the act was one.
    if code != 0 {
        return Err(format!("it was not done (exit code {code}): {}", words.trim()));
    }
    let told = || defender.seen(|seen| seen.account(container.id()));
    if step.act {
        if !defender.tells(container.id(), &step.rule, INCIDENT) {
            return Err(format!("not told; {}; {}", told(), words.trim()));
        }
        return Ok(());
    }
    if !defender.tells(container.id(), MARKER, INCIDENT) {
        return Err(format!("the Defender is blind to this container; {}", told()));
    }
    close(docker, defender, step.options.image)?;
    if defender.seen(|seen| seen.has(container.id(), &step.rule)) {
        return Err(format!("told; {}", told()));
    }
    Ok(())
}

/// Waits until all that was done has been looked at: what comes after it has been. In a container of its
/// own: one that ended runs nothing more.
fn close(docker: &Docker, defender: &Defender, image: Image) -> Result<(), String> {
    let marker = Options::of(image).run(&[Image::MARKER, "env", "true"]);
    let marker = docker.run(&marker).map_err(|error| error.to_string())?;
    if !defender.tells(marker.id(), MARKER, INCIDENT) {
        return Err("the marker after it was not told".to_owned());
    }
    Ok(())
}
