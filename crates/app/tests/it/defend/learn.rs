//! An image's behaviour is learned, what departs from it is told, and refused where the policy says so.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use palisade_services::{Container, ContainerNetwork, Docker, Image, Options};
use serde_json::Value;

use super::alone;
use super::kit::{Defender, INCIDENT, Setup};
use super::place::Place;
use crate::support::{eventually, stderr, stdout};

/// Seconds where people have hours and days.
const TIMES: &str = "[models.learning]\nlearning_ms = 3000\nlearning_least_ms = 3000\n\
                     learning_after_change_ms = 3000\ndry_run_ms = 3000\n";

const POLICY: &str = "\
[[rule]]
name = \"what it learned\"
match = { images = [\"palisade-test/nginx:*\"] }
process = { effect = \"prevent\" }
network = { effect = \"prevent\" }
";

/// A program that nginx's image has and that nobody runs while it is learned.
const STRANGE: [&str; 1] = ["/usr/bin/id"];

/// The section of a model, as an incident's cause has it.
const PROCESSES: &str = "processes of the image";
const OUTBOUND: &str = "connections of the image";

/// A web server that the host reaches.
fn nginx(docker: &Docker) -> Container<'_> {
    let mut options = Options::of(Image::Nginx);
    options.network = ContainerNetwork::Bridge;
    docker.run(&options).expect("a container")
}

fn address(container: &Container<'_>) -> SocketAddr {
    let text = container.inspect("{{.NetworkSettings.IPAddress}}:80").expect("an address");
    text.parse().expect("an address")
}

/// Whether it answers a request.
fn answers(address: SocketAddr) -> bool {
    let request = || {
        let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(10))?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        stream.write_all(b"GET / HTTP/1.0\r\n\r\n")?;
        let mut text = String::new();
        stream.read_to_string(&mut text).map(|_| text)
    };
    request().is_ok_and(|text: String| text.starts_with("HTTP/1.1 200"))
}

/// Connects from inside, to any place; true when it came through. What it said otherwise.
fn connects(container: &Container<'_>, host: &str, port: u16) -> Result<(), String> {
    let port = port.to_string();
    let command = ["/usr/bin/nc", "-z", "-v", "-w", "5", host, &port];
    let output = container.exec(&command).expect("the client runs");
    if output.status.success() { Ok(()) } else { Err(stderr(&output)) }
}

/// What this image does on every day. Its own service, and the programs that its people run.
fn ordinary(container: &Container<'_>) {
    eventually(30, "nginx answers", || answers(address(container)).then_some(()));
    connects(container, "127.0.0.1", 80).expect("it reaches itself");
    let marker = container.exec(&[Image::MARKER, "env", "true"]).expect("the client runs");
    assert!(marker.status.success(), "{}", stderr(&marker));
}

fn phase(defender: &Defender, image: &str) -> Option<String> {
    let told = defender.told_of_models(&["list"]);
    let models = told["models"].as_array().expect("models");
    let model = models.iter().find(|model| model["name"] == image)?;
    Some(model["phase"].as_str().expect("a phase").to_owned())
}

/// Lets the ordinary happen until the model is active; the phases that it went through.
fn learn(defender: &Defender, container: &Container<'_>, image: &str) -> Vec<String> {
    let mut phases = Vec::new();
    eventually(120, "the model is active", || {
        ordinary(container);
        let phase = phase(defender, image)?;
        if phases.last() != Some(&phase) {
            phases.push(phase.clone());
        }
        (phase == "active").then_some(())
    });
    phases
}

/// A listener of the host's, at the address that the container has as its gateway.
fn elsewhere(container: &Container<'_>) -> (TcpListener, String, u16) {
    let gateway = container.inspect("{{.NetworkSettings.Gateway}}").expect("a gateway");
    let listener = TcpListener::bind((gateway.as_str(), 0)).expect("a listener");
    let port = listener.local_addr().expect("its address").port();
    (listener, gateway, port)
}

fn departs(defender: &Defender, container: &Container<'_>, section: &str) -> bool {
    defender.seen(|seen| seen.deviations(container.id()).contains(&section))
}

#[test]
fn what_departs_from_a_learned_image_is_an_incident_until_it_is_accepted() {
    told(Place::Host);
}

pub(super) fn told(place: Place) {
    let docker = Docker::shared().expect("a Docker engine");
    let _alone = alone();
    let image = docker.image(Image::Nginx).expect("an image");
    let socket = docker.socket();
    let setup = Setup { place, socket: Some(&socket), settings: TIMES, ..Setup::default() };
    let defender = Defender::with(&setup);

    let first = nginx(&docker);
    let phases = learn(&defender, &first, &image);
    // New things send a dry run back to learning.
    assert_eq!(phases.first().map(String::as_str), Some("learning"), "{phases:?}");
    assert!(phases.contains(&"dry-run".to_owned()), "{phases:?}");
    let nothing = defender.seen(|seen| seen.deviations(first.id()).join(", "));
    assert_eq!(nothing, "", "while it learned");

    let (_listener, gateway, port) = elsewhere(&first);
    let strange = |container: &Container<'_>| {
        let output = container.exec(&STRANGE).expect("the client runs");
        assert!(output.status.success(), "{}", stderr(&output));
        connects(container, &gateway, port).expect("nothing is refused");
    };
    strange(&first);
    for section in [PROCESSES, OUTBOUND] {
        eventually(INCIDENT.as_secs(), section, || {
            departs(&defender, &first, section).then_some(())
        });
    }

    // Another container of the same image, so that nothing belongs to the first one's story.
    let shown = defender.told_of_models(&["show", &image]);
    let deviations = shown["model"]["deviations"].as_array().expect("deviations").clone();
    let whats: Vec<&str> = deviations.iter().filter_map(|one| one["what"].as_str()).collect();
    assert!(whats.iter().any(|what| what.contains(STRANGE[0])), "{whats:?}");
    assert!(whats.iter().any(|what| what.contains(&gateway)), "{whats:?}");
    let accepted = defender.told_of_models(&["accept", &image]);
    assert!(accepted["accepted"].as_u64() >= Some(2), "{accepted}");
    let second = nginx(&docker);
    strange(&second);
    defender.close(&second);
    let whats = || defender.told_of_models(&["show", &image])["model"]["deviations"].to_string();
    let nothing = defender.seen(|seen| seen.deviations(second.id()).join(", "));
    assert_eq!(nothing, "", "accepted, but {}", whats());

    // By learning more, another program becomes known.
    let other = "/usr/bin/whoami";
    defender.told_of_models(&["relearn", &image]);
    assert_eq!(phase(&defender, &image).as_deref(), Some("learning"));
    assert!(second.exec(&[other]).expect("the client runs").status.success());
    eventually(INCIDENT.as_secs(), "it is learned", || {
        let told = defender.told_of_models(&["export", &image]);
        told["file"].as_str().expect("a file").contains(other).then_some(())
    });
    defender.told_of_models(&["finish", &image]);
    assert_eq!(phase(&defender, &image).as_deref(), Some("active"));
    let third = nginx(&docker);
    strange(&third);
    assert!(third.exec(&[other]).expect("the client runs").status.success());
    defender.close(&third);
    let nothing = defender.seen(|seen| seen.deviations(third.id()).join(", "));
    assert_eq!(nothing, "", "relearned, but {}", whats());
    // And the model is no less careful than before.
    assert!(third.exec(&["/usr/bin/uptime"]).expect("the client runs").status.success());
    eventually(INCIDENT.as_secs(), "what is still strange", || {
        departs(&defender, &third, PROCESSES).then_some(())
    });
}

#[test]
fn system_calls_that_an_image_does_not_make_are_told_with_its_incidents() {
    let docker = Docker::shared().expect("a Docker engine");
    let _alone = alone();
    let image = docker.image(Image::Nginx).expect("an image");
    let socket = docker.socket();
    let settings = format!("{TIMES}[sensor]\nsequences = true\n");
    let setup = Setup { socket: Some(&socket), settings: &settings, ..Setup::default() };
    let defender = Defender::with(&setup);
    learn(&defender, &nginx(&docker), &image);
    let exported = defender.told_of_models(&["export", &image]);
    assert!(exported["file"].as_str().expect("a file").contains("sequences"), "{exported}");

    let other = nginx(&docker);
    ordinary(&other);
    defender.close(&other);
    let known = defender.seen(|seen| seen.strange_sequences(other.id())).expect("a score");
    // A known program does what it never did: it listens.
    let listens = ["/usr/bin/timeout", "1", "/usr/bin/nc", "-l", "-p", "8081"];
    other.exec(&listens).expect("the client runs");
    eventually(INCIDENT.as_secs(), "what is strange", || {
        // Whatever is found next says what was last heard of its calls.
        assert!(other.exec(&["/usr/bin/uptime"]).expect("the client runs").status.success());
        let strange = defender.seen(|seen| seen.strange_sequences(other.id()))?;
        (strange >= known + 4).then_some(())
    });
}

#[test]
fn what_departs_is_refused_where_the_policy_says_so_and_the_service_goes_on() {
    prevented(Place::Host);
}

pub(super) fn prevented(place: Place) {
    let docker = Docker::shared().expect("a Docker engine");
    let _alone = alone();
    let image = docker.image(Image::Nginx).expect("an image");
    let socket = docker.socket();
    let defender = Defender::with(&Setup {
        place,
        socket: Some(&socket),
        settings: TIMES,
        policy: Some(POLICY),
        ..Setup::default()
    });
    let container = nginx(&docker);
    let address = address(&container);
    learn(&defender, &container, &image);
    let (listener, gateway, port) = elsewhere(&container);

    let over = AtomicBool::new(false);
    let (good, bad) = std::thread::scope(|scope| {
        let requests = scope.spawn(|| {
            let (mut good, mut bad) = (0_u32, 0_u32);
            while !over.load(Ordering::Acquire) {
                *(if answers(address) { &mut good } else { &mut bad }) += 1;
                std::thread::sleep(Duration::from_millis(20));
            }
            (good, bad)
        });
        // Whatever fails, the thread must end.
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            refused(&defender, &container, &listener, &gateway, port);
        }));
        over.store(true, Ordering::Release);
        let counts = requests.join().expect("the requests");
        outcome.unwrap_or_else(|fault| std::panic::resume_unwind(fault));
        counts
    });
    assert!(good > 0 && bad == 0, "{good} requests were answered and {bad} were not");

    drop(defender);
    let output = container.exec(&STRANGE).expect("the client runs");
    assert!(output.status.success() && stdout(&output).contains("uid=0"), "{}", stderr(&output));
    listener.set_nonblocking(false).expect("set");
    connects(&container, &gateway, port).expect("nothing is left behind");
}

fn refused(
    defender: &Defender,
    container: &Container<'_>,
    listener: &TcpListener,
    gateway: &str,
    port: u16,
) {
    // The kernel has its lists within a second or two after the change of phase.
    eventually(30, "the program is refused", || {
        let output = container.exec(&STRANGE).expect("the client runs");
        (!output.status.success()).then_some(())
    });
    eventually(30, "the connection is refused", || {
        let said = connects(container, gateway, port).err()?;
        said.contains("Operation not permitted").then_some(())
    });
    listener.set_nonblocking(true).expect("set");
    while listener.accept().is_ok() {}
    for _ in 0..5 {
        let output = container.exec(&STRANGE).expect("the client runs");
        assert!(!output.status.success(), "it ran");
        assert!(!stdout(&output).contains("uid="), "it came to say something");
        let said = connects(container, gateway, port).expect_err("it came through");
        assert!(said.contains("Operation not permitted"), "{said}");
        assert!(listener.accept().is_err(), "it came through");
        ordinary(container);
    }
    let audited = |fits: &dyn Fn(&Value) -> bool| {
        eventually(30, "an entry of the audit log", || {
            defender.audit(container).into_iter().find(fits)
        })
    };
    let section = |entry: &Value| entry["reasons"][0]["section"].clone();
    let of_program = audited(&|entry| entry["path"] == STRANGE[0] && section(entry) == "process");
    let what = of_program["what"].as_str().expect("what was done");
    assert!(["killed", "refused"].contains(&what), "{of_program}");
    let of_place = audited(&|entry| section(entry) == "network" && entry["what"] == "refused");
    for entry in [of_program, of_place] {
        assert_eq!(entry["rule"], "what it learned", "{entry}");
        assert_eq!(entry["policy"].as_str().map(str::len), Some(12), "{entry}");
    }
    for section in [PROCESSES, OUTBOUND] {
        eventually(INCIDENT.as_secs(), section, || {
            departs(defender, container, section).then_some(())
        });
    }
}
