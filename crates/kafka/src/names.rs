use std::collections::HashMap;

use palisade_ports::log::Topic;

/// What topics and groups are called on the broker.
#[derive(Debug, Clone)]
pub(crate) struct Names {
    prefix: String,
}

impl Names {
    pub(crate) fn new(prefix: &str) -> Self {
        Self { prefix: prefix.to_owned() }
    }

    pub(crate) fn topic(&self, topic: &Topic) -> String {
        format!("{}{topic}", self.prefix)
    }

    /// Groups of other programs on the same cluster have other names.
    pub(crate) fn group(&self, group: &str) -> String {
        format!("{}palisade.{group}", self.prefix)
    }

    /// The topics of a subscription by their names; a topic that stands twice is once.
    pub(crate) fn topics(&self, topics: &[Topic]) -> HashMap<String, Topic> {
        topics.iter().map(|topic| (self.topic(topic), topic.clone())).collect()
    }
}
