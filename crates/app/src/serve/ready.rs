use async_trait::async_trait;
use palisade_api::{Check, Readiness};
use palisade_jail::{LayerState, Layers};
use palisade_model::{Priority, Sha256};
use palisade_pipeline::Ports;
use palisade_pipeline::gateway::EXTRACTOR_GROUP;
use palisade_ports::PortResult;
use palisade_ports::log::Topic;

/// What the application knows of its own health.
pub(super) struct Ready {
    ports: Ports,
    layers: Layers,
}

impl Ready {
    pub(super) fn new(ports: Ports, layers: Layers) -> Self {
        Self { ports, layers }
    }
}

#[async_trait]
impl Readiness for Ready {
    async fn checks(&self) -> Vec<Check> {
        let topic = Topic::Requests(Priority::Interactive);
        let log = self.ports.log.backlog(EXTRACTOR_GROUP, &topic).await;
        let records = self.ports.records.counts().await;
        // No object has this name; asking for it shows that the store answers.
        let objects = self.ports.objects.touch(Sha256([0; 32])).await;
        let mut checks = vec![
            port("log", log.map(|waiting| format!("{waiting} requests wait"))),
            port("records", records.map(|counts| format!("{} requests open", counts.open))),
            port("objects", objects.map(|_| String::new())),
        ];
        checks.extend(self.layers.0.iter().map(|(layer, state)| Check {
            name: format!("jail.{layer}"),
            ok: !matches!(state, LayerState::Missing(_)),
            // A server that must have it does not start without it.
            required: false,
            detail: match state {
                LayerState::Active => String::new(),
                LayerState::Partial(detail) | LayerState::Missing(detail) => detail.clone(),
            },
        }));
        checks
    }
}

fn port(name: &str, answer: PortResult<String>) -> Check {
    let (ok, detail) = match answer {
        Ok(detail) => (true, detail),
        Err(error) => (false, format!("{:#}", anyhow::Error::new(error))),
    };
    Check { name: name.to_owned(), ok, required: true, detail }
}
