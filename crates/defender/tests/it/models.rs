//! Models through their phases: with containers, restarts and commands, without waiting.

use palisade_behaviour::Fact;
use palisade_defender::models::{
    CommandError, Keeper, ModelCommand, ModelReply, Models, Selector, Settings, Started, Store,
};
use palisade_model::UnixMillis;
use palisade_model::event::{Cause, IncidentSeverity, KindSet, ModelSection};

use crate::incidents_stories::*;

const HOUR: u64 = 3_600;

fn keeper(directory: &std::path::Path) -> Keeper {
    let mut keeper = Keeper::new(Store::open(directory, Settings::default()).unwrap());
    keeper.models().sensors(KindSet::all(), START);
    keeper
}

fn selector(text: &str) -> Selector {
    Selector(text.to_owned())
}

fn phase(keeper: &mut Keeper, name: &str, now: UnixMillis) -> String {
    match keeper.command(&ModelCommand::Show(selector(name)), now) {
        Ok(ModelReply::Model { model, .. }) => model.phase,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_model_learns_survives_restarts_and_tells_deviations() {
    let directory = tempfile::tempdir().unwrap();
    let web = container("web", "nginx:1.27");
    let nginx = entered(&web, 100, "/usr/sbin/nginx", 0);
    let shell = nginx.child(200, "/bin/sh", 1);
    {
        let mut keeper = keeper(directory.path());
        assert_eq!(keeper.container_started(&web, at(0)).0, Started::Modelled);
        assert!(keeper.models().observe(&nginx.execs(1), at(1)).is_empty());
        assert!(keeper.models().observe(&nginx.listens(80, 1), at(1)).is_empty());
        assert!(keeper.save(false, at(HOUR / 2)).is_empty());
        assert_eq!(phase(&mut keeper, "nginx:1.27", at(HOUR / 2)), "learning");
        assert!(keeper.save(true, at(HOUR / 2)).is_empty());
    }
    // The Defender was away for a day: that does not count.
    let late = 24 * HOUR;
    {
        let mut keeper = keeper(directory.path());
        keeper.container_started(&web, at(late));
        keeper.models().advance(at(late + HOUR / 2 - 1));
        assert_eq!(phase(&mut keeper, "nginx:1.27", at(late)), "learning");
        keeper.save(false, at(late + HOUR / 2));
        assert_eq!(phase(&mut keeper, "nginx:1.27", at(late)), "dry-run");
        // The change of phase is on disk without a stop.
    }
    let later = 48 * HOUR;
    let mut keeper = keeper(directory.path());
    keeper.container_started(&web, at(later));
    assert_eq!(phase(&mut keeper, "nginx:1.27", at(later)), "dry-run");
    keeper.save(false, at(later + 24 * HOUR));
    assert_eq!(phase(&mut keeper, "nginx:1.27", at(later)), "active");
    let now = at(later + 25 * HOUR);
    assert!(keeper.models().observe(&nginx.execs(1), now).is_empty());
    assert!(keeper.models().observe(&nginx.listens(80, 1), now).is_empty());
    let findings = keeper.models().observe(&shell.execs(1), now);
    let [finding] = findings.as_slice() else { panic!("{findings:?}") };
    let image = web.image_digest.unwrap();
    let cause = Cause::Deviation { image, section: ModelSection::Processes };
    assert_eq!((&finding.cause, finding.severity), (&cause, IncidentSeverity::High));
    assert!(finding.detail.contains("/bin/sh started by /usr/sbin/nginx"), "{}", finding.detail);
    assert_eq!(keeper.models().counters().deviations, 1);
}

fn active(
    directory: &std::path::Path,
    events: &[std::sync::Arc<palisade_model::event::Event>],
) -> Keeper {
    let mut keeper = keeper(directory);
    for event in events {
        keeper.container_started(event.container.as_ref().unwrap(), at(0));
        keeper.models().observe(event, at(0));
    }
    keeper.save(false, at(26 * HOUR));
    keeper
}

#[test]
fn a_deviation_is_accepted_by_its_number_or_as_a_fact() {
    let directory = tempfile::tempdir().unwrap();
    let web = container("web", "nginx:1.27");
    let nginx = entered(&web, 100, "/usr/sbin/nginx", 0);
    let mut keeper = active(directory.path(), &[nginx.execs(1)]);
    let now = at(27 * HOUR);
    for port in [81, 81, 82, 83] {
        assert_eq!(keeper.models().observe(&nginx.listens(port, 1), now).len(), 1);
    }
    let show = ModelCommand::Show(selector("nginx:1.27"));
    let Ok(ModelReply::Model { deviations, .. }) = keeper.command(&show, now) else { panic!() };
    let numbers: Vec<u64> = deviations.iter().map(|deviation| deviation.number).collect();
    assert_eq!(numbers, [1, 2, 3]);
    let accept = |deviations| ModelCommand::Accept { model: selector("nginx:1.27"), deviations };
    let unknown = keeper.command(&accept(vec![1, 9]), now);
    assert!(matches!(unknown, Err(CommandError::NoDeviation(9))), "{unknown:?}");
    let reply = keeper.command(&accept(vec![2]), now).unwrap();
    assert_eq!(reply, ModelReply::Accepted(1));
    assert!(keeper.models().observe(&nginx.listens(82, 1), now).is_empty());
    assert_eq!(keeper.models().observe(&nginx.listens(81, 1), now).len(), 1);
    // As the list gives it, over JSON.
    let text = serde_json::to_string(&deviations[0].fact).unwrap();
    assert_eq!(text, r#"{"listening":"tcp/81"}"#);
    let fact: Fact = serde_json::from_str(&text).unwrap();
    let model = selector("nginx:1.27");
    let command = ModelCommand::AcceptFact { model: model.clone(), fact };
    assert_eq!(keeper.command(&command, now).unwrap(), ModelReply::Accepted(1));
    assert!(keeper.models().observe(&nginx.listens(81, 1), now).is_empty());
    // What no model can hold is refused.
    let fact = Fact::File { executable: "/x".to_owned(), path: "relative\n".to_owned() };
    let refused = keeper.command(&ModelCommand::AcceptFact { model, fact }, now);
    assert!(matches!(refused, Err(CommandError::Fact)), "{refused:?}");
    // It was written at once.
    let mut again = self::keeper(directory.path());
    again.container_started(&web, now);
    assert!(again.models().observe(&nginx.listens(82, 1), now).is_empty());
    assert_eq!(again.models().observe(&nginx.listens(83, 1), now).len(), 1);
}

#[test]
fn relearning_adds_and_ends_when_somebody_says_so() {
    let directory = tempfile::tempdir().unwrap();
    let web = container("web", "nginx:1.27");
    let nginx = entered(&web, 100, "/usr/sbin/nginx", 0);
    let mut keeper = active(directory.path(), &[nginx.execs(1)]);
    let model = selector(&web.image_digest.unwrap().to_string());
    keeper.command(&ModelCommand::Relearn(model.clone()), at(30 * HOUR)).unwrap();
    assert!(keeper.models().observe(&nginx.listens(81, 1), at(31 * HOUR)).is_empty());
    keeper.save(false, at(300 * HOUR));
    assert_eq!(phase(&mut keeper, "nginx:1.27", at(300 * HOUR)), "learning");
    keeper.command(&ModelCommand::FinishLearning(model), at(301 * HOUR)).unwrap();
    assert_eq!(phase(&mut keeper, "nginx:1.27", at(301 * HOUR)), "active");
    for event in [nginx.listens(81, 1), nginx.execs(1)] {
        assert!(keeper.models().observe(&event, at(302 * HOUR)).is_empty());
    }
    assert_eq!(keeper.models().observe(&nginx.listens(82, 1), at(302 * HOUR)).len(), 1);
}

#[test]
fn an_idle_model_is_archived_leaves_memory_and_comes_back() {
    let directory = tempfile::tempdir().unwrap();
    let web = container("web", "nginx:1.27");
    let nginx = entered(&web, 100, "/usr/sbin/nginx", 0);
    let mut keeper = active(directory.path(), &[nginx.execs(1)]);
    let archive = ModelCommand::Archive(selector("nginx:1.27"));
    let refused = keeper.command(&archive, at(27 * HOUR));
    assert!(matches!(refused, Err(CommandError::Running)), "{refused:?}");
    keeper.models().container_stopped(&web.id, at(27 * HOUR));
    keeper.save(false, at(27 * HOUR + 599));
    assert_eq!(keeper.models().iter().count(), 1);
    assert!(keeper.save(false, at(27 * HOUR + 600)).is_empty());
    assert_eq!(keeper.models().iter().count(), 0);
    // It is listed all the same, and can be changed on disk.
    let list = keeper.command(&ModelCommand::List, at(28 * HOUR)).unwrap();
    let ModelReply::Models(views) = list else { panic!("{list:?}") };
    assert_eq!((views.len(), views[0].archived), (1, Some(at(27 * HOUR + 600))));
    let fact = serde_json::from_str(r#"{"listening":"tcp/8080"}"#).unwrap();
    let accept = ModelCommand::AcceptFact { model: selector("nginx:1.27"), fact };
    assert_eq!(keeper.command(&accept, at(28 * HOUR)).unwrap(), ModelReply::Accepted(1));
    keeper.container_started(&web, at(50 * HOUR));
    assert_eq!(phase(&mut keeper, "nginx:1.27", at(50 * HOUR)), "active");
    assert!(keeper.models().observe(&nginx.listens(8080, 1), at(50 * HOUR)).is_empty());
    assert_eq!(keeper.models().observe(&nginx.listens(81, 1), at(50 * HOUR)).len(), 1);
}

#[test]
fn a_container_without_a_digest_has_no_model_until_it_has_one() {
    let mut models = Models::new(Settings::default());
    models.sensors(KindSet::all(), START);
    let known = container("web", "nginx:1.27");
    let mut bare = (*known).clone();
    bare.image_digest = None;
    assert_eq!(models.container_started(&bare, at(0), |_| None), Started::NoDigest);
    let nginx = entered(&known, 100, "/usr/sbin/nginx", 0);
    models.observe(&nginx.execs(1), at(1));
    assert_eq!((models.counters().without_digest, models.counters().learned), (1, 0));
    assert_eq!(models.container_started(&known, at(1), |_| None), Started::Modelled);
    models.observe(&nginx.execs(1), at(1));
    assert_eq!(models.counters().learned, 1);
}

#[test]
fn models_and_containers_are_bounded() {
    let settings = Settings { max_models: 2, max_containers: 3, ..Settings::default() };
    let mut models = Models::new(settings);
    let mut start = |name: &str, image: &str| {
        models.container_started(&container(name, image), at(0), |_| None)
    };
    assert_eq!(start("a", "one:1"), Started::Modelled);
    assert_eq!(start("b", "two:1"), Started::Modelled);
    assert_eq!(start("c", "three:1"), Started::Full);
    assert_eq!(start("d", "one:1"), Started::Modelled);
    assert_eq!(start("e", "one:1"), Started::Full);
    assert_eq!(start("a", "one:1"), Started::Modelled);
    assert_eq!(models.counters().without_room, 2);
}

#[test]
fn what_a_model_allows_is_plain_data() {
    let directory = tempfile::tempdir().unwrap();
    let web = container("web", "nginx:1.27");
    let nginx = entered(&web, 100, "/usr/sbin/nginx", 0);
    let script = nginx.child(101, "/tmp/aB3xK9Qz/setup", 1);
    let events = [
        nginx.execs(1),
        script.execs(1),
        nginx.listens(80, 1),
        nginx.connects("10.0.0.5", 5432, 1),
    ];
    let mut keeper = active(directory.path(), &events);
    let image = web.image_digest.unwrap();
    let allowed = keeper.models().allowed(&image, at(27 * HOUR)).unwrap();
    assert!(allowed.active);
    let executables = allowed.executables.unwrap();
    assert_eq!(executables.exact, ["/usr/sbin/nginx"]);
    assert_eq!(executables.inexact.len(), 1);
    assert_eq!(allowed.listening.unwrap(), [(palisade_model::event::Transport::Tcp, Some(80))]);
    let outbound = allowed.outbound.unwrap();
    assert_eq!(outbound.len(), 1);
    assert_eq!(outbound[0].port, Some(5432));
    assert_eq!(outbound[0].networks, [("10.0.0.5".parse().unwrap(), 32)]);

    // A model that never saw connections says nothing of them.
    let mut models = Models::new(Settings::default());
    models.sensors([palisade_model::event::Kind::Exec].into_iter().collect(), START);
    models.container_started(&web, at(0), |_| None);
    models.observe(&nginx.execs(1), at(0));
    let early = models.allowed(&image, at(1)).unwrap();
    assert!(!early.active && early.executables.is_none());
    models.advance(at(26 * HOUR));
    let allowed = models.allowed(&image, at(26 * HOUR)).unwrap();
    assert!(allowed.active && allowed.executables.is_some());
    assert!(allowed.listening.is_none() && allowed.outbound.is_none());
}
