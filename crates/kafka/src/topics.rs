//! Topics: how many partitions, how long records are kept, how many copies.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex};

use palisade_ports::PortResult;
use palisade_ports::log::Topic;
use rdkafka::admin::{
    AdminClient, AdminOptions, AlterConfig, NewPartitions, NewTopic, ResourceSpecifier,
    TopicReplication,
};
use rdkafka::error::{KafkaResult, RDKafkaErrorCode};
use serde::{Deserialize, Serialize};

use crate::client::ConfigError;
use crate::client::{ANSWER, MAX_RECORD_BYTES, Words, base};
use crate::names::Names;
use crate::settling::patiently;
use crate::trouble::Trouble;
use crate::{KafkaConfig, lock, unavailable};

/// How topics are made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TopicsConfig {
    /// Make a topic that is missing when it is first used. Default true; where programs may not
    /// make topics, `palisade topics apply` does it once.
    pub create_missing: bool,
    /// Of every topic that has none of its own. Default 12 partitions, one replica, 24 hours.
    pub default: TopicSettings,
    /// Of single topics, by their name without the prefix: `"palisade.commands.yara"`.
    pub only: BTreeMap<String, TopicSettings>,
}

impl Default for TopicsConfig {
    fn default() -> Self {
        Self { create_missing: true, default: TopicSettings::default(), only: BTreeMap::new() }
    }
}

/// One topic's settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TopicSettings {
    /// As many members of a group can share it. They can be added to, never taken away; adding moves
    /// keys to other partitions, so do it while nothing is under way.
    pub partitions: u32,
    /// Copies, on as many brokers.
    pub replication: u32,
    /// Copies that must have a record before it counts as appended.
    pub min_insync_replicas: u32,
    /// Records are kept so long, in hours, whether they were read or not. Longer than the longest
    /// deadline, or requests are lost (and counted).
    pub retention_hours: u32,
    /// Records are removed when a partition is larger, in bytes; -1 for no bound.
    pub retention_bytes: i64,
}

impl Default for TopicSettings {
    fn default() -> Self {
        Self {
            partitions: 12,
            replication: 1,
            min_insync_replicas: 1,
            retention_hours: 24,
            retention_bytes: -1,
        }
    }
}

impl TopicSettings {
    /// As the broker has them.
    fn configs(&self) -> [(&'static str, String); 4] {
        [
            ("min.insync.replicas", self.min_insync_replicas.to_string()),
            ("retention.ms", (u64::from(self.retention_hours) * 3_600_000).to_string()),
            ("retention.bytes", self.retention_bytes.to_string()),
            ("max.message.bytes", MAX_RECORD_BYTES.to_string()),
        ]
    }
}

/// What is to be done, or was, about one topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicChange {
    /// Its name on the broker.
    pub name: String,
    /// In words: `create with 12 partitions`, `partitions 6 → 12`, `retention.ms 1000 → 86400000`.
    pub changes: Vec<String>,
    /// What cannot be done, in words.
    pub refused: Option<String>,
}

/// The topics of an installation.
pub struct Topics {
    admin: Arc<AdminClient<Words>>,
    trouble: Trouble,
    names: Names,
    config: TopicsConfig,
    /// Known to be there.
    seen: Mutex<HashSet<Topic>>,
}

impl Topics {
    pub(crate) fn new(config: &KafkaConfig, trouble: &Trouble) -> Result<Self, ConfigError> {
        let words = Words(trouble.clone());
        let admin = base(config)?.create_with_context(words).map_err(ConfigError::Refused)?;
        Ok(Self {
            admin: Arc::new(admin),
            trouble: trouble.clone(),
            names: Names::new(&config.prefix),
            config: config.topics.clone(),
            seen: Mutex::default(),
        })
    }

    fn settings(&self, topic: &Topic) -> &TopicSettings {
        self.config.only.get(&topic.to_string()).unwrap_or(&self.config.default)
    }

    /// Makes sure that topics are there.
    pub(crate) async fn ensure(&self, topics: impl Iterator<Item = &Topic>) -> PortResult<()> {
        let mut missing: Vec<Topic> = {
            let seen = lock(&self.seen);
            topics.filter(|topic| !seen.contains(topic)).cloned().collect()
        };
        if missing.is_empty() {
            return Ok(());
        }
        missing.sort();
        missing.dedup();
        if self.config.create_missing {
            for change in self.create(&missing).await? {
                if let Some(why) = change.refused {
                    return Err(unavailable(format!("topic {}: {why}", change.name)));
                }
            }
        }
        lock(&self.seen).extend(missing);
        Ok(())
    }

    /// Makes those that are not there.
    async fn create(&self, topics: &[Topic]) -> PortResult<Vec<TopicChange>> {
        let wanted: Vec<_> = topics
            .iter()
            .map(|topic| (self.names.topic(topic), self.settings(topic)))
            .map(|(name, settings)| (name, settings, settings.configs()))
            .collect();
        let new: Vec<NewTopic<'_>> = wanted
            .iter()
            .map(|(name, settings, configs)| {
                let partitions = i32::try_from(settings.partitions.max(1)).unwrap_or(i32::MAX);
                let copies = i32::try_from(settings.replication.max(1)).unwrap_or(i32::MAX);
                let topic = NewTopic::new(name, partitions, TopicReplication::Fixed(copies));
                configs.iter().fold(topic, |topic, (key, value)| topic.set(key, value))
            })
            .collect();
        let results = self
            .admin
            .create_topics(&new, &options())
            .await
            .map_err(|error| self.trouble.explain(error))?;
        let changes = results
            .into_iter()
            .zip(&wanted)
            .filter_map(|(result, (name, settings, _))| {
                let change = |refused| TopicChange {
                    name: name.clone(),
                    changes: vec![format!("create with {} partitions", settings.partitions)],
                    refused,
                };
                match result {
                    Ok(_) => Some(change(None)),
                    Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => None,
                    Err((_, code)) => Some(change(Some(code.to_string()))),
                }
            })
            .collect();
        self.led(wanted.iter().map(|(name, ..)| name.clone()).collect()).await;
        Ok(changes)
    }

    /// Waits until every partition answers. Metadata tells of a leader before that broker knows that
    /// it leads, and what is sent meanwhile is refused piece by piece (see [`crate::append`]).
    async fn led(&self, names: Vec<String>) {
        let admin = Arc::clone(&self.admin);
        let ask = move || {
            for name in &names {
                let count = partitions(&admin, name).unwrap_or(0);
                for number in 0..i32::try_from(count).unwrap_or(i32::MAX) {
                    let answer = patiently(|| admin.inner().fetch_watermarks(name, number, ANSWER));
                    if let Err(error) = answer {
                        return tracing::debug!(%error, name, "a young topic does not answer");
                    }
                }
            }
        };
        // Who appends hears of what is wrong.
        let _ = tokio::task::spawn_blocking(ask).await;
    }

    /// Brings topics to their settings: makes missing ones, adds partitions, changes retention and
    /// replicas in sync. Without `apply`, only says what would be done.
    ///
    /// # Errors
    /// [`palisade_ports::PortError::Unavailable`] when no broker answers.
    pub async fn reconcile(&self, topics: &[Topic], apply: bool) -> PortResult<Vec<TopicChange>> {
        let mut changes = Vec::new();
        let mut missing = Vec::new();
        for topic in topics {
            let name = self.names.topic(topic);
            match partitions(&self.admin, &name).map_err(|error| self.trouble.explain(error))? {
                0 => missing.push(topic.clone()),
                partitions => changes.push(self.bring(topic, name, partitions, apply).await?),
            }
        }
        if apply && !missing.is_empty() {
            changes.extend(self.create(&missing).await?);
        } else {
            changes.extend(missing.iter().map(|topic| TopicChange {
                name: self.names.topic(topic),
                changes: vec![format!(
                    "create with {} partitions",
                    self.settings(topic).partitions
                )],
                refused: None,
            }));
        }
        changes.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(changes)
    }

    async fn bring(
        &self,
        topic: &Topic,
        name: String,
        partitions: usize,
        apply: bool,
    ) -> PortResult<TopicChange> {
        let settings = self.settings(topic);
        let mut change = TopicChange { name, changes: Vec::new(), refused: None };
        let wanted = settings.partitions as usize;
        if partitions > wanted {
            change.refused =
                Some(format!("it has {partitions} partitions; they cannot become {wanted}"));
        } else if partitions < wanted {
            change.changes.push(format!("partitions {partitions} → {wanted}"));
            if apply {
                let more = [NewPartitions::new(&change.name, wanted)];
                let results = self.admin.create_partitions(&more, &options()).await;
                for result in results.map_err(|error| self.trouble.explain(error))? {
                    if let Err((_, code)) = result {
                        change.refused = Some(code.to_string());
                    }
                }
            }
        }
        self.configure(settings, &mut change, apply).await?;
        Ok(change)
    }

    async fn configure(
        &self,
        settings: &TopicSettings,
        change: &mut TopicChange,
        apply: bool,
    ) -> PortResult<()> {
        let name = change.name.clone();
        let specifier = ResourceSpecifier::Topic(&name);
        let described = self.admin.describe_configs([&specifier], &options()).await;
        let Some(Ok(described)) =
            described.map_err(|error| self.trouble.explain(error))?.into_iter().next()
        else {
            return Ok(());
        };
        // The broker takes a topic's settings as a whole: those that somebody else made stay.
        let mut all: BTreeMap<String, String> = described
            .entries
            .iter()
            .filter(|entry| !entry.is_default)
            .filter_map(|entry| Some((entry.name.clone(), entry.value.clone()?)))
            .collect();
        let mut differs = false;
        for (key, value) in settings.configs() {
            let now = described.get(key).and_then(|entry| entry.value.clone()).unwrap_or_default();
            if now != value {
                differs = true;
                change.changes.push(format!("{key} {now} → {value}"));
            }
            all.insert(key.to_owned(), value);
        }
        if !(differs && apply) {
            return Ok(());
        }
        let altered = all
            .iter()
            .fold(AlterConfig::new(specifier), |config, (key, value)| config.set(key, value));
        for result in self
            .admin
            .alter_configs([&altered], &options())
            .await
            .map_err(|error| self.trouble.explain(error))?
        {
            if let Err((_, code)) = result {
                change.refused = Some(code.to_string());
            }
        }
        Ok(())
    }

    /// Removes topics with all they hold.
    ///
    /// # Errors
    /// [`palisade_ports::PortError::Unavailable`] when no broker answers.
    pub async fn delete(&self, topics: &[Topic]) -> PortResult<()> {
        let names: Vec<String> = topics.iter().map(|topic| self.names.topic(topic)).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        self.admin
            .delete_topics(&names, &options())
            .await
            .map_err(|error| self.trouble.explain(error))?;
        lock(&self.seen).clear();
        Ok(())
    }
}

/// How many partitions a topic has; 0 for one that is not there.
fn partitions(admin: &AdminClient<Words>, name: &str) -> KafkaResult<usize> {
    let metadata = admin.inner().fetch_metadata(Some(name), ANSWER)?;
    Ok(metadata.topics().iter().map(|topic| topic.partitions().len()).sum())
}

fn options() -> AdminOptions {
    AdminOptions::new().request_timeout(Some(ANSWER)).operation_timeout(Some(ANSWER))
}
