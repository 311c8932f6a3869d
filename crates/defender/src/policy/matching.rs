//! Which containers a rule is for.

use palisade_model::event::{ContainerIdentity, Runtime};
use toml::de::DeTable;

use super::pattern::{Form, Name};
use super::reader::{Reader, Text, Value};

const RUNTIMES: [(&str, Runtime); 5] = [
    ("docker", Runtime::Docker),
    ("containerd", Runtime::Containerd),
    ("cri-o", Runtime::CriO),
    ("podman", Runtime::Podman),
    ("unknown", Runtime::Unknown),
];

/// An image's name without what a runtime puts before it, its tag and its digest.
struct ImageName<'i> {
    repository: &'i str,
    tag: Option<&'i str>,
    digest: Option<&'i str>,
}

impl<'i> ImageName<'i> {
    fn of(text: &'i str) -> Self {
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest)),
            None if text.starts_with("sha256:") => ("", Some(text)),
            None => (text, None),
        };
        // A colon before the last slash belongs to a registry's port.
        let (repository, tag) = match rest.rsplit_once(':') {
            Some((repository, tag)) if !tag.contains('/') => (repository, Some(tag)),
            _ => (rest, None),
        };
        let hub = repository.strip_prefix("docker.io/").unwrap_or(repository);
        Self { repository: hub.strip_prefix("library/").unwrap_or(hub), tag, digest }
    }
}

/// Of an image: repository, tag and digest, of which a pattern need not give all.
#[derive(Debug, Clone)]
struct ImagePattern {
    repository: Option<Name>,
    tag: Option<Name>,
    digest: Option<Name>,
}

impl ImagePattern {
    fn read(text: &Text, reader: &mut Reader<'_>) -> Option<Self> {
        let name = ImageName::of(&text.text);
        let mut part = |part: Option<&str>| match part.filter(|part| !part.is_empty()) {
            Some(part) => {
                let text = Text { text: part.to_owned(), span: text.span.clone() };
                Name::read(&text, Form::Name, reader).map(Some)
            }
            None => Some(None),
        };
        Some(Self {
            repository: part(Some(name.repository))?,
            tag: part(name.tag)?,
            digest: part(name.digest)?,
        })
    }

    fn matches(&self, container: &ContainerIdentity) -> bool {
        let name = ImageName::of(&container.image);
        let of_content = container.image_digest.map(|digest| digest.to_string());
        let tag = name.tag.or(name.digest.is_none().then_some("latest"));
        let fits = |pattern: &Option<Name>, text: Option<&str>| {
            pattern.as_ref().is_none_or(|pattern| text.is_some_and(|text| pattern.matches(text)))
        };
        fits(&self.repository, Some(name.repository).filter(|name| !name.is_empty()))
            && fits(&self.tag, tag)
            && (fits(&self.digest, of_content.as_deref()) || fits(&self.digest, name.digest))
    }

    fn covers(&self, other: &Self) -> bool {
        let covers = |own: &Option<Name>, other: &Option<Name>| match (own, other) {
            (None, _) => true,
            (Some(own), Some(other)) => own.covers(other),
            (Some(own), None) => own.text == "*",
        };
        covers(&self.repository, &other.repository)
            && covers(&self.tag, &other.tag)
            && covers(&self.digest, &other.digest)
    }
}

/// The `match` of a rule: every key that is given must fit, of a list one.
#[derive(Debug, Clone, Default)]
pub(crate) struct Match {
    pub(crate) host: bool,
    images: Option<Vec<ImagePattern>>,
    containers: Option<Vec<Name>>,
    namespaces: Option<Vec<Name>>,
    labels: Vec<(String, Name)>,
    runtimes: Option<Vec<Runtime>>,
    shown: Vec<String>,
}

impl Match {
    /// Every container, or the host.
    pub(crate) fn anything(host: bool) -> Self {
        Self { host, ..Self::default() }
    }

    pub(crate) fn read<'t>(value: &Value<'t>, reader: &mut Reader<'t>) -> Self {
        let Some(table) = reader.table(value) else { return Self::default() };
        let keys = ["host", "images", "containers", "namespaces", "labels", "runtimes"];
        reader.keys(table, &keys);
        let host = reader.flag(table, "host").unwrap_or(false);
        if host && table.len() > 1 {
            let advice = "`host = true` stands alone: the host is no container";
            reader.notes.error(value.span(), advice);
        }
        let mut matching = Self { host, ..Self::default() };
        matching.images = images(table, reader);
        matching.containers = names(table, "containers", reader);
        matching.namespaces = names(table, "namespaces", reader);
        matching.runtimes = runtimes(table, reader);
        matching.labels = labels(table, reader);
        matching.shown = shown(table);
        for key in keys {
            let empty = table
                .get(key)
                .filter(|value| value.get_ref().as_array().is_some_and(|list| list.is_empty()));
            if let Some(empty) = empty {
                let message = format!("`{key}` is empty: the rule never holds. Leave the key out");
                reader.notes.warn(empty.span(), message);
            }
        }
        matching
    }

    pub(crate) fn matches(&self, container: Option<&ContainerIdentity>) -> bool {
        let Some(container) = container else { return self.host };
        if self.host {
            return false;
        }
        let any = |names: &Option<Vec<Name>>, text: Option<&str>| {
            names.as_ref().is_none_or(|names| {
                text.is_some_and(|text| names.iter().any(|name| name.matches(text)))
            })
        };
        let namespace = container.kubernetes.as_ref().map(|place| place.namespace.as_str());
        let images = |images: &Vec<ImagePattern>| images.iter().any(|one| one.matches(container));
        self.images.as_ref().is_none_or(images)
            && (any(&self.containers, Some(&container.name))
                || any(
                    &self.containers,
                    container.kubernetes.as_ref().map(|place| place.container.as_str()),
                ))
            && any(&self.namespaces, namespace)
            && self.runtimes.as_ref().is_none_or(|list| list.contains(&container.runtime))
            && self.labels.iter().all(|(key, name)| {
                container.labels.get(key).is_some_and(|value| name.matches(value))
            })
    }

    /// Whether a container that fits `later` always fits this; false where it cannot be told.
    pub(crate) fn covers(&self, later: &Self) -> bool {
        if self.host || later.host {
            return self.host && later.host;
        }
        let lists = |own: &Option<Vec<Name>>, other: &Option<Vec<Name>>| match (own, other) {
            (None, _) => true,
            (Some(own), Some(other)) => {
                other.iter().all(|name| own.iter().any(|one| one.covers(name)))
            }
            (Some(_), None) => false,
        };
        let images = match (&self.images, &later.images) {
            (None, _) => true,
            (Some(own), Some(other)) => {
                other.iter().all(|image| own.iter().any(|one| one.covers(image)))
            }
            (Some(_), None) => false,
        };
        let runtimes = match (&self.runtimes, &later.runtimes) {
            (None, _) => true,
            (Some(own), Some(other)) => other.iter().all(|runtime| own.contains(runtime)),
            (Some(_), None) => false,
        };
        images
            && runtimes
            && lists(&self.containers, &later.containers)
            && lists(&self.namespaces, &later.namespaces)
            && self.labels.iter().all(|(key, name)| {
                later.labels.iter().any(|(other, pattern)| other == key && name.covers(pattern))
            })
    }

    /// One line for people.
    pub(crate) fn shown(&self) -> String {
        match (self.host, self.shown.is_empty()) {
            (true, _) => "the host".to_owned(),
            (false, true) => "every container".to_owned(),
            (false, false) => self.shown.join("; "),
        }
    }
}

fn images<'t>(table: &DeTable<'t>, reader: &mut Reader<'t>) -> Option<Vec<ImagePattern>> {
    let texts = reader.texts(table, "images")?;
    Some(texts.iter().filter_map(|text| ImagePattern::read(text, reader)).collect())
}

fn names<'t>(table: &DeTable<'t>, key: &str, reader: &mut Reader<'t>) -> Option<Vec<Name>> {
    let texts = reader.texts(table, key)?;
    Some(texts.iter().filter_map(|text| Name::read(text, Form::Name, reader)).collect())
}

fn runtimes<'t>(table: &DeTable<'t>, reader: &mut Reader<'t>) -> Option<Vec<Runtime>> {
    let list = reader.list(table, "runtimes")?;
    Some(list.into_iter().filter_map(|one| reader.word(one, "runtime", &RUNTIMES)).collect())
}

fn labels<'t>(table: &DeTable<'t>, reader: &mut Reader<'t>) -> Vec<(String, Name)> {
    let Some(value) = table.get("labels") else { return Vec::new() };
    let Some(labels) = reader.table(value) else { return Vec::new() };
    let mut read = Vec::new();
    for (key, value) in labels {
        let Some(text) = reader.text(value) else { continue };
        if let Some(name) = Name::read(&text, Form::Name, reader) {
            read.push((key.get_ref().clone().into_owned(), name));
        }
    }
    read
}

fn shown(table: &DeTable<'_>) -> Vec<String> {
    let mut keys = Vec::new();
    for (key, value) in table {
        let text = |value: &Value<'_>| value.get_ref().as_str().unwrap_or_default().to_owned();
        let value = value.get_ref();
        let words: Vec<String> = match (value.as_array(), value.as_table()) {
            (Some(list), _) => list.iter().map(text).collect(),
            (None, Some(labels)) => labels
                .into_iter()
                .map(|(label, value)| format!("{}={}", label.get_ref(), text(value)))
                .collect(),
            (None, None) => continue,
        };
        keys.push(format!("{} {}", key.get_ref(), words.join(", ")));
    }
    keys
}
