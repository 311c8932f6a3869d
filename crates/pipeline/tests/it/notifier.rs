//! Callbacks: told at least once, later when the receiver fails, and never for ever.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use palisade_model::{Delivery, DeliveryState, Subject};
use palisade_pipeline::gateway::Submission;
use palisade_pipeline::notifier::{Bodies, Notifier, NotifierConfig};
use palisade_ports::courier::{CourierError, Message};
use palisade_ports::{Courier, PortError};
use palisade_testkit::{Cluster, Config};
use tokio::task::JoinHandle;

use crate::support::fresh;

type Answer = Result<u16, CourierError>;
type Script = dyn Fn(usize) -> Answer + Send + Sync;

/// Answers the nth message as it is told to.
struct Scripted {
    answer: Box<Script>,
    sent: Mutex<Vec<Message>>,
}

#[async_trait]
impl Courier for Scripted {
    async fn send(&self, message: &Message) -> Answer {
        let mut sent = self.sent.lock().unwrap();
        sent.push(message.clone());
        (self.answer)(sent.len())
    }
}

impl Scripted {
    fn count(&self) -> usize {
        self.sent.lock().unwrap().len()
    }
}

/// Says only whom it is about.
struct Plain;

#[async_trait]
impl Bodies for Plain {
    async fn body(&self, subject: Subject) -> Result<Option<Bytes>, PortError> {
        Ok(Some(Bytes::from(format!("{subject:?}"))))
    }
}

struct Receiver {
    courier: Arc<Scripted>,
    running: JoinHandle<()>,
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.running.abort();
    }
}

fn receiver(
    cluster: &Cluster,
    answer: impl Fn(usize) -> Answer + Send + Sync + 'static,
) -> Receiver {
    let courier = Arc::new(Scripted { answer: Box::new(answer), sent: Mutex::default() });
    let config = NotifierConfig {
        max_attempts: 4,
        first_retry_ms: 1_000,
        max_retry_ms: 1_500,
        ..NotifierConfig::default()
    };
    let (ports, told) = (cluster.ports().clone(), Arc::clone(&courier));
    let running = tokio::spawn(async move {
        Notifier::new(ports, told, Arc::new(Plain), config, "host").run().await.unwrap();
    });
    Receiver { courier, running }
}

fn to(url: &str) -> Submission {
    Submission { tell: Some(url.to_owned()), ..fresh() }
}

async fn delivery(cluster: &Cluster, subject: Subject) -> Delivery {
    cluster.ports().records.delivery(subject).await.unwrap().unwrap()
}

/// Lets time pass until the delivery stands so.
async fn stands(cluster: &Cluster, subject: Subject, state: DeliveryState) -> Delivery {
    for _ in 0..2_000 {
        let delivery = delivery(cluster, subject).await;
        if delivery.state == state {
            return delivery;
        }
        cluster.pass(50).await;
    }
    panic!("never {state:?}: {:?}", delivery(cluster, subject).await);
}

const URL: &str = "https://callback.invalid/done?token=1";

#[tokio::test]
async fn whoever_asked_is_told_once_it_is_done() {
    let cluster = Cluster::start(Config::default()).await;
    let receiver = receiver(&cluster, |_| Ok(204));
    let id = cluster.submit_as(b"odd", to(URL)).await.id;
    let quiet = cluster.submit_as(b"quiet", fresh()).await.id;
    cluster.report(quiet).await;
    let subject = Subject::Request(id);
    let told = stands(&cluster, subject, DeliveryState::Delivered).await;
    assert_eq!((told.attempts, told.last.unwrap().status), (1, Some(204)));
    let sent = receiver.courier.sent.lock().unwrap().clone();
    assert_eq!(sent.len(), 1);
    assert_eq!(sent[0].body, format!("{subject:?}"));
    assert_eq!(sent[0].target.path, "/done?token=1");
    assert_eq!(sent[0].id, format!("callback.{id}"));
    // Nothing of it in the report, which any key may read.
    assert_eq!(cluster.report(id).await.request.callback, None);
}

#[tokio::test]
async fn what_the_report_cache_answers_is_told_too() {
    let cluster = Cluster::start(Config::default()).await;
    let first = cluster.submit_as(b"fine", Submission::new("file")).await;
    cluster.report(first.id).await;
    let again = Submission { tell: Some(URL.to_owned()), ..Submission::new("file") };
    let again = cluster.submit_as(b"fine", again).await;
    assert!(again.cached);
    let _receiver = receiver(&cluster, |_| Ok(200));
    stands(&cluster, Subject::Request(again.id), DeliveryState::Delivered).await;
}

#[tokio::test]
async fn a_receiver_that_fails_is_asked_again_later() {
    let cluster = Cluster::start(Config::default()).await;
    let receiver = receiver(&cluster, |nth| match nth {
        1 => Ok(500),
        2 => Err(CourierError::NoAnswer("no route".to_owned())),
        _ => Ok(200),
    });
    let id = cluster.submit_as(b"odd", to(URL)).await.id;
    let told = stands(&cluster, Subject::Request(id), DeliveryState::Delivered).await;
    assert_eq!(told.attempts, 3);
    let sent = receiver.courier.sent.lock().unwrap().clone();
    let gaps: Vec<_> = sent.windows(2).map(|pair| pair[1].time.since(pair[0].time)).collect();
    // Half of the pause is chance; a look comes once a second.
    assert!(gaps[0] >= 500 && gaps[1] >= 750, "{gaps:?}");
    assert!(sent.iter().all(|message| message.id == sent[0].id), "one id for all tries");
    assert_eq!(cluster.ports().records.counts().await.unwrap().dead_letters, 0);
}

#[tokio::test]
async fn what_fails_for_ever_becomes_a_dead_letter() {
    let cluster = Cluster::start(Config::default()).await;
    let receiver = receiver(&cluster, |_| Ok(302));
    let id = cluster.submit_as(b"odd", to(URL)).await.id;
    let dead = stands(&cluster, Subject::Request(id), DeliveryState::Dead).await;
    assert_eq!((dead.attempts, receiver.courier.count()), (4, 4));
    let letter = cluster.ports().records.dead_letter(&format!("callback.{id}")).await.unwrap();
    let letter = letter.expect("a dead letter");
    assert!(letter.reason.contains("4 tries") && letter.reason.contains("302"), "{letter:?}");
    cluster.pass(20_000).await;
    assert_eq!(receiver.courier.count(), 4, "tried on after it was given up");
}

#[tokio::test]
async fn what_can_never_go_well_is_not_tried_again() {
    let cluster = Cluster::start(Config::default()).await;
    let forbidden = || Err(CourierError::Forbidden("127.0.0.1 is this machine".to_owned()));
    let receiver = receiver(&cluster, move |nth| if nth == 1 { forbidden() } else { Ok(410) });
    for (url, tried, word) in
        [(URL, 1, "this machine"), (URL, 2, "gone for good"), ("nonsense", 2, "not a URL")]
    {
        let id = cluster.submit_as(b"odd", to(url)).await.id;
        let dead = stands(&cluster, Subject::Request(id), DeliveryState::Dead).await;
        let error = dead.last.unwrap().error;
        assert!(error.contains(word), "{error}");
        assert_eq!((dead.attempts, receiver.courier.count()), (1, tried));
    }
}

/// The notifier dies after the receiver has answered and before it is noted.
#[tokio::test]
async fn a_notifier_that_dies_is_followed_by_another_try() {
    let cluster = Cluster::start(Config::default()).await;
    let id = cluster.submit_as(b"odd", to(URL)).await.id;
    cluster.report(id).await;
    let now = palisade_ports::Clock::now(&*cluster.clock);
    let claimed = cluster.ports().records.claim_deliveries(now, now.plus(120_000), 9).await;
    assert_eq!(claimed.unwrap().len(), 1, "whoever claimed it is dead now");
    let receiver = receiver(&cluster, |_| Ok(200));
    cluster.pass(10_000).await;
    assert_eq!(receiver.courier.count(), 0, "it belongs to another");
    cluster.clock.advance(110_000);
    let told = stands(&cluster, Subject::Request(id), DeliveryState::Delivered).await;
    assert_eq!((told.attempts, receiver.courier.count()), (1, 1));
}
