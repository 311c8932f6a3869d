use std::sync::Arc;

use async_trait::async_trait;
use palisade_ports::PortResult;
use palisade_ports::log::{
    Acknowledge, Append, Delivery, Durability, Log, Position, Start, Subscription, Topic,
};

use super::Port;

pub(super) struct FaultyLog {
    port: Port,
    log: Arc<dyn Log>,
}

impl FaultyLog {
    pub(super) fn new(port: Port, log: Arc<dyn Log>) -> Self {
        Self { port, log }
    }
}

#[async_trait]
impl Log for FaultyLog {
    async fn append(&self, mut records: Vec<Append>, durability: Durability) -> PortResult<()> {
        for record in &records {
            let key = (self.port.stage.clone(), record.topic.to_string());
            let mut state = self.port.faults.state();
            let weakest = state.weakest.entry(key).or_insert(durability);
            *weakest = durability.min(*weakest);
        }
        // A call is named after its last record: the one that says that the work is done.
        let what = records.last().map(|record| format!("log.append {}", record.topic));
        if self.port.faults.state().twice {
            records = records.into_iter().flat_map(|record| [record.clone(), record]).collect();
        }
        let what = what.unwrap_or_else(|| "log.append".to_owned());
        self.port.write(&what, self.log.append(records, durability)).await
    }

    async fn subscribe(
        &self,
        group: &str,
        topics: &[Topic],
        start: Start,
    ) -> PortResult<Box<dyn Subscription>> {
        let inner = self.port.read("log.subscribe", self.log.subscribe(group, topics, start));
        let inner = inner.await?;
        Ok(Box::new(FaultySubscription { port: self.port.clone(), inner }))
    }

    async fn backlog(&self, group: &str, topic: &Topic) -> PortResult<u64> {
        self.port.read("log.backlog", self.log.backlog(group, topic)).await
    }

    async fn prune(&self, age_ms: u64) -> PortResult<u64> {
        self.port.read("log.prune", self.log.prune(age_ms)).await
    }
}

struct FaultySubscription {
    port: Port,
    inner: Box<dyn Subscription>,
}

#[async_trait]
impl Subscription for FaultySubscription {
    async fn next(&mut self, max: usize) -> PortResult<Vec<Delivery>> {
        // Faults only before: what was taken from the subscription must be handed on.
        self.port.pass("log.next", &None, super::Moment::Before).await?;
        self.inner.next(max).await
    }

    fn acknowledger(&self) -> Arc<dyn Acknowledge> {
        Arc::new(FaultyAcknowledge { port: self.port.clone(), inner: self.inner.acknowledger() })
    }
}

struct FaultyAcknowledge {
    port: Port,
    inner: Arc<dyn Acknowledge>,
}

#[async_trait]
impl Acknowledge for FaultyAcknowledge {
    fn acknowledge(&self, position: &Position) {
        let what = format!("log.acknowledge {}", position.topic);
        self.port.write_now(&what, || self.inner.acknowledge(position));
    }

    async fn flush(&self) -> PortResult<()> {
        self.port.read("log.flush", self.inner.flush()).await
    }
}
