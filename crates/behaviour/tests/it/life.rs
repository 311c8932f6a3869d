//! Learning, dry run, active, and back.

use palisade_behaviour::{
    Frame, LearningReason, MergeError, Model, NotComparable, Outcome, Phase, Section, Settings,
};
use palisade_model::event::{Blind, BlindCause, Effect, IncidentSeverity, Kind, KindSet};
use palisade_model::{Sha256, UnixMillis};

use crate::events::*;

#[test]
fn a_model_learns_is_tried_and_compares() {
    let mut model = model();
    assert!(learned(&model.observe(&exec(NGINX, None), START)));
    assert_eq!(model.observe(&exec(NGINX, None), START), Outcome::Known);
    // One millisecond before the hour it still learns.
    let late = UnixMillis(after(1).0 - 1);
    assert!(learned(&model.observe(&listen(80), late)));
    assert_eq!(model.phase().as_str(), "learning");
    model.advance(after(1));
    assert_eq!(model.phase(), Phase::DryRun { since: after(1), running_ms: 0 });
    assert_eq!(model.observe(&listen(80), after(2)), Outcome::Known);
    model.advance(UnixMillis(after(25).0 - 1));
    assert_eq!(model.phase().as_str(), "dry-run");
    model.advance(after(25));
    assert_eq!(model.phase(), Phase::Active { since: after(25) });
    assert_eq!(model.observe(&listen(80), after(26)), Outcome::Known);
    let outcome = model.observe(&listen(81), after(26));
    assert_eq!(deviation(&outcome), (Section::Listening, IncidentSeverity::High));
    // A grave one is told each time.
    let again = model.observe(&listen(81), after(27));
    assert_eq!(deviation(&again).0, Section::Listening);
}

#[test]
fn a_jump_over_several_phases_ends_where_small_steps_do() {
    let (mut jump, mut steps) = (model(), model());
    jump.advance(after(30));
    for minute in 0..=30 * 60 {
        steps.advance(START.plus(minute * 60_000));
    }
    assert_eq!(jump.phase(), steps.phase());
    assert_eq!(jump.phase(), Phase::Active { since: after(25) });
    assert_eq!(jump.export(), steps.export());
}

#[test]
fn a_change_in_the_dry_run_goes_back_to_learning_for_a_day() {
    let mut model = model();
    model.observe(&exec(NGINX, None), START);
    assert!(learned(&model.observe(&listen(80), after(2))));
    let Phase::Learning { reason, since, .. } = model.phase() else { panic!("not learning") };
    assert_eq!((reason, since), (LearningReason::Change, after(2)));
    assert!(learned(&model.observe(&listen(81), after(25))));
    model.advance(after(26));
    assert_eq!(model.phase(), Phase::DryRun { since: after(26), running_ms: 0 });
    model.advance(after(50));
    assert_eq!(model.phase(), Phase::Active { since: after(50) });
    assert_eq!(model.observe(&listen(81), after(51)), Outcome::Known);
}

#[test]
fn learning_time_adds_up_over_containers_and_stops_with_them() {
    let mut model = Model::new(image(), String::new(), Settings::default(), START);
    model.sensors(KindSet::all(), START);
    // Nothing runs: no time passes.
    model.advance(after(100));
    assert_eq!(model.phase().as_str(), "learning");
    let minutes = |minutes: u64| after(100).plus(minutes * 60_000);
    for name in ["a", "b", "c", "d"] {
        model.container_started(&container(name), minutes(0));
    }
    model.container_started(&container("a"), minutes(0));
    // Four containers make an hour of a quarter.
    model.advance(minutes(14));
    assert_eq!(model.phase().as_str(), "learning");
    model.advance(minutes(15));
    assert_eq!(model.phase().as_str(), "dry-run");
    for name in ["a", "b", "c", "d"] {
        model.container_stopped(&container(name), minutes(20));
    }
    model.advance(after(1_000));
    assert!(matches!(model.phase(), Phase::DryRun { running_ms: 300_000, .. }));
}

#[test]
fn a_hundred_replicas_do_not_end_learning_in_a_minute() {
    let mut model = model();
    for number in 0..100 {
        model.container_started(&container(&format!("r{number}")), START);
    }
    model.advance(START.plus(9 * 60_000));
    assert_eq!(model.phase().as_str(), "learning");
    model.advance(START.plus(10 * 60_000));
    assert_eq!(model.phase().as_str(), "dry-run");
}

#[test]
fn processes_depart_by_path_bytes_and_parent() {
    let mut model = active(&[exec(NGINX, None), hashed("/bin/sh", "/entrypoint", 1)]);
    let now = after(26);
    assert_eq!(model.observe(&hashed("/bin/sh", "/entrypoint", 1), now), Outcome::Known);
    for (event, severity) in [
        (exec("/usr/bin/curl", Some(NGINX)), IncidentSeverity::High),
        (hashed("/bin/sh", "/entrypoint", 2), IncidentSeverity::High),
        (hashed("/bin/sh", NGINX, 1), IncidentSeverity::Medium),
        (exec("/bin/sh", None), IncidentSeverity::Low),
    ] {
        let outcome = model.observe(&event, now);
        assert_eq!(deviation(&outcome), (Section::Processes, severity), "{event:?}");
    }
    // A program learned without its hash is not compared by it.
    let mut process = process(NGINX, None);
    process.executable.hash = Some(Sha256([9; 32]));
    assert_eq!(model.observe(&exec_of(process), now), Outcome::Known);
}

#[test]
fn a_parent_in_another_control_group_is_outside() {
    let mut model = active(&[exec("/bin/sh", None)]);
    let mut shim = process("/bin/sh", Some("/usr/bin/containerd-shim"));
    shim.cgroup = 8;
    assert_eq!(model.observe(&exec_of(shim), after(26)), Outcome::Known);
}

#[test]
fn users_depart_and_root_most() {
    let mut model = active(&[exec(NGINX, None)]);
    for (uid, severity) in [(0, IncidentSeverity::High), (5, IncidentSeverity::Medium)] {
        let mut process = process(NGINX, None);
        process.credentials.euid = uid;
        let outcome = model.observe(&exec_of(process), after(26));
        assert_eq!(deviation(&outcome), (Section::Users, severity));
    }
}

#[test]
fn files_depart_by_directory_and_executable() {
    let mut model =
        active(&[write(NGINX, "/var/log/nginx/access.log"), write(NGINX, "/tmp/a.txt")]);
    let now = after(26);
    let known = [write(NGINX, "/var/log/nginx/access.log"), write(NGINX, "/tmp/a.txt")];
    for event in &known {
        assert_eq!(model.observe(event, now), Outcome::Known);
    }
    for (event, severity) in [
        (write(NGINX, "/etc/nginx/nginx.conf"), IncidentSeverity::High),
        (write(NGINX, "/srv/x"), IncidentSeverity::Medium),
        (write(NGINX, "/var/log/nginx/other.log"), IncidentSeverity::Low),
        (write("/bin/sh", "/var/log/nginx/access.log"), IncidentSeverity::Low),
        (write(NGINX, "/tmp/b.txt"), IncidentSeverity::Low),
    ] {
        let outcome = model.observe(&event, now);
        assert_eq!(deviation(&outcome), (Section::Files, severity), "{event:?}");
        // What is low is told once and joins the extended model; what is graver is told again.
        let again = model.observe(&event, now);
        assert_eq!(again == Outcome::Known, severity == IncidentSeverity::Low);
    }
}

#[test]
fn reading_a_file_or_failing_to_write_one_is_no_behaviour() {
    let mut model = active(&[exec(NGINX, None)]);
    let now = after(26);
    let mut failed = write(NGINX, "/etc/passwd");
    failed.error = 13;
    let reason = model.observe(&failed, now);
    assert_eq!(reason, Outcome::NotComparable(NotComparable::Failed));
    let mut refused = exec("/bin/evil", None);
    refused.effect = Effect::Refused;
    let reason = model.observe(&refused, now);
    assert_eq!(reason, Outcome::NotComparable(NotComparable::Failed));
    // A connection that nobody answers was still wanted.
    let mut unanswered = connect("192.0.2.1", 443);
    unanswered.error = 111;
    assert_eq!(deviation(&model.observe(&unanswered, now)).0, Section::Outbound);
}

#[test]
fn connections_depart_by_port_and_address() {
    let mut model = active(&[connect("10.0.0.5", 5432), connect("192.0.2.7", 443)]);
    let now = after(26);
    assert_eq!(model.observe(&connect("::ffff:10.0.0.5", 5432), now), Outcome::Known);
    for (event, severity) in [
        (connect("10.0.0.6", 5432), IncidentSeverity::Low),
        (connect("198.51.100.1", 443), IncidentSeverity::Medium),
        (connect("192.0.2.7", 4444), IncidentSeverity::Medium),
        (connect("169.254.169.254", 80), IncidentSeverity::High),
    ] {
        let outcome = model.observe(&event, now);
        assert_eq!(deviation(&outcome), (Section::Outbound, severity), "{event:?}");
    }
}

#[test]
fn a_learned_name_covers_whatever_it_resolves_to() {
    let learned = [
        ask("db.example.com"),
        answer("db.example.com", "198.51.100.1"),
        connect("198.51.100.1", 5432),
    ];
    let mut model = active(&learned);
    let now = after(26);
    // The address moved, and the name still answers for it.
    assert_eq!(deviation(&model.observe(&connect("203.0.113.9", 5432), now)).0, Section::Outbound);
    model.observe(&answer("db.example.com", "203.0.113.9"), now);
    assert_eq!(model.observe(&connect("203.0.113.9", 5432), now), Outcome::Known);
    // On another port it is another thing, and so is a name that was not learned.
    assert_eq!(deviation(&model.observe(&connect("203.0.113.9", 22), now)).0, Section::Outbound);
    model.observe(&answer("evil.example.net", "203.0.113.10"), now);
    let outcome = model.observe(&connect("203.0.113.10", 5432), now);
    assert_eq!(deviation(&outcome).0, Section::Outbound);
    // An answer is forgotten.
    let later = now.plus(2 * HOUR);
    let outcome = model.observe(&connect("203.0.113.9", 5432), later);
    assert_eq!(deviation(&outcome).0, Section::Outbound);
}

#[test]
fn names_depart_less_below_a_known_domain() {
    let mut model = active(&[ask("api.example.com"), ask("localhost")]);
    let now = after(26);
    assert_eq!(model.observe(&ask("API.example.com."), now), Outcome::Known);
    for (name, severity) in [
        ("cdn.example.com", IncidentSeverity::Low),
        ("example.org", IncidentSeverity::Medium),
        ("api.example.net", IncidentSeverity::Medium),
        ("other.com", IncidentSeverity::Medium),
    ] {
        let outcome = model.observe(&ask(name), now);
        assert_eq!(deviation(&outcome), (Section::Names, severity), "{name}");
    }
}

#[test]
fn what_no_sensor_saw_while_learning_is_not_learned() {
    let mut model = Model::new(image(), String::new(), Settings::default(), START);
    let mut blind = KindSet::all();
    blind.remove(Kind::Connect);
    model.sensors(blind, START);
    model.container_started(&container("c1"), START);
    model.observe(&exec(NGINX, None), START);
    model.advance(after(25));
    model.sensors(KindSet::all(), after(25));
    let reason = model.observe(&connect("192.0.2.1", 443), after(26));
    assert_eq!(reason, Outcome::NotComparable(NotComparable::NotLearned(Kind::Connect)));
    assert_eq!(model.not_learned().iter().collect::<Vec<_>>(), [Kind::Connect]);
    assert_eq!(deviation(&model.observe(&listen(80), after(26))).0, Section::Listening);
    // Relearning with the sensor closes the gap, and forgets nothing.
    model.relearn(after(30));
    assert!(learned(&model.observe(&connect("192.0.2.1", 443), after(30))));
    model.finish_learning(after(32));
    assert_eq!(model.observe(&connect("192.0.2.1", 443), after(33)), Outcome::Known);
    assert_eq!(model.observe(&exec(NGINX, None), after(33)), Outcome::Known);
    assert!(model.not_learned().is_empty());
}

#[test]
fn a_sensor_that_was_blind_for_long_has_not_learned() {
    let blinded = |minutes: u64| {
        let mut model = model();
        let now = after(1).minus(1);
        let kinds: KindSet = std::iter::once(Kind::Exec).collect();
        let from = now.minus(minutes * 60_000);
        model.blind(&Blind::unseen(from, now, BlindCause::BufferFull, kinds), now);
        model.advance(after(25));
        model.observe(&exec("/bin/x", None), after(26))
    };
    // Of 60 minutes, 6 may be missing.
    assert!(matches!(blinded(5), Outcome::Deviation(_)));
    let reason = NotComparable::NotLearned(Kind::Exec);
    assert_eq!(blinded(7), Outcome::NotComparable(reason));
}

#[test]
fn relearning_adds_and_has_no_limit() {
    let mut model = active(&[listen(80)]);
    model.relearn(after(26));
    assert!(learned(&model.observe(&listen(81), after(26))));
    model.advance(after(1_000));
    assert_eq!(model.phase().as_str(), "learning");
    assert!(learned(&model.observe(&listen(82), after(1_000))));
    model.finish_learning(after(1_001));
    for port in [80, 81, 82] {
        assert_eq!(model.observe(&listen(port), after(1_002)), Outcome::Known);
    }
    assert_eq!(deviation(&model.observe(&listen(83), after(1_002))).0, Section::Listening);
}

#[test]
fn a_deviation_can_be_accepted() {
    let mut model = active(&[listen(80)]);
    let Outcome::Deviation(deviations) = model.observe(&listen(81), after(26)) else {
        panic!("no deviation")
    };
    assert!(model.extend(&deviations[0].fact));
    assert!(!model.extend(&deviations[0].fact));
    assert_eq!(model.observe(&listen(81), after(26)), Outcome::Known);
    assert!(model.export().contains("[extended]"));
}

#[test]
fn an_archived_model_goes_after_forty_days_and_comes_back_with_a_container() {
    let mut model = active(&[listen(80)]);
    model.archive(after(30));
    assert!(!model.is_expired(after(30 + 40 * 24 - 1)));
    assert!(model.is_expired(after(30 + 40 * 24)));
    let reason = model.observe(&listen(81), after(31));
    assert_eq!(reason, Outcome::NotComparable(NotComparable::Archived));
    model.container_started(&container("c2"), after(40));
    assert!(!model.is_expired(after(1_000)));
    assert_eq!(model.observe(&listen(80), after(41)), Outcome::Known);
}

#[test]
fn models_of_one_image_become_one() {
    let mut here = active(&[listen(80), write(NGINX, "/var/log/a")]);
    let there = active(&[listen(443), exec(NGINX, None)]);
    here.merge(&there).unwrap();
    for event in [listen(80), listen(443), exec(NGINX, None), write(NGINX, "/var/log/a")] {
        assert_eq!(here.observe(&event, after(26)), Outcome::Known);
    }
    // What one could not see is not learned of both.
    let mut blind = Model::new(image(), String::new(), Settings::default(), START);
    blind.sensors(std::iter::once(Kind::Exec).collect(), START);
    blind.container_started(&container("c1"), START);
    blind.advance(after(25));
    here.merge(&blind).unwrap();
    assert_eq!(here.learned_kinds().iter().collect::<Vec<_>>(), [Kind::Exec]);
    // One that has not learned anything takes nothing away.
    let fresh = Model::new(image(), String::new(), Settings::default(), START);
    here.merge(&fresh).unwrap();
    assert_eq!(here.learned_kinds().iter().count(), 1);

    let other = Model::new(
        palisade_model::event::ImageDigest(Sha256([1; 32])),
        String::new(),
        Settings::default(),
        START,
    );
    assert_eq!(here.merge(&other), Err(MergeError::OtherImage));
}

#[test]
fn sequences_of_calls_score_once_active() {
    let mut model = model();
    let mut frame = Frame::default();
    for calls in [[0, 1, 3], [1, 3, 0], [3, 0, 1]] {
        assert_eq!(model.sequence(NGINX, &mut frame, calls, START), None);
    }
    model.advance(after(25));
    let now = after(26);
    let mut percent = |frame: &mut Frame, executable, calls| {
        model.sequence(executable, frame, calls, now).map(|score| score.percent())
    };
    // What was learned from a container is not told of it again: it is looked back on as known.
    assert_eq!(percent(&mut frame, NGINX, [1, 3, 59]), Some(25));
    // Another container begins anew.
    let mut frame = Frame::default();
    assert_eq!(percent(&mut frame, NGINX, [0, 1, 3]), Some(0));
    assert_eq!(percent(&mut frame, NGINX, [1, 3, 59]), Some(50));
    assert_eq!(percent(&mut frame, "/bin/unknown", [0, 1, 3]), None);
}
