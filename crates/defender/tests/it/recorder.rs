//! The flight recorder keeps the last of each container, within its bounds.

use palisade_defender::recorder::{Recorder, Settings};

use crate::incidents_stories::*;

#[test]
fn the_last_events_of_each_container_are_kept_in_order() {
    let mut recorder = Recorder::new(Settings { max_events: 5, ..Settings::default() });
    let (a, b) = (container("a", "i:1"), container("b", "i:1"));
    let (in_a, in_b) = (entered(&a, 1, "/a", 0), entered(&b, 2, "/b", 0));
    for number in 0..20 {
        recorder.record(&in_a.opens(&format!("/{number}"), number));
        recorder.record(&in_b.opens("/same", number));
    }
    let names = |events: Vec<std::sync::Arc<palisade_model::event::Event>>| -> Vec<String> {
        events.iter().map(|event| event.activity.file().unwrap().path.clone()).collect()
    };
    assert_eq!(names(recorder.excerpt(Some(&a.id), 3, |_| false)), ["/17", "/18", "/19"]);
    assert_eq!(names(recorder.excerpt(Some(&a.id), 99, |_| false)).len(), 5);
    // A loop is one event and a count.
    assert_eq!(names(recorder.excerpt(Some(&b.id), 99, |_| false)), ["/same"]);
    assert_eq!(recorder.held().repeated, 19);
    assert!(recorder.excerpt(None, 99, |_| false).is_empty());
    recorder.forget(&a.id);
    assert!(recorder.excerpt(Some(&a.id), 99, |_| false).is_empty());
    assert_eq!((recorder.held().containers, recorder.held().events), (1, 1));
}

#[test]
fn what_belongs_to_the_story_comes_before_all_else() {
    let mut recorder = Recorder::new(Settings::default());
    let web = container("web", "i:1");
    let (mine, other) = (entered(&web, 1, "/mine", 0), entered(&web, 2, "/other", 0));
    recorder.record(&mine.opens("/m", 0));
    for number in 0..50 {
        recorder.record(&other.opens(&format!("/{number}"), 1));
    }
    let key = mine.process.key;
    let excerpt = recorder.excerpt(Some(&web.id), 3, |process| *process == key);
    let paths: Vec<&str> = excerpt.iter().map(|event| event.process.path()).collect();
    assert_eq!(paths, ["/mine", "/other", "/other"]);
}

#[test]
fn every_bound_holds_under_a_flood_of_containers_and_of_bytes() {
    let settings =
        Settings { max_events: 50, max_bytes: 20_000, max_containers: 10, max_total_bytes: 60_000 };
    let mut recorder = Recorder::new(settings);
    for number in 0..2_000_u32 {
        let actor = entered(&container(&format!("c{}", number % 40), "i:1"), number, "/x", 0);
        let path = format!("/{}/{number}", "p".repeat((number as usize * 37) % 3_000));
        recorder.record(&actor.opens(&path, 1));
        let held = recorder.held();
        assert!(held.containers <= 10 && held.bytes <= 60_000, "{held:?}");
    }
    assert!(recorder.held().forgotten > 0);
    // One event that is larger than everything is not kept.
    let mut alone = Recorder::new(Settings { max_bytes: 1_000, ..Settings::default() });
    let actor = entered(&container("c", "i:1"), 1, "/x", 0);
    alone.record(&actor.opens(&"p".repeat(5_000), 1));
    assert_eq!((alone.held().events, alone.held().bytes), (0, 0));
}

#[test]
fn the_default_bounds_hold_twenty_busy_containers_in_three_mebibytes() {
    let mut recorder = Recorder::new(Settings::default());
    for number in 0..20_u32 {
        let web = container(&format!("c{number}"), "i:1");
        let init = entered(&web, 1, "/usr/sbin/service", 0);
        for event in 0..1_000_u32 {
            let child = init.child(10 + event, "/usr/bin/program", 1);
            recorder.record(&child.opens(&format!("/var/lib/service/file-{event}"), 1));
        }
    }
    let held = recorder.held();
    assert_eq!(held.containers, 20);
    assert!(held.bytes <= 20 * (128 << 10), "{held:?}");
    assert!(held.events >= 20 * 100, "{held:?}");
}
