//! The directory of models: damaged files, names, bounds, and what can be done without a Defender.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use palisade_defender::models::{
    CommandError, Keeper, ModelCommand, ModelReply, Selector, Settings, Started, Store, StoreError,
};
use palisade_model::event::KindSet;

use crate::incidents_stories::*;

fn store(directory: &Path) -> Store {
    Store::open(directory, Settings::default()).unwrap()
}

/// A directory with a model for each of these images.
fn with_models(directory: &Path, settings: Settings, images: &[&str]) {
    for image in images {
        let mut keeper = Keeper::new(Store::open(directory, settings.clone()).unwrap());
        keeper.models().sensors(KindSet::all(), START);
        let web = container("web", image);
        keeper.container_started(&web, at(0));
        keeper.models().observe(&entered(&web, 1, "/app", 0).execs(1), at(1));
        assert!(keeper.save(true, at(2)).is_empty());
    }
}

fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn selector(text: &str) -> Selector {
    Selector(text.to_owned())
}

#[test]
fn a_file_is_named_readable_and_private() {
    let directory = tempfile::tempdir().unwrap();
    with_models(directory.path(), Settings::default(), &["registry.example/a/../b:1"]);
    let digits =
        &container("x", "registry.example/a/../b:1").image_digest.unwrap().0.to_string()[..12];
    assert_eq!(names(directory.path()), [format!("registry.example_a_.._b_1-{digits}.toml")]);
    let path = directory.path().join(&names(directory.path())[0]);
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let text = fs::read_to_string(path).unwrap();
    assert!(text.starts_with("# What an image normally does"), "{text}");
    assert!(text.contains("name = \"registry.example/a/../b:1\""), "{text}");
}

#[test]
fn damaged_files_are_set_aside_and_the_image_learns_anew() {
    for damage in ["", "version = 1\n", "version = 99\n", "\u{0}\u{1}", "x = [[[["] {
        let directory = tempfile::tempdir().unwrap();
        with_models(directory.path(), Settings::default(), &["nginx:1.27"]);
        let name = names(directory.path())[0].clone();
        fs::write(directory.path().join(&name), damage).unwrap();
        let mut keeper = Keeper::new(store(directory.path()));
        let (started, warning) = keeper.container_started(&container("web", "nginx:1.27"), at(9));
        assert_eq!(started, Started::Modelled);
        let warning = warning.expect(damage).to_string();
        assert!(warning.contains(&format!("{name}.damaged")), "{warning}");
        assert!(keeper.save(true, at(10)).is_empty());
        assert_eq!(names(directory.path()), [name.clone(), format!("{name}.damaged")]);
        let aside = fs::read_to_string(directory.path().join(format!("{name}.damaged"))).unwrap();
        assert_eq!(aside, damage);
    }
}

#[test]
fn what_is_no_file_or_too_large_or_a_link_does_no_harm() {
    let directory = tempfile::tempdir().unwrap();
    let store = store(directory.path());
    let image = container("web", "nginx:1.27").image_digest.unwrap();
    let path = directory.path().join(format!("nginx-{}.toml", &image.0.to_string()[..12]));
    fs::create_dir(&path).unwrap();
    assert!(store.read(&image, at(0)).unwrap().is_none());
    fs::remove_dir(&path).unwrap();
    std::os::unix::fs::symlink("/dev/zero", &path).unwrap();
    assert!(store.read(&image, at(0)).unwrap().is_none());
    fs::remove_file(&path).unwrap();
    fs::write(&path, vec![b'#'; (8 << 20) + 1]).unwrap();
    let error = store.read(&image, at(0)).unwrap_err();
    assert!(matches!(error, StoreError::Damaged { .. }), "{error}");
    fs::write(&path, [0xff, 0xfe]).unwrap();
    let error = store.read(&image, at(0)).unwrap_err();
    assert!(error.to_string().contains("not UTF-8"), "{error}");
}

#[test]
fn files_are_bounded_and_those_set_aside_too() {
    let directory = tempfile::tempdir().unwrap();
    let settings = Settings { max_files: 3, max_set_aside: 2, ..Settings::default() };
    with_models(directory.path(), settings.clone(), &["a:1", "b:1", "c:1", "d:1", "e:1"]);
    let left = names(directory.path());
    assert_eq!(left.len(), 3);
    assert!(left.iter().any(|name| name.starts_with("e_1")), "{left:?}");
    let store = Store::open(directory.path(), settings).unwrap();
    for number in 0..5 {
        let name = format!("x-{number:012}.toml");
        fs::write(directory.path().join(name), "damaged").unwrap();
        assert!(matches!(store.command(&ModelCommand::List, at(0)), Ok(ModelReply::Models(_))));
    }
    let damaged = names(directory.path()).iter().filter(|name| name.ends_with(".damaged")).count();
    assert_eq!(damaged, 2);
}

#[test]
fn a_directory_that_cannot_be_written_is_said_and_tried_again() {
    let directory = tempfile::tempdir().unwrap();
    let mut keeper = Keeper::new(store(directory.path()));
    keeper.container_started(&container("web", "nginx:1.27"), at(0));
    fs::remove_dir(directory.path()).unwrap();
    let warnings = keeper.save(false, at(1));
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    fs::create_dir(directory.path()).unwrap();
    assert!(keeper.save(false, at(400)).is_empty());
    assert_eq!(names(directory.path()).len(), 1);
}

#[test]
fn an_archived_model_that_cannot_be_written_is_not_lost() {
    let directory = tempfile::tempdir().unwrap();
    let mut keeper = Keeper::new(store(directory.path()));
    let web = container("web", "nginx:1.27");
    keeper.container_started(&web, at(0));
    assert!(keeper.save(false, at(1)).is_empty());
    keeper.models().container_stopped(&web.id, at(2));
    let behind = keeper.behind(false, at(700));
    assert_eq!(behind.len(), 1);
    let gone = std::env::temp_dir().join("palisade-test-there-is-no-such-directory");
    let full = StoreError::Io {
        path: gone,
        what: "cannot be written",
        source: std::io::ErrorKind::StorageFull.into(),
    };
    assert!(keeper.written(&behind[0], Err(full)).is_some());
    assert_eq!(keeper.models().iter().count(), 1);
    // Nothing before `save_ms`, then once more; only what is on disk leaves memory.
    assert!(keeper.behind(false, at(701)).is_empty());
    let behind = keeper.behind(false, at(1_100));
    assert_eq!(behind.len(), 1);
    // A container that starts while it is being written keeps it.
    keeper.container_started(&web, at(1_101));
    let written = keeper.store().write(&behind[0]);
    assert!(keeper.written(&behind[0], written).is_none());
    assert_eq!(keeper.models().iter().count(), 1);
    keeper.models().container_stopped(&web.id, at(1_102));
    assert!(keeper.save(false, at(2_000)).is_empty());
    assert_eq!(keeper.models().iter().count(), 0);
}

#[test]
fn commands_work_on_the_directory_alone() {
    let directory = tempfile::tempdir().unwrap();
    with_models(directory.path(), Settings::default(), &["nginx:1.27", "redis:7"]);
    let store = store(directory.path());
    let run = |command: ModelCommand| store.command(&command, at(10));
    let Ok(ModelReply::Models(views)) = run(ModelCommand::List) else { panic!() };
    let listed: Vec<&str> = views.iter().map(|view| view.name.as_str()).collect();
    assert_eq!(listed, ["nginx:1.27", "redis:7"]);

    let Ok(ModelReply::File(text)) = run(ModelCommand::Export(selector("redis:7"))) else {
        panic!()
    };
    assert!(matches!(run(ModelCommand::Remove(selector("redis:7"))), Ok(ModelReply::Removed)));
    let gone = run(ModelCommand::Show(selector("redis:7")));
    assert!(matches!(gone, Err(CommandError::Unknown(_))), "{gone:?}");
    let added = text.replace("[learned]\n", "[learned]\nlistening = [\"tcp/6379\"]\n");
    assert_ne!(added, text);
    run(ModelCommand::Import { text: added, merge: false }).unwrap();
    let merged = ModelCommand::Import { text: text.clone(), merge: true };
    run(merged).unwrap();
    let Ok(ModelReply::File(now)) = run(ModelCommand::Export(selector("redis:7"))) else {
        panic!()
    };
    assert!(now.contains("tcp/6379"), "{now}");
    run(ModelCommand::Import { text: text.clone(), merge: false }).unwrap();
    let Ok(ModelReply::File(now)) = run(ModelCommand::Export(selector("redis:7"))) else {
        panic!()
    };
    assert_eq!(now, text);

    let digest = container("x", "nginx:1.27").image_digest.unwrap().0.to_string();
    let Ok(ModelReply::Done(view)) = run(ModelCommand::FinishLearning(selector(&digest[..6])))
    else {
        panic!()
    };
    assert_eq!(view.phase, "active");
    let Ok(ModelReply::Done(view)) = run(ModelCommand::Relearn(selector("nginx:1.27"))) else {
        panic!()
    };
    assert_eq!(view.phase, "learning");
    let Ok(ModelReply::Done(view)) = run(ModelCommand::Archive(selector("nginx:1.27"))) else {
        panic!()
    };
    assert_eq!(view.archived, Some(at(10)));
    let accept = ModelCommand::Accept { model: selector("nginx:1.27"), deviations: vec![1] };
    assert!(matches!(run(accept), Err(CommandError::NotRunning)));
    let bad = run(ModelCommand::Import { text: "no".to_owned(), merge: false });
    assert!(matches!(bad, Err(CommandError::Import(_))), "{bad:?}");
}

#[test]
fn two_tags_of_one_name_must_be_told_apart() {
    let directory = tempfile::tempdir().unwrap();
    with_models(directory.path(), Settings::default(), &["app:1"]);
    // Another content under the same name, as after a rebuild.
    let mut other = (*container("web", "app:2")).clone();
    other.image = "app:1".to_owned();
    let mut keeper = Keeper::new(store(directory.path()));
    keeper.container_started(&other, at(5));
    keeper.save(true, at(6));
    let refused = store(directory.path()).command(&ModelCommand::Show(selector("app:1")), at(7));
    let Err(CommandError::Ambiguous(_, list)) = refused else { panic!("{refused:?}") };
    assert!(list.contains(&other.image_digest.unwrap().to_string()), "{list}");
}

#[test]
fn a_renamed_image_has_one_file() {
    let directory = tempfile::tempdir().unwrap();
    let mut unnamed = (*container("web", "app:1")).clone();
    unnamed.image.clear();
    let mut keeper = Keeper::new(store(directory.path()));
    keeper.container_started(&unnamed, at(0));
    assert!(keeper.save(true, at(1)).is_empty());
    assert!(names(directory.path())[0].starts_with("image-"));
    keeper.container_started(&container("web", "app:1"), at(2));
    assert!(keeper.save(true, at(3)).is_empty());
    let names = names(directory.path());
    assert!(names.len() == 1 && names[0].starts_with("app_1-"), "{names:?}");
}
